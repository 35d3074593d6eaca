"""The importance-weighted log-likelihood of an autoencoder."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.networks.autoencoders.samples import Samples
from numerics.networks.autoencoders.training import Model


@torch.no_grad()
def log_likelihood(model: Model, samples: Samples, draws: int, generator: torch.Generator) -> Float64[Tensor, " S"]:
    """Return the mean over samples of log (1/K) Σ_k p(y, z_k)/q(z_k), with K = ``draws`` codes z_k drawn for each sample.

    In expectation it bounds the log-likelihood from below, and rises to it with K (Burda, Grosse, Salakhutdinov, 2016).
    """
    total = model.log_weight(samples, generator)
    for _ in range(draws - 1):
        total = torch.logaddexp(total, model.log_weight(samples, generator))
    return (total - math.log(draws)).mean(-1)
