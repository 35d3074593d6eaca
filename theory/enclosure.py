"""Evaluation of formulas at concrete parameters, to doubles that are right to the last digit whatever the size of the terms.

A number is an exact fraction while the fraction is short, and an interval when the fraction is long. Where an interval
is too wide, or does not decide a condition, the evaluation is repeated with twice the digits. Digits never decide a
tie: exact arithmetic on roots proves ties. Entries into which the same numbers enter are computed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any, Protocol, runtime_checkable

import sympy as sp
from mpmath.ctx_iv import MPIntervalContext

from theory import radicals
from theory.dependence import Dependence, Place
from theory.errors import ParameterError
from theory.intervals import Arithmetic, Number, Undecided, is_narrow, to_double

PRECISIONS = tuple(128 << doublings for doublings in range(7))
"""Bits of the intervals, in the order in which they are tried. Parameters of 17 digits from 1e-50 to 1e50 cannot cancel
as many bits as the last precision has."""


@runtime_checkable
class Enclosable(Protocol):
    """A function of SymPy that encloses its own values: ``value`` encloses its arguments."""

    def enclosure(self, context: MPIntervalContext, value: Callable[[sp.Basic], Number]) -> Number: ...


class Evaluation:
    """An evaluator of formulas at one set of parameters.

    ``bindings`` maps symbols to exact SymPy numbers, and lists to sequences of them.
    """

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self._dependence = Dependence(bindings)
        self._walks: list[_Walk] = []
        self._entries: dict[tuple, Any] = {}

    def array(self, expression: sp.Basic, axes: Sequence[tuple[sp.Symbol, sp.Expr]] = ()) -> Any:
        """Return a double or a truth value, or nested lists of them, with one level for each axis (index, length).

        Raises ParameterError for a number that leaves the range of float64 or cannot be told from zero, and for a
        condition too close to a tie.
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
        """Return a matrix as a list of rows. Rows with the same numbers off the diagonal are computed once."""
        (row, height), (column, width) = rows, columns
        deltas = {delta for delta in e.atoms(sp.KroneckerDelta) if set(delta.args) == {row, column}}
        off = e.xreplace(dict.fromkeys(deltas, sp.Integer(0)))
        of_row = [leaf for leaf in self._dependence.leaves(off) if row in leaf.free_symbols]
        if any(column in leaf.free_symbols for leaf in of_row):
            return [self._array(e, [columns], {**place, row: i}) for i in range(1, height + 1)]
        found: dict[tuple, list[Any]] = {}
        matrix = []
        for i in range(1, height + 1):
            here = {**place, row: i}
            seen = tuple(self._dependence.seen(leaf, here) for leaf in of_row)
            if seen not in found:
                found[seen] = self._array(off, [columns], here)
            entries = found[seen]
            if deltas and i <= width:
                entries = [*entries[: i - 1], self._entry(e, {**here, column: i}), *entries[i:]]
            matrix.append(entries)
        return matrix

    def _entry(self, e: sp.Basic, place: Place) -> float | bool:
        name = (e, self._dependence.all_seen(e, place))
        if name not in self._entries:
            is_condition = not isinstance(e, sp.Expr)  # a symbol is a Boolean of SymPy, too
            self._entries[name] = self._truth(e, place) if is_condition else self._real(e, place)
        return self._entries[name]

    def _walk(self, number: int) -> _Walk:
        """Return the walk at ``PRECISIONS[number]``, with everything that it has computed before."""
        while number >= len(self._walks):
            self._walks.append(_Walk(self._dependence, PRECISIONS[len(self._walks)]))
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
                if isinstance(found, Fraction) or is_narrow(found):
                    return to_double(found)
                if not asked and 0 in found:
                    asked = True
                    if walk.is_zero([(e, 1)], place):
                        return 0.0
            except Undecided:
                continue
        raise ParameterError(f"cancels: {PRECISIONS[-1]} bits do not tell its first digit")


