"""What is read off a sweep of autoencoders: divergences, active units and collapse, direction by direction and level by level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.networks.autoencoders.gaussians import standard_normal
from numerics.networks.autoencoders.one_level import Autoencoder, LinearAutoencoder
from numerics.networks.autoencoders.samples import Samples
from numerics.networks.autoencoders.training import Model
from numerics.networks.autoencoders.two_levels import Hierarchy, LinearHierarchy
from numerics.networks.latent import measure_latent

NOISE_SEED = 0
"""Seed of the noise with which levels of a hierarchy are read: the same for every model."""


@dataclass(frozen=True)
class LevelReading:
    """One level of latent variables at one setting.

    Arguments:
        divergences: what each direction costs in nats, largest decoder direction first where the model is linear.
        active: the directions whose posterior mean varies by more than the usual threshold of active units.
        collapsed: the (ε, δ)-collapsed directions.
    """

    divergences: list[float]
    active: list[int]
    collapsed: list[int]

    @property
    def total(self) -> float:
        """The divergence of the level, in nats."""
        return sum(self.divergences)


@torch.no_grad()
def read_levels(model: Model, samples: Samples) -> dict[str, list[LevelReading]]:
    """Return the readings of each level by its name, one for each setting of the sweep."""
    if isinstance(model, Hierarchy):
        return _of_hierarchy(model, samples)
    return {"z": _of_one_level(model, samples)}


def _of_one_level(model: Autoencoder, samples: Samples) -> list[LevelReading]:
    means = samples.in_blocks(lambda block: model.encode(block).mean)
    deviations = samples.in_blocks(lambda block: model.encode(block).log_deviation.expand(-1, len(block), -1))
    turn = model.decoder if isinstance(model, LinearAutoencoder) else None
    return _measured(means, (2 * deviations).exp(), turn)


def _measured(
    means: Float64[Tensor, "S N d"], variances: Float64[Tensor, "S N d"], decoder: Float64[Tensor, "S D d"] | None
) -> list[LevelReading]:
    """Measure posterior means and variances, in units of the prior, along the singular directions of a linear decoder.

    Without one, the latent directions are taken as they are, in the order of their divergences.
    """
    readings = []
    for number, (mean, variance) in enumerate(zip(means, variances, strict=True)):
        if decoder is not None:
            axes = torch.linalg.svd(decoder[number]).Vh
            mean, variance = mean @ axes.mT, variance @ axes.square().mT
        found = measure_latent(mean.cpu(), variance.cpu())
        order = list(range(len(found.divergences)))
        if decoder is None:
            order.sort(key=lambda k: -found.divergences[k])
        places = {direction: place for place, direction in enumerate(order)}
        readings.append(
            LevelReading(
                [found.divergences[k] for k in order],
                sorted(places[k] for k in found.active),
                sorted(places[k] for k in found.collapsed),
            )
        )
    return readings


def _of_hierarchy(model: Hierarchy, samples: Samples) -> dict[str, list[LevelReading]]:
    """Read z_1 by what the objective charges for it, and z_2 by its divergence from the prior.

    The posterior of z_2 depends on z_1, so z_1 is drawn. For a linear model the noise is free of correlation with the data,
    so that second moments on the samples are the exact ones.
    """
    w, linear = model.weights, model if isinstance(model, LinearHierarchy) else None
    generator = torch.Generator(samples.target.device).manual_seed(NOISE_SEED)
    mean = samples.in_blocks(model.code)
    noise = standard_normal(mean.shape[1:], generator)
    code = mean + w.sigma1[..., None] * (noise if linear is None else _uncorrelated(noise, samples.seen))
    posterior = model.top(code)
    scale = w.eta_enc[..., None]
    variances = (2 * (posterior.log_deviation - scale.log())).exp().expand(posterior.mean.shape)
    top = _measured(posterior.mean / scale, variances, None if linear is None else linear.U_2)
    if linear is not None:
        surprise = torch.linalg.svdvals(linear.surprise_root(samples)).square()
        axes = torch.linalg.svd(mean - mean.mean(1, keepdim=True), full_matrices=False).Vh
        mean = mean @ axes.mT
    else:
        surprise = (
            (code - model.explain(posterior.draw(standard_normal(posterior.mean.shape, generator)))).square().mean(1)
        )
    charged = (surprise / w.eta_dec**2 - 1 - 2 * (w.sigma1 / w.eta_dec).log()) / 2
    units = _measured(mean / w.eta_dec[..., None], (w.sigma1 / w.eta_dec).square()[..., None].expand(mean.shape), None)
    below = [
        LevelReading(sorted(row.tolist(), reverse=True), of_mean.active, of_mean.collapsed)
        for row, of_mean in zip(charged, units, strict=True)
    ]
    return {"z_1": below, "z_2": top}


def _uncorrelated(noise: Float64[Tensor, "N d"], seen: Float64[Tensor, "S N e"]) -> Float64[Tensor, "S N d"]:
    """Return noise with unit covariance on the samples, zero mean and no correlation with what is seen."""
    ones = torch.ones_like(seen[..., :1])
    joint = torch.cat([ones, seen, noise.expand(len(seen), -1, -1)], -1)
    orthonormal = torch.linalg.qr(joint).Q[..., -noise.shape[-1] :]
    return orthonormal * len(noise) ** 0.5
