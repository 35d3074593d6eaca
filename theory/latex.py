"""Formulas as LaTeX, the way a paper writes them: √(λ_W λ_H) in one root, λ_W before λ_H, and no minus in front of a sum."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

DECAYS = r"\lambda_{H} \lambda_{W}", r"\lambda_{W} \lambda_{H}"
"""The product of both decays in SymPy's alphabetical order, and in the order of papers, from the last layer down to the features."""


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

    def _as_ordered_terms(self, expression: sp.Expr, order: str | None = None) -> list[sp.Expr]:
        terms = list(super()._as_ordered_terms(expression, order=order))
        first = next((number for number, term in enumerate(terms) if not term.could_extract_minus_sign()), 0)
        return [terms[first], *terms[:first], *terms[first + 1 :]]

    def _print_Mul(self, expression: sp.Expr) -> str:
        joined = _with_joined_roots(expression) if isinstance(expression, sp.Mul) else expression
        return super()._print_Mul(joined).replace(*DECAYS)


def _with_joined_roots(product: sp.Mul) -> sp.Expr:
    """Return a product with all roots of one order joined into one root, or the product itself where no order has two roots."""
    roots: dict[sp.Rational, list[sp.Pow]] = {}
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
    return power.exp.is_Rational and abs(power.exp.p) == 1 and power.exp.q > 1 and bool(power.base.is_nonnegative)


def _joined(order: sp.Rational, roots: list[sp.Pow], has_denominator: bool) -> sp.Expr:
    """Return a product of roots of one order as one root, or as a fraction of two roots where there is a denominator anyway."""
    above = sp.Mul(*(root.base for root in roots if root.exp > 0))
    below = sp.Mul(*(root.base for root in roots if root.exp < 0))
    if above == 1 or below == 1 or has_denominator:
        return _one_root(above, order) / _one_root(below, order)
    return _one_root(above / below, order)


def _one_root(base: sp.Expr, order: sp.Rational) -> sp.Expr:
    return _Root(base, order) if isinstance(base, sp.Mul) else base**order
