"""Encoders and decoders with hidden layers, one for each setting of a sweep."""

from __future__ import annotations

import torch
from torch import nn

from numerics.networks.autoencoders.layers import Affine, Convolution, ToImages

CHANNELS = (4, 8)
"""Channels of the two convolutions of an encoder; a decoder has them in reverse order."""


def mlp(settings: int, inputs: int, hidden: int, outputs: int, generator: torch.Generator) -> nn.Module:
    """Return a map with one hidden ReLU layer: [S, N, inputs] to [S, N, outputs]."""
    first, last = Affine(settings, inputs, hidden, generator), Affine(settings, hidden, outputs, generator)
    return nn.Sequential(first, nn.ReLU(), last)


def convolutional_encoder(settings: int, side: int, outputs: int, generator: torch.Generator) -> nn.Module:
    """Return two strided convolutions with ReLU and an affine map: images [S, N, side · side] to [S, N, outputs].

    ``side`` is a multiple of 4.
    """
    few, many = CHANNELS
    return nn.Sequential(
        ToImages(settings, side),
        Convolution(settings, 1, few, generator),
        nn.ReLU(),
        Convolution(settings, few, many, generator),
        nn.ReLU(),
        nn.Flatten(2),
        Affine(settings, many * (side // 4) ** 2, outputs, generator),
    )


def convolutional_decoder(settings: int, inputs: int, side: int, generator: torch.Generator) -> nn.Module:
    """Return an affine map with ReLU and two transposed convolutions: [S, N, inputs] to images [S, N, side · side].

    ``side`` is a multiple of 4.
    """
    few, many = CHANNELS
    return nn.Sequential(
        Affine(settings, inputs, many * (side // 4) ** 2, generator),
        nn.ReLU(),
        ToImages(settings, side // 4),
        Convolution(settings, many, few, generator, transposed=True),
        nn.ReLU(),
        Convolution(settings, few, 1, generator, transposed=True),
        nn.Flatten(2),
    )
