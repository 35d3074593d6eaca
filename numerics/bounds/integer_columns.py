"""Dual points in integers, by the loss of the logits: where doubles look for them, and the lower bound that follows from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.balls import Ball, lowest
from numerics.bounds.dual import entropy
from theory.export.coq_certificate import UNIT
from theory.problem import CROSS_ENTROPY, MSE

DENOMINATOR = 10**18
"""The denominator of the entries of a dual point."""
ROUNDED_OFF = 1000
"""By how many of 1/UNIT the entropy is lowered: a checker in fixed point loses less than 100 in each logarithm."""

Matrix = list[list[int]]


@dataclass(frozen=True)
class Conjugate:
    """What a dual point is under one loss of the logits.

    ``residual(z)`` proposes labels less dual point at the mean logits ``z``; both have one column a class. ``columns(r)`` returns
    the dual point of a residual as numerators over DENOMINATOR, one list a class. ``bound(counts, columns)`` returns the lower
    bound of the loss that follows from a feasible dual point, as a multiple of 1/UNIT, rounded down.
    """

    residual: Callable[[Float64[Tensor, "K K"]], Float64[Tensor, "K K"]]
    columns: Callable[[Float64[Tensor, "K K"]], Matrix]
    bound: Callable[[Sequence[int], Matrix], int]


def softmax_residual(z: Float64[Tensor, "K K"]) -> Float64[Tensor, "K K"]:
    """Return labels less softmax probabilities. Small probabilities keep their accuracy."""
    labels = torch.eye(len(z)).to(z)
    wrong = torch.softmax(z, 0) * (1 - labels)
    return labels * wrong.sum(0) - wrong


def probabilities(residual: Float64[Tensor, "K K"]) -> Matrix:
    """Return columns of positive numerators with the sum DENOMINATOR: only the wrong classes of the residual are read."""
    columns = []
    for label, column in enumerate((-residual).T.tolist()):
        numerators = [max(1, round(Fraction(p) * DENOMINATOR)) for p in column]
        numerators[label] = DENOMINATOR - sum(x for k, x in enumerate(numerators) if k != label)
        columns.append(numerators)
    return columns


def mean_entropy(counts: Sequence[int], columns: Matrix) -> int:
    """Return the mean entropy of the columns, a little lowered, as a multiple of 1/UNIT."""
    total = Ball(0)
    for label, (count, column) in enumerate(zip(counts, columns, strict=True)):
        total += count * entropy([Ball(x) / DENOMINATOR for k, x in enumerate(column) if k != label])
    return math.floor(Fraction(lowest(total / sum(counts))) * UNIT) - ROUNDED_OFF


def logits_residual(z: Float64[Tensor, "K K"]) -> Float64[Tensor, "K K"]:
    """Return labels less logits."""
    return torch.eye(len(z)).to(z) - z


def nearest_columns(residual: Float64[Tensor, "K K"]) -> Matrix:
    """Return the numerators of labels less a residual, rounded."""
    return [
        [DENOMINATOR * (k == label) - round(Fraction(x) * DENOMINATOR) for k, x in enumerate(column)]
        for label, column in enumerate(residual.T.tolist())
    ]


def mean_fall(counts: Sequence[int], columns: Matrix) -> int:
    """Return the mean of half of what the squared norms of the columns stay below those of the labels, as a multiple of 1/UNIT."""
    gains = sum(n * (DENOMINATOR**2 - sum(x**2 for x in column)) for n, column in zip(counts, columns, strict=True))
    return UNIT * gains // (2 * sum(counts) * DENOMINATOR**2)


CONJUGATES = {
    CROSS_ENTROPY: Conjugate(softmax_residual, probabilities, mean_entropy),
    MSE: Conjugate(logits_residual, nearest_columns, mean_fall),
}
"""The losses whose dual points are found in integers."""
