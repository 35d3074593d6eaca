"""The axes of a sweep, and the chunks in which its cells are computed and written."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from theory.cli.arguments import written_value
from theory.errors import ParameterError, quoted
from theory.problem import reject

MOST_VALUES = 10**6
SPACINGS = ("linspace", "logspace", "repeat")
ALLOWED = (
    "a list of values, or one of {linspace = [from, to, count]}, {logspace = [from, to, count]} and "
    "{repeat = [value, fewest, most]}, which makes lists of equal entries"
)
DIGITS = 12
"""Significant digits of spaced numbers, so that a value can be typed in again."""


@dataclass(frozen=True)
class Axis:
    """A parameter with the values that it takes along one axis of a grid."""

    name: str
    values: tuple[Any, ...]

    @property
    def labels(self) -> list[Any]:
        """The values as an axis shows them: numbers if all are numbers, and otherwise as a command line takes them."""
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)
        return list(self.values) if numbers else [as_text(value) for value in self.values]


def as_text(value: Any) -> str:
    """Return a value as a command line takes it; a text is one already."""
    return value if isinstance(value, str) else written_value(value)


def read_axis(name: str, given: Any) -> Axis:
    """Return the axis that a specification gives for a parameter. Raises ParameterError where it gives none."""
    key = f"grid.{name}"
    if isinstance(given, list):
        values = tuple(_frozen(value) for value in given)
    elif isinstance(given, dict) and len(given) == 1 and next(iter(given)) in SPACINGS:
        ((how, numbers),) = given.items()
        values = _spaced(f"{key}.{how}", how, numbers)
    else:
        raise reject(key, given, ALLOWED)
    if not values:
        raise reject(key, given, ALLOWED)
    twice = [value for position, value in enumerate(values) if value in values[:position]] if len(values) < 1000 else []
    if twice:
        raise ParameterError(f"{key}: {quoted(as_text(twice[0]))} is given twice")
    return Axis(name, values)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _spaced(key: str, how: str, numbers: Any) -> tuple[Any, ...]:
    """Return the values between two ends. Raises ParameterError for ends or a count that are not allowed."""
    allowed = {
        "linspace": f"[from, to, count] with two different numbers and a count from 2 to {MOST_VALUES}",
        "logspace": f"[from, to, count] with two different positive numbers and a count from 2 to {MOST_VALUES}",
        "repeat": "[value, fewest, most] with a number and two integers, 1 ≤ fewest ≤ most",
    }[how]
    if not isinstance(numbers, list) or len(numbers) != 3 or not all(_is_number(number) for number in numbers):
        raise reject(key, numbers, allowed)
    first, second, last = numbers
    if how == "repeat":
        if not (isinstance(second, int) and isinstance(last, int) and 1 <= second <= last <= MOST_VALUES):
            raise reject(key, numbers, allowed)
        return tuple((first,) * length for length in range(second, last + 1))
    positive = how == "logspace"
    if not (
        isinstance(last, int)
        and 2 <= last <= MOST_VALUES
        and first != second
        and (min(first, second) > 0 or not positive)
    ):
        raise reject(key, numbers, allowed)
    values = tuple(_between(first, second, last, math.log if positive else float, math.exp if positive else float))
    whole = isinstance(first, int) and isinstance(second, int) and all(value == int(value) for value in values)
    return tuple(map(int, values)) if whole else values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _between(low: float, high: float, count: int, into: Any, out: Any) -> Iterator[float]:
    """Yield evenly spaced numbers on the scale that ``into`` leads to; the ends are exactly the given ones."""
    start, step = into(low), (into(high) - into(low)) / (count - 1)
    for i in range(count):
        exact = low if i == 0 else high if i == count - 1 else out(start + i * step)
        yield float(f"{exact:.{DIGITS}g}")


@dataclass(frozen=True)
class Chunks:
    """The blocks into which the cells of an array are cut.

    Arguments:
        shape: the number of cells along each axis.
        most: most cells of a block, 1 or more. The last axes fill a block first.
    """

    shape: tuple[int, ...]
    most: int

    @property
    def block(self) -> tuple[int, ...]:
        """The shape of a block; blocks at the far ends of the axes are smaller."""
        left, sides = self.most, []
        for side in reversed(self.shape):
            sides.append(max(1, min(side, left)))
            left //= sides[-1]
        return tuple(reversed(sides))

    @property
    def regions(self) -> list[tuple[slice, ...]]:
        """The blocks in order, each as its range along every axis."""
        return regions(self.shape, self.block)


def regions(shape: Sequence[int], block: Sequence[int]) -> list[tuple[slice, ...]]:
    """Return the ranges of the blocks of this shape that cover an array, the last axis running first."""
    sides = [
        [slice(start, min(start + step, length)) for start in range(0, length, step)]
        for length, step in zip(shape, block, strict=True)
    ]
    return list(itertools.product(*sides))


def cells(region: Sequence[slice]) -> list[tuple[int, ...]]:
    """Return the positions of the cells of a region, the last axis running first."""
    return list(itertools.product(*(range(part.start, part.stop) for part in region)))
