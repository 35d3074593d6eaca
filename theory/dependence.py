"""Dependence of expressions on their indices: the bound numbers that enter an expression at given values of the indices."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import sympy as sp

Place = Mapping[sp.Symbol, int]
"""A value for each index symbol."""

OUTCOMES: dict[type, Callable[[int, int], bool]] = {
    sp.KroneckerDelta: operator.eq,
    sp.Eq: operator.eq,
    sp.Ne: operator.ne,
    sp.Le: operator.le,
    sp.Lt: operator.lt,
    sp.Ge: operator.ge,
    sp.Gt: operator.gt,
}
"""What a comparison of two integers comes to. SymPy takes a hundred times as long for it."""


def _first_places(entries: Sequence[Any]) -> list[int]:
    """Return, for each entry, the position of the first entry equal to it."""
    first: dict[Any, int] = {}
    return [first.setdefault(entry, position) for position, entry in enumerate(entries)]


class Dependence:
    """Bindings of symbols to exact numbers, and the numbers among them that enter an expression at given indices.

    No result depends on a precision, so evaluations at several precisions share one instance.
    """

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self.bindings = bindings
        self.scalars = {s: v for s, v in bindings.items() if isinstance(s, sp.Symbol)}
        self.sizes = {s: v for s, v in self.scalars.items() if s.is_integer}
        self.alike = {s: _first_places(v) for s, v in bindings.items() if isinstance(s, sp.IndexedBase)}
        self.of: dict[sp.Basic, tuple[sp.Basic, ...]] = {}
        self.listed: dict[sp.Basic, tuple[list[int], sp.Symbol]] = {}
        self.joined: dict[sp.Basic, tuple[sp.Basic, ...]] = {}
        self.conditions: dict[tuple, Any] = {}

    def leaves(self, e: sp.Basic) -> tuple[sp.Basic, ...]:
        """Return the parts through which an expression depends on its indices, in a fixed order."""
        if e not in self.of:
            self.of[e] = tuple(sorted(set(self._leaves(e)), key=sp.default_sort_key))
        return self.of[e]

    def _leaves(self, e: sp.Basic) -> Iterator[sp.Basic]:
        match e:
            case sp.Symbol():
                if e not in self.scalars:
                    yield e
            case sp.Indexed():
                if any(self.leaves(index) for index in e.indices):
                    yield e
            case sp.Sum() | sp.Product():
                bound = {limit[0] for limit in e.limits}
                for part in (e.function, *(end for limit in e.limits for end in limit[1:])):
                    for leaf in self.leaves(part):
                        # Outside the sum, a leaf with a summation index depends only on its other indices.
                        yield from self._indices(leaf) - bound if bound & self._indices(leaf) else (leaf,)
            case sp.KroneckerDelta() | sp.core.relational.Relational():
                inner = [leaf for a in e.args for leaf in self.leaves(a)]
                # A comparison of indices with sizes has two outcomes, however many values the indices take.
                counted = e.free_symbols <= self.sizes.keys() | set(inner) and not e.atoms(sp.Indexed)
                yield from [e] if inner and counted else inner
            case _:
                for a in e.args:
                    yield from self.leaves(a)

    def parts(self, e: sp.Add | sp.Mul) -> tuple[sp.Basic, ...]:
        """Return the arguments of a sum or product.

        Arguments with the same leaves are joined, so that they are computed together.
        """
        if e not in self.joined:
            alike: dict[tuple, list[sp.Basic]] = {}
            for a in e.args:
                alike.setdefault(self.leaves(a), []).append(a)
            self.joined[e] = e.args if len(alike) == 1 else tuple(e.func(*group) for group in alike.values())
        return self.joined[e]

    def _indices(self, leaf: sp.Basic) -> set[sp.Basic]:
        parts = leaf.indices if isinstance(leaf, sp.Indexed) else (leaf,)
        return {symbol for part in parts for symbol in part.free_symbols} - self.scalars.keys()

    def seen(self, leaf: sp.Basic, place: Place) -> Any:
        """Return a key of a leaf at given indices. Equal keys stand for equal numbers."""
        if leaf in self.listed:
            alike, index = self.listed[leaf]
            return alike[place[index] - 1]
        if isinstance(leaf, sp.Symbol):
            return place[leaf]
        if isinstance(leaf, sp.Indexed):
            if len(leaf.indices) == 1 and isinstance(leaf.indices[0], sp.Symbol):
                self.listed[leaf] = self.alike[leaf.base], leaf.indices[0]
                return self.seen(leaf, place)
            return self.positions(leaf, place)
        if type(leaf) in OUTCOMES:
            left, right = (self._counted(a, place) for a in leaf.args)
            if left is not None and right is not None:
                return OUTCOMES[type(leaf)](left, right)
        counted = [s for s in leaf.free_symbols if isinstance(s, sp.Symbol)]
        name = (leaf, *(place.get(s) for s in counted))
        if name not in self.conditions:
            self.conditions[name] = leaf.subs({s: place[s] if s in place else self.sizes[s] for s in counted})
        return self.conditions[name]

    def _counted(self, e: sp.Basic, place: Place) -> int | None:
        """Return an index, a size or an integer as a number, and None for anything else."""
        known = place.get(e, self.sizes.get(e, e))  # type: ignore[arg-type]
        return int(known) if isinstance(known, int | sp.Integer) else None

    def all_seen(self, e: sp.Basic, place: Place) -> tuple:
        """Return the keys of all leaves of an expression at given indices.

        Equal keys stand for an equal value of the expression.
        """
        return tuple(self.seen(leaf, place) for leaf in self.leaves(e))

    def positions(self, e: sp.Indexed, place: Place) -> tuple[int, ...]:
        """Return the indices of an entry of a list, counted from 0."""
        return tuple(self._position(i, place) for i in e.indices)

    def _position(self, index: sp.Expr, place: Place) -> int:
        if isinstance(index, sp.Symbol) and index in place:
            return place[index] - 1
        return int(index.subs({**self.sizes, **place})) - 1

    def binding(self, e: sp.Symbol | sp.Indexed, place: Place) -> sp.Expr:
        """Return the number that a symbol or an entry of a list stands for."""
        if isinstance(e, sp.Indexed):
            return reduce(lambda entries, i: entries[i], self.positions(e, place), self.bindings[e.base])
        return sp.Integer(place[e]) if e in place else self.bindings[e]

    def concrete(self, e: sp.Basic, place: Place) -> sp.Basic:
        """Return an expression with every symbol and entry replaced by its number."""
        here = e.subs({**self.scalars, **place})
        return here.xreplace({entry: self.binding(entry, {}) for entry in here.atoms(sp.Indexed)})
