"""Posterior collapse of a VAE of the reader's own, from posterior means and variances of each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from numerics.networks.head import numbers
from theory.domains import PositiveReal, RealBetween
from theory.problem import reject

ACTIVE = 0.01
"""Variance of the posterior mean over the data above which a unit is active: the threshold of Burda, Grosse and
Salakhutdinov (2016)."""


@dataclass(frozen=True)
class LatentMeasurement:
    """Posterior collapse of d latent directions.

    ``divergences`` are the mean KL divergences of each direction from its standard normal prior, in nats, and ``total`` their
    sum. ``active`` are the directions that are active units. ``collapsed`` are those that are (ε, δ)-collapsed: for a share of at least 1 − δ
    of the samples the divergence is below ε. ``shares`` are the shares of the samples whose divergence is below ε.
    """

    divergences: list[float]
    total: float
    active: list[int]
    collapsed: list[int]
    shares: list[float]


def measure_latent(means: Any, variances: Any, *, epsilon: float = 0.01, delta: float = 0.01) -> LatentMeasurement:
    """Measure the posterior collapse of a VAE with a standard normal prior and independent posterior directions.

    ``means`` (N × d) are posterior means, and ``variances`` (N × d, or d where they are the same for all samples)
    posterior variances, as arrays or tensors. ``epsilon`` is ε in nats, and ``delta`` is δ, between 0 and 1. Source of (ε, δ)-collapse:
    Lucas, Tucker, Grosse, Norouzi, "Understanding Posterior Collapse in Generative Latent Variable Models" (2019).
    Raises ParameterError, with one line, for an array or a number that is not allowed.
    """
    mean = numbers("means", means, 2, "(N, d)")
    shape = "(N, d), as means, or (d,)"
    variance = numbers("variances", variances, 1 if np.ndim(variances) == 1 else 2, shape)
    if variance.shape not in (mean.shape, mean.shape[1:]):
        raise reject("variances", f"an array of shape {variance.shape}", f"an array of shape {shape}")
    if not (variance > 0).all():
        raise reject("variances", variance.min(), "an array of positive numbers")
    epsilon = PositiveReal().canonical("epsilon", epsilon)
    delta = RealBetween(0, 1).canonical("delta", delta)
    # log1p keeps the divergence of a posterior close to the prior, where 1 and the variance cancel.
    divergence = (mean**2 + (variance - 1) - np.log1p(variance - 1)) / 2
    each, shares = divergence.mean(0), (divergence < epsilon).mean(0)
    return LatentMeasurement(
        each.tolist(),
        float(each.sum()),
        np.flatnonzero(mean.var(0) > ACTIVE).tolist(),
        np.flatnonzero(shares >= 1 - delta).tolist(),
        shares.tolist(),
    )
