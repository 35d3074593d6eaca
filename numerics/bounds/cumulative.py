"""A dual lower bound on cumulative link losses from trained latent values: floating point proposes a dual point, balls verify it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.balls import Ball
from numerics.bounds.dual import MARGINS, entropy


def dual_bound_cumulative(
    z: Float64[Tensor, " N"], y: Float64[Tensor, "K N"], odds: Sequence[Ball], decay: Ball
) -> Ball:
    """Enclose a lower bound on (1/N) Σ −log P(y_i | z_i) + √(λ_W λ_H) ‖z‖ over all z, for one-hot labels Y.

    The loss of class k is log(1 + o_k exp(z)) + log(1 + exp(−z)/o_(k−1)) − log(1 − o_k/o_(k−1)), and log(1 + exp(u)) is at least
    entropy(p) + p u for every p from 0 to 1. With p_i and q_i for the two parts a sample gives at least entropy(p_i) + entropy(q_i) +
    p_i log o_k − q_i log o_(k−1) − log(1 − o_k/o_(k−1)) and (p_i − q_i) z_i, and what is linear in z is at least −N √(λ_W λ_H) ‖z‖
    where ‖p − q‖ ≤ N √(λ_W λ_H). Shrinking the logistic p and q restores this condition. Returns nan where it is not verified.
    """
    samples, classes = z.shape[-1], y.argmax(0).tolist()
    last = y.shape[0] - 1
    logs = torch.tensor([float(o.log()) for o in odds], dtype=z.dtype)
    parts = [
        (
            0.0 if k == last else float(torch.sigmoid(x + logs[k])),
            0.0 if k == 0 else float(torch.sigmoid(-x - logs[k - 1])),
        )
        for x, k in zip(z, classes, strict=True)
    ]
    size = max(1e-300, sum((p - q) ** 2 for p, q in parts) ** 0.5)
    shrink = min(1.0, samples * float(decay) ** 0.5 / size)
    for margin in (0.0, *MARGINS):
        kept = Ball(shrink * (1 - margin))
        duals = [(kept * Ball(p), kept * Ball(q)) for p, q in parts]
        if sum(((p - q) ** 2 for p, q in duals), Ball(0)) <= samples**2 * decay:
            total = sum((_of_sample(p, q, k, odds) for (p, q), k in zip(duals, classes, strict=True)), Ball(0))
            return total / samples
    return Ball("nan")


def _of_sample(p: Ball, q: Ball, label: int, odds: Sequence[Ball]) -> Ball:
    """Enclose what a sample of a class contributes; a part that the lowest or the highest class lacks has the probability zero."""
    found = entropy([p]) + entropy([q])
    below = None if label == 0 else odds[label - 1]
    above = None if label == len(odds) else odds[label]
    if above is not None:
        found += p * above.log()
    if below is not None:
        found -= q * below.log()
    if above is not None and below is not None:
        found -= ((below - above) / below).log()
    return found
