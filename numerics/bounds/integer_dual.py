"""Dual points in integers, for a checker that computes in integers alone: doubles propose, exact arithmetic decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.balls import Ball, lowest
from numerics.backends.tensors import DTYPE
from numerics.bounds.dual import MARGINS, entropy
from theory.export.coq_certificate import UNIT

DENOMINATOR = 10**18
"""The denominator of the probabilities."""
ROUNDED_OFF = 1000
"""By how many of 1/UNIT a bound is lowered: a checker in fixed point loses less than 100 in each logarithm."""

Matrix = list[list[int]]


@dataclass(frozen=True)
class IntegerDual:
    """Probabilities, one column a class, as numerators over DENOMINATOR, and a factor that shows that they are dual feasible.

    Let R be the columns of labels less probabilities, times DENOMINATOR, and D the class counts. The integer matrix
    scale · I − b R D Rᵀ less the sum of the squares of the rows of ``factor`` is diagonally dominant, where λ_W λ_H = a/b and
    scale = N² a DENOMINATOR².
    """

    counts: tuple[int, ...]
    decays: Fraction
    columns: Matrix
    factor: Matrix

    @property
    def bound(self) -> int:
        """A lower bound of the loss as a multiple of 1/UNIT: the mean entropy, rounded down."""
        total = Ball(0)
        for label, (count, column) in enumerate(zip(self.counts, self.columns, strict=True)):
            total += count * entropy([Ball(x) / DENOMINATOR for k, x in enumerate(column) if k != label])
        return math.floor(Fraction(lowest(total / sum(self.counts))) * UNIT) - ROUNDED_OFF


def integer_dual(
    mean_logits: Float64[Tensor, "K K"], counts: Sequence[int], decays: Fraction, margins: Sequence[float] = MARGINS
) -> IntegerDual | None:
    """Return a feasible dual point near the softmax of the logits, or None where none is found.

    ``mean_logits`` has one column a class, with ``counts`` samples each, and ``decays`` is λ_W λ_H. Of the ``margins`` by
    which the point is shrunk below the limit that doubles find, the first at which exact arithmetic agrees is taken.
    """
    n = torch.tensor(counts, dtype=DTYPE)
    one_hot = torch.eye(len(counts), dtype=DTYPE)
    wrong = torch.softmax(mean_logits, 0) * (1 - one_hot)
    residual = one_hot * wrong.sum(0) - wrong
    norm = float(torch.linalg.matrix_norm(residual * n**0.5, 2))
    shrink = min(1.0, sum(counts) * math.sqrt(decays) / max(norm, 1e-300))
    for margin in margins:
        columns = probabilities((shrink * (1 - margin) * wrong).T.tolist())
        form = quadratic_form(columns, counts, decays)
        factor = cholesky_rows(form)
        if factor is not None and is_dominant(less_squares(form, factor)):
            return IntegerDual(tuple(counts), decays, columns, factor)
    return None


def probabilities(wrong: Sequence[Sequence[float]]) -> Matrix:
    """Return columns of positive numerators with the sum DENOMINATOR from the probabilities of wrong classes, zero at the right one."""
    columns = []
    for label, column in enumerate(wrong):
        numerators = [max(1, round(Fraction(p) * DENOMINATOR)) for p in column]
        numerators[label] = DENOMINATOR - sum(x for k, x in enumerate(numerators) if k != label)
        columns.append(numerators)
    return columns


def quadratic_form(columns: Matrix, counts: Sequence[int], decays: Fraction) -> Matrix:
    """Return the matrix scale · I − b R D Rᵀ of ``IntegerDual``."""
    classes = range(len(counts))
    residuals = [[DENOMINATOR * (k == label) - x for k, x in enumerate(column)] for label, column in enumerate(columns)]
    scale = sum(counts) ** 2 * decays.numerator * DENOMINATOR**2
    return [
        [
            scale * (i == j) - decays.denominator * sum(n * r[i] * r[j] for n, r in zip(counts, residuals, strict=True))
            for j in classes
        ]
        for i in classes
    ]


def cholesky_rows(form: Matrix) -> Matrix | None:
    """Return rows whose squares leave half of the least eigenvalue of a form, up to rounding, or None where it is not positive."""
    unit = max(abs(x) for row in form for x in row)
    scaled = torch.tensor([[float(Fraction(x, unit)) for x in row] for row in form], dtype=DTYPE)
    least = float(torch.linalg.eigvalsh(scaled)[0])
    lower, failed = torch.linalg.cholesky_ex(scaled - least / 2 * torch.eye(len(form), dtype=DTYPE))
    if least <= 0 or failed:
        return None
    root = math.isqrt(unit)
    return [[round(Fraction(x) * root) for x in row] for row in lower.T.tolist()]


def less_squares(form: Matrix, rows: Matrix) -> Matrix:
    """Return a form less the squares of the linear forms ``rows``."""
    return [[x - sum(r[i] * r[j] for r in rows) for j, x in enumerate(row)] for i, row in enumerate(form)]


def is_dominant(form: Matrix) -> bool:
    """Return whether every diagonal entry is at least the sum of the absolute values beside it."""
    return all(row[i] >= sum(abs(x) for j, x in enumerate(row) if j != i) for i, row in enumerate(form))
