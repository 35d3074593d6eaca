"""Reading of values given on a command line or in Python, one by one. A value that cannot be read is refused in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import sympy as sp

from theory.errors import ParameterError, quoted
from theory.expressions import Bindings

LARGEST_INTEGER = 10**9
SMALLEST, LARGEST = 1e-50, 1e50
"""Range of real parameters: products and powers of a few of them stay within float64."""


def in_given_order(entries: Sequence[Any], order: Sequence[int]) -> list[Any]:
    """Return entries, given in descending order, in the order the user gave; ``order[i]`` is the given position of entry i.

    For example, ``in_given_order([5, 3], (1, 0))`` is [3, 5].
    """
    given: list[Any] = [None] * len(order)
    for entry, original in zip(entries, order, strict=True):
        given[original] = entry
    return given


def unbound(size: sp.Expr, bindings: Bindings) -> str:
    """Return the message for a size to which the bindings give no integer."""
    given = ", ".join(map(str, bindings))
    return (
        f"its size {quoted(size)} is no integer here; bind has to give the integers it is written in, and gives {given}"
    )


def reject(name: str, value: Any, allowed: str) -> ParameterError:
    """Return the error for a value outside the domain of a parameter."""
    shown = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    return ParameterError(f"{name}: {quoted(shown)} is not allowed; {name} is {allowed}")


def read_number(name: str, value: Any, allowed: str, whole: Any = None) -> float:
    """Return a finite number. The error for another value shows ``whole``, the list that contains the value, if given."""
    shown = value if whole is None else whole
    written = isinstance(value, str)
    if isinstance(value, bool) or (written and (not value.isascii() or "_" in value)):
        raise reject(name, shown, allowed)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise reject(name, shown, allowed) from None
    if not math.isfinite(number):
        raise reject(name, shown, allowed)
    return number


def read_integer(name: str, value: Any, allowed: str, whole: Any = None) -> int:
    """Return an integer of at most LARGEST_INTEGER in size. Errors are those of ``read_number``."""
    number = read_number(name, value, allowed, whole)
    if number != int(number) or abs(number) > LARGEST_INTEGER:
        raise reject(name, value if whole is None else whole, allowed)
    return int(number)


def read_items(name: str, value: Any, allowed: str) -> list[Any]:
    """Return the entries of a list, a tuple, or a string with commas. Raises ParameterError for another value."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if isinstance(value, (list, tuple)):
        return list(value)
    raise reject(name, value, allowed)


def read_positive_number(name: str, value: Any, allowed: str) -> float:
    """Return a number from SMALLEST to LARGEST. Raises ParameterError for another value."""
    number = read_number(name, value, allowed)
    if not SMALLEST <= number <= LARGEST:
        raise reject(name, value, allowed)
    return number


def read_positive_numbers(name: str, value: Any, allowed: str) -> tuple[float, ...]:
    """Return the numbers of a non-empty list, each from SMALLEST to LARGEST. Raises ParameterError for another value."""
    numbers = [read_number(name, v, allowed, whole=value) for v in read_items(name, value, allowed)]
    if not numbers or not all(SMALLEST <= v <= LARGEST for v in numbers):
        raise reject(name, value, allowed)
    return tuple(numbers)
