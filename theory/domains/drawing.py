"""What a domain draws its values with: a few kinds of choices, and the part of the domain that is visited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Regime:
    """A part of a claim's domain that every run visits.

    ``narrow`` widths lie below the number of classes or directions, as far as the claim allows; with one direction, or the two
    classes that there are at least, they are all one. ``cut``: the width cuts
    through a group of equal ones. ``flag`` is the value of the first truth value; further ones are drawn. ``directions``,
    ``samples`` and ``depth`` are those of the simplest draw, which every run starts with, different numbers in every regime: where two
    sizes are equal, or one is the same everywhere, a confusion of the two or a wrong power does not show.
    """

    name: str
    narrow: bool
    cut: bool
    flag: bool
    directions: int
    samples: int
    depth: int


class Draws(Protocol):
    """The choices a domain is drawn by; the order in which they are made is the domain's.

    ``groups`` has the number of members of each group of equal classes or directions, in descending order of their values. ``ratio`` is
    that of the instance to its threshold, which is above 1 where a direction is alive. ``allowed`` is the range of all that a choice
    may give: draws may keep to what is usual, where training resolves every instance, or go through all that is allowed.
    """

    regime: Regime
    groups: Sequence[int]
    ratio: float

    def integer(self, low: int, high: int) -> int:
        """Draw an integer from ``low`` to ``high``."""
        ...

    def choice(self, options: Sequence[T], allowed: tuple[T, T] | None = None) -> T:
        """Draw one of the options, the simplest of which is the first."""
        ...

    def several(self, options: Sequence[T], least: int, most: int, allowed: tuple[T, T]) -> list[T]:
        """Draw different ones of the options, from ``least`` to ``most`` of them."""
        ...

    def number(
        self, decades: tuple[float, float], allowed: tuple[float, float] | None = None, name: str | None = None
    ) -> float:
        """Draw a power of ten, log-uniform over the decades; the simplest draw of each ``name`` is a number of its own."""
        ...

    def permuted(self, items: Sequence[T]) -> list[T]:
        """Draw an order of the items."""
        ...

    def flag(self) -> bool:
        """Draw a truth value."""
        ...


def directions(draws: Draws) -> int:
    """Return the number of classes or directions that a list is drawn for."""
    return sum(draws.groups)


def first(simplest: T, options: Iterable[T]) -> list[T]:
    """Return the options with the simplest one in front, where it is among them."""
    return sorted(options, key=lambda option: option != simplest)


def repeated(levels: Sequence[Any], groups: Sequence[int]) -> tuple[Any, ...]:
    """Return a list with one level for each group, as often as the group has members."""
    return tuple(level for level, size in zip(levels, groups, strict=True) for _ in range(size))
