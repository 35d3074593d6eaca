"""Gaussian densities with independent directions, as the objectives and likelihoods of autoencoders need them."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor


def standard_normal(shape: torch.Size | tuple[int, ...], generator: torch.Generator) -> Float64[Tensor, ...]:
    """Draw standard normal numbers on the device of the generator."""
    return torch.randn(shape, generator=generator, dtype=torch.float64, device=generator.device)


def divergence(
    square: Float64[Tensor, "*n d"], log_deviation: Float64[Tensor, "*m d"], prior: Float64[Tensor, "*k 1"]
) -> Float64[Tensor, "*n d"]:
    """Return KL(N(mean, deviation²) ‖ N(0, prior²)) of each direction, in nats; ``square`` is the square of the mean."""
    scaled = 2 * (log_deviation - prior.log())
    return (square / prior**2 + torch.expm1(scaled) - scaled) / 2


def log_density(
    value: Float64[Tensor, "*n d"], mean: Tensor | float, log_deviation: Tensor | float
) -> Float64[Tensor, " *n"]:
    """Return log N(value; mean, deviation²), summed over the directions."""
    deviation = torch.as_tensor(log_deviation, dtype=value.dtype, device=value.device)
    scaled = (value - mean) * torch.exp(-deviation)
    return -(scaled.square() / 2 + deviation + math.log(2 * math.pi) / 2).sum(-1)
