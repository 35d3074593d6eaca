"""``measure``: hold a trained network against the theory."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from numerics.networks.measure import Measurement, measure
from numerics.networks.measured_parameters import OPTIONAL, REQUIRED, read_parameters
from numerics.networks.network_file import read_network
from numerics.storage.json_values import json_value
from numerics.tolerances import IN_PRACTICE
from theory.claim import add_files
from theory.cli.arguments import claims_option, print_json
from theory.cli.entry import DONE

NAME = "measure"


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to a parser of commands."""
    does = "compare a trained network, in an npz file, with the claim that applies to it"
    parser = commands.add_parser(NAME, parents=[claims_option()], help=does)
    parser.add_argument("file", metavar="FILE.npz", help="arrays features (N, d), labels (N), weight (K, d), bias (K)")
    parser.add_argument("parameters", nargs="*", metavar="name=value", help=", ".join([*REQUIRED, *OPTIONAL]))
    parser.add_argument("--json", action="store_true", help="print JSON")


def answer(options: argparse.Namespace) -> int:
    """Measure a network, print measured beside predicted, and return the exit status, which is 0 for either verdict."""
    add_files(options.claims)
    given = read_parameters(options.parameters)
    arrays = read_network(Path(options.file))
    found = measure(arrays.pop("features"), arrays.pop("labels"), arrays.pop("weight"), **arrays, **given)
    if options.json:
        print_json(as_json(found))
    else:
        print("\n".join(lines(found)))
    return DONE


def as_json(found: Measurement) -> dict[str, Any]:
    """Return a measurement as JSON holds it; a number that is not finite is null."""
    return json_value(dataclasses.asdict(found))


def lines(found: Measurement) -> list[str]:
    """Return the report of a measurement."""
    metrics = {"NC1": found.nc1, "NC2": found.nc2, "NC3": found.nc3, "NC4": found.nc4, "accuracy": found.accuracy}
    shown = "  ".join(f"{name} {'–' if value is None else f'{value:.3g}'}" for name, value in metrics.items())
    if found.claim is None:
        return [f"claim   none for {found.setting}", shown]
    report = [f"claim   {found.claim} ({found.setting})", shown]
    report += [f"{name} deviates by {off:.2e}" for name, off in found.deviations.items()]
    for name in ("margins", "vanished", "should_vanish"):
        if name == "margins" and name in found.measured:
            report.append(f"margins measured  {_numbers(found.measured[name])}")
            if name in found.predicted:
                report.append(f"margins predicted {_numbers(found.predicted[name])}")
        elif name != "margins" and getattr(found, name) is not None:
            report.append(f"{name.replace('_', ' ')} {getattr(found, name) or 'none'}")
    for name, value in (
        ("value", found.value),
        ("predicted value", found.predicted_value),
        ("certified lower bound", found.lower_bound),
        ("relative gap", found.gap),
    ):
        if value is not None:
            report.append(f"{name} {value:.12g}")
    if found.factor is not None:
        report.append(f"factor  {found.factor.says}")
    if found.verdict is None:
        return [*report, "verdict none: nothing deviates, but neither the minimum nor a lower bound is known here"]
    return [*report, f"verdict {found.verdict} (within {IN_PRACTICE:g})"]


def _numbers(values: list[float]) -> str:
    return " ".join(f"{value:.6g}" for value in values)
