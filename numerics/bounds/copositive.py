"""A lower bound for nonnegative features, from a quadratic form that is copositive."""

from __future__ import annotations

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

BARRIERS = tuple(10.0**-e for e in range(15))
"""Weights of the barrier under which the least eigenvalue of the form is raised, in turn."""
STEPS = 30
"""Most Newton steps for each weight; a step is halved as often as the point would leave its domain or get worse, up to STEPS times."""
ACTIVE = 1e-6
"""Distance from its limit, in the unit of the form, below which an entry is set to its limit."""
ENOUGH = 1e-12
"""Common shrinking, relative, below which nothing is gained by lowering the positive entries less."""

MOST_CLASSES = 48
"""Most classes for which the least eigenvalue is raised: a Newton step in all K (K − 1) / 2 entries takes K⁶ operations."""


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
        form = no_larger(_form(columns, sizes, decay), (shrink**2 * lowered).tolist())
        if bound.is_finite() and is_semidefinite(form):
            return Feasible(bound, form)
    return None


def _residual(wrong: Tensor) -> Tensor:
    """Return p_k − e_k for each class, in columns."""
    return wrong - torch.diag(wrong.sum(0))


def _lowered_form(wrong: Tensor, counts: Tensor, decay: float) -> tuple[Tensor, float]:
    """Return a matrix with no larger entries off the diagonal than Q, and the factor of the probabilities at which it is semidefinite.

    Shrinking all probabilities by f leaves f² of the matrix and adds 1 − f² of the diagonal n_k λ_W λ_H. Of many classes all positive
    entries are lowered to zero, which is tight where none is positive at the minimum, as without a bias.
    """
    weights, residual = counts * decay, _residual(wrong)
    q = torch.diag(weights) - torch.outer(counts, counts) * (residual.T @ residual) / counts.sum() ** 2
    units = torch.outer(weights, weights).sqrt()

    def shrinking(form: Tensor) -> float:
        return float((1 - torch.linalg.eigvalsh(form / units)[0]).clamp(min=1.0) ** -0.5)

    lowered = torch.where(torch.eye(len(q), dtype=torch.bool), q, q.clamp(max=0))
    kept = shrinking(lowered)
    if kept >= 1 - ENOUGH or len(q) > MOST_CLASSES:
        return lowered, kept
    raised = units * _with_largest_eigenvalue(q / units)
    at_limits = torch.where(q - raised < ACTIVE * units, q, raised)
    forms = [lowered, *(form for form in (raised, at_limits) if bool(form.isfinite().all()))]
    return max(((form, shrinking(form)) for form in forms), key=lambda pair: pair[1])


def _with_largest_eigenvalue(q: Tensor) -> Tensor:
    """Return the matrix whose least eigenvalue t is largest, with the diagonal of q and smaller entries off the diagonal.

    Newton's steps lower −t/μ − log det(M − t) − Σ log(q − M) over t and the entries of M above the diagonal, for falling μ.
    """
    rows, columns = torch.triu_indices(len(q), len(q), 1)
    limits, unit = q[rows, columns], torch.eye(len(q), dtype=DTYPE)

    def matrix(x: Tensor) -> Tensor:
        off = torch.zeros_like(q)
        off[rows, columns] = x[:-1]
        return torch.diag(q.diagonal()) + off + off.T

    def barrier(x: Tensor, weight: float) -> float:
        (root, failed), room = torch.linalg.cholesky_ex(matrix(x) - x[-1] * unit), limits - x[:-1]
        if bool(failed) or not bool((room > 0).all()):
            return float("inf")
        return float(-x[-1] / weight - 2 * root.diagonal().log().sum() - room.log().sum())

    def newton_step(x: Tensor, weight: float) -> Tensor:
        # A matrix that is singular to rounding may still have a Cholesky root, so that the barrier is finite.
        root, _ = torch.linalg.cholesky_ex(matrix(x) - x[-1] * unit)
        inverse, room = torch.cholesky_inverse(root), limits - x[:-1]
        square = inverse @ inverse
        slope = torch.cat([-2 * inverse[rows, columns] + 1 / room, (inverse.trace() - 1 / weight)[None]])
        curvature = torch.zeros(len(x), len(x), dtype=DTYPE)
        straight, crossed = (
            inverse[rows][:, a] * inverse[columns][:, b] for a, b in ((rows, columns), (columns, rows))
        )
        curvature[:-1, :-1] = 2 * (straight + crossed) + torch.diag(1 / room**2)
        curvature[:-1, -1] = curvature[-1, :-1] = -2 * square[rows, columns]
        curvature[-1, -1] = square.trace()
        scale = curvature.diagonal().rsqrt()
        return -scale * torch.linalg.lstsq(scale[:, None] * curvature * scale, (scale * slope)[:, None]).solution[:, 0]

    below = limits.clamp(max=0) - 1
    x = torch.cat([below, torch.zeros(1, dtype=DTYPE)])
    x[-1] = torch.linalg.eigvalsh(matrix(x))[0] - 1
    for weight in BARRIERS:
        for _ in range(STEPS):
            step, before = newton_step(x, weight), barrier(x, weight)
            shorter = (x + 0.5**halvings * step for halvings in range(STEPS))
            after = next((each for each in shorter if barrier(each, weight) < before), None)
            if after is None:
                break
            x = after
    return matrix(x)


def _form(columns: Sequence[Sequence[Ball]], sizes: Sequence[int], decay: Ball) -> list[list[Ball]]:
    """Return Q, for the p_k − e_k in these columns and classes of these sizes."""
    residual, samples = BallMatrix.of(columns), sum(sizes)
    inner = (residual @ residual.transposed).tolist()
    return [
        [n * decay * int(i == j) - inner[i][j] * n * m / samples**2 for j, m in enumerate(sizes)]
        for i, n in enumerate(sizes)
    ]


def no_larger(q: list[list[Ball]], proposed: list[list[float]]) -> list[list[Ball]]:
    """Return q with the proposed entries off the diagonal, wherever they are verified to be no larger."""
    return [
        [
            Ball(other) if i != j and Ball(other) <= x else x
            for j, (x, other) in enumerate(zip(row, others, strict=True))
        ]
        for i, (row, others) in enumerate(zip(q, proposed, strict=True))
    ]
