"""Domains of integers: class counts, widths and depths."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sympy as sp

from theory.domains.domain import Domain
from theory.domains.drawing import Draws, directions, first, repeated
from theory.domains.reading import LARGEST_INTEGER, in_given_order, read_integer, read_items, reject, unbound
from theory.errors import ParameterError
from theory.expressions import Bindings, Values

LEVELS = (5, 2, 1, 3, 4, 6, 7, 8, 10)
LARGEST_COUNT = 100
BALANCED_COUNTS = (3, 1, 2, 5, 10)
DEPTHS = (2, 3, 1, 4, 6, 8, 5, 7)
EXAMPLE_DIRECTIONS = 4
"""Number of classes or directions of every example."""
LARGEST_DEEP = 24
"""Largest product of layers and classes that is drawn. Training time grows with both, so the deepest networks are drawn with few classes."""


@dataclass(frozen=True)
class ClassCounts(Domain):
    """Samples per class for at least ``least`` classes, kept in descending order. ``balanced`` demands equal numbers.

    Every class has at least ``samples`` samples.
    """

    sorts = True
    counts = True

    balanced: bool = False
    least: int = 2
    samples: int = field(default=1, kw_only=True)

    @property
    def fewest(self) -> int:
        return self.least

    @property
    def says(self) -> str:
        usual = (20,) * max(3, self.least) if self.balanced else (20, 10, 5, 3)[: max(3, self.least)]
        above = "" if self.samples == 1 else f" of at least {self.samples}"
        rule = f"{'equal ' * self.balanced}positive integers{above}, such as {','.join(map(str, usual))}"
        return f"a list of at least {self.least} {rule}"

    def canonical(self, name: str, value: object) -> tuple[int, ...]:
        counts = [read_integer(name, v, self.says, whole=value) for v in read_items(name, value, self.says)]
        if len(counts) < self.least or min(counts) < self.samples or (self.balanced and len(set(counts)) > 1):
            raise reject(name, value, self.says)
        return tuple(counts)

    def example(self, values: Values) -> tuple[int, ...]:
        usual = (4,) * max(4, self.least) if self.balanced else (6, 4, 2, 1)
        return tuple(max(self.samples, count) for count in usual)

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[int, ...]:
        """Return counts that are equal within each group, with the least count among them, and with ratios up to LARGEST_COUNT."""
        groups, allowed = draws.groups, (self.samples, LARGEST_INTEGER)
        if self.balanced:
            known = [count for count in first(draws.regime.samples, BALANCED_COUNTS) if count >= self.samples]
            return (draws.choice(known, allowed),) * directions(draws)
        known = [level for level in LEVELS if level >= self.samples]
        if len(groups) > len(known):
            known = list(range(self.samples, self.samples + 2 * len(groups) - 1))
        levels = sorted(draws.several(known, len(groups), len(groups), allowed), reverse=True)
        if groups[0] == 1 and draws.flag():
            levels[0] = max(levels[0], LARGEST_COUNT)
        return repeated(levels, groups)

    def as_given(self, value: tuple[int, ...], order: tuple[int, ...]) -> list[int]:
        return in_given_order(value, order)

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Return that every sample has one of the classes, and every class a sample; class counts follow from the labels."""
        enough = "two_classes" if self.least == 2 else f"at_least_{self.least}_classes"
        equal = ("balanced", "forall k, (k < K)%nat -> class_count N label k = class_count N label 0")
        several = ("samples_of_a_class", f"forall k, (k < K)%nat -> {self.samples} <= class_count N label k")
        return (
            (enough, f"({self.least} <= K)%nat"),
            ("labels_below", "forall j, (j < N)%nat -> (label j < K)%nat"),
            ("no_class_empty", "forall k, (k < K)%nat -> exists j, (j < N)%nat /\\ label j = k"),
            *([equal] if self.balanced else []),
            *([several] if self.samples > 1 else []),
        )


