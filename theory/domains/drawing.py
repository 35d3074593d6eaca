"""The choices from which a domain draws its values, and the regimes in which it draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Regime:
    """A part of a claim's domain that every run visits.

    Where ``narrow``, widths lie below the number of classes or directions, as far as the claim allows; with one
    direction, or with two classes, the least number there is, all widths are 1. Where ``cut``, the width cuts through
    a group of equal classes or directions.
    ``flag`` is the value of the first truth value; further ones are drawn. ``directions``, ``samples`` and ``depth``
    are those of the simplest draw, with which every run starts. They are different numbers in every regime: equal sizes
    would hide a confusion of the two, and a size that never changes would hide a wrong power.
    """

    name: str
    narrow: bool
    cut: bool
    flag: bool
    directions: int
    samples: int
    depth: int


class Draws(Protocol):
    """The choices from which a domain is drawn; the domain sets the order of the choices.

    ``groups`` has the number of members of each group of equal classes or directions, in descending order of their
    values. ``ratio`` is the ratio of the instance to its threshold, which is above 1 where a direction is alive.
    ``allowed`` is the full range of a choice: draws may keep to the usual part, where training resolves every instance,
    or use the full range.
    """

    regime: Regime
    groups: Sequence[int]
    ratio: float

    def integer(self, low: int, high: int) -> int:
        """Draw an integer from ``low`` to ``high``."""
        ...

    def choice(self, options: Sequence[T], allowed: tuple[T, T] | None = None) -> T:
        """Draw one of the options; the first option is the simplest."""
        ...

    def several(self, options: Sequence[T], least: int, most: int, allowed: tuple[T, T]) -> list[T]:
        """Draw from ``least`` to ``most`` different options."""
        ...

    def number(
        self, decades: tuple[float, float], allowed: tuple[float, float] | None = None, name: str | None = None
    ) -> float:
        """Draw a power of ten, log-uniform over the decades; the simplest draw gives a different number for each ``name``."""
        ...

    def permuted(self, items: Sequence[T]) -> list[T]:
        """Draw an order of the items and return the items in this order."""
        ...

    def flag(self) -> bool:
        """Draw a truth value."""
        ...


def directions(draws: Draws) -> int:
    """Return the number of classes or directions that a list is drawn for."""
    return sum(draws.groups)


def first(simplest: T, options: Iterable[T]) -> list[T]:
    """Return the options with ``simplest`` in front, if it is one of them."""
    return sorted(options, key=lambda option: option != simplest)


def repeated(levels: Sequence[Any], groups: Sequence[int]) -> tuple[Any, ...]:
    """Return the level of each group, repeated once for each member of the group.

    For example, ``repeated((3.0, 1.0), (2, 1))`` is (3.0, 3.0, 1.0).
    """
    return tuple(level for level, size in zip(levels, groups, strict=True) for _ in range(size))
