"""The commands behind ``python -m numerics``: train, certify, conjecture and attack."""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console
from rich.status import Status

from numerics.backends.points import points_of
from numerics.bounds.enclosures import predicted_value
from numerics.judging.comparison import Comparison, compare
from numerics.judging.conjecture import Conjecture, observe
from numerics.judging.counterexamples import hold_against_published, status
from numerics.judging.validation import require_well_posed
from numerics.searching.adversary import attack
from numerics.searching.structure import changes, sweep
from numerics.tolerances import CERTIFICATE_GAP, NO_DIVERGENCE, REACHED
from numerics.training.certified import Training, spread, train
from numerics.training.optimise import Ending, Solution, choose_device
from theory.claim import Claim, add_files, find
from theory.cli.arguments import Parser, claims_option, parse_assignments, print_json, shown_parameters
from theory.cli.entry import CHECK_FAILED, DONE, INTERRUPTED
from theory.errors import ParameterError
from theory.problem import LARGEST_INTEGER, Instance, PositiveReal, reject


def _train(claim: Claim, instance: Instance, options: argparse.Namespace) -> Training:
    """Train one instance with a progress line on a terminal's standard error."""
    choose_device(options.device)
    console = Console(stderr=True)
    with Status("training", console=console) if console.is_terminal else _Silent() as status:

        def progress(iteration: int, running: int) -> None:
            status.update(f"training {claim.id}: iteration {iteration}, {running} runs left")

        return train(claim, [instance], options.starts, options.seed, options.device, progress, options.time_limit)


BALL_DIGITS = 6


class _Silent:
    """Stands in for a progress line where there is no terminal."""

    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, _: str) -> None:
        return None


def _endings(solution: Solution) -> dict[str, int]:
    return {e.name.lower(): int((solution.endings == e).sum()) for e in Ending if e is not Ending.RUNNING}


def _report_interruption(solution: Solution) -> int:
    ended, lowest = _endings(solution), float(solution.best_value()[0])
    so_far = f"lowest value so far {lowest:.15g}" if math.isfinite(lowest) else "and none had a finite value"
    print(
        f"interrupted after {solution.seconds:.1f} s: {ended['converged']} of {solution.values.numel()} runs had "
        f"converged, {so_far}",
        file=sys.stderr,
    )
    return INTERRUPTED


def _unfinished(claim: Claim, solution: Solution, options: argparse.Namespace) -> list[str]:
    """Return the failure of training that ran out of time; where the best start has not converged, print what stood in its way."""
    if solution.best_ending()[0] is not Ending.CONVERGED:
        says = spread(claim, solution.instances[0], options.seed)
        print(f"the best start has not converged: {says}", file=sys.stderr)
    if not solution.out_of_time:
        return []
    converged = _endings(solution)["converged"]
    return [
        f"time limit of {options.time_limit:g} s reached: {converged} of {solution.values.numel()} runs had converged"
    ]


def _counted(training: Training) -> dict[str, Any]:
    """Count the starts of the round that ended lowest, how they ended, and how many of them reached the lowest value."""
    solution = training.solution
    lowest = float(solution.best_value()[0])
    return {
        "starts": solution.values.numel(),
        "rounds": training.rounds[0],
        "endings": _endings(solution),
        "reached": int(((solution.values - lowest).abs() <= REACHED * abs(lowest)).sum()),
    }


def _print_training(comparison: Comparison, result: dict) -> None:
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


def _certify_refutation(
    claim: Claim, instance: Instance, solution: Solution, as_json: bool, unfinished: list[str]
) -> int:
    """Hold the trained point against every point of the published structure; fails where the claim should hold and does not."""
    (found,) = hold_against_published(claim, [instance], solution.best_point())
    known = status(claim.refutation, instance)
    result = {
        "id": claim.id,
        "parameters": shown_parameters(claim, instance),
        "upper": found.upper,
        "lower": found.lower,
        "gap": found.gap,
        "gap_ball": found.gap_ball.str(BALL_DIGITS),
        "rigorous": found.rigorous,
        "refutes": found.refutes,
        "known": known,
        "seconds": solution.seconds,
        "device": solution.device,
        "failures": unfinished,
    }
    if as_json:
        print_json(result)
    else:
        print(f"upper {found.upper:.15g} (trained)\nlower {found.lower:.15g} (every point of the published structure)")
        kind = "a counterexample" if found.refutes else "no counterexample"
        print(f"gap   {found.gap_ball.str(BALL_DIGITS)} (relative): {kind}")
        print(f"known {known} at these sizes")
    for failure in unfinished:
        print(f"check failed: {failure}", file=sys.stderr)
    failed = found.refutes or abs(found.gap) > CERTIFICATE_GAP if known == "holds" else False
    return CHECK_FAILED if failed or unfinished else DONE


def _observed(claim: Claim, instance: Instance, training: Training) -> Conjecture:
    (point,) = points_of(training.solution.best_point())
    return observe(claim, instance, point, float(training.solution.best_value()[0]), training.certificates[0])


