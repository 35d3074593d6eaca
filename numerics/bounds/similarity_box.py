"""A dual lower bound on contrastive losses from trained similarities: floating point proposes probabilities, balls evaluate the bound."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.balls import Ball


def dual_bound_in_similarity_box(s: Float64[Tensor, "N N"], y: Float64[Tensor, "K N"], most: Ball) -> Ball:
    """Enclose a lower bound on the mean contrastive loss over similarities from 0 to ``most``, for one-hot labels Y.

    The loss of sample i is a log-sum-exp less the mean over its m positives. With probabilities p over the other samples it is at least
    entropy(p) + Σ_a p_a s_a − (1/m) Σ_p s_p, which is least where s_p = ``most`` for every positive with p_p < 1/m, and s_a = 0
    elsewhere. Every p is allowed; the softmax of the similarities is taken.
    """
    samples = s.shape[1]
    itself = torch.eye(samples, dtype=torch.bool)
    positive = ((y.mT @ y) > 0) & ~itself
    lead = s.masked_fill(itself, -torch.inf)
    weights = torch.exp(lead - lead.amax(0)).mT.tolist()
    found = Ball(0)
    for column, own in zip(weights, positive.mT.tolist(), strict=True):
        found += _of_sample(column, own, most)
    return found / samples


def _of_sample(weights: list[float], positive: list[bool], most: Ball) -> Ball:
    """Enclose the bound for one sample, whose probabilities are the weights over their sum."""
    alike, others = (
        [Ball(w) for w, own in zip(weights, positive, strict=True) if own is side and w > 0] for side in (True, False)
    )
    share, among = 1 / Ball(sum(positive)), sum(alike, Ball(0))
    wrong = sum(others, Ball(0)) / among  # the entropy is that of the positives but for this, which may be tiny
    total = among * (1 + wrong)
    entropy = among.log() + wrong.log1p() - sum((w * w.log() for w in (*alike, *others)), Ball(0)) / total
    short = sum(((share - w / total).max(Ball(0)) for w in alike), Ball(0)) + (sum(positive) - len(alike)) * share
    return entropy - most * short
