"""Formulas at concrete parameters in doubles that are right to the last digit, whatever the size of what they are made of.

A number is an exact fraction as long as it stays one of moderate length, and an interval from there on. Where an interval is
too wide, or does not decide a condition, all is done again with twice the digits; a tie, where digits alone never decide, is
proved by exact arithmetic on roots. Entries that see the same numbers are computed once.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy as sp
from mpmath.ctx_iv import MPIntervalContext
from mpmath.libmp import from_rational, to_float, to_str

from theory import radicals
from theory.errors import ParameterError

PRECISIONS = tuple(128 << doublings for doublings in range(7))
"""Bits of the intervals, tried in this order: the last are more than parameters of 17 digits from 1e-50 to 1e50 can cancel."""
EXACT_BITS = 1 << 14
"""Length in bits up to which a fraction stays exact."""
NARROW = 1 << 60
"""An interval this many times narrower than its size gives a double: 1/128 of its last digit."""

LEAST, MOST = sys.float_info.min, sys.float_info.max
"""Range in which a double has all its digits."""

Place = Mapping[sp.Symbol, int]
"""Values of the indices."""
Number = Fraction | Any
"""An exact number, or an interval of mpmath."""


class Undecided(ArithmeticError):
    """The digits at hand do not decide a condition."""


class Evaluation:
    """Formulas at one set of parameters: ``bindings`` gives exact SymPy numbers for symbols, and sequences of them for lists."""

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self._known = _Known(bindings)
        self._walks: list[_Walk] = []
        self._entries: dict[tuple, Any] = {}

    def array(self, expression: sp.Basic, axes: Sequence[tuple[sp.Symbol, sp.Expr]] = ()) -> Any:
        """Return a double or a truth value, or nested lists of them, one level for each axis (index, length).

        Raises ParameterError where a number leaves the range of float64, or cannot be told from zero.
        """
        lengths = [(index, self._walk(0).integer(sp.sympify(length), {})) for index, length in axes]
        return self._array(sp.sympify(expression), lengths, {})

    def _array(self, e: sp.Basic, axes: Sequence[tuple[sp.Symbol, int]], place: Place) -> Any:
        if not axes:
            return self._entry(e, place)
        (index, length), *rest = axes
        if len(rest) == 1:
            return self._matrix(e, (index, length), rest[0], place)
        return [self._array(e, rest, {**place, index: i}) for i in range(1, length + 1)]

    def _matrix(
        self, e: sp.Basic, rows: tuple[sp.Symbol, int], columns: tuple[sp.Symbol, int], place: Place
    ) -> list[list[Any]]:
        """Return a matrix; rows that see the same numbers off the diagonal are computed once."""
        (row, height), (column, width) = rows, columns
        deltas = {delta for delta in e.atoms(sp.KroneckerDelta) if set(delta.args) == {row, column}}
        off = e.xreplace(dict.fromkeys(deltas, sp.Integer(0)))
        of_row = [leaf for leaf in self._known.leaves(off) if row in leaf.free_symbols]
        if any(column in leaf.free_symbols for leaf in of_row):
            return [self._array(e, [columns], {**place, row: i}) for i in range(1, height + 1)]
        found: dict[tuple, list[Any]] = {}
        matrix = []
        for i in range(1, height + 1):
            here = {**place, row: i}
            seen = tuple(self._known.seen(leaf, here) for leaf in of_row)
            if seen not in found:
                found[seen] = self._array(off, [columns], here)
            entries = found[seen]
            if deltas and i <= width:
                entries = [*entries[: i - 1], self._entry(e, {**here, column: i}), *entries[i:]]
            matrix.append(entries)
        return matrix

    def _entry(self, e: sp.Basic, place: Place) -> float | bool:
        name = (e, self._known.all_seen(e, place))
        if name not in self._entries:
            is_condition = isinstance(e, sp.logic.boolalg.Boolean)
            self._entries[name] = self._truth(e, place) if is_condition else self._real(e, place)
        return self._entries[name]

    def _walk(self, number: int) -> _Walk:
        """Return the walk with the digits of that number; what it has computed is kept."""
        while number >= len(self._walks):
            self._walks.append(_Walk(self._known, PRECISIONS[len(self._walks)]))
        return self._walks[number]

    def _truth(self, e: sp.Basic, place: Place) -> bool:
        for number in range(len(PRECISIONS)):
            try:
                return self._walk(number).truth(e, place)
            except Undecided:
                continue
        raise ParameterError(f"is too close to a tie: {PRECISIONS[-1]} bits do not decide it")

    def _real(self, e: sp.Basic, place: Place) -> float:
        asked = False
        for number in range(len(PRECISIONS)):
            walk = self._walk(number)
            try:
                found = walk.value(e, place)
                if isinstance(found, Fraction) or _is_narrow(found):
                    return _double(found)
                if not asked and 0 in found:
                    asked = True
                    if walk.is_zero([(e, 1)], place):
                        return 0.0
            except Undecided:
                continue
        raise ParameterError(f"cancels: {PRECISIONS[-1]} bits do not tell its first digit")


def _is_narrow(interval: Any) -> bool:
    low, high = map(to_float, interval._mpi_)
    return low == high or bool(interval.delta * NARROW < abs(interval))


def _double(number: Number) -> float:
    """Round to a double. Raises ParameterError where that has not all its digits: beyond the range of float64."""
    is_exact = isinstance(number, Fraction)
    middle = from_rational(*number.as_integer_ratio(), 64) if is_exact else number._mpi_[0]
    double = to_float(middle)
    if not LEAST <= abs(double) <= MOST and number != 0:
        raise ParameterError(
            f"is {to_str(middle, 6)} here, which leaves the range of float64, {LEAST:.2g} to {MOST:.2g}"
        )
    return float(number) if is_exact else double


def _first_places(entries: Sequence[Any]) -> list[int]:
    """Return for each entry the position of the first one equal to it."""
    first: dict[Any, int] = {}
    return [first.setdefault(entry, position) for position, entry in enumerate(entries)]


class _Known:
    """What does not depend on the precision: the bindings, and what of them an expression sees at given indices."""

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self.bindings = bindings
        self.scalars = {s: v for s, v in bindings.items() if isinstance(s, sp.Symbol)}
        self.sizes = {s: v for s, v in self.scalars.items() if s.is_integer}
        self.alike = {s: _first_places(v) for s, v in bindings.items() if isinstance(s, sp.IndexedBase)}
        self.of: dict[sp.Basic, tuple[sp.Basic, ...]] = {}
        self.listed: dict[sp.Indexed, tuple[list[int], sp.Symbol]] = {}
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
                        # Of a leaf that runs along with the sum only its other indices are seen from outside.
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
        """Return the arguments of a sum or product, those that see the same taken together: they are computed as often as they differ."""
        if e not in self.joined:
            alike: dict[tuple, list[sp.Basic]] = {}
            for a in e.args:
                alike.setdefault(self.leaves(a), []).append(a)
            self.joined[e] = e.args if len(alike) == 1 else tuple(e.func(*group) for group in alike.values())
        return self.joined[e]

    def _indices(self, leaf: sp.Basic) -> set[sp.Symbol]:
        parts = leaf.indices if isinstance(leaf, sp.Indexed) else (leaf,)
        return set().union(*(part.free_symbols for part in parts)) - self.scalars.keys()

    def seen(self, leaf: sp.Basic, place: Place) -> Any:
        """Return what a leaf is at given indices: equal for equal numbers."""
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
        name = (leaf, *(place.get(s) for s in leaf.free_symbols))
        if name not in self.conditions:
            self.conditions[name] = leaf.subs({s: place.get(s, self.sizes.get(s)) for s in leaf.free_symbols})
        return self.conditions[name]

    def all_seen(self, e: sp.Basic, place: Place) -> tuple:
        return tuple(self.seen(leaf, place) for leaf in self.leaves(e))

    def positions(self, e: sp.Indexed, place: Place) -> tuple[int, ...]:
        """Return the indices of an entry, from 0."""
        return tuple((place[i] if i in place else int(i.subs({**self.sizes, **place}))) - 1 for i in e.indices)

    def binding(self, e: sp.Symbol | sp.Indexed, place: Place) -> sp.Expr:
        """Return the number that a symbol or an entry of a list stands for."""
        if isinstance(e, sp.Indexed):
            return reduce(lambda entries, i: entries[i], self.positions(e, place), self.bindings[e.base])
        return sp.Integer(place[e]) if e in place else self.bindings[e]

    def concrete(self, e: sp.Basic, place: Place) -> sp.Basic:
        """Return an expression with all numbers put in."""
        here = e.subs({**self.scalars, **place})
        return here.xreplace({entry: self.binding(entry, {}) for entry in here.atoms(sp.Indexed)})


class _Walk:
    """Evaluates expressions at one precision; ``place`` gives the indices."""

    def __init__(self, known: _Known, precision: int) -> None:
        self.known = known
        self.context = MPIntervalContext()
        self.context.prec = precision
        self.values: dict[tuple, Number] = {}

    def value(self, e: sp.Basic, place: Place) -> Number:
        """Return an exact number or an interval that holds it. Raises Undecided where a condition needs more digits."""
        name = (e, self.known.all_seen(e, place))
        if name not in self.values:
            self.values[name] = self._compute(e, place)
        return self.values[name]

    def _compute(self, e: sp.Basic, place: Place) -> Number:
        match e:
            case sp.Rational():
                return Fraction(int(e.p), int(e.q))
            case sp.Float():
                return self.value(sp.Rational(e), {})
            case sp.Symbol() | sp.Indexed():
                return self.value(self.known.binding(e, place), {})
            case sp.Add():
                return reduce(self.add, (self.value(a, place) for a in self.known.parts(e)))
            case sp.Mul():
                return self._product((self.value(a, place), 1) for a in self.known.parts(e))
            case sp.Pow():
                return self.power(self.value(e.base, place), self.value(e.exp, place))
            case sp.exp():
                return self.context.exp(self.interval(self.value(e.args[0], place)))
            case sp.log():
                inner = self.value(e.args[0], place)
                exactly_one = isinstance(inner, Fraction) and inner == 1
                return Fraction(0) if exactly_one else self.context.log(self.interval(inner))
            case sp.Max() | sp.Min():
                return self._extreme(e, place)
            case sp.Abs():
                return abs(self.value(e.args[0], place))
            case sp.KroneckerDelta():
                return Fraction(int(self.compare(*e.args, place) == 0))
            case sp.Piecewise():
                return self.value(self.case(e, place), place)
            case sp.Sum():
                terms = ((self.value(e.function, here), times) for here, times in self._groups(e, place))
                return reduce(self.add, (self.multiply(Fraction(times), x) for x, times in terms), Fraction(0))
            case sp.Product():
                return self._product((self.value(e.function, here), times) for here, times in self._groups(e, place))
        if hasattr(e, "enclosure"):
            return e.enclosure(self.context, lambda a: self.value(a, place))
        return self._by_sympy(e, place)

    def integer(self, e: sp.Expr, place: Place) -> int:
        return int(self.value(e, place))

    def interval(self, x: Number) -> Any:
        if not isinstance(x, Fraction):
            return x
        return self.context.mpf(x.numerator) / self.context.mpf(x.denominator)

    def _shortened(self, x: Fraction) -> Number:
        """Return a fraction as an interval where it has become too long to be worked with."""
        return x if _length(x) <= EXACT_BITS else self.interval(x)

    def add(self, x: Number, y: Number) -> Number:
        if isinstance(x, Fraction) and isinstance(y, Fraction):
            return self._shortened(x + y)
        return self.interval(x) + self.interval(y)

    def multiply(self, x: Number, y: Number) -> Number:
        if isinstance(x, Fraction) and isinstance(y, Fraction):
            return self._shortened(x * y)
        return self.interval(x) * self.interval(y)

    def _product(self, factors: Iterable[tuple[Number, int]]) -> Number:
        """Multiply powers of numbers; a factor that is exactly zero makes the product so, however uncertain the others are."""
        product: Number = Fraction(1)
        for x, times in factors:
            if isinstance(x, Fraction) and x == 0:
                return x
            product = self.multiply(product, x if times == 1 else self.power(x, Fraction(times)))
        return product

    def power(self, base: Number, exponent: Number) -> Number:
        if not isinstance(exponent, Fraction):
            return self.context.exp(exponent * self.context.log(self.interval(base)))
        if isinstance(base, Fraction):
            exact = _exact_power(base, exponent)
            if exact is not None:
                return exact
            base = self.interval(base)
        times, order = exponent.as_integer_ratio()
        if order == 1:
            return base**times
        # What is not negative may have an interval that reaches below zero.
        base = self.context.mpf([max(base.a, 0), max(base.b, 0)])
        return self.context.sqrt(base) ** times if order == 2 else base ** self.interval(exponent)

    def compare(self, left: sp.Basic, right: sp.Basic, place: Place) -> int:
        """Return −1, 0 or 1 as left is below, equal to or above right. Raises Undecided where that takes more digits."""
        a, b = self.value(left, place), self.value(right, place)
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            return (a > b) - (a < b)
        a, b = self.interval(a), self.interval(b)
        if a < b:
            return -1
        if a > b:
            return 1
        if self.is_zero([(left, 1), (right, -1)], place):
            return 0
        raise Undecided

    def truth(self, e: sp.Basic, place: Place) -> bool:
        """Decide a condition. Raises Undecided where that takes more digits."""
        match e:
            case sp.logic.boolalg.BooleanAtom():
                return bool(e)
            case sp.Not():
                return not self.truth(e.args[0], place)
            case sp.And() | sp.Or():
                return self._joint_truth(e.args, place, settling=isinstance(e, sp.Or))
            case sp.core.relational.Relational():
                order = self.compare(e.lhs, e.rhs, place)
                holds = {sp.Gt: order > 0, sp.Ge: order >= 0, sp.Lt: order < 0, sp.Le: order <= 0, sp.Eq: order == 0}
                return holds.get(type(e), order != 0)
            case sp.logic.boolalg.BooleanFunction():
                return self.truth(e.to_nnf(simplify=False), place)
        raise NotImplementedError(f"no exact evaluation for the condition {e}")

    def _joint_truth(self, conditions: Iterable[sp.Basic], place: Place, settling: bool) -> bool:
        """Return ``settling`` where one of the conditions has this value, and its opposite where none has."""
        undecided = None
        for condition in conditions:
            try:
                if self.truth(condition, place) == settling:
                    return settling
            except Undecided as error:
                undecided = error
        if undecided is not None:
            raise undecided
        return not settling

    def case(self, e: sp.Piecewise, place: Place) -> sp.Basic:
        """Return the formula of the first case that applies."""
        for formula, condition in e.args:
            if self.truth(condition, place):
                return formula
        raise ParameterError(f"has no case that applies: {e}")

    def _extreme(self, e: sp.Max | sp.Min, place: Place) -> Number:
        """Return the largest or smallest argument; of equal ones the exact one, and of those too close to tell the hull."""
        side = 1 if isinstance(e, sp.Max) else -1
        kept: list[sp.Expr] = []
        for a in sorted(e.args, key=lambda a: not isinstance(self.value(a, place), Fraction)):
            orders = {b: self._order(a, b, place) for b in kept}
            if all(order is None or side * order > 0 for order in orders.values()):
                kept = [*(b for b in kept if orders[b] is None), a]
        if len(kept) == 1:
            return self.value(kept[0], place)
        intervals = [self.interval(self.value(a, place)) for a in kept]
        pick = max if side > 0 else min
        return self.context.mpf([pick(x.a for x in intervals), pick(x.b for x in intervals)])

    def _order(self, left: sp.Basic, right: sp.Basic, place: Place) -> int | None:
        try:
            return self.compare(left, right, place)
        except Undecided:
            return None

    def _groups(self, e: sp.Sum | sp.Product, place: Place) -> list[tuple[Place, int]]:
        """Return places of the indices at which the terms differ, each with the number of terms like it."""
        where: dict[tuple, Place] = {}
        times: Counter[tuple] = Counter()

        def run(limits: Sequence[Any], here: Place) -> None:
            if not limits:
                seen = self.known.all_seen(e.function, here)
                where.setdefault(seen, here)
                times[seen] += 1
                return
            *inner, (index, first, last) = limits
            for i in range(self.integer(first, here), self.integer(last, here) + 1):
                run(inner, {**here, index: i})

        run(e.limits, place)
        return [(here, times[seen]) for seen, here in where.items()]

    def _by_sympy(self, e: sp.Basic, place: Place) -> Number:
        """Evaluate what SymPy alone knows, trusting the digits that it shows."""
        number = self.known.concrete(e, place).doit()
        if isinstance(number, sp.Rational):
            return self.value(number, {})
        digits = self.context.dps + 5
        shown = sp.N(number, digits)
        if not isinstance(shown, sp.Float):
            raise NotImplementedError(f"no exact evaluation for {type(e).__name__}: {e}")
        middle = self.value(sp.Rational(shown), {})
        off = abs(middle) / 10 ** (digits - 3)
        return self.context.mpf([self.interval(middle - off).a, self.interval(middle + off).b])

    def is_zero(self, parts: Sequence[tuple[sp.Basic, int]], place: Place) -> bool | None:
        """Tell whether a sum of multiples of expressions is exactly zero; None where exact arithmetic does not say."""
        try:
            total = _sum_of([(self._radicals(e, place), factor) for e, factor in parts])
        except radicals.TooLong:
            return None
        return None if total is None else not total

    def _radicals(self, e: sp.Basic, place: Place) -> radicals.Radicals | None:
        """Return an expression as a sum of roots of fractions; None where it is none, or is not seen to be one."""
        value = self.value(e, place)
        if isinstance(value, Fraction):
            return radicals.rational(value)
        match e:
            case sp.Add():
                return _sum_of([(self._radicals(a, place), 1) for a in e.args])
            case sp.Mul():
                return _product_of([(self._radicals(a, place), 1) for a in e.args])
            case sp.Pow():
                base, exponent = self._radicals(e.base, place), self.value(e.exp, place)
                return radicals.raised(base, exponent) if base is not None and isinstance(exponent, Fraction) else None
            case sp.Piecewise():
                return self._radicals(self.case(e, place), place)
            case sp.Max() | sp.Min():
                side = 1 if isinstance(e, sp.Max) else -1
                chosen = reduce(lambda a, b: a if side * self.compare(a, b, place) >= 0 else b, e.args)
                return self._radicals(chosen, place)
            case sp.log():
                return () if self._radicals(e.args[0], place) == radicals.rational(Fraction(1)) else None
            case sp.Sum() | sp.Product():
                parts = [(self._radicals(e.function, here), times) for here, times in self._groups(e, place)]
                return _sum_of(parts) if isinstance(e, sp.Sum) else _product_of(parts)
        return None


def _length(number: Fraction) -> int:
    return number.numerator.bit_length() + number.denominator.bit_length()


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """Return a power that is a fraction of moderate length, with 0⁰ = 1; None where it is none."""
    if exponent == 0:
        return Fraction(1)
    if base == 0:
        return base if exponent > 0 else None
    if _length(base) * max(abs(exponent), 1) > EXACT_BITS:
        return None
    root = base if exponent.denominator == 1 else radicals.exact_root(base, exponent.denominator)
    return None if root is None else root**exponent.numerator


Parts = Sequence[tuple[radicals.Radicals | None, int]]
"""Sums of roots, each with how often it is a term or a factor; None where something is no sum of roots."""


def _sum_of(parts: Parts) -> radicals.Radicals | None:
    if any(one is None for one, _ in parts):
        return None
    return radicals.added(radicals.multiplied(radicals.rational(Fraction(times)), one) for one, times in parts)


def _product_of(parts: Parts) -> radicals.Radicals | None:
    if any(one == () for one, _ in parts):
        return ()
    product: radicals.Radicals | None = radicals.rational(Fraction(1))
    for one, times in parts:
        power = None if one is None else radicals.raised(one, Fraction(times))
        if power is None:
            return None
        product = radicals.multiplied(product, power)
    return product