@dataclass(frozen=True)
class TwoUnequalCounts(Domain):
    """Samples per class for two classes of different size, the larger class first."""

    sorts = True
    counts = True

    @property
    def fewest(self) -> int:
        return 2

    @property
    def says(self) -> str:
        return "a list of two different positive integers, such as 20,5"

    def canonical(self, name: str, value: object) -> tuple[int, int]:
        counts = [read_integer(name, v, self.says, whole=value) for v in read_items(name, value, self.says)]
        if len(counts) != 2 or min(counts) < 1 or counts[0] == counts[1]:
            raise reject(name, value, self.says)
        return counts[0], counts[1]

    def example(self, values: Values) -> tuple[int, int]:
        return (6, 2)

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[int, int]:
        """Return two different counts, however many classes are drawn for, with ratios up to LARGEST_COUNT."""
        small, large = sorted(draws.several(LEVELS, 2, 2, (1, LARGEST_INTEGER - 1)))
        if draws.flag():
            large = max(large, LARGEST_COUNT)
        return (large + 1 if large == small else large), small

    def as_given(self, value: tuple[int, ...], order: tuple[int, ...]) -> list[int]:
        return in_given_order(value, order)

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Return that there are two classes, that every sample has one of them, and that the first class has more samples."""
        return (
            ("two_classes", "(K = 2)%nat"),
            ("labels_below", "forall j, (j < N)%nat -> (label j < K)%nat"),
            ("no_class_empty", "forall k, (k < K)%nat -> exists j, (j < N)%nat /\\ label j = k"),
            ("unequal", "class_count N label 1 < class_count N label 0"),
        )


@dataclass(frozen=True)
class OrderedClassCounts(Domain):
    """Samples per class of ordered classes, one class more than the sorted list ``between`` has entries, in the order of the classes."""

    counts = True
    whole = True

    between: str = "theta"

    @property
    def says(self) -> str:
        return f"a list of positive integers, such as 5,20,10,3, one more than {self.between} has entries, in the order of the classes"

    def canonical(self, name: str, value: object) -> tuple[int, ...]:
        counts = [read_integer(name, v, self.says, whole=value) for v in read_items(name, value, self.says)]
        if len(counts) < 2 or min(counts) < 1:
            raise reject(name, value, self.says)
        return tuple(counts)

    def fitted(self, name: str, value: tuple[int, ...], values: Values, order: tuple[int, ...]) -> tuple[int, ...]:
        if len(value) != len(order) + 1:
            raise reject(name, value, f"{self.says}: {len(order) + 1} here")
        return value

    def example(self, values: Values) -> tuple[int, ...]:
        count = len(values[self.between]) + 1 if self.between in values else EXAMPLE_DIRECTIONS
        return tuple((4, 1, 6, 2)[i % 4] for i in range(count))

    def depends(self) -> tuple[str, ...]:
        return (self.between,)

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[int, ...]:
        """Return counts in any order, up to three different ones, with ratios up to LARGEST_COUNT."""
        classes = directions(draws) + 1
        levels = draws.several(LEVELS, min(3, classes), min(3, classes), (1, LARGEST_INTEGER))
        if draws.flag():
            levels[0] = max(levels[0], LARGEST_COUNT)
        return tuple(draws.permuted((levels * classes)[:classes]))


def _usual_widths(draws: Draws) -> tuple[int, int]:
    """Return the least and the largest width of a regime."""
    if draws.regime.cut:
        position = next(i for i, size in enumerate(draws.groups) if size > 1)
        before = sum(draws.groups[:position])
        return before + 1, before + draws.groups[position] - 1
    most = directions(draws)
    if draws.regime.directions == 1:
        return 1, 1
    return (max(1, most - 3), most - 1) if draws.regime.narrow else (most, 2 * most)


def _at(size: sp.Expr, count: int) -> sp.Expr:
    """Return a size where there are ``count`` classes or directions."""
    return size.subs(dict.fromkeys(size.free_symbols, count))


@cache
def _symbols(size: sp.Expr) -> tuple[sp.Basic, ...]:
    return tuple(sp.sympify(size).free_symbols)


@cache
def _valued(size: sp.Expr, known: tuple[tuple[sp.Basic, int], ...]) -> sp.Expr:
    """Return a size at known sizes. It is kept, since SymPy's substitution is slow and instances of equal sizes are many."""
    return sp.sympify(size).subs(dict(known))


