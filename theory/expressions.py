"""Formulas with index axes, their exact evaluation, and proofs of sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, overload

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.differing import far_from_zero
from theory.enclosure import Evaluation
from theory.symbols import BETWEEN, LEAST

Values = Mapping[str, Any]
"""Values of the parameters of a problem, by name."""
Bindings = Mapping[sp.Basic, Any]
"""Values for symbols (numbers) and for indexed symbols (sequences whose first entry has index 1)."""


@dataclass(frozen=True)
class Formula:
    """An array given by the formula of its entry.

    ``axes`` lists (index symbol, length); no axes means a scalar. Entries count from 1. For example, ``Formula(n_k[k] /
    N, ((k, K),))`` is the list of the shares of the classes.
    """

    expression: sp.Expr | Boolean
    axes: tuple[tuple[sp.Symbol, sp.Expr], ...] = ()

    @property
    def number(self) -> sp.Expr:
        """The formula of an entry that is a number. Raises TypeError for a condition."""
        if not isinstance(self.expression, sp.Expr):
            raise TypeError(f"{self.expression} is a condition, and not the formula of a number")
        return self.expression

    def replace_expression(self, expression: sp.Expr | Boolean) -> Formula:
        """Return the formula of another entry with the same axes."""
        return Formula(expression, self.axes)


@overload
def to_exact(value: float | int) -> sp.Rational: ...
@overload
def to_exact(value: float | int | sp.Expr) -> sp.Expr: ...
def to_exact(value: float | int | sp.Expr) -> sp.Expr:
    """Return a number exactly as the user wrote it: 0.01 becomes 1/100, not the nearest binary fraction.

    A SymPy number, which follows from numbers that a user wrote, is returned as it is.
    """
    if isinstance(value, sp.Expr):
        return value
    return sp.Rational(repr(value)) if isinstance(value, float) else sp.Rational(value)


class ExactEvaluation:
    """An evaluator of formulas at one set of parameters, to doubles right to the last digit. Shared parts are computed once."""

    def __init__(self, bindings: Bindings) -> None:
        self._evaluation = Evaluation({symbol: _all_exact(value) for symbol, value in bindings.items()})

    def evaluate(self, formula: Formula) -> Any:
        """Return a double or a truth value, or nested lists of them, with one level for each axis.

        Raises ParameterError for a number that leaves the range of float64 or cannot be told from zero, and for a
        condition too close to a tie.
        """
        return self._evaluation.array(formula.expression, formula.axes)


def _all_exact(value: Any) -> Any:
    return tuple(map(_all_exact, value)) if isinstance(value, tuple | list) else to_exact(value)


def evaluate_exactly(formula: Formula, bindings: Bindings) -> Any:
    """Return the value of one formula, as ``ExactEvaluation.evaluate`` does."""
    return ExactEvaluation(bindings).evaluate(formula)


def provably_nonnegative(expression: sp.Expr) -> bool:
    """Tell whether SymPy proves the expression ≥ 0 from the assumptions on its symbols; False means "no proof found".

    Each size is first written as its smallest value plus a nonnegative integer, so that SymPy sees K − 1 > 0. Each
    symbol of BETWEEN is written by a positive symbol, so that SymPy sees 1 − α > 0 for α between 0 and 1.
    """
    shifted = _above_least(expression)
    return any(form(shifted).is_nonnegative for form in _FORMS) or _has_nonnegative_coefficients(shifted)


def _has_nonnegative_coefficients(expression: sp.Expr) -> bool:
    """Tell whether the expression is a polynomial in nonnegative symbols whose coefficients are numbers ≥ 0."""
    symbols = sorted(expression.free_symbols, key=str)
    if not symbols or not all(s.is_nonnegative for s in symbols) or not expression.is_polynomial(*symbols):
        return False
    return all(c.is_nonnegative for c in sp.Poly(expression, *symbols, domain="EX").coeffs())


def provably_positive(expression: sp.Expr) -> bool:
    """Tell whether SymPy proves the expression > 0, as ``provably_nonnegative`` does for ≥ 0."""
    shifted = _above_least(expression)
    return any(form(shifted).is_positive for form in _FORMS)


def _above_least(expression: sp.Expr) -> sp.Expr:
    """Write each size as its smallest value plus a nonnegative integer, and each symbol of BETWEEN by a positive symbol."""
    shifts: dict[sp.Basic, sp.Expr] = {
        s: least + sp.Symbol(f"{s.name}_above", integer=True, nonnegative=True) for s, least in LEAST.items()
    }
    for s, (low, high) in BETWEEN.items():
        shifts[s] = low + (high - low) / (1 + sp.Symbol(f"{s}_below", positive=True))
    return sp.sympify(expression).subs(shifts)


def _expanded_fraction(expression: sp.Expr) -> sp.Expr:
    numerator, denominator = sp.fraction(sp.together(expression))
    return sp.expand(numerator) / sp.factor(denominator)


def equal(left: sp.Expr | int, right: sp.Expr | int) -> bool:
    """Tell whether SymPy reduces left − right to zero for all sizes at or above their smallest values.

    False means "no reduction found".
    """
    difference = sp.sympify(left) - sp.sympify(right)
    if difference == 0:
        return True
    merged = sp.concrete.summations.Sum
    if difference.has(merged):
        difference = sp.expand(difference)
        sums = [t for t in sp.Add.make_args(difference) if t.has(merged)]
        rest = sp.Add(*[t for t in sp.Add.make_args(difference) if not t.has(merged)])
        by_limits: dict[tuple, sp.Expr] = {}
        for term in sums:
            factor, inner = term.as_independent(merged, as_Add=False)
            if not isinstance(inner, merged):
                break
            by_limits[inner.limits] = by_limits.get(inner.limits, sp.Integer(0)) + factor * inner.function
        else:
            bodies = [(limits, sp.simplify(body)) for limits, body in by_limits.items()]
            difference = rest + sum(_summed(body, limits) for limits, body in bodies)
    above = _above_least(difference)
    if any(form(above) == 0 for form in _CHEAP_ZERO_FORMS):
        return True
    # A difference that numbers tell from zero would cost the long rewritings much time, and some of them do not end.
    return not far_from_zero(difference) and any(form(above) == 0 for form in _ZERO_FORMS)


def _summed(body: sp.Expr, limits: tuple) -> sp.Expr:
    """Return the sum of a simplified body, in closed form where it does not depend on its only index."""
    (index, first, last), *more = limits
    if not more and not body.has(index):
        return body * (last - first + 1)
    return sp.Sum(body, *limits) if body != 0 else sp.Integer(0)


def with_merged_powers(expression: sp.Expr) -> sp.Expr:
    """Expand, merge the powers of each base in a product, and reduce the exponents: n · n^(−M/(M+1)) becomes n^(1/(M+1))."""
    terms = sp.Add.make_args(sp.expand(sp.expand_power_base(sp.expand(expression))))
    return sp.Add(*[sp.Mul(*[b ** sp.cancel(e) for b, e in term.as_powers_dict().items()]) for term in terms])


def _with_split_logarithms(expression: sp.Expr) -> sp.Expr:
    """Simplify with every log of a product written as a sum of logs, where SymPy knows the factors to be positive."""
    factored = expression.replace(sp.log, lambda a: sp.log(sp.factor(sp.together(a))))
    return sp.simplify(sp.expand(sp.expand_log(factored)))


def _numerator(expression: sp.Expr) -> sp.Expr:
    return with_merged_powers(sp.fraction(sp.together(expression))[0])


_CHEAP_ZERO_FORMS = (sp.expand, with_merged_powers, _numerator)
"""Rewritings of a difference that are tried first, in turn, to reduce it to zero."""
_ZERO_FORMS = (sp.simplify, _with_split_logarithms, lambda e: _with_split_logarithms(with_merged_powers(e)))
"""Rewritings of a difference that are tried after them."""
_FORMS = (lambda e: e, sp.simplify, sp.factor, lambda e: sp.expand(sp.together(e)), _expanded_fraction)
"""Rewritings of an expression that are tried in turn to show its sign."""
