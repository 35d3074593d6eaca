"""A sweep of one parameter of a claim: its values, and the changes of the minimiser's structure between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from numerics.judging.conjecture import Conjecture
from theory.errors import ParameterError
from theory.problem import Instance, Problem, reject

MOST = 1000
"""Most values of a sweep."""
ALLOWED = f"written NAME=FROM:TO:COUNT, with two different positive numbers and a count from 2 to {MOST}, such as weight_decay=1e-4:1:13"


def sweep(problem: Problem, given: Mapping[str, Any], text: str) -> tuple[str, dict[float, Instance]]:
    """Return the name of the parameter that ``text`` sweeps, and the instances at its values, evenly spaced in logarithms.

    ``given`` has the other parameters. The values of an integer parameter are rounded, and each is taken once.
    Raises ParameterError where the text is not written NAME=FROM:TO:COUNT, and for a value outside the domain.
    """
    name, equals, rest = text.partition("=")
    try:
        low, high, count = (convert(part) for convert, part in zip((float, float, int), rest.split(":"), strict=True))
    except ValueError:
        raise reject("sweep", text, ALLOWED) from None
    if not (equals and 0 < low < math.inf and 0 < high < math.inf and low != high and 2 <= count <= MOST):
        raise reject("sweep", text, ALLOWED)
    if name in given:
        raise ParameterError(f"{name}: given twice, by --sweep and by {name}=")
    whole = problem.parameter(name).domain.whole
    values = list(dict.fromkeys(map(round, _spaced(low, high, count)))) if whole else _spaced(low, high, count)
    return name, {value: problem.instance(**{**given, name: value}) for value in values}


def _spaced(low: float, high: float, count: int) -> list[float]:
    """Return numbers spaced evenly in logarithms, with six digits if these tell the numbers apart, so that they are easy to type in."""
    step = (math.log(high) - math.log(low)) / (count - 1)
    exact = [low, *(math.exp(math.log(low) + i * step) for i in range(1, count - 1)), high]
    short = [low, *(float(f"{value:.6g}") for value in exact[1:-1]), high]
    return short if len(set(short)) == count else exact


def changes(before: Conjecture, after: Conjecture) -> list[str]:
    """Return a line for each variable and family whose structure differs between two minimisers."""
    old, new = before.structure(), after.structure()
    names = dict.fromkeys((*old, *new))
    return [
        f"{name}: {old.get(name, 'none')} → {new.get(name, 'none')}" for name in names if old.get(name) != new.get(name)
    ]
