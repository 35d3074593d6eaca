"""A lower bound for nonnegative features, from a quadratic form that is copositive."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.balls import Ball, BallMatrix
from numerics.backends.tensors import DTYPE
from numerics.bounds.dual import MARGINS, entropy, is_semidefinite, with_correct_entries, wrong_probabilities


def copositive_bound(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: Ball) -> Ball:
    """Enclose (1/N) Σ entropy(p_i) for class-wise probabilities that make the quadratic form in H ≥ 0 copositive.

    With Q_kl = n_k δ_kl λ_W λ_H − n_k n_l ⟨e_k − p_k, e_l − p_l⟩ / N² the form is copositive when Q less its positive
    off-diagonal entries is positive semidefinite. Each class is shrunk toward its label until its diagonal entry is
    nonnegative, then all are shrunk together as far as needed.
    """
    samples = z.shape[1]
    counts = y.sum(1)
    sizes = [int(n) for n in counts.tolist()]
    wrong = (wrong_probabilities(z, y) @ y.T) / counts
    wrong = wrong * (1 - torch.eye(len(counts), dtype=DTYPE))

    def shrunk(factor: float) -> Tensor:
        candidate = factor * wrong
        residual = candidate - torch.diag(candidate.sum(0))
        limit = samples * torch.sqrt(float(decay) / counts)
        return candidate * torch.clamp(limit / residual.norm(dim=0).clamp(min=1e-300), max=1.0)

    def seems_copositive(candidate: Tensor) -> bool:
        residual = candidate - torch.diag(candidate.sum(0))
        q = -torch.outer(counts, counts) * (residual.T @ residual) / samples**2
        diagonal = (counts * float(decay) + q.diagonal()).clamp(min=0)
        off = (q - torch.diag(q.diagonal())).clamp(max=0)
        return bool(torch.linalg.eigvalsh(torch.diag(diagonal) + off)[0] >= 0)

    factor = 1.0
    if not seems_copositive(shrunk(factor)):
        low, factor = 0.0, 1.0
        for _ in range(60):
            middle = (low + factor) / 2
            low, factor = (middle, factor) if seems_copositive(shrunk(middle)) else (low, middle)
        factor = low
    for margin in MARGINS:
        columns = with_correct_entries(((1 - margin) * shrunk(factor)).T.tolist(), range(len(sizes)))
        residual = BallMatrix.of(columns)
        inner = (residual @ residual.transposed).tolist()
        form = [
            [
                n * decay - Ball(n * n) * inner[i][i] / samples**2
                if i == j
                else _negative_part(-inner[i][j]) * n * m / samples**2
                for j, m in enumerate(sizes)
            ]
            for i, n in enumerate(sizes)
        ]
        if is_semidefinite(form):
            entropies = [entropy([x for i, x in enumerate(c) if i != label]) for label, c in enumerate(columns)]
            return sum((n * e for n, e in zip(sizes, entropies, strict=True)), Ball(0)) / samples
    return Ball("nan")


def _negative_part(x: Ball) -> Ball:
    return Ball(0) if x >= 0 else x.min(Ball(0))
