"""Numbers for exact evaluation: exact fractions while they are short, and intervals of mpmath when they are long."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from fractions import Fraction

from mpmath.ctx_iv import MPIntervalContext, ivmpf
from mpmath.libmp import from_rational, round_nearest, to_float, to_str

from theory import radicals
from theory.errors import ParameterError

EXACT_BITS = 1 << 14
"""Length in bits of the longest fraction that stays exact."""
NARROW = 1 << 60
"""An interval determines a double when its width is this many times smaller than its size, 1/128 of the last digit of the double."""
LEAST, MOST = sys.float_info.min, sys.float_info.max
"""Range of sizes in which a double has all its digits."""
Number = Fraction | ivmpf
"""An exact number, or an interval of mpmath."""


class Undecided(ArithmeticError):
    """The precision of the intervals does not decide a condition."""


class Arithmetic:
    """Arithmetic on exact fractions and on intervals with ``precision`` bits."""

    def __init__(self, precision: int) -> None:
        self.context = MPIntervalContext()
        self.context.prec = precision

    def interval(self, x: Number) -> ivmpf:
        """Return an interval that contains a number."""
        if not isinstance(x, Fraction):
            return x
        return self.context.mpf(x.numerator) / self.context.mpf(x.denominator)

    def _shortened(self, x: Fraction) -> Number:
        """Return a fraction, or an interval that contains the fraction if it is longer than EXACT_BITS."""
        return x if _length(x) <= EXACT_BITS else self.interval(x)

    def add(self, x: Number, y: Number) -> Number:
        """Return x + y."""
        if isinstance(x, Fraction) and isinstance(y, Fraction):
            return self._shortened(x + y)
        return self.interval(x) + self.interval(y)

    def multiply(self, x: Number, y: Number) -> Number:
        """Return x y."""
        if isinstance(x, Fraction) and isinstance(y, Fraction):
            return self._shortened(x * y)
        return self.interval(x) * self.interval(y)

    def product(self, factors: Iterable[tuple[Number, int]]) -> Number:
        """Return the product of base^exponent over ``factors``.

        An exact factor 0 makes the product 0, however uncertain the others are.
        """
        product: Number = Fraction(1)
        for x, times in factors:
            if isinstance(x, Fraction) and x == 0:
                return x
            product = self.multiply(product, x if times == 1 else self.power(x, Fraction(times)))
        return product

    def power(self, base: Number, exponent: Number) -> Number:
        """Return ``base`` to the power ``exponent``. The base must be nonnegative unless the exponent is an integer."""
        if not isinstance(exponent, Fraction):
            return self.context.exp(exponent * self.context.log(self.interval(base)))
        if isinstance(base, Fraction):
            exact = _exact_power(base, exponent)
            if exact is not None:
                return exact
            base = self.interval(base)
        times, order = exponent.as_integer_ratio()
        if order == 1:
            return base**times
        # The base is not negative, but its interval may reach below zero.
        base = self.context.mpf([max(base.a, 0), max(base.b, 0)])
        return self.context.sqrt(base) ** times if order == 2 else base ** self.interval(exponent)


def is_narrow(interval: ivmpf) -> bool:
    """Return whether an interval is narrow enough to determine a double."""
    low, high = map(to_float, interval._mpi_)
    return low == high or bool(interval.delta * NARROW < abs(interval))


def to_double(number: Number) -> float:
    """Return a number as a double. Raises ParameterError where the number leaves the range in which doubles have all digits."""
    is_exact = isinstance(number, Fraction)
    middle = from_rational(*number.as_integer_ratio(), 64) if is_exact else number._mpi_[0]
    double = to_float(middle, rnd=round_nearest)
    if not LEAST <= abs(double) <= MOST and number != 0:
        raise ParameterError(
            f"is {to_str(middle, 6)} here, which leaves the range of float64, {LEAST:.2g} to {MOST:.2g}"
        )
    return float(number) if is_exact else double


def _length(number: Fraction) -> int:
    return number.numerator.bit_length() + number.denominator.bit_length()


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """Return a power as an exact fraction, with 0⁰ = 1, or None where the power is irrational, undefined or too long."""
    if exponent == 0:
        return Fraction(1)
    if base == 0:
        return base if exponent > 0 else None
    if _length(base) * max(abs(exponent), 1) > EXACT_BITS:
        return None
    root = base if exponent.denominator == 1 else radicals.exact_root(base, exponent.denominator)
    return None if root is None else root**exponent.numerator