class _Walk:
    """The evaluation of expressions at one precision. ``place`` gives the methods the values of the indices."""

    def __init__(self, dependence: Dependence, precision: int) -> None:
        self.dependence = dependence
        self.numbers = Arithmetic(precision)
        self.values: dict[tuple, Number] = {}

    def value(self, e: sp.Basic, place: Place) -> Number:
        """Return an exact number, or an interval that contains the number. Raises Undecided where a condition needs more digits."""
        name = (e, self.dependence.all_seen(e, place))
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
                return self.value(self.dependence.binding(e, place), {})
            case sp.Add():
                return reduce(self.numbers.add, (self.value(a, place) for a in self.dependence.parts(e)))
            case sp.Mul():
                return self.numbers.product((self.value(a, place), 1) for a in self.dependence.parts(e))
            case sp.Pow():
                return self.numbers.power(self.value(e.base, place), self.value(e.exp, place))
            case sp.exp():
                return self.numbers.context.exp(self.numbers.interval(self.value(e.args[0], place)))
            case sp.log():
                inner = self.value(e.args[0], place)
                exactly_one = isinstance(inner, Fraction) and inner == 1
                return Fraction(0) if exactly_one else self.numbers.context.log(self.numbers.interval(inner))
            case sp.Max() | sp.Min():
                return self._extreme(e, place)
            case sp.Abs():
                return abs(self.value(e.args[0], place))
            case sp.KroneckerDelta():
                left, right = e.args
                return Fraction(int(self.compare(left, right, place) == 0))
            case sp.Piecewise():
                return self.value(self.case(e, place), place)
            case sp.Sum():
                terms = ((self.value(e.function, here), times) for here, times in self._groups(e, place))
                return reduce(
                    self.numbers.add, (self.numbers.multiply(Fraction(times), x) for x, times in terms), Fraction(0)
                )
            case sp.Product():
                return self.numbers.product(
                    (self.value(e.function, here), times) for here, times in self._groups(e, place)
                )
        if isinstance(e, Enclosable):
            return e.enclosure(self.numbers.context, lambda a: self.value(a, place))
        return self._by_sympy(e, place)

    def integer(self, e: sp.Expr, place: Place) -> int:
        """Return the value of an expression whose value is an integer."""
        return int(self.value(e, place))

    def compare(self, left: sp.Basic, right: sp.Basic, place: Place) -> int:
        """Return −1 for left < right, 0 for left = right, 1 for left > right. Raises Undecided where more digits are needed."""
        a, b = self.value(left, place), self.value(right, place)
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            return (a > b) - (a < b)
        a, b = self.numbers.interval(a), self.numbers.interval(b)
        if a < b:
            return -1
        if a > b:
            return 1
        if self.is_zero([(left, 1), (right, -1)], place):
            return 0
        raise Undecided

    def truth(self, e: sp.Basic, place: Place) -> bool:
        """Return whether a condition holds. Raises Undecided where more digits are needed."""
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
        """Return ``settling`` if one of the conditions has this truth value, and the opposite if none has.

        ``settling`` is True for Or and False for And. Raises Undecided where an undecided condition could settle the
        result.
        """
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
        """Return the formula of the first case whose condition holds. Raises ParameterError where none holds."""
        for formula, condition in e.args:
            if self.truth(condition, place):
                return formula
        raise ParameterError(f"has no case that applies: {e}")

    def _extreme(self, e: sp.Max | sp.Min, place: Place) -> Number:
        """Return the largest or smallest argument: of equal arguments an exact one, of undecidably close arguments an interval."""
        side = 1 if isinstance(e, sp.Max) else -1
        kept: list[sp.Expr] = []
        for a in sorted(e.args, key=lambda a: not isinstance(self.value(a, place), Fraction)):
            orders = {b: self._order(a, b, place) for b in kept}
            if all(order is None or side * order > 0 for order in orders.values()):
                kept = [*(b for b in kept if orders[b] is None), a]
        if len(kept) == 1:
            return self.value(kept[0], place)
        intervals = [self.numbers.interval(self.value(a, place)) for a in kept]
        pick = max if side > 0 else min
        return self.numbers.context.mpf([pick(x.a for x in intervals), pick(x.b for x in intervals)])

    def _order(self, left: sp.Basic, right: sp.Basic, place: Place) -> int | None:
        try:
            return self.compare(left, right, place)
        except Undecided:
            return None

    def _groups(self, e: sp.Sum | sp.Product, place: Place) -> list[tuple[Place, int]]:
        """Return the values of the indices for one term of each group of equal terms, with the number of terms in the group."""
        where: dict[tuple, Place] = {}
        times: Counter[tuple] = Counter()

        def run(limits: Sequence[Any], here: Place) -> None:
            if not limits:
                seen = self.dependence.all_seen(e.function, here)
                where.setdefault(seen, here)
                times[seen] += 1
                return
            *inner, (index, first, last) = limits
            for i in range(self.integer(first, here), self.integer(last, here) + 1):
                run(inner, {**here, index: i})

        run(e.limits, place)
        return [(here, times[seen]) for seen, here in where.items()]

    def _by_sympy(self, e: sp.Basic, place: Place) -> Number:
        """Evaluate an expression that only SymPy knows. The interval allows an error in the last three of SymPy's digits."""
        number = self.dependence.concrete(e, place).doit()
        if isinstance(number, sp.Rational):
            return self.value(number, {})
        digits = self.numbers.context.dps + 5
        shown = sp.N(number, digits)
        if not isinstance(shown, sp.Float):
            raise NotImplementedError(f"no exact evaluation for {type(e).__name__}: {e}")
        middle = self.value(sp.Rational(shown), {})
        off = abs(middle) / 10 ** (digits - 3)
        return self.numbers.context.mpf([self.numbers.interval(middle - off).a, self.numbers.interval(middle + off).b])

    def is_zero(self, parts: Sequence[tuple[sp.Basic, int]], place: Place) -> bool | None:
        """Return whether Σ factor · expression is exactly zero, or None where exact arithmetic does not decide this."""
        try:
            total = _sum_of([(self._radicals(e, place), factor) for e, factor in parts])
        except radicals.TooLong:
            return None
        return None if total is None else not total

    def _radicals(self, e: sp.Basic, place: Place) -> radicals.Radicals | None:
        """Return an expression as a sum of roots of fractions, or None where the expression is not recognised as such a sum."""
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


Parts = Sequence[tuple[radicals.Radicals | None, int]]
"""Sums of roots, each with its multiplicity as a term or as a factor. None stands for an expression that is no sum of roots."""


def _sum_of(parts: Parts) -> radicals.Radicals | None:
    seen = [(one, times) for one, times in parts if one is not None]
    if len(seen) < len(parts):
        return None
    return radicals.added(radicals.multiplied(radicals.rational(Fraction(times)), one) for one, times in seen)


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
