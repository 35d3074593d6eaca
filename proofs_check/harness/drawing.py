"""Draw values of domains: with Hypothesis, where training resolves every instance, or at random over all allowed values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from theory.domains import LARGEST, LARGEST_INTEGER, SMALLEST
from theory.domains.drawing import Draws, Regime
from theory.problem import Problem

T = TypeVar("T")

# Hypothesis also draws constants that it reads from the source of the loaded modules. Then the draws of one seed would depend on the
# modules that other tests load, and on whether this package is a checkout or installed. It has no setting for this.
vars(providers)["_get_local_constants"] = providers.Constants

REGIMES = (
    Regime("least", narrow=True, cut=False, flag=False, directions=1, samples=4, depth=4),
    Regime("narrow", narrow=True, cut=False, flag=True, directions=3, samples=5, depth=1),
    Regime("cut", narrow=True, cut=True, flag=False, directions=4, samples=2, depth=3),
    Regime("wide", narrow=False, cut=False, flag=True, directions=5, samples=3, depth=2),
)
LARGE = Regime("large", narrow=False, cut=False, flag=True, directions=12, samples=10, depth=1)
"""The regime with more directions than REGIMES have."""


def powers_of_ten(low: float, high: float) -> st.SearchStrategy[float]:
    """Return the strategy of log-uniform numbers between 10^low and 10^high."""
    return st.floats(low, high, allow_nan=False).map(lambda e: 10.0**e)


def over_decades(name: str, low: float, high: float) -> st.SearchStrategy[float]:
    """Return the strategy of log-uniform values of the parameter ``name`` between 10^low and 10^high.

    Every run starts with the simplest value, and each name has its own simplest value. A value of 1, or one value for two
    parameters, would hide a missing factor or power.
    """
    offset = Random(name).uniform(0, high - low)
    return st.floats(0, high - low, allow_nan=False).map(lambda e: 10.0 ** (low + (e + offset) % (high - low)))


@dataclass
class HypothesisDraws:
    """Choices that Hypothesis makes with ``draw``, among the usual values alone (``theory.domains.drawing.Draws``)."""

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


ROUND = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Round numbers. Their products and ratios coincide often, so that draws meet ties and thresholds."""
MIDDLE = 3.0
"""Decades on either side of 1 that are drawn more often than decades further off."""
SHARES = (0.3, 0.6)
"""Share of the draws that give a round number, and share that give a round number or one within MIDDLE decades."""
FEW = 30
"""A range of at most this many integers is drawn uniformly. Draws from a longer range favour small numbers and the end."""


class WideDraws:
    """Choices made at random among all allowed values, often ties and round numbers (``theory.domains.drawing.Draws``).

    ``groups`` have at least two members together. A ``regime`` that cuts needs a group with several members; without a regime,
    one that fits the groups is drawn. A number lies at most ``reach`` decades beyond the usual ones. ``largest`` bounds integers
    of a wide range, and ``different`` bounds the number of different values in a list.
    """

    def __init__(
        self,
        random: Random,
        groups: Sequence[int],
        regime: Regime | None = None,
        reach: float = math.inf,
        largest: int = LARGEST_INTEGER,
        different: int = 8,
    ) -> None:
        fitting = [each for each in REGIMES if max(groups) > 1 or not each.cut]
        self.random, self.groups, self.regime = random, groups, regime or random.choice(fitting)
        self.reach, self.largest, self.different, self.ratio = reach, largest, different, 1.0

    def integer(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def choice(self, options: Sequence[Any], allowed: tuple[Any, Any] | None = None) -> Any:
        return self.random.choice(options) if allowed is None else self._anything(options, *allowed)

    def several(self, options: Sequence[Any], least: int, most: int, allowed: tuple[Any, Any]) -> list[Any]:
        """Draw from ``least`` to ``most`` values from the ``allowed`` range. Two values may be equal."""
        count = max(1, min(self.random.randint(least, most), self.different)) if least < most else least
        return [self._anything(options, *allowed) for _ in range(count)]

    def number(
        self, decades: tuple[float, float], allowed: tuple[float, float] | None = None, name: str | None = None
    ) -> float:
        low, high = decades
        if allowed is not None:
            low, high = max(allowed[0], low - self.reach), min(allowed[1], high + self.reach)
        kind, known = self.random.random(), [each for each in ROUND if low <= math.log10(each) <= high]
        if kind < SHARES[0] and known:
            return self.random.choice(known)
        if kind < SHARES[1] and max(low, -MIDDLE) < min(high, MIDDLE):
            low, high = max(low, -MIDDLE), min(high, MIDDLE)
        return min(LARGEST, max(SMALLEST, 10 ** self.random.uniform(low, high)))

    def permuted(self, items: Sequence[T]) -> list[T]:
        return self.random.sample(items, len(items))

    def flag(self) -> bool:
        return self.random.random() < 0.5

    def _anything(self, options: Sequence[Any], low: Any, high: Any) -> Any:
        """Draw an allowed value from ``low`` to ``high``: a real number if the two are real, and an integer otherwise."""
        if isinstance(low, float):
            usual = math.log10(min(options)), math.log10(max(options))
            return self.number(usual, (math.log10(low), math.log10(high)))
        if high - low <= FEW:
            return self.random.randint(low, high)
        most = min(high, self.largest)
        decade = int(10 ** self.random.uniform(0, math.log10(most)))
        return max(low, self.random.choice((1, 2, 3, self.random.randint(1, FEW), decade, most)))


def drawn_values(problem: Problem, draws: Draws) -> dict[str, Any]:
    """Return values of all parameters of a problem. Each parameter is drawn after the parameters that it depends on."""
    values: dict[str, Any] = {}
    for parameter in problem.in_dependency_order:
        values[parameter.name] = parameter.domain.drawn(parameter.name, draws, values)
    return values
