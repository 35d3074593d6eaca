"""``certify``: train, then bound the global minimum from below, or compare the trained point with a published structure."""

from __future__ import annotations

import argparse

from numerics.bounds.enclosures import predicted_value
from numerics.commands.options import training_options
from numerics.commands.training import BALL_DIGITS, report_failures, train_and_report
from numerics.judging.comparison import compare
from numerics.judging.counterexamples import hold_against_published, status
from numerics.tolerances import CERTIFICATE_GAP
from numerics.training.certified import Training
from theory.claim import Claim
from theory.cli.arguments import print_json, shown_parameters
from theory.cli.entry import CHECK_FAILED
from theory.errors import ParameterError
from theory.problem import Instance

NAME = "certify"


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to a parser of commands."""
    does = "train, then bound the global minimum from below"
    commands.add_parser(NAME, parents=[training_options()], help=does)


def answer(claim: Claim, options: argparse.Namespace) -> int:
    """Train at the given parameters, print the bounds, and return the exit status."""
    return train_and_report(claim, options, _report if claim.refutation is None else _report_refutation)


def _report(
    claim: Claim, instance: Instance, training: Training, options: argparse.Namespace, unfinished: list[str]
) -> int:
    """Print the trained upper and the verified lower bound. Raises ParameterError where no lower bound is known."""
    (comparison,) = compare(claim, training.solution)
    (certificate,) = training.certificates
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
        "seconds": training.solution.seconds,
        "device": training.solution.device,
        "failures": list(failures),
    }
    if options.json:
        print_json(result)
    else:
        print(f"upper {certificate.upper:.15g}")
        print(f"lower {certificate.lower:.15g} ({certificate.method} bound, verified in ball arithmetic)")
        print(f"gap   {certificate.gap_ball.str(BALL_DIGITS)} (relative)")
    return report_failures(failures)


def _report_refutation(
    claim: Claim, instance: Instance, training: Training, options: argparse.Namespace, unfinished: list[str]
) -> int:
    """Compare the trained point with every point of the published structure. Fail where the claim should hold and does not."""
    (found,) = hold_against_published(claim, [instance], training.solution.best_point())
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
        "seconds": training.solution.seconds,
        "device": training.solution.device,
        "failures": unfinished,
    }
    if options.json:
        print_json(result)
    else:
        print(f"upper {found.upper:.15g} (trained)\nlower {found.lower:.15g} (every point of the published structure)")
        kind = "a counterexample" if found.refutes else "no counterexample"
        print(f"gap   {found.gap_ball.str(BALL_DIGITS)} (relative): {kind}")
        print(f"known {known} at these sizes")
    exit_status = report_failures(unfinished)
    contradicted = known == "holds" and (found.refutes or abs(found.gap) > CERTIFICATE_GAP)
    return CHECK_FAILED if contradicted else exit_status
