"""Samples of a claim's parameters: drawn from their domains, each with a generator of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from theory.domains.drawing import Regime
from theory.problem import Problem

T = TypeVar("T")

DIRECTIONS = (2, 8)
"""Fewest and most classes or directions that are drawn."""
MOST_SAMPLES, MOST_LAYERS = 10, 4
"""Most samples of a class and most layers of the simplest draw."""


@dataclass
class RandomDraws:
    """Choices that a random generator makes among the usual values (``theory.domains.drawing.Draws``)."""

    random: Random
    regime: Regime
    groups: Sequence[int]
    ratio: float = 1.0

    def integer(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def choice(self, options: Sequence[T], allowed: tuple[T, T] | None = None) -> T:
        return self.random.choice(options)

    def several(self, options: Sequence[T], least: int, most: int, allowed: tuple[T, T]) -> list[T]:
        return self.random.sample(options, self.random.randint(least, min(most, len(options))))

    def number(
        self, decades: tuple[float, float], allowed: tuple[float, float] | None = None, name: str | None = None
    ) -> float:
        return 10.0 ** self.random.uniform(*decades)

    def permuted(self, items: Sequence[T]) -> list[T]:
        return self.random.sample(items, len(items))

    def flag(self) -> bool:
        return self.random.random() < 0.5


def sample(problem: Problem, given: Mapping[str, Any], seed: int, number: int) -> dict[str, Any]:
    """Return the parameters of the sample with this number: the ``given`` ones, and a draw of each other one.

    The given parameters are in canonical form. The draw depends on ``seed`` and ``number`` alone.
    """
    random = Random(f"{seed} {number}")
    known = given.get(problem.sorted_parameter)
    size = max(problem.fewest_directions, random.randint(*DIRECTIONS)) if known is None else len(known)
    narrow, flag = random.random() < 0.5, random.random() < 0.5
    samples, layers = random.randint(1, MOST_SAMPLES), random.randint(1, MOST_LAYERS)
    regime = Regime("sample", narrow, False, flag, size, samples, layers)
    draws, values = RandomDraws(random, regime, (1,) * size), dict(given)
    for parameter in problem.in_dependency_order:
        if parameter.name not in values:
            values[parameter.name] = parameter.domain.drawn(parameter.name, draws, values)
    return values
