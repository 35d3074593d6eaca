"""SymPy scalars as Coq terms over the real numbers, with the assumptions on their symbols.

Integers are printed as real numbers, or as natural numbers under ``INR`` where they bound a sum or count entries. Entries
count from 0 in Coq and from 1 in SymPy, so the entry ``x[k]`` of a sum over k = 1, …, K is ``x k`` in ``sum K (fun k => x k)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.errors import ParameterError
from theory.symbols import BETWEEN, LEAST

_WORDS = """R nat sum exp ln sqrt pow INR Rpower Rmax Rmin Rabs S O Nat is_derive PI sin cos True False
    Rle_dec Rlt_dec Req_EM_T fun forall exists if then else let in match with end return as at using where fix cofix for
    Type Set Prop Ring plus mult minus opp one zero"""
RESERVED = frozenset(_WORDS.split())
"""Names that mean something in a generated statement. A symbol of such a name gets an underscore."""

ATOM, APPLICATION, POWER, NEGATION, PRODUCT, SUM, OPEN = 0, 10, 30, 35, 40, 50, 200
"""Coq's levels of precedence: a term may stand without parentheses where its level is allowed."""


class NotInCoq(ParameterError):
    """An expression of a kind that has no rendering as a Coq term."""


@dataclass(frozen=True)
class Binder:
    """A quantified variable: its name, its Coq type, and its assumption, or None where any value is allowed."""

    name: str
    type: str
    assumption: str | None


