"""Evaluation of formulas in balls: the enclosures hold whatever the rounding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import flint
import sympy as sp

from numerics.backends.balls import PRECISION, Ball, Undecided, exact, hull
from theory.exact_roots import ExactRoot
from theory.expressions import Formula
from theory.problem import Instance, Problem
from theory.scalar import Shrinkage


def ball_bindings(problem: Problem, instance: Instance) -> dict[sp.Basic, Any]:
    """Return the bindings of an instance, with every real number as a ball and every size as an integer.

    Exact numbers that ``bind`` computes from sizes are enclosed.
    """

    def as_balls(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(as_balls(v) for v in value)
        if isinstance(value, sp.Expr):
            return _Walk({}, {}).value(value)
        return exact(value) if isinstance(value, float) else value

    bound = problem.bind({name: as_balls(value) for name, value in instance.values.items()})
    return {symbol: as_balls(value) for symbol, value in bound.items()}


def evaluate_in_balls(formula: Formula, bindings: Mapping[sp.Basic, Any]) -> Any:
    """Enclose a formula: return a ball, or nested lists of balls with one level for each axis.

    Where the given balls do not decide a condition, the enclosure contains all cases that may apply.
    """
    sizes = {s: v for s, v in bindings.items() if isinstance(v, int)}
    expression = sp.sympify(formula.expression)

    def entries(axes: tuple[tuple[sp.Symbol, sp.Expr], ...], indices: dict[sp.Symbol, int]) -> Any:
        if not axes:
            return _Walk(bindings, indices).value(expression)
        (index, length), *rest = axes
        last = int(sp.sympify(length).subs(sizes))
        return [entries(tuple(rest), {**indices, index: i}) for i in range(1, last + 1)]

    return entries(formula.axes, {})


class _Walk:
    """The evaluation of expressions at balls, with one value for each index."""

    def __init__(self, bindings: Mapping[sp.Basic, Any], indices: Mapping[sp.Symbol, int]) -> None:
        self.bindings, self.indices = bindings, indices
        self.known: dict[sp.Basic, Ball] = {}

    def value(self, e: sp.Basic) -> Ball:
        if e not in self.known:
            self.known[e] = self._compute(e)
        return self.known[e]

    def _compute(self, e: sp.Basic) -> Ball:
        match e:
            case sp.Rational():
                return Ball(flint.fmpq(int(e.p), int(e.q)))
            case sp.Float():
                return self.value(sp.Rational(e))
            case sp.core.numbers.Exp1():
                return Ball(1).exp()
            case sp.Symbol():
                value = self.indices[e] if e in self.indices else self.bindings[e]
                if isinstance(value, flint.arb_mat):
                    return value  # pyright: ignore[reportReturnType] (a noncommutative symbol: matrices add and multiply as balls do)
                return Ball(value)
            case sp.Indexed():
                place = [_whole(self.value(i)) - 1 for i in e.indices]
                return Ball(reduce(lambda entry, i: entry[i], place, self.bindings[e.base]))
            case sp.Sum():
                return sum(self._over(e), Ball(0))
            case sp.Product():
                return reduce(lambda a, b: a * b, self._over(e), Ball(1))
            case Shrinkage():
                return shrinkage(*map(self.value, e.args))
            case ExactRoot():
                return hull(self.value(end) for end in e.bracket(2 ** (PRECISION + 1)))
            case sp.KroneckerDelta():
                return Ball(int(self.value(e.args[0]) == self.value(e.args[1])))
            case sp.Piecewise():
                possible = []
                for value, condition in e.args:
                    truth = self.truth(condition)
                    if truth is False:
                        continue
                    possible.append(self.value(value))
                    if truth:
                        break
                return hull(possible)
            case sp.Add():
                return reduce(lambda a, b: a + b, map(self.value, e.args))
            case sp.Mul():
                return reduce(lambda a, b: a * b, map(self.value, e.args))
            case sp.Pow():
                return power(self.value(e.base), e.exp, self.value)
            case sp.exp():
                return self.value(e.args[0]).exp()
            case sp.log():
                return self.value(e.args[0]).log()
            case sp.Max():
                return reduce(lambda a, b: a.max(b), map(self.value, e.args))
            case sp.Min():
                return reduce(lambda a, b: a.min(b), map(self.value, e.args))
            case sp.Abs():
                return abs(self.value(e.args[0]))
        raise NotImplementedError(f"no ball evaluation for {type(e).__name__}: {e}")

    def _over(self, e: sp.Sum | sp.Product) -> list[Ball]:
        """Return the terms of a sum or product, innermost limits first, as SymPy reads them."""

        def terms(limits: Sequence[Any], walk: _Walk) -> list[Ball]:
            if not limits:
                return [walk.value(e.function)]
            *inner, (index, first, last) = limits
            ends = [_whole(walk.value(end)) for end in (first, last)]
            return [
                term
                for i in range(ends[0], ends[1] + 1)
                for term in terms(inner, _Walk(self.bindings, {**walk.indices, index: i}))
            ]

        return terms([tuple(limit) for limit in e.limits], self)

    def truth(self, e: sp.Basic) -> bool | None:
        """Return whether a condition holds, or None where it holds for some points of the balls and not for others."""
        match e:
            case sp.logic.boolalg.BooleanTrue():
                return True
            case sp.logic.boolalg.BooleanFalse():
                return False
            case sp.Not():
                inner = self.truth(e.args[0])
                return None if inner is None else not inner
            case sp.And():
                found = [self.truth(a) for a in e.args]
                return False if False in found else None if None in found else True
            case sp.Or():
                found = [self.truth(a) for a in e.args]
                return True if True in found else None if None in found else False
            case sp.Eq() | sp.Ne():
                left, right = map(self.value, e.args)
                same = True if left.is_exact() and left == right else None if left.overlaps(right) else False
                return same if isinstance(e, sp.Eq) or same is None else not same
            case sp.Gt() | sp.Ge() | sp.Lt() | sp.Le():
                left, right = map(self.value, e.args)
                if isinstance(e, (sp.Gt, sp.Ge)):
                    left, right = right, left
                strict = isinstance(e, (sp.Gt, sp.Lt))
                if left < right or (not strict and left <= right):
                    return True
                return False if left > right or (strict and left >= right) else None
        raise NotImplementedError(f"no ball evaluation for the condition {e}")


def _whole(x: Ball) -> int:
    """Return the only whole number in a ball; raises Undecided where there is none or more than one."""
    number = x.unique_fmpz()
    if number is None:
        raise Undecided(f"{x.str(5)} does not hold exactly one whole number")
    return int(number)


def decide(condition: sp.Basic, bindings: Mapping[sp.Basic, Any], indices: Mapping[sp.Symbol, int]) -> bool:
    """Return whether a condition holds. Raises Undecided where it holds for some points of the balls and not for others."""
    truth = _Walk(bindings, indices).truth(condition)
    if truth is None:
        raise Undecided(str(condition))
    return truth


def function_in_balls(
    expression: sp.Expr, variable: sp.Symbol, bindings: Mapping[sp.Basic, Any], indices: Mapping[sp.Symbol, int]
) -> Callable[[Ball], Ball]:
    """Return an expression as a function of one variable. Parts that do not depend on the variable are evaluated once.

    For a power series (``flint.arb_series``) the function returns the series of its values, so that derivatives are
    enclosed.
    """
    fixed = _Walk(bindings, indices)

    def build(e: sp.Basic) -> Callable[[Ball], Ball]:
        if variable not in e.free_symbols:
            number = fixed.value(e)
            return lambda x: number
        if isinstance(e, sp.Symbol):
            return lambda x: x
        if isinstance(e, sp.Piecewise):
            # Sizes and parameters decide which case applies, never the variable.
            return build(next(value for value, condition in e.args if decide(condition, bindings, indices)))
        parts = [build(a) for a in e.args]
        match e:
            case sp.Add():
                return lambda x: reduce(lambda a, b: a + b, (part(x) for part in parts))
            case sp.Mul():
                return lambda x: reduce(lambda a, b: a * b, (part(x) for part in parts))
            case sp.Pow():
                return lambda x: power(parts[0](x), e.exp, lambda _: parts[1](x))
            case sp.exp():
                return lambda x: parts[0](x).exp()
            case sp.log():
                return lambda x: parts[0](x).log()
        raise NotImplementedError(f"no ball evaluation for {type(e).__name__} of {variable}: {e}")

    return build(expression)


def power(base: Ball, exponent: sp.Expr, value: Callable[[sp.Basic], Ball]) -> Ball:
    """Enclose base^exponent. If the exponent is a fraction and the base touches zero, the enclosure reaches down to zero."""
    if exponent.is_Integer:
        if isinstance(base, flint.arb_mat) and int(exponent) < 0:
            return base.inv() ** -int(exponent)  # pyright: ignore[reportReturnType] (a noncommutative base, as above)
        return base ** int(exponent)
    if isinstance(base, flint.arb_series):
        return (base.log() * value(exponent)).exp()
    if isinstance(exponent, sp.Rational) and exponent.q == 2:
        return base.nonnegative_part().sqrt() ** int(exponent.p) if base.contains(0) else base.sqrt() ** int(exponent.p)
    raised = value(exponent)
    if base > 0:
        return base**raised
    if base.is_zero() and raised > 0:
        return Ball(0)
    if base.upper() >= 0 and raised > 0:
        # The power increases with the base, so that zero and the power of the upper end bound it.
        return Ball(0).union(base.upper() ** raised)
    return base**raised


def shrinkage(depth: Ball, kappa: Ball) -> Ball:
    """Enclose ``theory.scalar.Shrinkage`` in a bracket, whose ends are proved to lie on either side of the root.

    Raises Undecided near the fold.
    """
    exponent = (depth - 1) / (depth + 1)

    def side(u: Ball) -> Ball:
        return (1 - u) * u**exponent - kappa

    low, high = ((depth - 1) / (2 * depth)).upper(), Ball(1)
    if not side(low) >= 0:
        raise Undecided("the shrinkage has no root, or lies at the fold")
    for _ in range(PRECISION):
        middle = ((low + high) / 2).mid()
        at = side(middle)
        if at >= 0:
            low = middle
        elif at < 0:
            high = middle
        else:
            break
    return low.union(high)
