"""Hints for the proof of an equation, as Coq text: the roots of symbols, the forms of leaves, the signs of factors.

A hint names two terms that are equal, or a number that is positive, and a tactic proves it. Coq checks every hint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import sympy as sp

from theory.export.coq_terms import APPLICATION, POWER, PRODUCT, CoqTerms
from theory.export.leaves import Factors, RationalForms, Unit, leaves
from theory.expressions import provably_nonnegative, provably_positive

ENCLOSURE = 10000
"""Roots of numbers are enclosed between neighbouring multiples of one over this number."""


class Hints:
    """The hints that turn a goal over some expressions into one over rational functions.

    ``terms`` prints the statement. ``expressions`` are those of the goal. ``values`` gives the terms that the proof
    substitutes for symbols, such as the stationary point for the variable.
    """

    def __init__(
        self, terms: CoqTerms, expressions: Iterable[sp.Expr], values: Mapping[sp.Symbol, sp.Expr] | None = None
    ) -> None:
        self.values = dict(values or {})
        self.expressions = (*self.values.values(), *expressions)
        self.forms = RationalForms([self._valued(e) for e in self.expressions])
        texts: dict[sp.Basic, tuple[str, int]] = {}
        self._old = CoqTerms(dict(terms.names), set(terms.counts), set(terms.positions), texts)
        for atom, (root, order) in self.forms.roots.items():
            texts[atom] = f"{self._old.name(root)} ^ {order}", POWER
        for variable, value in self.values.items():
            texts[variable] = self._old.level(value)
        self._units: dict[sp.Basic, tuple[str, int]] = {}
        self._new = CoqTerms(self._old.names, self._old.counts, self._old.positions, self._units)
        self._terms = terms

    def roots(self) -> list[str]:
        """Return the hints that write each number under a root as a power of its root."""
        return [
            f"as_power {self._terms.argument(atom)} {order}%nat {self._old.name(root)}"
            for atom, (root, order) in self.forms.roots.items()
        ]

    def leaves(self) -> list[str]:
        """Return the hints that give each leaf its rational form, inner leaves first."""
        found: list[str] = []
        for leaf in leaves(self.expressions):
            argument = _argument(leaf)
            form = self._form(leaf)
            factors = [] if isinstance(leaf, sp.exp | sp.Abs) else self.forms.factors(self._valued(argument))
            found += self._new_units()
            if factors:
                found += self._sign(argument, factors)
            old, new = self._old.argument(leaf), self._new.argument(form)
            if old != new:
                found.append(self._leaf(leaf, old, new, argument, factors))
        return found

    def new(self, expression: sp.Expr) -> str:
        """Return the Coq text of the rational form of an expression, in parentheses where it is no atom."""
        form = self.forms.form(self._valued(expression))
        self._new_units()
        return self._new.argument(form)

    def old(self, expression: sp.Expr) -> str:
        """Return the Coq text of an expression as the goal writes it once roots and values are substituted."""
        return self._old.argument(expression)

    def product(self, expression: sp.Expr) -> str:
        """Return the Coq text of the rational form of an expression as a product of positive factors."""
        factors = self.forms.factors(self._valued(expression))
        self._new_units()
        return self._product(factors)

    def _leaf(self, leaf: sp.Expr, old: str, new: str, argument: sp.Expr, factors: Factors) -> str:
        if isinstance(leaf, sp.exp):
            return f"exponential {old} {new}"
        if isinstance(leaf, sp.Abs):
            return f"absolute {old} {new}"
        tactic = "logarithm" if isinstance(leaf, sp.log) else "power"
        return f"{tactic} {old} {self._old.argument(argument)} ({self._product(factors)}) {new}"

    def numbers(self, expression: sp.Expr) -> Iterator[str]:
        """Yield the hints that enclose each product of roots of numbers in an expression, such as 2^(1/3) 3^(2/3)."""
        seen = set()
        for term in sp.Add.make_args(sp.expand(self.forms.form(self._valued(expression)))):
            roots = [p for p in sp.Mul.make_args(term) if self._is_root_of_number(p)]
            product = sp.Mul(*roots)
            if roots and product not in seen:
                seen.add(product)
                order = sp.ilcm(1, *(unit.of for symbol, unit in self.forms.units.items() if product.has(symbol)))
                meaning = self.forms.meaning(product)
                low = sp.Rational(sp.floor(meaning * ENCLOSURE), ENCLOSURE)
                bounds = " ".join(self._new.argument(x) for x in (low, low + sp.Rational(1, ENCLOSURE)))
                power = self._new.argument(sp.nsimplify(sp.powsimp(meaning**order)))
                yield f"between {self._new.argument(product)} {order}%nat {power} {bounds}"

    def _is_root_of_number(self, power: sp.Expr) -> bool:
        base = power.base if isinstance(power, sp.Pow) else power
        unit = self.forms.units.get(base)
        return unit is not None and unit.kind == "root" and unit.base.is_number

    def _form(self, leaf: sp.Expr) -> sp.Expr:
        """Return the rational form of a leaf. That of exp(ln x) is x as a product of positive factors."""
        if isinstance(leaf, sp.exp):
            return self.forms.exponential(self.forms.form(self._valued(leaf.exp)))
        return self.forms.form(self._valued(leaf))

    def _valued(self, expression: sp.Expr) -> sp.Expr:
        return expression.subs(self.values) if self.values else expression

    def _new_units(self) -> list[str]:
        """Give a text to each unit that has none yet, and return the hints that say of which number a root is a root."""
        found = []
        for symbol, unit in self.forms.units.items():
            if symbol not in self._units:
                self._units[symbol] = self._unit(unit), APPLICATION
                if unit.kind == "root":
                    base = self._new.argument(unit.base)
                    found.append(f"root_unit ({self._units[symbol][0]}) {int(unit.of)}%nat {base}")
        return found

    def _unit(self, unit: Unit) -> str:
        base = self._new.argument(unit.base)
        if unit.kind == "root":
            return f"sqrt {base}" if unit.of == 2 else f"Rpower {base} (1 / {unit.of})"
        return f"Rpower {base} {self._new.argument(unit.of)}" if unit.kind == "power" else f"{unit.kind} {base}"

    def _sign(self, argument: sp.Expr, factors: Factors) -> Iterator[str]:
        """Yield the hints that a factor is positive where this is known of the product alone, as a hypothesis.

        A factor that is at least zero is positive, because a hypothesis says that it is not zero.
        """
        unknown = [(f, times) for f, times in factors if not provably_positive(self.forms.meaning(f))]
        signed = [(f, times) for f, times in unknown if not provably_nonnegative(self.forms.meaning(f))]
        if len(signed) == 1 and abs(signed[0][1]) == 1:
            ((factor, times),) = signed
            yield from (f"above_zero {self._new.argument(f)}" for f, _ in unknown if f != factor)
            rest = self._product([(f, -times * power) for f, power in factors if f != factor])
            tactic = "numerator" if times == 1 else "denominator"
            yield f"{tactic} {self._old.argument(argument)} {self._new.argument(factor)} ({rest})"

    def _product(self, factors: Factors) -> str:
        """Return the Coq text of a product, in which numbers are kept apart: 2 * 3, not 6."""
        over = [self._power(f, times) for f, times in factors if times > 0] or ["1"]
        under = [self._power(f, -times) for f, times in factors if times < 0]
        below = f" / ({' * '.join(under)})" if under else ""
        return " * ".join(over) + below

    def _power(self, factor: sp.Expr, times: int) -> str:
        return self._new.real(factor, PRODUCT - 1) if times == 1 else f"{self._new.argument(factor)} ^ {times}"


def _argument(leaf: sp.Expr) -> sp.Expr:
    argument = leaf.base if isinstance(leaf, sp.Pow) else leaf.args[0]
    assert isinstance(argument, sp.Expr)
    return argument
