"""Exact eigenvalues of diag(n) − n nᵀ/N and of diag(n) − √n √nᵀ/K for K counts n that sum to N.

det(ν − diag(n) + n nᵀ/N) = (ν/N) Σ_k n_k Π_{m≠k} (ν − n_m). The eigenvalues are therefore zero, every count that occurs
g times with multiplicity g − 1, and one root of Σ_k n_k / (ν − n_k) between each two neighbouring counts.
In the same way det(ξ − diag(n) + √n √nᵀ/K) = (ξ/K) Σ_k Π_{m≠k} (ξ − n_m), where the sum is the derivative of Π_k (ξ − n_k).
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

import sympy as sp

from theory.exact_roots import ExactRoot

GUARD_BITS = 12
"""Bits with which the secular function is computed beyond those in which it tells where between two neighbouring numbers it is zero."""
COARSE = 1 << 50
"""Largest scale at which the search for a root starts from one in doubles."""
ILLINOIS_STEPS = 40
"""Steps after which the search in doubles ends with what it has. It needs about ten."""


class SecularRoot(ExactRoot):
    """``SecularRoot(i, f)``: the only root of the secular function f between its counts a_(i+1) and a_i."""

    nargs = 2

    @property
    def root(self) -> Root:
        number, secular = self.args
        assert isinstance(secular, Secular)
        return Root(int(sp.Integer(number)), secular)

    def scaled_floor(self, scale: int) -> int:
        return _closest(self.root, scale).low


class Secular(sp.Atom):
    """The secular function Σ_m w_m / (x − a_m): descending positive integers a, the counts, and positive integers w, the weights.

    It is an atom, whose hash SymPy keeps: that of thousands of numbers would be computed whenever a root is looked up.
    """

    counts: tuple[int, ...]
    weights: tuple[int, ...]

    def __new__(cls, counts: tuple[int, ...], weights: tuple[int, ...]) -> Secular:
        made = super().__new__(cls)
        made.counts, made.weights = counts, weights
        return made

    def __getnewargs__(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.counts, self.weights

    def _hashable_content(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.counts, self.weights

    def exact(self, x: int, scale: int) -> int:
        """Return Σ_m w_m Π_(l≠m) (x − scale a_l): the function at x/scale times all denominators, in integers."""
        total, product = 0, 1
        for a, w in zip(self.counts, self.weights, strict=True):
            gap = x - scale * a
            total, product = total * gap + w * product, product * gap
        return total

    def rounded(self, x: int, scale: int) -> int:
        """Return the function at x/scale, in a unit that does not depend on x. Each term is rounded down by less than one."""
        counts, weights = _at_scale(self, scale)
        return sum(map(operator.floordiv, weights, map(x.__sub__, counts)))


@lru_cache(maxsize=64)
def _at_scale(secular: Secular, scale: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the counts times ``scale``, and the weights with the digits that this scale needs."""
    digits = 3 * (scale * secular.counts[0]).bit_length() + GUARD_BITS
    return tuple(scale * a for a in secular.counts), tuple(w << digits for w in secular.weights)


class Root(NamedTuple):
    """The root of a secular function between the counts of this number (from 1) and the next."""

    number: int
    secular: Secular

    def ends(self, scale: int) -> tuple[int, int]:
        """Return the count below and the count above, times ``scale``."""
        return scale * self.secular.counts[self.number], scale * self.secular.counts[self.number - 1]


def _value(root: Root, x: int, scale: int) -> int:
    """Return the secular function at x/scale times the distances from both counts: positive below the root, negative above it.

    The unit does not depend on x. The result is zero only where the function is exactly zero; another value that rounds
    to zero becomes ±1.
    """
    (number, secular), (below, above) = root, root.ends(scale)
    if x in (above, below):  # only the infinite term matters
        weight = _at_scale(secular, scale)[1][number if x == below else number - 1]
        return weight * (above - below) * (1 if x == below else -1)
    value = secular.rounded(x, scale)
    if abs(value) <= len(secular.counts):
        exact = secular.exact(x, scale) * (-1) ** number  # as many factors are negative as counts lie above
        value = (exact > 0) - (exact < 0)
    return value * (x - below) * (above - x)