@dataclass(frozen=True)
class Width(Domain):
    """A positive integer from ``least`` to ``most``, which are expressions in the number of classes or directions."""

    whole = True

    least: sp.Expr = sp.Integer(1)
    most: sp.Expr = sp.oo

    @property
    def fewest(self) -> int:
        return next(n for n in itertools.count(1) if _at(self.least, n) <= _at(self.most, n))

    @property
    def says(self) -> str:
        lowest = "a positive integer" if self.least == 1 else f"an integer of at least {self.least}"
        return lowest if self.most == sp.oo else f"{lowest} and at most {self.most}"

    def canonical(self, name: str, value: object) -> int:
        number = read_integer(name, value, self.says)
        if number < 1:
            raise reject(name, value, self.says)
        return number

    def sized(self, name: str, value: int, sizes: Bindings) -> int:
        """Return a width from ``least`` to ``most`` at these sizes. Raises ParameterError for another one."""
        for end, side in ((self.least, 1), (self.most, -1)):
            known = ((s, sizes[s]) for s in _symbols(end) if isinstance(sizes.get(s), int))
            allowed = _valued(end, tuple(known))
            if not allowed.is_number:
                raise ParameterError(f"{name}: {unbound(end, sizes)}")
            if side * value < side * allowed:
                where = "" if end.is_number else f" = {allowed} here"
                raise reject(name, value, f"{self.says}{where}")
        return value

    def example(self, values: Values) -> int:
        count = max([EXAMPLE_DIRECTIONS, *(len(value) for value in values.values() if isinstance(value, tuple))])
        least, most = (_at(end, count) for end in (self.least, self.most))
        return int(sp.Min(most, sp.Max(least, EXAMPLE_DIRECTIONS)))

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        most = "" if self.most == sp.oo else f" <= {self.most}"
        ends = self.least.args if isinstance(self.least, sp.Max) else (self.least,)
        return tuple((f"{name}_width", " /\\ ".join(f"({e} <= {name}{most})%nat" for e in ends)) for name in names)

    def drawn(self, name: str, draws: Draws, values: Values) -> int:
        """Return a width of the regime, as far as ``least`` and ``most`` allow."""
        least, most = (_at(end, directions(draws)) for end in (self.least, self.most))
        return draws.integer(*(int(sp.Min(most, sp.Max(least, end))) for end in _usual_widths(draws)))


