"""A plain convolutional network: convolutions that halve the sides of the image, and a linear layer."""

from __future__ import annotations

from torch import nn


def convolutional(shape: tuple[int, ...], hidden: list[int], outputs: int) -> nn.Sequential:
    """Return a network of 3 × 3 convolutions of stride 2, each with a ReLU, and a linear layer on all that is left.

    Arguments:
        shape: the shape of an image (channels, height, width).
        hidden: the channels of the convolutions.
        outputs: the number of outputs.
    """
    channels, height, width = shape
    layers: list[nn.Module] = []
    for wider in hidden:
        layers += [nn.Conv2d(channels, wider, 3, stride=2, padding=1), nn.ReLU()]
        channels, height, width = wider, (height + 1) // 2, (width + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, outputs))
