"""What both command lines share: ``name=value`` arguments, data sources and JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

from theory.claim import Claim
from theory.errors import ParameterError
from theory.problem import Instance, Problem, RealMatrix

DATA_SOURCES = "collapse_atlas.data"
"""Entry-point group: a function from the view a problem asks for, such as "spectrum", to parameters, such as {"theta": (…)}."""


def parse_assignments(words: Sequence[str], data_view: str = Problem.data_view) -> dict[str, Any]:
    """Turn ``name=value`` words into parameters; ``data=NAME`` is replaced by what that data source gives.

    Raises ParameterError for a word without "=", a name given twice, or an unknown data source.
    """
    given: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ParameterError(f"parameter: {word!r} is not allowed; a parameter is written name=value")
        if name in given:
            raise ParameterError(f"{name}: given twice")
        given[name] = value
    if "data" in given:
        for name, value in load_data(given.pop("data"), data_view).items():
            if name in given:
                raise ParameterError(f"{name}: given twice, by data= and by {name}=")
            given[name] = value
    return given


def load_data(name: str, view: str) -> dict[str, Any]:
    """Return the parameters a data source gives for a view of it. Raises ParameterError when there is none of that name."""
    sources = {source.name: source for source in entry_points(group=DATA_SOURCES)}
    if name not in sources:
        raise ParameterError(
            f"data: {name!r} is not allowed; data is one of {', '.join(sorted(sources)) or '(none installed)'}"
        )
    return sources[name].load()(view)


def shown_parameters(claim: Claim, instance: Instance) -> dict[str, Any]:
    """Return the parameters of an instance as the user gave them, for JSON."""
    values = dict(instance.values)
    name = claim.problem.sorted_parameter
    values[name] = instance.in_user_order(list(values[name]))
    for parameter in claim.problem.parameters:
        if isinstance(parameter.domain, RealMatrix):
            values[parameter.name] = instance.rows_in_user_order(values[parameter.name])
    return values


def as_words(claim: Claim, instance: Instance) -> str:
    """Return the parameters of an instance as ``name=value`` words that a command line takes, in the order the user gave."""
    return " ".join(f"{name}={_written(value)}" for name, value in shown_parameters(claim, instance).items())


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return (";" if isinstance(value[0], list | tuple) else ",").join(map(_written, value))
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def claims_option() -> argparse.ArgumentParser:
    """Return a parent parser with the option that takes up claims of one's own."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--claims", action="append", default=[], metavar="FILE", help="a file with a claim of your own (repeatable)"
    )
    return parser


def print_json(result: Any) -> None:
    print(json.dumps(result, ensure_ascii=False, allow_nan=False))
