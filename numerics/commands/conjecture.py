"""``conjecture``: train, then describe the minimiser; with ``--sweep``, along values of one parameter."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any

from numerics.backends.points import points_of
from numerics.commands.options import training_options
from numerics.commands.training import report_failures, train_and_report, train_showing_progress
from numerics.judging.conjecture import Conjecture, observe
from numerics.judging.validation import require_well_posed
from numerics.searching.structure import changes, sweep
from numerics.training.certified import Training
from numerics.training.optimise import Ending
from theory.claim import Claim
from theory.cli.arguments import parse_assignments, print_json, shown_parameters
from theory.cli.entry import DONE, INTERRUPTED
from theory.problem import Instance

NAME = "conjecture"


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to a parser of commands."""
    does = "train, then say what the minimiser looks like: ranks, norms, angles, the nearest known frame"
    parser = commands.add_parser(NAME, parents=[training_options()], help=does)
    parser.add_argument(
        "--sweep",
        metavar="NAME=FROM:TO:COUNT",
        help="do so at COUNT values of one parameter from FROM to TO, spaced evenly in logarithms, such as "
        "weight_decay=1e-4:1:13, and say between which of them the structure changes",
    )


def answer(claim: Claim, options: argparse.Namespace) -> int:
    """Describe the minimiser at the given parameters, or along a sweep, and return the exit status."""
    return train_and_report(claim, options, _report) if options.sweep is None else _sweep(claim, options)


def _report(
    claim: Claim, instance: Instance, training: Training, options: argparse.Namespace, unfinished: list[str]
) -> int:
    """Print the structure of the best trained point. Nothing is claimed, so only training itself can fail."""
    found = _observed(claim, instance, training)
    if options.json:
        print_json({**_as_json(claim, instance, training, found), "failures": unfinished})
    else:
        _, value, *described = found.lines()
        print("\n".join([value + _not_converged(training), *described]))
    return report_failures(unfinished)


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
    """Return a remark on a best start that did not converge, and nothing where the best start converged."""
    (ending,) = training.solution.best_ending()
    return "" if ending is Ending.CONVERGED else f" (the best start {ending.name.lower()})"


def _sweep(claim: Claim, options: argparse.Namespace) -> int:
    """Print a row for each value of one parameter, and the values between which the structure of the minimiser changes.

    Rows are printed as they are found; JSON is printed at the end. After an interruption the rows found so far are
    printed.
    """
    given = parse_assignments(options.parameters, claim.problem)
    name, instances = sweep(claim.problem, given, options.sweep)
    every = list(instances.values())
    for instance in (every[0], every[-1]):  # the largest sizes are at one end
        require_well_posed(claim, instance)
    swept = _Swept(claim, name, options)
    interrupted = False
    try:
        for value, instance in instances.items():
            swept.add(value, instance)
    except KeyboardInterrupt:
        interrupted = True
    rows, changed = swept.rows, swept.changes
    if options.json:
        print_json({"id": claim.id, "sweep": name, "rows": rows, "changes": changed, "interrupted": interrupted})
    elif not changed and not interrupted:
        print(f"  the structure is the same at all {len(rows)} values")
    if interrupted:
        print(f"interrupted after {len(rows)} of {len(instances)} values", file=sys.stderr)
    return INTERRUPTED if interrupted else DONE


class _Swept:
    """The rows of a sweep as they are found, and the changes of the structure between them."""

    def __init__(self, claim: Claim, name: str, options: argparse.Namespace) -> None:
        self.claim, self.name, self.options = claim, name, options
        self.rows: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.last: tuple[float, Conjecture] | None = None

    def add(self, value: float, instance: Instance) -> None:
        """Train at one value of the parameter and keep its row. Raises KeyboardInterrupt when training was interrupted."""
        training = train_showing_progress(self.claim, instance, self.options)
        if training.solution.interrupted:
            raise KeyboardInterrupt
        found = _observed(self.claim, instance, training)
        structure = found.structure()
        differing = changes(self.last[1], found) if self.last else []
        if differing:
            self.changes.append({"between": [self.last[0], value], "what": differing})
        self.rows.append({self.name: value, **_as_json(self.claim, instance, training, found), "structure": structure})
        if not self.options.json:
            if differing:
                between = f"{self.name}={self.last[0]!r} and {value!r}"
                print(f"  the structure changes between {between}: {'; '.join(differing)}")
            seen = "; ".join(f"{each}: {of}" for each, of in structure.items())
            print(f"{self.name}={value!r}  value {found.value:.9g}{_not_converged(training)}  {seen}", flush=True)
        self.last = value, found
