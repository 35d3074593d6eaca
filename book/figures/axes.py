"""Axes of figures: where a number stands between the two ends, and at which numbers there are marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from book.figures.svg import power_of_ten

MOST_DECADES = 5
"""Most marks of a logarithmic axis; with more decades some are left without a mark."""
FEW_DECADES = 1.6
"""An axis of fewer decades has marks at 1, 2 and 5 in each of them."""
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high``, both above zero where it is ``logarithmic``.

    Arguments:
        title: what is measured, in words; ``<sub>`` is allowed.
        marked: (number, words) of each mark; chosen from the ends if it is None.
    """

    low: float
    high: float
    title: str = ""
    logarithmic: bool = False
    marked: tuple[tuple[float, str], ...] | None = None

    def place(self, number: float) -> float:
        """Return the share of the way from ``low`` to ``high`` at which a number stands."""
        if self.logarithmic:
            return math.log(number / self.low) / math.log(self.high / self.low)
        return (number - self.low) / (self.high - self.low)

    def holds(self, number: float | None) -> bool:
        """Return whether a number stands on the axis."""
        if number is None or not math.isfinite(number) or (self.logarithmic and number <= 0):
            return False
        return -1e-9 <= self.place(number) <= 1 + 1e-9

    def marks(self) -> Sequence[tuple[float, str]]:
        """Return the (number, words) of the marks."""
        if self.marked is not None:
            return self.marked
        found = logarithmic_marks(self.low, self.high) if self.logarithmic else linear_marks(self.low, self.high)
        return [(number, words) for number, words in found if self.holds(number)]


def spanning(numbers: Iterable[float], title: str = "", logarithmic: bool = False, room: float = 0.05) -> Axis:
    """Return an axis that holds these numbers, with ``room`` beyond the ends as a share of the length."""
    finite = [number for number in numbers if math.isfinite(number) and (number > 0 or not logarithmic)]
    low, high = min(finite), max(finite)
    if logarithmic:
        beyond = (high / low) ** room if high > low else 2.0
        return Axis(low / beyond, high * beyond, title, logarithmic=True)
    beyond = room * ((high - low) or abs(high) or 1.0)
    return Axis(low - beyond, high + beyond, title)


def numbered(words: Sequence[str], title: str = "") -> Axis:
    """Return an axis on which each of these words stands at its number: 1, 2, …"""
    return Axis(0.4, len(words) + 0.6, title, marked=tuple((i, word) for i, word in enumerate(words, start=1)))


def linear_marks(low: float, high: float) -> list[tuple[float, str]]:
    """Return four to eight round numbers between two ends."""
    unit = 10 ** math.floor(math.log10((high - low) / 4))
    step = unit * next((s for s in STEPS if (high - low) / (s * unit) <= 6), 10)
    first = math.ceil(low / step - 1e-9)
    numbers = [step * i for i in range(first, math.floor(high / step + 1e-9) + 1)]
    return [(number, f"{number:.6g}".replace("-", "−")) for number in numbers]


def logarithmic_marks(low: float, high: float) -> list[tuple[float, str]]:
    """Return powers of ten between two ends, and 2 and 5 times these where the ends are close."""
    bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
    if math.log10(high / low) < FEW_DECADES:
        numbers = [digit * 10.0**power for power in range(bottom, top + 1) for digit in (1, 2, 5)]
        return [(number, f"{number:.3g}") for number in numbers]
    every = math.ceil((top - bottom) / MOST_DECADES)
    return [(10.0**power, power_of_ten(power)) for power in range(bottom, top + 1) if power % every == 0]
