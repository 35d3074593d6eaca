"""``train``: minimise from random starts and compare the optimum with the prediction."""

from __future__ import annotations

import argparse
from typing import Any

from numerics.commands.options import training_options
from numerics.commands.training import count_endings, report_failures, train_and_report
from numerics.judging.comparison import Comparison, compare
from numerics.tolerances import NO_DIVERGENCE, REACHED
from numerics.training.certified import Training
from theory.claim import Claim
from theory.cli.arguments import print_json, shown_parameters
from theory.problem import Instance

NAME = "train"


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to a parser of commands."""
    does = "minimise from random starts and compare with the prediction"
    commands.add_parser(NAME, parents=[training_options()], help=does)


def answer(claim: Claim, options: argparse.Namespace) -> int:
    """Train at the given parameters, print the comparison, and return the exit status."""
    return train_and_report(claim, options, _report)


def _report(
    claim: Claim, instance: Instance, training: Training, options: argparse.Namespace, unfinished: list[str]
) -> int:
    (comparison,) = compare(claim, training.solution)
    result = {
        "id": claim.id,
        "parameters": shown_parameters(claim, instance),
        **_compared(claim, instance, comparison),
        **_counted(training),
        "seed": options.seed,
        "near_threshold": comparison.near_threshold,
        "seconds": training.solution.seconds,
        "device": training.solution.device,
        "failures": [*unfinished, *comparison.failures],
    }
    if options.json:
        print_json(result)
    else:
        _print(comparison, result)
    return report_failures(result["failures"])


def _compared(claim: Claim, instance: Instance, comparison: Comparison) -> dict[str, Any]:
    """Return the trained quantities next to the predicted ones; directions of classes or data are in the user's order."""
    predicts = claim.prediction.value is not None
    return {
        "value": comparison.value,
        "predicted": comparison.predicted if predicts else None,
        "gap": comparison.gap if predicts else None,
        "deviations": comparison.deviations,
        "named": comparison.named,
        "zero": {
            of: zero if claim.problem.spectral else instance.in_user_order(zero) for of, zero in comparison.zero.items()
        },
        "divergences": comparison.divergences,
        "collapsed": {
            level: sum(each <= NO_DIVERGENCE for each in divergences)
            for level, divergences in comparison.divergences.items()
        },
    }


def _counted(training: Training) -> dict[str, Any]:
    """Count the starts of the round that ended lowest, their endings, and how many starts reached the lowest value."""
    solution = training.solution
    lowest = float(solution.best_value()[0])
    return {
        "starts": solution.values.numel(),
        "rounds": training.rounds[0],
        "endings": count_endings(solution),
        "reached": int(((solution.values - lowest).abs() <= REACHED * abs(lowest)).sum()),
    }


def _print(comparison: Comparison, result: dict) -> None:
    print(f"value     {comparison.value:.15g}")
    if result["predicted"] is not None:
        print(f"predicted {comparison.predicted:.15g}\ngap       {comparison.gap:.1e} (relative)")
    for name, deviation in comparison.deviations.items():
        print(f"{name} deviates by {deviation:.1e}")
    for name, deviation in comparison.named.items():
        print(f"named {name} deviates by {deviation:.1e}")
    for of, zero in result["zero"].items():
        print(f"zero ({of}) {' '.join('yes' if each else 'no' for each in zero)}")
    for level, divergences in comparison.divergences.items():
        shown = " ".join(f"{each:.6g}" for each in divergences)
        print(
            f"collapsed ({level}) {result['collapsed'][level]} of {len(divergences)}; twice their divergences {shown}"
        )
    starts = f"{result['starts']} starts"
    if result["rounds"] > 1:
        starts += f" in each of {result['rounds']} rounds, of the one that ended lowest"
    ended = ", ".join(f"{count} {ending}" for ending, count in result["endings"].items())
    print(f"{starts}: {result['reached']} reached this value; {ended}; {result['seconds']:.2f} s on {result['device']}")