def _as_json(claim: Claim, instance: Instance, training: Training, found: Conjecture) -> dict[str, Any]:
    return {
        "id": claim.id,
        "parameters": shown_parameters(claim, instance),
        "value": found.value,
        "ending": training.solution.best_ending()[0].name.lower(),
        "certificate_gap": None if found.certificate is None else found.certificate.gap,
        "variables": [dataclasses.asdict(variable) for variable in found.variables],
        "families": [dataclasses.asdict(family) for family in found.families],
    }


def _not_converged(training: Training) -> str:
    """Return a remark on a best start that did not converge, and nothing where it did."""
    (ending,) = training.solution.best_ending()
    return "" if ending is Ending.CONVERGED else f" (the best start {ending.name.lower()})"


def _conjecture(claim: Claim, instance: Instance, training: Training, as_json: bool, unfinished: list[str]) -> int:
    """Print what the best trained point looks like; nothing is claimed, so nothing but training itself can fail."""
    found = _observed(claim, instance, training)
    if as_json:
        print_json({**_as_json(claim, instance, training, found), "failures": unfinished})
    else:
        _, value, *described = found.lines()
        print("\n".join([value + _not_converged(training), *described]))
    for failure in unfinished:
        print(f"check failed: {failure}", file=sys.stderr)
    return CHECK_FAILED if unfinished else DONE


def _sweep(claim: Claim, options: argparse.Namespace) -> int:
    """Print a row for each value of one parameter, and between which two values the structure of the minimiser changes.

    Rows are printed as they are found, and as JSON all together at the end; after an interruption, those there are.
    """
    given = parse_assignments(options.parameters, claim.problem)
    name, instances = sweep(claim.problem, given, options.sweep)
    every = list(instances.values())
    for instance in (every[0], every[-1]):  # the largest sizes are at one end
        require_well_posed(claim, instance)
    rows, changed = [], []
    last: tuple[float, Conjecture] | None = None
    interrupted = False
    try:
        for value, instance in instances.items():
            training = _train(claim, instance, options)
            if training.solution.interrupted:
                raise KeyboardInterrupt
            found = _observed(claim, instance, training)
            differing = changes(last[1], found) if last else []
            if differing:
                changed.append({"between": [last[0], value], "what": differing})
            rows.append({name: value, **_as_json(claim, instance, training, found), "structure": found.structure()})
            if not options.json:
                if differing:
                    print(f"  the structure changes between {name}={last[0]!r} and {value!r}: {'; '.join(differing)}")
                seen = "; ".join(f"{each}: {structure}" for each, structure in found.structure().items())
                print(f"{name}={value!r}  value {found.value:.9g}{_not_converged(training)}  {seen}", flush=True)
            last = value, found
    except KeyboardInterrupt:
        interrupted = True
    if options.json:
        print_json({"id": claim.id, "sweep": name, "rows": rows, "changes": changed, "interrupted": interrupted})
    elif not changed and not interrupted:
        print(f"  the structure is the same at all {len(rows)} values")
    if interrupted:
        print(f"interrupted after {len(rows)} of {len(instances)} values", file=sys.stderr)
    return INTERRUPTED if interrupted else DONE