@dataclass
class CoqTerms:
    """A printer that gives each symbol one Coq name and prints expressions over these names.

    ``names`` fixes the Coq names of symbols and of indexed bases. ``counts`` are the integer symbols of type nat that
    bound sums, and ``positions`` the free indices, which are one less in Coq; ``prepare`` finds both in expressions.
    ``texts`` gives symbols and entries that are printed as a given text, with the level of precedence of this text.
    For example, ``CoqTerms().real(sp.sqrt(x) / 2)`` is ``sqrt x / 2``.
    """

    names: dict[sp.Basic, str] = field(default_factory=dict)
    counts: set[sp.Basic] = field(default_factory=set)
    positions: set[sp.Basic] = field(default_factory=set)
    texts: dict[sp.Basic, tuple[str, int]] = field(default_factory=dict)
    _bound: tuple[sp.Basic, ...] = field(default=(), init=False)

    def prepare(self, *expressions: sp.Basic) -> None:
        """Find the free symbols of these expressions that are natural numbers: bounds of sums, and indices."""
        for expression in expressions:
            self._find_naturals(expression, frozenset(self._bound))
        self.positions -= self.counts

    def _find_naturals(self, part: sp.Basic, bound: frozenset[sp.Basic]) -> None:
        if isinstance(part, sp.Sum):
            self.counts |= {s for limit in part.limits for end in limit[1:] for s in end.free_symbols} - bound
            self._find_naturals(part.function, bound | {limit[0] for limit in part.limits})
            return
        if isinstance(part, sp.Indexed | sp.KroneckerDelta):
            indices = part.indices if isinstance(part, sp.Indexed) else part.args
            found = {s for index in indices for s in index.free_symbols} - bound
            self.counts |= {s for s in found if s in LEAST}
            self.positions |= found - self.counts
            return
        for argument in part.args:
            self._find_naturals(argument, bound)

    def name(self, symbol: sp.Basic) -> str:
        """Return the Coq name of a symbol or indexed base; no two of them share a name."""
        if symbol not in self.names:
            wanted = re.sub(r"[^A-Za-z0-9_]+", "_", str(symbol)).strip("_")
            taken = set(self.names.values()) | RESERVED
            while wanted in taken:
                wanted += "_"
            self.names[symbol] = wanted
        return self.names[symbol]

    def binders(self, expressions: Iterable[sp.Basic], without: Iterable[sp.Basic] = ()) -> list[Binder]:
        """Return the free symbols and indexed bases of the expressions with their assumptions, naturals first, by name."""
        expressions = tuple(expressions)
        self.prepare(*expressions)
        bases = {part.base for e in expressions for part in e.atoms(sp.Indexed)}
        labels = {base.label for base in bases}
        symbols = {s for e in expressions for s in e.free_symbols if isinstance(s, sp.Symbol)}
        symbols -= {s for s in labels if all(not _occurs(e, s) for e in expressions)} | set(without)
        found = [self._of_symbol(s) for s in sorted(symbols, key=_key)]
        found += [self._of_base(b) for b in sorted(bases, key=_key)]
        order = ("nat", "R", "nat -> R")
        return sorted(found, key=lambda binder: order.index(binder.type))

    def _of_symbol(self, symbol: sp.Symbol) -> Binder:
        name = self.name(symbol)
        if symbol in self.counts:
            return Binder(name, "nat", f"({LEAST.get(symbol, 1)} <= {name})%nat")
        if symbol in self.positions:
            return Binder(name, "nat", None)
        return Binder(name, "R", assumption(symbol, name))

    def _of_base(self, base: sp.IndexedBase) -> Binder:
        holds = assumption(base, f"{self.name(base)} i")
        return Binder(self.name(base), "nat -> R", holds and f"forall i, {holds}")

    def real(self, expression: sp.Expr | int, level: int = OPEN) -> str:
        """Return the Coq term of a real number, in parentheses unless its level is at most ``level``.

        Raises NotInCoq for an expression of a kind that has no rendering.
        """
        text, own = self.level(sp.sympify(expression))
        return text if own <= level else f"({text})"

    def argument(self, expression: sp.Expr | int) -> str:
        """Return the Coq term of a real number as the argument of a function."""
        return self.real(expression, ATOM)

    def natural(self, expression: sp.Expr) -> str:
        """Return the Coq term of a number of entries, such as ``K`` or ``(K - 1)``. Raises NotInCoq for any other number."""
        if expression.is_Integer and expression >= 0:
            return str(expression)
        if expression in self.counts:
            return self.name(expression)
        if self._is_position(expression):
            return f"(S {self.name(expression)})"
        if isinstance(expression, sp.Add):
            terms = sorted(expression.args, key=lambda term: (term.is_negative is True, term.is_number, _key(term)))
            first, *rest = terms
            signs = ("-" if term.could_extract_minus_sign() else "+" for term in rest)
            parts = (f" {sign} {self.natural(abs(term))}" for sign, term in zip(signs, rest, strict=True))
            return f"({self.natural(first)}{''.join(parts)})"
        raise NotInCoq(f"{expression} is not a natural number that Coq can be given")

    def position(self, index: sp.Expr) -> str:
        """Return the Coq term of an index, which counts from 0 in Coq: ``k`` for k, ``0`` for 1, ``(K - 1)`` for K."""
        return self.name(index) if self._is_position(index) else self.natural(index - 1)

    def _is_position(self, symbol: sp.Expr) -> bool:
        return symbol in self.positions or symbol in self._bound

    def condition(self, condition: Boolean) -> str:
        """Return the Coq term of a decision between a condition and its negation, such as ``Rle_dec x 1``."""
        if isinstance(condition, sp.Le | sp.Lt | sp.Ge | sp.Gt):
            decides = "Rle_dec" if isinstance(condition, sp.Le | sp.Ge) else "Rlt_dec"
            return f"{decides} {self.argument(condition.lts)} {self.argument(condition.gts)}"
        if isinstance(condition, sp.Eq):
            return f"Req_EM_T {self.argument(condition.lhs)} {self.argument(condition.rhs)}"
        if isinstance(condition, sp.And):
            first, *others = (f"(if {self.condition(part)} then true else false)" for part in condition.args)
            return reduce(lambda all_before, part: f"(andb {all_before} {part})", others, first)
        raise NotInCoq(f"{condition} is not a comparison of two numbers")

    def level(self, e: sp.Expr) -> tuple[str, int]:
        """Return the Coq term of a real number without parentheses around it, with its level of precedence."""
        if e in self.texts:
            return self.texts[e]
        if e.is_Integer:
            return (str(e), ATOM) if e >= 0 else (f"- {-e}", NEGATION)
        if isinstance(e, sp.Rational):
            return f"{self.real(sp.Integer(e.p), PRODUCT)} / {e.q}", PRODUCT
        if isinstance(e, sp.Symbol):
            if e.is_commutative is False:
                raise NotInCoq(f"{e} does not commute, and is no real number")
            if e in self.counts or self._is_position(e):
                return f"INR {self.natural(e)}", APPLICATION
            return self.name(e), ATOM
        for kind, printed in self._kinds().items():
            if isinstance(e, kind):
                return printed(e)
        raise NotInCoq(f"{type(e).__name__} has no rendering in Coq")

    def _kinds(self) -> Mapping[type, Callable]:
        def applied(function: str) -> Callable:
            return lambda e: (" ".join([function, *map(self.argument, e.args)]), APPLICATION)

        return {
            sp.Add: self._sum_of_terms,
            sp.Mul: self._product,
            sp.Pow: self._power,
            sp.Sum: self._finite_sum,
            sp.Indexed: self._entry,
            sp.Piecewise: self._piecewise,
            sp.KroneckerDelta: self._delta,
            sp.exp: applied("exp"),
            sp.log: applied("ln"),
            sp.Abs: applied("Rabs"),
            sp.Max: lambda e: self._folded("Rmax", e),
            sp.Min: lambda e: self._folded("Rmin", e),
        }

    def _sum_of_terms(self, e: sp.Add) -> tuple[str, int]:
        first, *rest = e.as_ordered_terms()
        text = self.real(first, SUM)
        for term in rest:
            minus = term.could_extract_minus_sign()
            text += f" - {self.real(-term, PRODUCT)}" if minus else f" + {self.real(term, PRODUCT)}"
        return text, SUM

    def _product(self, e: sp.Mul) -> tuple[str, int]:
        number, product = e.as_coeff_Mul()
        if not isinstance(number, sp.Rational):
            raise NotInCoq(f"{number} is not a fraction of integers")
        factors = product.as_ordered_factors()
        numerator = [f for f in factors if not _divides(f) and f != 1]
        denominator = [1 / f for f in factors if _divides(f)]
        if abs(number.p) != 1 or not numerator:
            numerator.insert(0, sp.Integer(abs(number.p)))
        if number.q != 1:
            denominator.insert(0, sp.Integer(number.q))
        first, *rest = numerator
        text = (
            f"- {self.real(first, NEGATION)}" if number.p < 0 else self.real(first, PRODUCT - bool(rest or denominator))
        )
        text += "".join(f" * {self.real(f, PRODUCT - 1)}" for f in rest)
        if denominator:
            below = " * ".join(self.real(f, PRODUCT - 1) for f in denominator)
            text += f" / {f'({below})' if len(denominator) > 1 else below}"
        return text, PRODUCT

    def _power(self, e: sp.Pow) -> tuple[str, int]:
        base, exponent = e.base, e.exp
        if isinstance(exponent, sp.Rational) and exponent.p < 0:
            return f"1 / {self.real(1 / e, PRODUCT - 1)}", PRODUCT
        if exponent.is_Integer:
            return f"{self.real(base, POWER - 1)} ^ {exponent}", POWER
        if isinstance(exponent, sp.Rational) and exponent.q == 2:
            root = f"sqrt {self.argument(base)}"
            return (root, APPLICATION) if exponent.p == 1 else (f"{root} ^ {exponent.p}", POWER)
        return f"Rpower {self.argument(base)} {self.argument(exponent)}", APPLICATION

    def _finite_sum(self, e: sp.Sum) -> tuple[str, int]:
        if any(first != 1 for _, first, _ in e.limits):
            raise NotInCoq(f"{e} does not start at 1")
        self.prepare(e)
        outside, indices = self._bound, tuple(index for index, *_ in e.limits)
        self._bound = (*outside, *indices)
        text, level = self.level(e.function)
        for inner, (index, _, last) in enumerate(e.limits, start=1):
            self._bound = (*outside, *indices[inner:])
            text, level = f"sum {self.natural(last)} (fun {self.name(index)} => {text})", APPLICATION
        self._bound = outside
        return text, level

    def _entry(self, e: sp.Indexed) -> tuple[str, int]:
        self.prepare(e)
        return " ".join([self.name(e.base), *map(self.position, e.indices)]), APPLICATION

    def _piecewise(self, e: sp.Piecewise) -> tuple[str, int]:
        *cases, (last, otherwise) = e.args
        if otherwise != sp.true:
            raise NotInCoq(f"{e} has no value where none of its conditions holds")
        text = self.real(last)
        for value, condition in reversed(cases):
            text = f"if {self.condition(condition)} then {self.real(value)} else {text}"
        return text, OPEN

    def _delta(self, e: sp.KroneckerDelta) -> tuple[str, int]:
        self.prepare(e)
        first, second = map(self.position, e.args)
        return f"if Nat.eqb {first} {second} then 1 else 0", OPEN

    def _folded(self, function: str, e: sp.Expr) -> tuple[str, int]:
        first, *rest = sorted((part for part in e.args if isinstance(part, sp.Expr)), key=_key)
        text, level = self.level(first)
        for other in rest:
            text = f"{function} {text if level <= ATOM else f'({text})'} {self.argument(other)}"
            level = APPLICATION
        return text, level


