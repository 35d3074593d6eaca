"""Dual points in integers, for a checker that computes in integers alone: doubles propose, exact arithmetic decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.bindings import single_bindings
from numerics.backends.tensors import DTYPE, TorchArrays
from numerics.bounds.dual import MARGINS
from numerics.bounds.integer_columns import CONJUGATES, DENOMINATOR, Matrix
from theory.point import Point
from theory.problem import Instance, NuclearForm


@dataclass(frozen=True)
class IntegerDual:
    """A dual point, one column a class, as numerators over DENOMINATOR, and a factor that shows that it is dual feasible.

    ``loss`` is that of the logits, and ``decays`` are λ_W and λ_H. Let R be the columns of labels less dual point, times
    DENOMINATOR, and D the class counts. The integer matrix scale · I − b R D Rᵀ less the sum of the squares of the rows of
    ``factor`` is diagonally dominant, where λ_W λ_H = a/b and scale = N² a DENOMINATOR².
    """

    loss: str
    counts: tuple[int, ...]
    decays: tuple[Fraction, Fraction]
    columns: Matrix
    factor: Matrix

    @property
    def bound(self) -> int:
        """A lower bound of the whole loss as a multiple of 1/UNIT, rounded down."""
        return CONJUGATES[self.loss].bound(self.counts, self.columns)


def dual_at(form: NuclearForm, instance: Instance, point: Point) -> IntegerDual | None:
    """Return a feasible dual point near the logits of a trained point, or None where none is found.

    The labels are one-hot, and there is no bias. Raises KeyError for a loss without dual points in integers.
    """
    at = single_bindings(instance)
    xp = TorchArrays(at)
    labels = form.labels(xp, at)
    weight, feature = (Fraction(x.p, x.q) for x in (instance.bindings[symbol] for symbol in form.decays))
    counts = [int(n) for n in labels.sum(1).tolist()]
    return integer_dual(form.loss, xp.class_means(form.logits(xp, point), labels), counts, (weight, feature))


def integer_dual(
    loss: str,
    mean_logits: Float64[Tensor, "K K"],
    counts: Sequence[int],
    decays: tuple[Fraction, Fraction],
    margins: Sequence[float] = MARGINS,
) -> IntegerDual | None:
    """Return a feasible dual point of a loss near the mean logits, or None where none is found.

    ``mean_logits`` has one column a class, with ``counts`` samples each, and ``decays`` are λ_W and λ_H. The point is shrunk
    towards the labels. Of the ``margins`` below the limit that doubles find, the first at which exact arithmetic agrees is
    taken. Raises KeyError for a loss without dual points in integers.
    """
    conjugate, product = CONJUGATES[loss], decays[0] * decays[1]
    residual = conjugate.residual(mean_logits)
    norm = float(torch.linalg.matrix_norm(residual * torch.tensor(counts, dtype=DTYPE) ** 0.5, 2))
    shrink = min(1.0, sum(counts) * math.sqrt(product) / max(norm, 1e-300))
    for margin in margins:
        columns = conjugate.columns(shrink * (1 - margin) * residual)
        form = quadratic_form(columns, counts, product)
        factor = cholesky_rows(form)
        if factor is not None and is_dominant(less_squares(form, factor)):
            return IntegerDual(loss, tuple(counts), decays, columns, factor)
    return None


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
