"""Rational forms: how an equation with roots, powers, exponentials and logarithms becomes one of rational functions.

A *leaf* is a root, a power, an exponential, a logarithm or an absolute value. A positive symbol under a root is written as
a power of its root. Then each leaf is a rational function of symbols and *units*: √(K − 1), exp(ℓ/2), ln x, Λ^(1/(M+1)).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sympy as sp

from theory.expressions import provably_positive

Factors = list[tuple[sp.Expr, int]]
"""Factors of a product with their exponents."""


@dataclass(frozen=True)
class Unit:
    """What a unit symbol stands for: the root of order ``of`` of ``base``, the power ``of``, exp(base) or ln(base).

    ``kind`` is "root", "power", "exp" or "ln". ``base`` is a rational form, over other units.
    """

    kind: str
    base: sp.Expr
    of: sp.Expr = sp.Integer(1)

    @property
    def meaning(self) -> sp.Expr:
        """The unit as an expression over the units in its base."""
        if self.kind in ("exp", "ln"):
            return (sp.exp if self.kind == "exp" else sp.log)(self.base)
        return self.base ** (1 / self.of if self.kind == "root" else self.of)


class RationalForms:
    """The rational forms of expressions that share their roots and units.

    ``roots`` gives, for each positive symbol or entry under a root, the symbol of its root and the order of this root.
    ``units`` gives what each unit symbol stands for.
    """

    def __init__(self, expressions: Iterable[sp.Expr]) -> None:
        """Find the roots in the expressions, with the values of variables already substituted."""
        expressions = tuple(expressions)
        self.roots: dict[sp.Expr, tuple[sp.Symbol, int]] = {}
        self.units: dict[sp.Expr, Unit] = {}
        self._scales: dict[sp.Expr, int] = {}
        for atom, order in sorted(_root_orders(expressions).items(), key=lambda item: str(item[0])):
            self.roots[atom] = sp.Symbol(f"root_{atom}", positive=True), order
        for exponential in sorted({x for e in expressions for x in e.atoms(sp.exp)}, key=str):
            for number, rest in _terms(exponential.exp):
                self._scales[rest] = math.lcm(self._scales.get(rest, 1), number.q)

    def form(self, e: sp.Expr) -> sp.Expr:
        """Return the rational form of an expression."""
        if e in self.roots:
            root, order = self.roots[e]
            return root**order
        if isinstance(e, sp.Add | sp.Mul):
            return e.func(*map(self.form, e.args))
        if isinstance(e, sp.Pow):
            if e.exp.is_Integer:
                return self.form(e.base) ** e.exp
            return sp.Mul(*(self._power(factor, e.exp * times) for factor, times in self.factors(e.base)))
        if isinstance(e, sp.exp):
            return self.exponential(self.form(e.exp))
        if isinstance(e, sp.log):
            return sp.Add(*(times * self._logarithm(factor) for factor, times in self.factors(e.args[0])))
        if isinstance(e, sp.Abs):
            return sp.Mul(*(factor**times for factor, times in self.factors(e.args[0])))
        return e

    def factors(self, e: sp.Expr) -> Factors:
        """Return the rational form of an expression as a product of positive factors: primes, symbols, units, polynomials."""
        numerator, denominator = map(self._without_roots, sp.fraction(sp.cancel(sp.together(self.form(e)))))
        found: Factors = []
        negative = False
        for part, sign in ((numerator, 1), (denominator, -1)):
            number, factors = sp.factor_list(part)
            negative ^= bool(number < 0)
            for prime, times in sp.factorint(abs(number.p)).items():
                found.append((sp.Integer(prime), sign * times))
            for prime, times in sp.factorint(number.q).items():
                found.append((sp.Integer(prime), -sign * times))
            for factor, times in itertools.starmap(self._with_roots, factors):
                flipped = provably_positive(self.meaning(-factor))
                negative ^= flipped and times % 2 == 1
                found.append((-factor if flipped else factor, sign * times))
        if negative:
            found = self._with_sign_flipped(found)
        return [(factor, times) for factor, times in found if factor != 1]

    def _without_roots(self, polynomial: sp.Expr) -> sp.Expr:
        """Return a polynomial over the symbols instead of their roots where it holds whole symbols: K − 1, not r² − 1."""
        for atom, (root, order) in self.roots.items():
            if all(powers[0] % order == 0 for powers in sp.Poly(polynomial, root).monoms()):
                polynomial = sp.expand(polynomial).subs(root, atom ** sp.Rational(1, order))
        return polynomial

    def _with_roots(self, factor: sp.Expr, times: int) -> tuple[sp.Expr, int]:
        if factor in self.roots:
            root, order = self.roots[factor]
            return root, times * order
        return factor.xreplace({atom: root**order for atom, (root, order) in self.roots.items()}), times

    def _with_sign_flipped(self, factors: Factors) -> Factors:
        """Return the factors with the sign of one changed, whose sign is not known."""
        for position, (factor, times) in enumerate(factors):
            if times % 2 and not provably_positive(self.meaning(factor)):
                return [*factors[:position], (-factor, times), *factors[position + 1 :]]
        return factors

    def meaning(self, form: sp.Expr) -> sp.Expr:
        """Return the expression that a form stands for, without roots and units."""
        for unit in reversed(self.units):
            if form.has(unit):
                form = form.xreplace({unit: self.units[unit].meaning})
        return form.xreplace({root: atom ** sp.Rational(1, order) for atom, (root, order) in self.roots.items()})

    def _unit(self, unit: Unit) -> sp.Expr:
        for symbol, known in self.units.items():
            if known == unit:
                return symbol
        symbol = sp.Symbol(f"unit_{len(self.units)}", **({} if unit.kind == "ln" else {"positive": True}))
        self.units[symbol] = unit
        return symbol

    def _power(self, factor: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        exponent = sp.cancel(exponent)
        if exponent.is_Integer:
            return factor**exponent
        if isinstance(exponent, sp.Rational):
            unit = self._unit(Unit("root", factor, sp.Integer(exponent.q)))
            whole, rest = divmod(exponent.p, exponent.q)
            return factor**whole * unit**rest
        numerator, denominator = sp.fraction(sp.together(exponent))
        if denominator.free_symbols:
            whole, rest = sp.div(numerator, denominator)
            if whole.is_Integer and rest.is_Integer:
                return factor**whole * self._unit(Unit("power", factor, 1 / denominator)) ** rest
        return self._unit(Unit("power", factor, exponent))

    def exponential(self, exponent: sp.Expr) -> sp.Expr:
        """Return the rational form of exp, given that of its exponent, as a product of positive factors."""
        total = sp.Integer(1)
        for number, rest in _terms(exponent):
            if rest in self.units and self.units[rest].kind == "ln":
                total *= self._power(self.units[rest].base, number)
            else:
                scale = self._scales.get(rest, number.q)
                total *= self._unit(Unit("exp", rest / scale)) ** (number * scale)
        return total

    def _logarithm(self, factor: sp.Expr) -> sp.Expr:
        unit = self.units.get(factor)
        if unit is None:
            return self._unit(Unit("ln", factor))
        if unit.kind == "exp":
            return unit.base
        inner = self._logarithm(unit.base)
        return inner / unit.of if unit.kind == "root" else unit.of * inner


def is_leaf(e: sp.Expr) -> bool:
    """Tell whether an expression is a root, a power that is no integer, an exponential, a logarithm or an absolute value."""
    return isinstance(e, sp.exp | sp.log | sp.Abs) or (isinstance(e, sp.Pow) and not e.exp.is_Integer)


def leaves(expressions: Iterable[sp.Expr]) -> list[sp.Expr]:
    """Return the leaves of expressions without repetition, inner leaves before those that contain them."""
    found: dict[sp.Expr, None] = {}

    def visit(e: sp.Expr) -> None:
        if isinstance(e, sp.Indexed | sp.KroneckerDelta):
            return
        for argument in (e.function,) if isinstance(e, sp.Sum) else e.args:
            if isinstance(argument, sp.Expr):
                visit(argument)
        if is_leaf(e):
            found[_as_printed(e)] = None

    for expression in expressions:
        visit(expression)
    return list(found)


def _as_printed(leaf: sp.Expr) -> sp.Expr:
    """Return the leaf that Coq text has in place of a root: √x in x^(−3/2), and x^(1/3) in x^(−1/3)."""
    if isinstance(leaf, sp.Pow) and isinstance(leaf.exp, sp.Rational):
        return leaf.base ** (sp.Rational(1, 2) if leaf.exp.q == 2 else abs(leaf.exp))
    return leaf


def _terms(e: sp.Expr) -> Iterator[tuple[sp.Rational, sp.Expr]]:
    """Yield the terms of a sum as pairs of a rational number and the rest."""
    for term in sp.Add.make_args(sp.expand(e)):
        number, rest = term.as_coeff_Mul()
        yield (number, rest) if isinstance(number, sp.Rational) else (sp.Integer(1), term)


def _root_orders(expressions: Iterable[sp.Expr]) -> dict[sp.Expr, int]:
    """Return, for each positive symbol or entry that is a factor under a root, the least common order of its roots."""
    orders: dict[sp.Expr, int] = {}
    for power in {p for e in expressions for p in e.atoms(sp.Pow)}:
        if not isinstance(power.exp, sp.Rational) or power.exp.is_Integer:
            continue
        for factor in sp.Mul.make_args(power.base):
            atom = factor.base if isinstance(factor, sp.Pow) and factor.exp.is_Integer else factor
            if isinstance(atom, sp.Symbol | sp.Indexed) and atom.is_positive:
                orders[atom] = math.lcm(orders.get(atom, 1), power.exp.q)
    return orders
