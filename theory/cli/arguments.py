"""Code shared by both command lines: the parser, reading and writing of ``name=value`` arguments, data sources, and JSON."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any, NoReturn

from theory.claim import Claim
from theory.errors import LONGEST_SHOWN, ParameterError, quoted
from theory.problem import Instance, Problem
from theory.sources import loaded

DATA_SOURCES = "collapse_atlas.data"
"""Entry-point group of data sources. A source is a function from the view that a problem asks for, such as "spectrum",
to parameters, such as {"theta": (…)}."""


LONGEST_COMPLAINT = 300
"""Most characters of a complaint about the words of a command line."""


class Parser(argparse.ArgumentParser):
    """A parser that complains in one line, like the rest of the suite."""

    def error(self, message: str) -> NoReturn:
        """Raise ParameterError with one line, in which long words are cut."""
        words = (word if len(word) <= LONGEST_SHOWN else f"{word[: LONGEST_SHOWN - 3]}..." for word in message.split())
        line = re.sub(r"[^\x20-\x7e]", lambda sign: ascii(sign[0])[1:-1], " ".join(words))
        raise ParameterError(f"{line[:LONGEST_COMPLAINT]}; see {self.prog} --help")


def parse_assignments(words: Sequence[str], problem: Problem) -> dict[str, Any]:
    """Return the parameters of ``name=value`` words. The word ``data=NAME`` stands for the parameters of that data source.

    For example, the words ``theta=2,1`` and ``beta=0.5`` give ``{"theta": "2,1", "beta": "0.5"}``. Raises
    ParameterError for a word without "=", a name given twice, an unknown data source, and a data source for a problem
    that takes none.
    """
    given: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ParameterError(f"parameter: {quoted(word)} is not allowed; a parameter is written name=value")
        if name in given:
            raise ParameterError(f"{quoted(name)}: given twice")
        given[name] = value
    if "data" in given:
        source = given.pop("data")
        for name, value in load_data(source, problem.data_view).items():
            if all(parameter.name != name for parameter in problem.parameters):
                raise ParameterError(
                    f"data: {quoted(source)} is not allowed; this claim takes no data source, as it has no parameter {name}"
                )
            if name in given:
                raise ParameterError(f"{name}: given twice, by data= and by {name}=")
            given[name] = value
    return given


def load_data(name: str, view: str) -> dict[str, Any]:
    """Return the parameters that a data source gives for a view. Raises ParameterError when no source has this name."""
    sources = {source.name: source for source in entry_points(group=DATA_SOURCES)}
    if name not in sources:
        raise ParameterError(
            f"data: {quoted(name)} is not allowed; data is one of {', '.join(sorted(sources)) or '(none installed)'}"
        )
    return loaded(sources[name])(view)


def shown_parameters(claim: Claim, instance: Instance) -> dict[str, Any]:
    """Return the parameters of an instance as the user gave them, for JSON."""
    domains = {parameter.name: parameter.domain for parameter in claim.problem.parameters}
    return {name: domains[name].as_given(value, instance.order) for name, value in instance.values.items()}


def written_parameters(claim: Claim, instance: Instance) -> str:
    """Return the parameters of an instance as ``name=value`` words that a command line takes, in the order the user gave."""
    words = (f"{name}={written_value(value)}" for name, value in shown_parameters(claim, instance).items())
    return " ".join(map(shlex.quote, words))  # a shell ends a command at the semicolons of a matrix


def written_value(value: Any) -> str:
    """Return the value of a parameter as a command line takes it, with commas between entries and semicolons between rows.

    For example, ``written_value(((1.0, 0.0), (0.0, 1.0)))`` is 1.0,0.0;0.0,1.0.
    """
    if isinstance(value, list | tuple):
        return (";" if isinstance(value[0], list | tuple) else ",").join(map(written_value, value))
    if isinstance(value, str):
        return value  # a fraction that no decimal number is equal to
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def claims_option() -> argparse.ArgumentParser:
    """Return a parent parser with the option ``--claims``, which adds files with claims."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--claims", action="append", default=[], metavar="FILE", help="a file with a claim of your own (repeatable)"
    )
    return parser


def print_json(result: Any) -> None:
    """Print a result as JSON. If the output cannot show all characters, they are escaped as JSON escapes them."""
    text = json.dumps(result, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(result, allow_nan=False)
    print(text)
