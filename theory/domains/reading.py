"""Values as a command line or Python gives them, read one by one; what cannot be read is refused in one line."""

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
    """Return entries that stand in descending order where the user had them."""
    given: list[Any] = [None] * len(order)
    for entry, original in zip(entries, order, strict=True):
        given[original] = entry
    return given


def unbound(size: sp.Expr, bindings: Bindings) -> str:
    """Say that a size has no value."""
    given = ", ".join(map(str, bindings))
    return (
        f"its size {quoted(size)} is no integer here; bind has to give the integers it is written in, and gives {given}"
    )


def reject(name: str, value: object, allowed: str) -> ParameterError:
    """Return the error for a value outside the domain of a parameter."""
    shown = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    return ParameterError(f"{name}: {quoted(shown)} is not allowed; {name} is {allowed}")


def read_number(name: str, value: Any, allowed: str, whole: object = None) -> float:
    """Return a finite number; the error shows ``whole``, the list the value stands in, where there is one."""
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


def read_integer(name: str, value: object, allowed: str, whole: object = None) -> int:
    number = read_number(name, value, allowed, whole)
    if number != int(number) or abs(number) > LARGEST_INTEGER:
        raise reject(name, value if whole is None else whole, allowed)
    return int(number)


def read_items(name: str, value: object, allowed: str) -> list[Any]:
    """Return the entries of a list, a tuple, or a string with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if isinstance(value, (list, tuple)):
        return list(value)
    raise reject(name, value, allowed)


def read_positive_number(name: str, value: object, allowed: str) -> float:
    number = read_number(name, value, allowed)
    if not SMALLEST <= number <= LARGEST:
        raise reject(name, value, allowed)
    return number


def read_positive_numbers(name: str, value: object, allowed: str) -> tuple[float, ...]:
    numbers = [read_number(name, v, allowed, whole=value) for v in read_items(name, value, allowed)]
    if not numbers or not all(SMALLEST <= v <= LARGEST for v in numbers):
        raise reject(name, value, allowed)
    return tuple(numbers)
