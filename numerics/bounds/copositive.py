"""A lower bound for nonnegative features, from a quadratic form that is copositive."""

from __future__ import annotations

from collections.abc import Sequence

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


def copositive_bound(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: Ball, with_bias: bool) -> Ball:
    """Enclose (1/N) Σ entropy(p_i) for class-wise probabilities that make the quadratic form in H ≥ 0 copositive."""
    columns, sizes = feasible_columns(z, y, decay, with_bias), [int(n) for n in y.sum(1).tolist()]
    if columns is None:
        return Ball("nan")
    entropies = [entropy([x for i, x in enumerate(c) if i != label]) for label, c in enumerate(columns)]
    return sum((n * e for n, e in zip(sizes, entropies, strict=True)), Ball(0)) / sum(sizes)


def feasible_columns(
    z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: Ball, with_bias: bool
) -> list[list[Ball]] | None:
    """Return p_k − e_k for each class k, near those of the logits, that make the form copositive, or None where none is verified.

    With Q_kl = n_k δ_kl λ_W λ_H − n_k n_l ⟨e_k − p_k, e_l − p_l⟩ / N² the form is copositive when Q less its positive
    off-diagonal entries is positive semidefinite. Each class is shrunk toward its label until its diagonal entry is
    nonnegative, then all are shrunk together as far as needed. A bias asks for Σ_k n_k (e_k − p_k) = 0 as well, which a common
    shift restores; the classes are then only shrunk together, which keeps the sum.
    """
    sizes = [int(n) for n in y.sum(1).tolist()]
    classes, own = range(len(sizes)), torch.eye(len(sizes), dtype=DTYPE)
    wrong = (wrong_probabilities(z, y) @ y.T) / y.sum(1) * (1 - own)
    if with_bias:
        residual = wrong - torch.diag(wrong.sum(0))
        shift = (residual @ y.sum(1) / y.shape[1])[:, None]
        wrong = (wrong - shift).clamp(min=0) * (1 - own)
    wrong = _copositive(wrong, y.sum(1), float(decay), each=not with_bias)
    for margin in MARGINS:
        columns = with_correct_entries(((1 - margin) * wrong).T.tolist(), classes)
        if with_bias:
            columns = balanced_columns(columns, BallMatrix.from_tensor(own).tolist(), classes, sizes)
        probabilities = all(x >= 0 for label, c in enumerate(columns) for i, x in enumerate(c) if i != label)
        if probabilities and is_semidefinite(below_the_form(columns, sizes, decay)):
            return columns
    return None


def _copositive(wrong: Tensor, counts: Tensor, decay: float, each: bool) -> Tensor:
    """Return wrong-class probabilities shrunk toward zero until the form seems copositive; ``each`` class may be shrunk by itself."""
    samples = counts.sum()

    def shrunk(factor: float) -> Tensor:
        candidate = factor * wrong
        if not each:
            return candidate
        residual = candidate - torch.diag(candidate.sum(0))
        limit = samples * torch.sqrt(decay / counts)
        return candidate * torch.clamp(limit / residual.norm(dim=0).clamp(min=1e-300), max=1.0)

    def seems_copositive(candidate: Tensor) -> bool:
        residual = candidate - torch.diag(candidate.sum(0))
        q = -torch.outer(counts, counts) * (residual.T @ residual) / samples**2
        diagonal = counts * decay + q.diagonal()
        if each:
            diagonal = diagonal.clamp(min=0)
        off = (q - torch.diag(q.diagonal())).clamp(max=0)
        return bool(torch.linalg.eigvalsh(torch.diag(diagonal) + off)[0] >= 0)

    low, high = 0.0, 1.0
    if seems_copositive(shrunk(high)):
        return shrunk(high)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if seems_copositive(shrunk(middle)) else (low, middle)
    return shrunk(low)


def below_the_form(columns: Sequence[Sequence[Ball]], sizes: Sequence[int], decay: Ball) -> list[list[Ball]]:
    """Return Q less its positive off-diagonal entries, for the p_k − e_k in these columns and classes of these sizes.

    The loss exceeds the bound by at least Σ_kl Q_kl ⟨h_k, h_l⟩ / (2 λ_W).
    """
    residual, samples = BallMatrix.of(columns), sum(sizes)
    inner = (residual @ residual.transposed).tolist()
    return [
        [
            n * decay - Ball(n * n) * inner[i][i] / samples**2
            if i == j
            else _negative_part(-inner[i][j]) * n * m / samples**2
            for j, m in enumerate(sizes)
        ]
        for i, n in enumerate(sizes)
    ]


def _negative_part(x: Ball) -> Ball:
    return Ball(0) if x >= 0 else x.min(Ball(0))
