"""``certify``: train, then bound the global minimum from below, or compare the trained point with a published structure."""

from __future__ import annotations

import argparse
from functools import partial

from numerics.bounds.enclosures import predicted_value
from numerics.commands.coq_file import coq_path, write_theorem
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
from theory.export.coq_certificate import CHECKERS
from theory.problem import Instance
from theory.refutation import Refutation

NAME = "certify"


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to a parser of commands."""
    does = "train, then bound the global minimum from below"
    parser = commands.add_parser(NAME, parents=[training_options()], help=does)
    parser.add_argument(
        "--coq",
        metavar="FILE.v",
        help=f"also write the lower bound as a theorem that Coq checks ({' or '.join(CHECKERS)})",
    )


def answer(claim: Claim, options: argparse.Namespace) -> int:
    """Train at the given parameters, print the bounds, and return the exit status."""
    if options.coq is not None:
        options.coq = coq_path(claim, options.coq)
    report = _report if claim.refutation is None else partial(_report_refutation, claim.refutation)
    return train_and_report(claim, options, report)


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
    theorem = None if options.coq is None else write_theorem(claim, instance, training, options.coq)
    if options.coq is not None and theorem is None:
        failures.append("no dual point in integers is verified near the trained point: no theorem of Coq is written")
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
        **({} if options.coq is None else {"coq": theorem}),
        "failures": list(failures),
    }
    if options.json:
        print_json(result)
    else:
        print(f"upper {certificate.upper:.15g}")
        print(f"lower {certificate.lower:.15g} ({certificate.method} bound, verified in ball arithmetic)")
        print(f"gap   {certificate.gap_ball.str(BALL_DIGITS)} (relative)")
        if theorem is not None:
            print(f"wrote {theorem['file']}: no loss is below {theorem['lower']} (relative gap {theorem['gap']:.1e})")
            print(f"after make kernel, Coq checks it with: {theorem['check']}")
    return report_failures(failures)


def _report_refutation(
    refutation: Refutation,
    claim: Claim,
    instance: Instance,
    training: Training,
    options: argparse.Namespace,
    unfinished: list[str],
) -> int:
    """Compare the trained point with every point of the published structure. Fail where the claim should hold and does not."""
    (found,) = hold_against_published(claim, [instance], training.solution.best_point())
    known = status(refutation, instance)
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