class _Bracket(NamedTuple):
    """Two integers with a root between them, divided by a scale, and the values of the secular function there: at_low ≥ 0 > at_high."""

    low: int
    high: int
    at_low: int
    at_high: int

    def cut(self, x: int, value: int) -> _Bracket:
        """Return the part of the bracket on that side of x on which the root lies."""
        return self._replace(low=x, at_low=value) if value >= 0 else self._replace(high=x, at_high=value)


@cache
def _closest(root: Root, scale: int) -> _Bracket:
    """Return the bracket of two neighbouring integers: the lower one is the largest at which the secular function is not negative.

    At a fine scale the search starts from the result at its square root: so close, the function is nearly a line.
    """
    low, high = root.ends(scale)
    if scale <= COARSE:
        guess = low + int(_above_the_count(root) * scale)
    else:
        coarse = math.isqrt(scale)
        near = _closest(root, coarse)
        guess = (near.low * scale + scale * near.at_low // (near.at_low - near.at_high)) // coarse
    found, step = _Bracket(low, high, _value(root, low, scale), _value(root, high, scale)), 1
    guess = min(max(guess, low + 1), high - 1)
    while found.high - found.low > 1:
        value = _value(root, guess, scale)
        found = found.cut(guess, value)
        # Steps away from the first guess grow until they pass the root. What is left between two steps is halved.
        beyond = guess + step if value >= 0 else guess - step
        passed = found.low != low and found.high != high
        step, guess = (
            4 * step,
            (found.low + found.high) // 2 if passed or not found.low < beyond < found.high else beyond,
        )
    return found


@cache
def _above_the_count(root: Root) -> float:
    """Return how far the root lies above the count below it, in doubles, by the method of Illinois: where a search may start."""
    below, above = root.ends(1)
    weights, offsets = root.secular.weights, [float(a - below) for a in root.secular.counts]
    width = float(above - below)

    def value(t: float) -> float:
        return sum(map(operator.truediv, weights, map(t.__sub__, offsets))) * t * (width - t)

    low, high = 0.0, width
    at_low, at_high = weights[root.number] * width, -weights[root.number - 1] * width
    t, last = width / 2, 0
    for _ in range(ILLINOIS_STEPS):
        found = value(t)
        if found >= 0:
            at_high = at_high / 2 if last > 0 else at_high
            low, at_low, last = t, found, 1
        else:
            at_low = at_low / 2 if last < 0 else at_low
            high, at_high, last = t, found, -1
        t, before = low + (high - low) * at_low / (at_low - at_high), t
        if not low < t < high or abs(t - before) * COARSE < 1:
            break
    return t


@cache
def centred_spectrum(counts: tuple[int, ...]) -> tuple[sp.Expr, ...]:
    """Return the eigenvalues of diag(n) − n nᵀ/N in descending order, without the zero of the all-ones vector."""
    return _interlacing(counts, lambda count: count)


@cache
def critical_counts(counts: tuple[int, ...]) -> tuple[sp.Expr, ...]:
    """Return the critical points of Π_k (ξ − n_k) in descending order: the eigenvalues of diag(n) − √n √nᵀ/K without the zero of √(1/n)."""
    return _interlacing(counts, lambda count: 1)


def _interlacing(counts: tuple[int, ...], weight: Callable[[int], int]) -> tuple[sp.Expr, ...]:
    """Return the counts that occur several times, once less often, and a root of Σ_k w_k / (ν − n_k) between each two neighbours.

    ``weight`` maps a count to its w. A rational root is a Rational: times the sum of all weights, which leads the secular polynomial, it
    is an integer. An irrational root has conjugates between other counts, all different, so none of its powers is rational.
    """
    levels, occurrences = tuple(sorted(set(counts), reverse=True)), Counter(counts)
    weights = tuple(weight(level) * occurrences[level] for level in levels)
    leading, secular = sum(weights), Secular(levels, weights)
    found: list[sp.Expr] = []
    for i, level in enumerate(levels, start=1):
        found += [sp.Integer(level)] * (occurrences[level] - 1)
        if i < len(levels):
            low = _closest(Root(i, secular), leading).low
            is_root = _value(Root(i, secular), low, leading) == 0
            found.append(sp.Rational(low, leading) if is_root else SecularRoot(i, secular))
    return tuple(found)
