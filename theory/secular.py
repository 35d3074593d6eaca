"""Exact eigenvalues of diag(n) − n nᵀ/N and of diag(n) − √n √nᵀ/K for K counts n that sum to N.

det(ν − diag(n) + n nᵀ/N) = (ν/N) Σ_k n_k Π_{m≠k} (ν − n_m). The eigenvalues are therefore zero, every count that occurs
g times with multiplicity g − 1, and one root of Σ_k n_k / (ν − n_k) between each two neighbouring counts.
In the same way det(ξ − diag(n) + √n √nᵀ/K) = (ξ/K) Σ_k Π_{m≠k} (ξ − n_m), where the sum is the derivative of Π_k (ξ − n_k).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import sympy as sp

from theory.exact_roots import ExactRoot

GUARD_BITS = 12
"""Bits with which the secular function is computed beyond those in which neighbouring numbers differ."""
COARSE = 32
"""Largest scale at which a root is found by halving alone."""


class SecularRoot(ExactRoot):
    """``SecularRoot(i, a, w)``: the only root of Σ_m w_m / (ν − a_m) between a_(i+1) and a_i.

    The tuple a holds descending positive integers, and the tuple w positive integers.
    """

    nargs = 3

    @property
    def root(self) -> Root:
        number, counts, weights = self.args
        return Root(_integer(number), *(tuple(map(_integer, listed.args)) for listed in (counts, weights)))

    def scaled_floor(self, scale: int) -> int:
        return _scaled_floor(self.root, scale)


def _integer(argument: sp.Basic) -> int:
    return int(sp.Integer(argument))


class Root(NamedTuple):
    """The arguments of a SecularRoot in integers."""

    number: int
    counts: tuple[int, ...]
    weights: tuple[int, ...]


def _scaled(root: Root, x: int, scale: int) -> int:
    """Return Σ_m w_m Π_(l≠m) (x − scale a_l): the secular function times all denominators, in integers."""
    total, product = 0, 1
    for a, w in zip(root.counts, root.weights, strict=True):
        gap = x - scale * a
        total, product = total * gap + w * product, product * gap
    return total


def _value(root: Root, x: int, scale: int) -> int:
    """Return the secular function at x/scale times the distances from both counts: positive below the root, negative above it.

    The unit does not depend on x. The result is zero only where the function is exactly zero; another value that rounds
    to zero becomes ±1.
    """
    number, counts, weights = root
    above, below = scale * counts[number - 1], scale * counts[number]
    digits = 2 * above.bit_length() + GUARD_BITS
    if x in (above, below):  # only the infinite term matters
        return (weights[number] if x == below else -weights[number - 1]) * (above - below) << digits
    value = sum((w << digits) // (x - scale * a) for a, w in zip(counts, weights, strict=True))
    if abs(value) <= len(counts):  # each term is rounded down by less than one
        exact = _scaled(root, x, scale) * (-1) ** number  # as many factors are negative as counts lie above
        value = (exact > 0) - (exact < 0)
    return value * (x - below) * (above - x)


@cache
def _scaled_floor(root: Root, scale: int) -> int:
    """Return the largest integer x between the two scaled counts at which the secular function at x/scale is not negative.

    At a fine scale the search starts from the result at its square root: so close, the function is nearly a line.
    """
    if scale <= COARSE:
        low, high = scale * root.counts[root.number], scale * root.counts[root.number - 1]
    else:
        coarse = math.isqrt(scale)
        near = _scaled_floor(root, coarse)
        low, high = _line_search(root, scale, near * scale // coarse, -(-(near + 1) * scale // coarse))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _value(root, middle, scale) >= 0 else (low, middle)
    return low


def _line_search(root: Root, scale: int, low: int, high: int) -> tuple[int, int]:
    """Return a closer bracket of a root: where the line through both ends crosses zero, and steps away from there that grow."""
    at_low, at_high = _value(root, low, scale), _value(root, high, scale)
    guess = min(max(low + (high - low) * at_low // (at_low - at_high), low + 1), high - 1)
    side, step = 1 if _value(root, guess, scale) >= 0 else -1, 1
    while low < guess + side * step < high:
        further = guess + side * step
        if (_value(root, further, scale) >= 0) != (side > 0):
            return min(guess, further), max(guess, further)
        guess, step = further, 4 * step
    return (guess, high) if side > 0 else (low, guess)


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
    leading, listed = sum(weights), (sp.Tuple(*levels), sp.Tuple(*weights))
    found: list[sp.Expr] = []
    for i, level in enumerate(levels, start=1):
        found += [sp.Integer(level)] * (occurrences[level] - 1)
        if i < len(levels):
            low = _scaled_floor(Root(i, levels, weights), leading)
            is_root = _value(Root(i, levels, weights), low, leading) == 0
            found.append(sp.Rational(low, leading) if is_root else SecularRoot(i, *listed))
    return tuple(found)
