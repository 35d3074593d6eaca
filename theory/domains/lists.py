"""Domains of lists and matrices of real numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from theory.domains.domain import Domain
from theory.domains.drawing import Draws, directions, repeated
from theory.domains.numbers import DECADES_ALLOWED
from theory.domains.reading import (
    LARGEST,
    SMALLEST,
    in_given_order,
    read_items,
    read_number,
    read_positive_numbers,
    reject,
)
from theory.expressions import Values

SPREAD = (0.6, 0.8, 1.0, 1.2)
"""Numbers of an example of a parameter with one number for each dimension."""
LEVELS = tuple(10.0 ** ((step + 3) / 20) for step in sorted(range(-10, 11), key=lambda step: (abs(step), -step)))
"""Numbers that are drawn for dimensions. Nearly equal numbers are left out, because a wrong pairing of such numbers
with the data is a saddle too flat for float64 to leave. The simplest number is not 1, which would hide a missing
factor."""
NEAREST = 1.01
"""Least ratio of neighbours in a list of different numbers."""
DIFFERENT_RANGE = (1e-20, 1e20)
"""Range of the numbers in a list of different numbers."""
MOST_DECADES = 30
"""Most decades that such a list is drawn over."""


@dataclass(frozen=True)
class PositiveReals(Domain):
    """A non-empty list of positive numbers, kept in descending order."""

    moves = True
    sorts = True

    @property
    def says(self) -> str:
        return f"a list of finite numbers above 0, from {SMALLEST:g} to {LARGEST:g}, such as 3,2,1"

    def canonical(self, name: str, value: object) -> tuple[float, ...]:
        return read_positive_numbers(name, value, self.says)

    def example(self, values: Values) -> tuple[float, ...]:
        return (3.0, 2.0, 1.2, 0.6)

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[float, ...]:
        """Return numbers that are equal within each group.

        Neighbouring groups lie at most a quarter of a decade apart, where draws keep to the usual range.
        """
        level, levels = (
            draws.number((0.05, 1), DECADES_ALLOWED),
            [],
        )  # the simplest level is not 1, which would hide a missing factor
        for _ in draws.groups:
            levels.append(level)
            level = max(SMALLEST, level / draws.number((0.05, 0.25), (0.0, DECADES_ALLOWED[1])))
        return repeated(levels, draws.groups)

    def as_given(self, value: tuple[float, ...], order: tuple[int, ...]) -> list[float]:
        return in_given_order(value, order)

    def displaced(self, arrays: Any, name: str, start: Values, factor: Any, moved: Values) -> Any:
        return arrays.descending(start[name] * factor)


@dataclass(frozen=True)
class DifferentPositiveReals(Domain):
    """A non-empty list of positive numbers, kept in descending order, each at least NEAREST times the next one."""

    sorts = True

    @property
    def says(self) -> str:
        return (
            f"a list of finite numbers above 0, from {DIFFERENT_RANGE[0]:g} to {DIFFERENT_RANGE[1]:g}, such as 3,1,0.5, each at least "
            f"{NEAREST:g} times the next smaller one"
        )

    def canonical(self, name: str, value: object) -> tuple[float, ...]:
        numbers = read_positive_numbers(name, value, self.says)
        falling = sorted(numbers, reverse=True)
        apart = all(a >= NEAREST * b for a, b in itertools.pairwise(falling))
        if not (apart and DIFFERENT_RANGE[0] <= falling[-1] and falling[0] <= DIFFERENT_RANGE[1]):
            raise reject(name, value, self.says)
        return numbers

    def example(self, values: Values) -> tuple[float, ...]:
        return (3.0, 1.2, 0.4)

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[float, ...]:
        """Return one number for each direction, on both sides of 1, with neighbours at most a decade apart and all within MOST_DECADES."""
        count = directions(draws)
        nearest = math.log10(NEAREST) * 1.01
        widest = max(nearest, MOST_DECADES / count)
        steps = [math.log10(draws.number((0.15, 0.9), (nearest, 1.0))) for _ in range(count - 1)]
        steps = [min(step, widest) for step in steps]
        level = sum(steps) / 2 + math.log10(draws.number((-0.5, 0.5), (-2.0, 2.0), name))
        return tuple(10 ** (level - below) for below in itertools.accumulate(steps, initial=0.0))

    def as_given(self, value: tuple[float, ...], order: tuple[int, ...]) -> list[float]:
        return in_given_order(value, order)


@dataclass(frozen=True)
class PositivePerDimension(Domain):
    """Positive numbers, as many as the parameter ``dimension`` says, which is an integer, or a pair whose first entry counts.

    A single number stands for all of them.
    """

    dimension: str = "latent_dim"
    decay: bool = field(default=False, kw_only=True)

    @property
    def says(self) -> str:
        return (
            f"a list of finite numbers above 0, from {SMALLEST:g} to {LARGEST:g}, as many as {self.dimension} says or "
            "one for all, such as 0.5,1"
        )

    def canonical(self, name: str, value: object) -> tuple[float, ...]:
        # A bare Python number means the same as a list of one number.
        return read_positive_numbers(name, (value,) if isinstance(value, int | float) else value, self.says)

    def fitted(self, name: str, value: Any, values: Values, order: tuple[int, ...]) -> tuple[float, ...]:
        count = self._count(values)
        if len(value) not in (1, count):
            raise reject(name, value, f"{self.says}: 1 or {count} here")
        return value * count if len(value) == 1 else value

    def _count(self, values: Values) -> int:
        dimension = values[self.dimension]
        return dimension[0] if isinstance(dimension, tuple) else dimension

    def example(self, values: Values) -> tuple[float, ...]:
        return SPREAD[: self._count(values)] if self.dimension in values else SPREAD

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[float, ...]:
        """Return numbers of one decade in any order, with ties, and at least two different ones where there is room."""
        count = self._count(values)
        levels = draws.several(LEVELS, min(2, count), count, (SMALLEST, LARGEST))
        return tuple(draws.permuted((levels * count)[:count]))

    def depends(self) -> tuple[str, ...]:
        return (self.dimension,)

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return tuple((f"{name}_positive", f"0 < {name}") for name in names)


@dataclass(frozen=True)
class RealMatrix(Domain):
    """A matrix of real numbers with one row for each entry of the sorted list ``rows``; the rows are sorted along with that list."""

    matrix = True
    telling = True

    rows: str = "theta"

    @property
    def says(self) -> str:
        return (
            f"a matrix of finite numbers up to {LARGEST:g} with one row for each entry of {self.rows}, such as 1,0;0,1"
        )

    def canonical(self, name: str, value: object) -> tuple[tuple[float, ...], ...]:
        rows = value.split(";") if isinstance(value, str) else read_items(name, value, self.says)
        matrix = tuple(
            tuple(read_number(name, v, self.says, whole=value) for v in read_items(name, row, self.says))
            for row in rows
        )
        entries = [abs(v) for row in matrix for v in row]
        if not entries or len({len(row) for row in matrix}) > 1 or max(entries) > LARGEST:
            raise reject(name, value, self.says)
        return matrix

    def fitted(self, name: str, value: Any, values: Values, order: tuple[int, ...]) -> tuple:
        if len(value) != len(order):
            shown = ";".join(",".join(f"{v:g}" for v in row) for row in value)
            raise reject(name, shown, f"{self.says}: {len(order)} rows here")
        return tuple(value[i] for i in order)

    def example(self, values: Values) -> tuple[tuple[float, ...], ...]:
        return ((1.0, 0.0), (0.5, -1.0), (0.0, 2.0), (-0.3, 0.4))

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[tuple[float, ...], ...]:
        """Return a matrix in general position with up to two columns more than rows."""
        rows = directions(draws)
        columns, generator = draws.integer(1, rows + 2), Random(draws.integer(0, 2**32))
        return tuple(tuple(generator.gauss(0, 2) for _ in range(columns)) for _ in range(rows))

    def as_given(self, value: tuple[tuple[float, ...], ...], order: tuple[int, ...]) -> list[list[float]]:
        return [list(row) for row in in_given_order(value, order)]