def assumption(symbol: sp.Basic, shown: str) -> str | None:
    """Return the assumption on a real symbol as a Coq proposition about the term ``shown``, or None.

    For example, the assumption on the smoothing is ``0 < alpha < 1``, and on a number of samples ``1 <= n``.
    """
    if isinstance(symbol, sp.Symbol) and symbol in LEAST:
        return f"{LEAST[symbol]} <= {shown}"
    if symbol in BETWEEN:
        low, high = BETWEEN[symbol]
        return f"{low} < {shown} < {high}"
    if symbol.is_positive:
        return f"1 <= {shown}" if symbol.is_integer else f"0 < {shown}"
    return f"0 <= {shown}" if symbol.is_nonnegative else None


def _divides(factor: sp.Expr) -> bool:
    return isinstance(factor, sp.Pow) and isinstance(factor.exp, sp.Rational) and factor.exp.p < 0


def _occurs(expression: sp.Basic, label: sp.Basic) -> bool:
    """Tell whether a symbol occurs other than as the label of an indexed base."""
    if isinstance(expression, sp.Indexed):
        return any(_occurs(index, label) for index in expression.indices)
    return expression == label or any(_occurs(part, label) for part in expression.args)


def _key(expression: sp.Basic) -> tuple:
    return expression.is_number is not True, str(expression)
