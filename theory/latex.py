"""Formulas as LaTeX, the way a paper writes them: √(λ_W λ_H) in one root, λ_W before λ_H, and no minus in front of a sum."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from theory.symbols import j, k

DECAYS = r"\lambda_{H} \lambda_{W}", r"\lambda_{W} \lambda_{H}"
"""The product of both decays in SymPy's alphabetical order, and in the order of papers, from the last layer down to the features."""


INDICES = (k, j)
STANDS_LAST = (sp.Sum, sp.Piecewise)
"""Factors that stand at the end of a product."""


def latex(expression: Any, **settings: Any) -> str:
    """Return an expression as LaTeX; ``settings`` are those of SymPy's printer."""
    return _Printer(settings).doprint(expression)


class _Root(sp.Function):
    """``_Root(a, e)`` stands for the power a^e while a formula is printed, since SymPy would split it over the factors of a."""

    nargs = 2

    @classmethod
    def class_key(cls) -> tuple[int, int, str]:
        """Sort roots before all other functions, so that a root stands before a logarithm and not behind its argument."""
        return 4, 0, cls.__name__

    def _latex(self, printer: LatexPrinter) -> str:
        base, exponent = self.args
        return printer._print(sp.Pow(base, exponent, evaluate=False))


class _Printer(LatexPrinter):
    """SymPy's LaTeX printer with other products and sums.

    SymPy splits the root of a product of positive factors; this printer joins the roots again. SymPy may start a sum
    with a negative term; this printer starts the sum with its first positive term.
    """

    def _as_ordered_terms(self, expr: sp.Expr, order: str | None = None) -> list[sp.Expr]:
        terms = super()._as_ordered_terms(expr, order=order)
        first = next((number for number, term in enumerate(terms) if not term.could_extract_minus_sign()), 0)
        return [terms[first], *terms[:first], *terms[first + 1 :]]

    def _print_Mul(self, expr: sp.Expr) -> str:
        factors: list[Any] = list(expr.args)
        last = [factor for factor in factors if isinstance(factor, STANDS_LAST)]
        if len(last) == 1 and len(factors) > 1:
            return self._with_last(sp.Mul(*(factor for factor in factors if factor is not last[0])), last[0])
        below = [factor for factor in factors if _is_inverse_power(factor)]
        if below:
            above, rest = sp.fraction(sp.Mul(*(factor for factor in factors if factor not in below)))
            return rf"\frac{{{self._print(above)}}}{{{self._print(sp.Mul(rest, *(1 / factor for factor in below)))}}}"
        joined = _with_joined_roots(_with_whole_sums(expr)) if isinstance(expr, sp.Mul) else expr
        return super()._print_Mul(joined).replace(*DECAYS)

    def _with_last(self, factor: sp.Expr, last: sp.Expr) -> str:
        """Return a product whose last factor is a sum over an index, or cases, in which all that follows would be read."""
        if factor == -1:
            return f"- {self._print(last)}"
        written = self._print(factor)
        return f"{self._add_parens(written) if isinstance(factor, sp.Add) else written} {self._print(last)}"

    def _print_Relational(self, expr: Any) -> str:
        """Write an index on the left side: k ≤ d and not d ≥ k."""
        return super()._print_Relational(expr.reversed if expr.rhs in INDICES and expr.lhs not in INDICES else expr)


def _is_inverse_power(factor: sp.Expr) -> bool:
    """Tell whether a factor is a power with a symbolic exponent and a minus sign, which SymPy leaves above the line."""
    return (
        isinstance(factor, sp.Pow)
        and not factor.exp.is_number
        and factor.exp.could_extract_minus_sign()
        and factor.base != sp.E
    )


def _with_whole_sums(product: sp.Mul) -> Any:
    """Return a product in which the common denominator of a sum is a factor: (M + 1)/2 and not (M/2 + 1/2)."""
    factors: list[Any] = list(product.args)
    sums: dict[Any, Any] = {factor: factor.primitive() for factor in factors if isinstance(factor, sp.Add)}
    split = {factor: content for factor, (content, _) in sums.items() if content.q != 1}
    if not split:
        return product
    number = sp.Mul(*split.values(), *(factor for factor in factors if factor.is_Rational))
    others = [sums[factor][1] if factor in split else factor for factor in factors if not factor.is_Rational]
    return sp.Mul(*([] if number == 1 else [number]), *others, evaluate=False)


def _with_joined_roots(product: sp.Mul) -> sp.Expr:
    """Return a product with all roots of one order joined into one root, or the product itself where no order has two roots."""
    roots: dict[sp.Expr, list[sp.Pow]] = {}
    for factor in product.args:
        if isinstance(factor, sp.Pow) and _is_root(factor):
            roots.setdefault(abs(factor.exp), []).append(factor)
    several = {order: found for order, found in roots.items() if len(found) > 1}
    if not several:
        return product
    joined = [factor for found in several.values() for factor in found]
    others = [factor for factor in product.args if factor not in joined]
    has_denominator = sp.fraction(sp.Mul(*others), exact=True)[1] != 1
    return sp.Mul(*others, *(_joined(order, found, has_denominator) for order, found in several.items()))


def _is_root(power: sp.Pow) -> bool:
    """Tell whether a power is a root, or the inverse of a root, of a base that SymPy knows to be nonnegative."""
    exponent = power.exp
    is_root = isinstance(exponent, sp.Rational) and abs(exponent.p) == 1 and exponent.q > 1
    return is_root and bool(power.base.is_nonnegative)


def _joined(order: sp.Expr, roots: list[sp.Pow], has_denominator: bool) -> sp.Expr:
    """Return a product of roots of one order as one root, or as a fraction of two roots where there is a denominator anyway."""
    above = sp.Mul(*(root.base for root in roots if root.exp > 0))
    below = sp.Mul(*(root.base for root in roots if root.exp < 0))
    if above == 1 or below == 1 or has_denominator:
        return _one_root(above, order) / _one_root(below, order)
    return _one_root(above / below, order)


def _one_root(base: sp.Expr, order: sp.Expr) -> sp.Expr:
    return _Root(base, order) if isinstance(base, sp.Mul) else base**order
