"""A small residual network, without normalisation: features of a sample depend on that sample alone."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3 × 3 convolutions beside a shortcut; the first of them and the shortcut halve the sides where ``stride`` is 2."""

    def __init__(self, channels: int, wider: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, wider, 3, stride=stride, padding=1)
        self.second = nn.Conv2d(wider, wider, 3, padding=1)
        alike = stride == 1 and channels == wider
        self.shortcut = nn.Identity() if alike else nn.Conv2d(channels, wider, 1, stride=stride)

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(self.shortcut(images) + self.second(torch.relu(self.first(images))))


def residual(shape: tuple[int, ...], hidden: list[int], outputs: int) -> nn.Sequential:
    """Return a residual network: a convolution, one block for each entry of ``hidden``, and a linear layer on all that is left.

    Arguments:
        shape: the shape of an image (channels, height, width).
        hidden: the channels of the blocks; from the second block on, each halves the sides of the image.
        outputs: the number of outputs.
    """
    channels, height, width = shape
    layers: list[nn.Module] = [nn.Conv2d(channels, hidden[0], 3, padding=1), nn.ReLU(), Block(hidden[0], hidden[0], 1)]
    for narrow, wide in itertools.pairwise(hidden):
        layers.append(Block(narrow, wide, 2))
        height, width = (height + 1) // 2, (width + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(hidden[-1] * height * width, outputs))
