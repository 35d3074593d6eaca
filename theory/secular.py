"""The eigenvalues of diag(n) − n nᵀ/N for counts n that sum to N, exactly.

det(ν − diag(n) + n nᵀ/N) = (ν/N) Σ_k n_k Π_{m≠k} (ν − n_m): the eigenvalues are zero, g − 1 times every count that occurs g
times, and between each two neighbouring counts one root of Σ_k n_k / (ν − n_k).
"""

from __future__ import annotations

from functools import cache

import sympy as sp


class SecularRoot(sp.Function):
    """``SecularRoot(i, a_1, …, a_t, w_1, …, w_t)``: the only root of Σ_m w_m / (ν − a_m) between a_(i+1) and a_i.

    The a_m are descending positive integers, the w_m positive ones.
    """

    is_positive = True

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(map(int, self.args))

    def bracket(self, scale: int) -> tuple[sp.Rational, sp.Rational]:
        """Return two neighbouring multiples of 1/scale, between which the root lies or which are the root."""
        low = _scaled_floor(self.numbers, scale)
        return sp.Rational(low, scale), sp.Rational(low + 1, scale)

    def _eval_evalf(self, precision: int) -> sp.Expr:
        return sp.Float(sum(self.bracket(2 ** (precision + 10))) / 2, precision=precision)


def _scaled(root: tuple[int, ...], x: int, scale: int) -> int:
    """Σ_m w_m Π_(l≠m) (x − scale a_l): the secular function times all denominators, in integers."""
    size = len(root) // 2
    total, product = 0, 1
    for a, w in zip(root[1 : size + 1], root[size + 1 :], strict=True):
        gap = x - scale * a
        total, product = total * gap + w * product, product * gap
    return total


@cache
def _scaled_floor(root: tuple[int, ...], scale: int) -> int:
    """Halve the interval between the two counts, at whose ends the signs differ, down to neighbouring integers."""
    low, high = scale * root[root[0] + 1], scale * root[root[0]]
    rising = _scaled(root, high, scale) > 0
    while high - low > 1:
        middle = (low + high) // 2
        if (_scaled(root, middle, scale) > 0) == rising:
            high = middle
        else:
            low = middle
    return low


@cache
def centred_spectrum(counts: tuple[int, ...]) -> tuple[sp.Expr, ...]:
    """Return the eigenvalues of diag(n) − n nᵀ/N in descending order, without the zero that belongs to the ones.

    Rational ones are written as such: N times a rational root of the secular polynomial is an integer. An irrational one has
    conjugates between other counts, all different, so none of its powers is rational.
    """
    levels = sorted(set(counts), reverse=True)
    weights = [level * counts.count(level) for level in levels]
    found: list[sp.Expr] = []
    for i, level in enumerate(levels, start=1):
        found += [sp.Integer(level)] * (counts.count(level) - 1)
        if i < len(levels):
            root = SecularRoot(i, *levels, *weights)
            rational = [x for x in root.bracket(sum(counts)) if _scaled(root.numbers, int(x.p), int(x.q)) == 0]
            found.append(rational[0] if rational else root)
    return tuple(found)
