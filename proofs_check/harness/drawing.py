"""How domains are drawn: with Hypothesis where training resolves every instance, and at random over all that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from theory.domains.drawing import Regime

T = TypeVar("T")

REGIMES = (
    Regime("least", narrow=True, cut=False, flag=False, directions=1, samples=4, depth=4),
    Regime("narrow", narrow=True, cut=False, flag=True, directions=3, samples=5, depth=1),
    Regime("cut", narrow=True, cut=True, flag=False, directions=4, samples=2, depth=3),
    Regime("wide", narrow=False, cut=False, flag=True, directions=5, samples=3, depth=2),
)
LARGE = Regime("large", narrow=False, cut=False, flag=True, directions=12, samples=10, depth=1)
"""More directions than are drawn otherwise."""


def powers_of_ten(low: float, high: float) -> st.SearchStrategy[float]:
    """Log-uniform numbers."""
    return st.floats(low, high, allow_nan=False).map(lambda e: 10.0**e)


def over_decades(name: str, low: float, high: float) -> st.SearchStrategy[float]:
    """Values log-uniform over decades.

    The simplest value, which every run starts with, is one of its own for every name: at 1, or where two parameters are
    equal, a missing factor or power does not show.
    """
    offset = Random(name).uniform(0, high - low)
    return st.floats(0, high - low, allow_nan=False).map(lambda e: 10.0 ** (low + (e + offset) % (high - low)))


@dataclass
class HypothesisDraws:
    """Choices that Hypothesis makes, by its ``draw``, from what is usual (``theory.domains.drawing.Draws``)."""

    draw: st.DrawFn
    regime: Regime
    groups: Sequence[int]
    ratio: float = 1.0

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def choice(self, options: Sequence[T], allowed: tuple[T, T] | None = None) -> T:
        return self.draw(st.sampled_from(options))

    def several(self, options: Sequence[T], least: int, most: int, allowed: tuple[T, T]) -> list[T]:
        return self.draw(st.lists(st.sampled_from(options), min_size=least, max_size=most, unique=True))

    def number(
        self, decades: tuple[float, float], allowed: tuple[float, float] | None = None, name: str | None = None
    ) -> float:
        return self.draw(powers_of_ten(*decades) if name is None else over_decades(name, *decades))

    def permuted(self, items: Sequence[T]) -> list[T]:
        return self.draw(st.permutations(items))

    def flag(self) -> bool:
        return self.draw(st.booleans())
