"""Domains of single real numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from theory.domains.domain import Domain
from theory.domains.drawing import Draws
from theory.domains.reading import LARGEST, SMALLEST, read_number, read_positive_number, reject
from theory.errors import ParameterError
from theory.expressions import Values

DECADES_ALLOWED = (math.log10(SMALLEST), math.log10(LARGEST))
DECADES = (-1.0, 1.0)
DECADES_OF_DECAY = (-5.0, 0.0)
DECADES_OF_ODDS = (-3.0, 2.0)
"""log10 range of the odds of a number between two limits: its distance from the lower limit over its distance from the upper one."""
ODDS_ALLOWED = (-15.0, 15.0)
DECADES_ABOVE = (-2.0, 2.0)
"""log10 range of the relative excess over the other parameter. Below a threshold the range is shorter, down to one
decade: there the loss is small beside its terms, and the rounding of these terms grows with the number."""
EXCESS_ALLOWED = (-10.0, 30.0)
DECADES_ABOVE_LIMIT = (-15.0, math.log10(LARGEST))
"""log10 range of the excess over a fixed limit."""


@dataclass(frozen=True)
class PositiveReal(Domain):
    """A real number from ``least`` to ``most``, which are SMALLEST and LARGEST unless the computations of a claim end earlier."""

    moves = True
    varies = True
    scales = True

    decay: bool = field(default=False, kw_only=True)
    least: float = field(default=SMALLEST, kw_only=True)
    most: float = field(default=LARGEST, kw_only=True)

    @property
    def says(self) -> str:
        return f"a finite number above 0, from {self.least:g} to {self.most:g}"

    def canonical(self, name: str, value: object) -> float:
        number = read_positive_number(name, value, self.says)
        if not self.least <= number <= self.most:
            raise reject(name, value, self.says)
        return number

    def example(self, values: Values) -> float:
        return min(max(self.least, 0.05), self.most)

    def drawn(self, name: str, draws: Draws, values: Values) -> float:
        allowed = math.log10(self.least), math.log10(self.most)
        return self._within(draws.number(DECADES_OF_DECAY if self.decay else DECADES, allowed, name))

    def _within(self, number: float) -> float:
        return min(self.most, max(self.least, number))

    def displaced(self, arrays: Any, name: str, start: Values, factor: Any, moved: Values) -> Any:
        moved_to = start[name] * factor
        return arrays.within(moved_to, *self.extremes()) if self.extremes() else moved_to

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        positive = tuple((f"{name}_positive", f"0 < {name}") for name in names)
        if self.least != SMALLEST:
            positive += tuple((f"{name}_at_least", f"{Fraction(str(self.least))} <= {name}") for name in names)
        if self.most == LARGEST:
            return positive
        return (*positive, *((f"{name}_at_most", f"{name} <= {self.most:g}") for name in names))

    def extremes(self) -> tuple[float, ...]:
        return () if (self.least, self.most) == (SMALLEST, LARGEST) else (self.least, self.most)


@dataclass(frozen=True)
class RealBetween(Domain):
    """A real number strictly between ``low`` and ``high``. Raises ParameterError where the interval is empty."""

    moves = True
    varies = True

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ParameterError(f"domain: {self.says} is empty")

    @property
    def says(self) -> str:
        return f"a finite number strictly between {self.low:g} and {self.high:g}"

    def canonical(self, name: str, value: object) -> float:
        number = read_number(name, value, self.says)
        if not self.low < number < self.high:
            raise reject(name, value, self.says)
        return number

    def example(self, values: Values) -> float:
        return float(f"{self.low + (self.high - self.low) / 10:.2g}")

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return tuple((f"{name}_between", f"{self.low} < {name} < {self.high}") for name in names)

    def drawn(self, name: str, draws: Draws, values: Values) -> float:
        odds = draws.number(DECADES_OF_ODDS, ODDS_ALLOWED, name)
        least, most = self.extremes()
        return min(max(least, self.low + odds / (1 + odds) * (self.high - self.low)), most)

    def extremes(self) -> tuple[float, ...]:
        return math.nextafter(self.low, self.high), math.nextafter(self.high, self.low)

    def displaced(self, arrays: Any, name: str, start: Values, factor: Any, moved: Values) -> Any:
        """Multiply the odds of the number between its limits by the factor."""
        odds = (start[name] - self.low) / (self.high - start[name]) * factor
        return arrays.within(self.low + (self.high - self.low) * odds / (1 + odds), *self.extremes())


@dataclass(frozen=True)
class RealAbove(Domain):
    """A real number above ``low``, up to LARGEST; ``because`` tells what happens at and below that limit."""

    moves = True
    varies = True

    low: float
    because: str

    @property
    def says(self) -> str:
        return f"a finite number above {self.low:g}, up to {LARGEST:g} ({self.because})"

    def canonical(self, name: str, value: object) -> float:
        number = read_number(name, value, self.says)
        if not self.low < number <= LARGEST:
            raise reject(name, value, self.says)
        return number

    def example(self, values: Values) -> float:
        return self.low + 1.0

    def drawn(self, name: str, draws: Draws, values: Values) -> float:
        least, most = self.extremes()
        return min(max(least, self.low + draws.number(DECADES_ABOVE, DECADES_ABOVE_LIMIT, name)), most)

    def extremes(self) -> tuple[float, ...]:
        return math.nextafter(self.low, math.inf), LARGEST

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return tuple((f"{name}_above", f"{self.low:g} < {name}") for name in names)

    def displaced(self, arrays: Any, name: str, start: Values, factor: Any, moved: Values) -> Any:
        """Multiply the excess over the limit by the factor."""
        return arrays.within(self.low + (start[name] - self.low) * factor, *self.extremes())


@dataclass(frozen=True)
class GreaterThan(Domain):
    """A real number above the parameter ``other``, up to LARGEST; ``because`` tells what happens at and below that parameter."""

    moves = True
    varies = True

    other: str
    because: str

    @property
    def says(self) -> str:
        return f"a finite number above {self.other}, from {SMALLEST:g} to {LARGEST:g} ({self.because})"

    def canonical(self, name: str, value: object) -> float:
        return read_positive_number(name, value, self.says)

    def fitted(self, name: str, value: Any, values: Values, order: tuple[int, ...]) -> float:
        if not value > values[self.other]:
            raise reject(name, value, f"{self.says}: above {values[self.other]:g} here")
        return value

    def example(self, values: Values) -> float:
        return 2 * values[self.other]

    def drawn(self, name: str, draws: Draws, values: Values) -> float:
        low, high = DECADES_ABOVE
        usual = low, max(low + 1, high + math.log10(min(1.0, draws.ratio)))
        return min(LARGEST, values[self.other] * (1 + draws.number(usual, EXCESS_ALLOWED, name)))

    def depends(self) -> tuple[str, ...]:
        return (self.other,)

    def displaced(self, arrays: Any, name: str, start: Values, factor: Any, moved: Values) -> Any:
        """Multiply the relative excess over the other parameter by the factor."""
        level = moved.get(self.other, start[self.other])
        return arrays.above(level * (1 + (start[name] / start[self.other] - 1) * factor), level)
