"""Irrational numbers that are known as a root of a function: they are enclosed as narrowly as one asks, by exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import sympy as sp
from mpmath.ctx_iv import MPIntervalContext

from theory.intervals import Number


class ExactRoot(sp.Function):
    """A positive irrational number of which ``scaled_floor`` tells between which two neighbouring fractions it lies."""

    is_positive = True

    def scaled_floor(self, scale: int) -> int:
        """Return the largest integer that is at most ``scale`` times the number."""
        raise NotImplementedError

    def bracket(self, scale: int) -> tuple[sp.Rational, sp.Rational]:
        """Return two neighbouring multiples of 1/scale between which the root lies; one of them may be the root."""
        low = self.scaled_floor(scale)
        return sp.Rational(low, scale), sp.Rational(low + 1, scale)

    def enclosure(self, context: MPIntervalContext, value: Callable[[sp.Basic], Number]) -> Number:
        """Return an interval that contains the root."""
        low, scale = self.scaled_floor(1 << context.prec), context.mpf(1 << context.prec)
        return context.mpf([low, low + 1]) / scale

    def _eval_evalf(self, precision: int) -> sp.Expr:
        return sp.Float(sum(self.bracket(2 ** (precision + 10))) / 2, precision=precision)


class PolynomialRoot(ExactRoot):
    """``PolynomialRoot(i, c)``: the i-th largest root of the monic polynomial with the integer coefficients c, the leading one first.

    All roots of the polynomial are real, and this one is positive and irrational.
    """

    nargs = 2

    def scaled_floor(self, scale: int) -> int:
        number, coefficients = self.args
        return floor_of_root(int(sp.Integer(number)), tuple(int(sp.Integer(c)) for c in coefficients.args), scale)


@cache
def floor_of_root(number: int, coefficients: tuple[int, ...], scale: int) -> int:
    """Return the integer x for which the ``number``-th largest root, which is positive, exceeds x/scale and is at most (x + 1)/scale.

    ``coefficients`` are those of a monic polynomial with real roots alone, the leading one first.
    """
    scaled = [c * scale**power for power, c in enumerate(coefficients)]
    high = 1
    while roots_above(scaled, high) >= number:
        high *= 2
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if roots_above(scaled, middle) >= number else (low, middle)
    return low


def at_root(coefficients: Sequence[int], x: int) -> int:
    """Return how often x is a root of a polynomial."""
    return next(times for times, c in enumerate(reversed(_shifted(coefficients, x))) if c)


def roots_above(coefficients: Sequence[int], x: int) -> int:
    """Return how many roots of a polynomial with real roots alone exceed x, each as often as it occurs.

    By Descartes' rule of signs this is the number of changes of sign in the coefficients of the polynomial in the variable less x:
    the rule counts positive roots exactly where all roots are real.
    """
    signs = [c > 0 for c in _shifted(coefficients, x) if c]
    return sum(a != b for a, b in pairwise(signs))


def _shifted(coefficients: Sequence[int], x: int) -> list[int]:
    """Return the coefficients of a polynomial in the variable less x."""
    shifted = list(coefficients)
    for last in range(len(shifted), 1, -1):
        for i in range(1, last):
            shifted[i] += x * shifted[i - 1]
    return shifted
