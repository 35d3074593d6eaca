"""Exact sums of real roots of fractions, c_1 a_1^(1/m_1) + … + c_t a_t^(1/m_t), for which zero can be decided.

Positive roots of fractions are linearly independent over the rationals if no two of them have a rational ratio. A sum
is therefore zero iff nothing is left after terms with a rational ratio are merged. Source: Besicovitch, "On the linear
independence of fractional powers of integers" (J. London Math. Soc. 1940); Carr, O'Sullivan, "On the linear
independence of roots" (2009).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from sympy import integer_nthroot

MOST_TERMS = 64
MOST_BITS = 1 << 18
"""Most terms of a sum, and most bits of a number. The ties to be decided are between short expressions, so longer sums are given up."""


class TooLong(ArithmeticError):
    """A sum has more than MOST_TERMS terms, or a number more than MOST_BITS bits."""


def exact_root(number: Fraction, order: int) -> Fraction | None:
    """Return the root of a nonnegative fraction where the root is a fraction, and None where the root is irrational."""
    (top, whole), (bottom, also) = (integer_nthroot(n, order) for n in number.as_integer_ratio())
    return Fraction(int(top), int(bottom)) if whole and also else None


@dataclass(frozen=True)
class Term:
    """``factor`` · ``radicand`` ^ (1/``order``) with a positive radicand."""

    factor: Fraction
    radicand: Fraction = Fraction(1)
    order: int = 1

    def __mul__(self, other: Term) -> Term:
        order = lcm(self.order, other.order)
        radicand = _power(self.radicand, order // self.order) * _power(other.radicand, order // other.order)
        return Term(self.factor * other.factor, radicand, order)

    def power(self, exponent: Fraction) -> Term:
        """Return a power of a positive term."""
        radicand = _power(self.factor, self.order) * self.radicand
        return Term(Fraction(1), _power(radicand, exponent.numerator), self.order * exponent.denominator)

    def in_units_of(self, other: Term) -> Fraction | None:
        """Return the fraction c for which this term is c times the root in ``other``, or None where the ratio is irrational."""
        order = lcm(self.order, other.order)
        ratio = _power(self.radicand, order // self.order) / _power(other.radicand, order // other.order)
        root = exact_root(ratio, order)
        return None if root is None else self.factor * root


def _power(number: Fraction, exponent: int) -> Fraction:
    if (number.numerator.bit_length() + number.denominator.bit_length()) * abs(exponent) > MOST_BITS:
        raise TooLong
    return number**exponent


Radicals = tuple[Term, ...]
"""A sum of terms; the empty tuple is zero."""


def rational(number: Fraction) -> Radicals:
    """Return a fraction as a sum of terms."""
    return (Term(number),) if number else ()


def added(sums: Iterable[Radicals]) -> Radicals:
    """Return the sum of ``sums``, with terms of a rational ratio merged, so that zero is the empty tuple. Raises TooLong."""
    kept: list[Term] = []
    for term in (term for one in sums for term in one):
        for position, known in enumerate(kept):
            share = term.in_units_of(known)
            if share is not None:
                kept[position] = Term(known.factor + share, known.radicand, known.order)
                break
        else:
            kept.append(term)
        if len(kept) > MOST_TERMS:
            raise TooLong
    return tuple(term for term in kept if term.factor)


def multiplied(left: Radicals, right: Radicals) -> Radicals:
    """Return the product of two sums. Raises TooLong."""
    return added([tuple(a * b for a in left for b in right)])


def raised(base: Radicals, exponent: Fraction) -> Radicals | None:
    """Return a power of a sum, or None where the power is not recognised as a sum of roots. Raises TooLong."""
    if exponent == 0:
        return rational(Fraction(1))
    if not base:
        return () if exponent > 0 else None
    if len(base) == 1 and (base[0].factor > 0 or exponent.denominator == 1):
        (term,) = base
        if term.factor > 0:
            return (term.power(exponent),)
        size = Term(-term.factor, term.radicand, term.order).power(exponent)
        return (size if exponent.numerator % 2 == 0 else Term(-size.factor, size.radicand, size.order),)
    if exponent.denominator == 1 and 0 < exponent <= 4:
        product = base
        for _ in range(int(exponent) - 1):
            product = multiplied(product, base)
        return product
    return None