def _attack(claim: Claim, instance: Instance, options: argparse.Namespace) -> int:
    """Attack a claim at these parameters; a violation is a failed check."""
    steps = _whole_number("steps", options.steps, least=1)
    if claim.derive is None:
        raise ParameterError(
            f"claim: {claim.id!r} claims nothing that could be broken; attack takes claims with a derivation"
        )
    found = attack(claim, [instance], steps, options.starts, options.seed, parameters_move=False)
    result = {
        "id": claim.id,
        "parameters": shown_parameters(claim, instance),
        "broken": None if found.violation is None else found.violation.what,
        "margin": found.margin,
        "starts": found.starts,
        "seconds": found.seconds,
    }
    if options.json:
        print_json(result)
    else:
        print("nothing breaks" if found.violation is None else f"broken: {found.violation.what}")
        print(f"least slack {found.margin:.3e} (relative), {found.starts} starts, {found.seconds:.1f} s")
    return DONE if found.violation is None else CHECK_FAILED


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this room to a parser of commands."""
    shared = argparse.ArgumentParser(add_help=False, parents=[claims_option()])
    shared.add_argument("id")
    shared.add_argument("parameters", nargs="*", metavar="name=value")
    shared.add_argument("--seed", default="0", help="seed of the random starts (default 0)")
    shared.add_argument("--json", action="store_true", help="print JSON")
    for name, does in (
        ("train", "minimise from random starts and compare with the prediction"),
        ("certify", "train, then bound the global minimum from below"),
        ("conjecture", "train, then say what the minimiser looks like: ranks, norms, angles, the nearest known frame"),
    ):
        trained = commands.add_parser(name, parents=[shared], help=does)
        trained.add_argument("--starts", default="8", help="random starts (default 8)")
        trained.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
        trained.add_argument(
            "--time-limit",
            metavar="SECONDS",
            default=math.inf,
            help="end training after so many seconds (default: never)",
        )
        if name == "conjecture":
            trained.add_argument(
                "--sweep",
                metavar="NAME=FROM:TO:COUNT",
                help="do so at COUNT values of one parameter from FROM to TO, spaced evenly in logarithms, such as "
                "weight_decay=1e-4:1:13, and say between which of them the structure changes",
            )
    attacked = commands.add_parser("attack", parents=[shared], help="look for a point that breaks the claim")
    attacked.add_argument("--starts", default="4", help="random starts for each link (default 4)")
    attacked.add_argument("--steps", default="300", help="descent steps from each (default 300)")


def answer(options: argparse.Namespace) -> int:
    """Carry out a command of this room and return the exit status."""
    # Tensors here are small: a second thread waits more than it works, above all where something else runs.
    torch.set_num_threads(1)
    options.starts = _whole_number("starts", options.starts, least=1)
    options.seed = _whole_number("seed", options.seed, least=0)
    if options.command != "attack" and options.time_limit != math.inf:
        options.time_limit = PositiveReal().canonical("time-limit", options.time_limit)
    add_files(options.claims)
    claim = find(options.id)
    if options.command == "conjecture" and options.sweep is not None:
        return _sweep(claim, options)
    instance = claim.problem.instance(**parse_assignments(options.parameters, claim.problem))
    require_well_posed(claim, instance)
    if options.command == "attack":
        return _attack(claim, instance, options)
    training = _train(claim, instance, options)
    solution = training.solution
    if solution.interrupted:
        return _report_interruption(solution)
    unfinished = _unfinished(claim, solution, options)
    if options.command == "conjecture":
        return _conjecture(claim, instance, training, options.json, unfinished)
    comparison = compare(claim, solution)[0]
    if options.command == "certify" and claim.refutation is not None:
        return _certify_refutation(claim, instance, solution, options.json, unfinished)
    if options.command == "train":
        result = {
            "id": claim.id,
            "parameters": shown_parameters(claim, instance),
            "value": comparison.value,
            "predicted": None if claim.prediction.value is None else comparison.predicted,
            "gap": None if claim.prediction.value is None else comparison.gap,
            "deviations": comparison.deviations,
            "named": comparison.named,
            "zero": {
                of: zero if claim.problem.spectral else instance.in_user_order(zero)
                for of, zero in comparison.zero.items()
            },
            "divergences": comparison.divergences,
            "collapsed": {
                level: sum(each <= NO_DIVERGENCE for each in divergences)
                for level, divergences in comparison.divergences.items()
            },
            **_counted(training),
            "seed": options.seed,
            "near_threshold": comparison.near_threshold,
            "seconds": solution.seconds,
            "device": solution.device,
            "failures": [*unfinished, *comparison.failures],
        }
        if options.json:
            print_json(result)
        else:
            _print_training(comparison, result)
        failures = result["failures"]
    else:
        certificate = training.certificates[0]
        if certificate is None:
            raise ParameterError(
                f"claim: {claim.id!r} has no lower bound to certify with; certify takes problems from features_problem, and "
                "claims whose proof has a Separable"
            )
        failures = unfinished + certificate.failures(predicted_value(claim, instance), comparison.near_threshold)
        result = {
            "id": claim.id,
            "parameters": shown_parameters(claim, instance),
            "upper": certificate.upper,
            "lower": certificate.lower,
            "gap": certificate.gap,
            "gap_ball": certificate.gap_ball.str(BALL_DIGITS),
            "rigorous": certificate.rigorous,
            "method": certificate.method,
            "seconds": solution.seconds,
            "device": solution.device,
            "failures": list(failures),
        }
        if options.json:
            print_json(result)
        else:
            print(f"upper {certificate.upper:.15g}")
            print(f"lower {certificate.lower:.15g} ({certificate.method} bound, verified in ball arithmetic)")
            print(f"gap   {certificate.gap_ball.str(BALL_DIGITS)} (relative)")
    for failure in failures:
        print(f"check failed: {failure}", file=sys.stderr)
    return CHECK_FAILED if failures else DONE


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m numerics", description="Training and certificates for claims.")
    add_commands(parser.add_subparsers(dest="command", required=True))
    return answer(parser.parse_args(arguments))


def _whole_number(name: str, text: str, least: int) -> int:
    digits = text.lstrip("0") or text[:1]
    # Python refuses to read numbers of thousands of digits, so that their length is looked at first.
    small = text.isascii() and text.isdecimal() and len(digits) <= len(str(LARGEST_INTEGER))
    if not (small and least <= int(digits) <= LARGEST_INTEGER):
        raise reject(name, text, f"an integer from {least} to {LARGEST_INTEGER}")
    return int(digits)
