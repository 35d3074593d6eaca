"""A lower bound for nonnegative features, from a quadratic form that is copositive."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.balls import Ball, BallMatrix
from numerics.backends.tensors import DTYPE
from numerics.bounds.dual import (
    MARGINS,
    balanced_columns,
    entropy,
    is_semidefinite,
    with_correct_entries,
    wrong_probabilities,
)


RIDGES = tuple(10.0**-e for e in range(14))
"""Parts of the diagonal by which the form is raised, in turn, while its positive entries are lowered: the last one is as small as rounding."""
SWEEPS = 4
"""Rounds over all pairs of classes for each ridge."""
ENOUGH = 1e-12
"""Common shrinking, relative, below which nothing is gained by lowering the positive entries less."""


@dataclass(frozen=True)
class Feasible:
    """Probabilities of each class that make the form Q copositive, and their ``bound``, the mean entropy.

    ``form`` is positive semidefinite, and no entry off its diagonal exceeds that of Q. At every point with features H ≥ 0 the loss exceeds
    the bound by at least Σ_kl form_kl ⟨h_k, h_l⟩ / (2 λ_W).
    """

    bound: Ball
    form: list[list[Ball]]


def copositive_bound(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: Ball, with_bias: bool) -> Ball:
    """Enclose (1/N) Σ entropy(p_i) for class-wise probabilities that make the quadratic form in H ≥ 0 copositive."""
    feasible = feasible_probabilities(z, y, decay, with_bias)
    return Ball("nan") if feasible is None else feasible.bound


def feasible_probabilities(
    z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: Ball, with_bias: bool
) -> Feasible | None:
    """Return probabilities near those of the logits that make the form copositive, or None where none are verified.

    With Q_kl = n_k δ_kl λ_W λ_H − n_k n_l ⟨e_k − p_k, e_l − p_l⟩ / N² the form is copositive when a matrix with no larger
    entries off the diagonal is positive semidefinite. Each class is shrunk toward its label until its diagonal entry is
    nonnegative, then all are shrunk together as far as needed. A bias asks for Σ_k n_k (e_k − p_k) = 0 as well, which a common
    shift restores; the classes are then only shrunk together, which keeps the sum.
    """
    sizes = [int(n) for n in y.sum(1).tolist()]
    counts, own = y.sum(1), torch.eye(len(sizes), dtype=DTYPE)
    wrong = (wrong_probabilities(z, y) @ y.T) / counts * (1 - own)
    if with_bias:
        shift = (_residual(wrong) @ counts / counts.sum())[:, None]
        wrong = (wrong - shift).clamp(min=0) * (1 - own)
    else:
        limit = counts.sum() * torch.sqrt(float(decay) / counts)
        wrong = wrong * torch.clamp(limit / _residual(wrong).norm(dim=0).clamp(min=1e-300), max=1.0)
    lowered, kept = _lowered_form(wrong, counts, float(decay))
    for margin in MARGINS:
        shrink = kept * (1 - margin)
        columns = with_correct_entries((shrink * wrong).T.tolist(), range(len(sizes)))
        if with_bias:
            columns = balanced_columns(columns, BallMatrix.from_tensor(own).tolist(), range(len(sizes)), sizes)
        entropies = [entropy([x for i, x in enumerate(c) if i != label]) for label, c in enumerate(columns)]
        bound = sum((n * e for n, e in zip(sizes, entropies, strict=True)), Ball(0)) / sum(sizes)
        form = _no_larger(_form(columns, sizes, decay), (shrink**2 * lowered).tolist())
        if bound.is_finite() and is_semidefinite(form):
            return Feasible(bound, form)
    return None


def _residual(wrong: Tensor) -> Tensor:
    """Return p_k − e_k for each class, in columns."""
    return wrong - torch.diag(wrong.sum(0))


def _lowered_form(wrong: Tensor, counts: Tensor, decay: float) -> tuple[Tensor, float]:
    """Return a matrix with no larger entries off the diagonal than Q, and the factor of the probabilities at which it is semidefinite.

    Shrinking all probabilities by f leaves f² of the matrix and adds 1 − f² of the diagonal n_k λ_W λ_H.
    """
    weights, residual = counts * decay, _residual(wrong)
    q = torch.diag(weights) - torch.outer(counts, counts) * (residual.T @ residual) / counts.sum() ** 2
    units = torch.outer(weights, weights).sqrt()

    def shrinking(form: Tensor) -> float:
        return float((1 - torch.linalg.eigvalsh(form / units)[0]).clamp(min=1.0) ** -0.5)

    lowered = torch.where(torch.eye(len(q), dtype=torch.bool), q, q.clamp(max=0))
    kept = shrinking(lowered)
    if kept >= 1 - ENOUGH:
        return lowered, kept
    other = units * _best_completion(q / units)
    return max(((lowered, kept), (other, shrinking(other))), key=lambda pair: pair[1])


def _best_completion(q: Tensor) -> Tensor:
    """Return the matrix of largest determinant with the diagonal of q and no larger entries off the diagonal, for a falling ridge.

    Given all other entries, the best value of an entry is the one that makes that entry of the inverse zero.
    """
    size, pairs = len(q), list(itertools.combinations(range(len(q)), 2))
    found = torch.where(torch.eye(size, dtype=torch.bool), q, q.clamp(max=0))
    for ridge in RIDGES:
        raised = found + ridge * torch.eye(size, dtype=DTYPE)
        for k, j in pairs * SWEEPS:
            others = [i for i in range(size) if i not in (k, j)]
            within = torch.linalg.pinv(raised[others][:, others], hermitian=True)
            best = raised[k, others] @ within @ raised[others, j]
            raised[k, j] = raised[j, k] = torch.minimum(q[k, j], best)
        found = raised - ridge * torch.eye(size, dtype=DTYPE)
    return found


def _form(columns: Sequence[Sequence[Ball]], sizes: Sequence[int], decay: Ball) -> list[list[Ball]]:
    """Return Q, for the p_k − e_k in these columns and classes of these sizes."""
    residual, samples = BallMatrix.of(columns), sum(sizes)
    inner = (residual @ residual.transposed).tolist()
    return [
        [n * decay * int(i == j) - inner[i][j] * n * m / samples**2 for j, m in enumerate(sizes)]
        for i, n in enumerate(sizes)
    ]


def _no_larger(q: list[list[Ball]], proposed: list[list[float]]) -> list[list[Ball]]:
    """Return q with the proposed entries off the diagonal, wherever they are verified to be no larger."""
    return [
        [
            Ball(other) if i != j and Ball(other) <= x else x
            for j, (x, other) in enumerate(zip(row, others, strict=True))
        ]
        for i, (row, others) in enumerate(zip(q, proposed, strict=True))
    ]
