"""Layers that hold one set of weights for each setting of a sweep, so that all settings are trained in one batch."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor, nn

from numerics.backends.tensors import DTYPE


def _uniform(generator: torch.Generator, fan_in: int, *shape: int) -> nn.Parameter:
    """Draw weights as PyTorch's own layers do, uniform within ± 1/√(fan in); the same for every setting."""
    drawn = torch.rand(*shape[1:], generator=generator, dtype=DTYPE)
    return nn.Parameter(((2 * drawn - 1) / math.sqrt(fan_in)).expand(shape).clone())


class Affine(nn.Module):
    """An affine map of the last axis of [S, N, inputs] for each of S settings."""

    def __init__(self, settings: int, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = _uniform(generator, inputs, settings, inputs, outputs)
        self.bias = _uniform(generator, inputs, settings, 1, outputs)

    def forward(self, x: Float64[Tensor, "S N i"]) -> Float64[Tensor, "S N o"]:
        return torch.baddbmm(self.bias, x.expand(len(self.weight), -1, -1), self.weight)


class Convolution(nn.Module):
    """A 3 × 3 convolution of images [N, S · inputs, h, w] for each of S settings, as groups of one convolution.

    ``stride`` 2 halves the sides of an image, and ``transposed`` doubles them instead.
    """

    def __init__(
        self,
        settings: int,
        inputs: int,
        outputs: int,
        generator: torch.Generator,
        stride: int = 1,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        self.settings, self.stride, self.transposed = settings, stride, transposed
        channels = (inputs, outputs) if transposed else (outputs, inputs)
        self.weight = _uniform(generator, 9 * inputs, settings, *channels, 3, 3)
        self.bias = _uniform(generator, 9 * inputs, settings, outputs)

    def forward(self, images: Float64[Tensor, "N c h w"]) -> Float64[Tensor, "N k p q"]:
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten()
        if self.transposed:
            return nn.functional.conv_transpose2d(
                images, weight, bias, self.stride, padding=1, output_padding=self.stride - 1, groups=self.settings
            )
        return nn.functional.conv2d(images, weight, bias, self.stride, padding=1, groups=self.settings)


class ToImages(nn.Module):
    """Turns rows [S, N, c · side · side] into images [N, S · c, side, side] for grouped convolutions."""

    def __init__(self, settings: int, side: int) -> None:
        super().__init__()
        self.settings, self.side = settings, side

    def forward(self, rows: Float64[Tensor, "S N p"]) -> Float64[Tensor, "N c h w"]:
        rows = rows.expand(self.settings, -1, -1)
        return rows.transpose(0, 1).reshape(rows.shape[1], -1, self.side, self.side)


class ToRows(nn.Module):
    """Turns images [N, S · c, h, w] back into rows [S, N, c · h · w]."""

    def __init__(self, settings: int) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, images: Float64[Tensor, "N c h w"]) -> Float64[Tensor, "S N p"]:
        return images.reshape(len(images), self.settings, -1).transpose(0, 1)