@dataclass(frozen=True)
class WidthPair(Domain):
    """Two positive integers; the first is at most the length of the sorted list ``within`` and, if ``rising``, the second."""

    within: str = "theta"
    rising: bool = field(default=False, kw_only=True)

    @property
    def says(self) -> str:
        such_as, second = ("3,4", " and the second") if self.rising else ("3,2", "")
        return f"two positive integers, such as {such_as}, the first at most the number of entries of {self.within}{second}"

    def canonical(self, name: str, value: object) -> tuple[int, ...]:
        widths = tuple(read_integer(name, v, self.says, whole=value) for v in read_items(name, value, self.says))
        if len(widths) != 2 or min(widths) < 1 or (self.rising and widths[0] > widths[1]):
            raise reject(name, value, self.says)
        return widths

    def fitted(self, name: str, value: Any, values: Values, order: tuple[int, ...]) -> tuple[int, ...]:
        if value[0] > len(order):
            raise reject(name, value, f"{self.says}: {len(order)} here")
        return value

    def example(self, values: Values) -> tuple[int, int]:
        return (3, 4) if self.rising else (4, 3)

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[int, int]:
        """Return widths of the regime. The first is at most the number of directions; the second may be smaller, if not ``rising``.

        Where the regime cuts a group of equal directions, one width cuts the group, or both do, in different places
        where the group has enough members.
        """
        lower, upper = self._drawn(draws)
        return lower, max(lower, upper) if self.rising else upper

    def _drawn(self, draws: Draws) -> tuple[int, int]:
        regime, most, narrow = draws.regime, directions(draws), _usual_widths(draws)
        if regime.directions == 1:
            return 1, 1
        if not (regime.cut or regime.narrow):
            return most, draws.choice((2, 1, *range(3, 2 * most + 1)))  # a width of 1 hides a missing factor
        match draws.choice(("first", "both", "second")):
            case "first":
                width = draws.integer(*narrow)
                return width, draws.integer(1, width + 2)
            case "both":
                pair = draws.integer(*narrow), draws.integer(*narrow)
                return max(pair), min(pair)
        return most, draws.integer(*narrow)


@dataclass(frozen=True)
class WholeNumber(Domain):
    """An integer from ``least`` to ``most``. Raises ParameterError where there is no such integer."""

    whole = True
    telling = True

    least: int
    most: int

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ParameterError(f"domain: {self.says} is empty")

    @property
    def says(self) -> str:
        return f"an integer from {self.least} to {self.most}"

    def canonical(self, name: str, value: object) -> int:
        number = read_integer(name, value, self.says)
        if not self.least <= number <= self.most:
            raise reject(name, value, self.says)
        return number

    def example(self, values: Values) -> int:
        return min(max(2, self.least), self.most)

    def cases(self) -> tuple[int, ...]:
        return tuple(range(self.least, self.most + 1))

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return ()

    def drawn(self, name: str, draws: Draws, values: Values) -> int:
        """Return a number of layers that stays small where there are many directions."""
        most = min(self.most, max(self.least, LARGEST_DEEP // directions(draws)))
        usual = [number for number in DEPTHS if self.least <= number <= most] or [self.least]
        return draws.choice(first(draws.regime.depth, usual), (self.least, self.most))


@dataclass(frozen=True)
class Widths(Domain):
    """Positive integers, as many as the integer parameter ``depth`` says. A single integer stands for all of them."""

    whole = True

    depth: str

    @property
    def says(self) -> str:
        return f"a list of positive integers, as many as {self.depth} says or one for all, such as 8,6"

    def canonical(self, name: str, value: object) -> tuple[int, ...]:
        listed = read_items(name, (value,) if isinstance(value, int) else value, self.says)
        widths = [read_integer(name, v, self.says, whole=value) for v in listed]
        if not widths or min(widths) < 1:
            raise reject(name, value, self.says)
        return tuple(widths)

    def fitted(self, name: str, value: Any, values: Values, order: tuple[int, ...]) -> tuple[int, ...]:
        count = values[self.depth]
        if len(value) not in (1, count):
            raise reject(name, value, f"{self.says}: 1 or {count} here")
        return value * count if len(value) == 1 else value

    def example(self, values: Values) -> tuple[int, ...]:
        return (4,) * values.get(self.depth, 1)

    def drawn(self, name: str, draws: Draws, values: Values) -> tuple[int, ...]:
        """Return widths in any order: one of the regime, and the others up to 3 larger.

        In the regime of one direction all are 1.
        """
        depth = values[self.depth]
        if draws.regime.directions == 1:
            return (1,) * depth
        narrowest = draws.integer(*_usual_widths(draws))
        return tuple(draws.permuted([narrowest, *(narrowest + draws.integer(0, 3) for _ in range(depth - 1))]))

    def depends(self) -> tuple[str, ...]:
        return (self.depth,)

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return tuple((f"{name}_width", f"(1 <= {name})%nat") for name in names)
