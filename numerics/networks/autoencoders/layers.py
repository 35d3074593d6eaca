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
    """A 3 × 3 convolution with stride 2 of images [S, N, inputs, side, side] for each of S settings, which halves the sides.

    Its ``transposed`` counterpart doubles them. Both are matrix products of patches, so that settings are one batch.
    """

    def __init__(
        self, settings: int, inputs: int, outputs: int, generator: torch.Generator, transposed: bool = False
    ) -> None:
        super().__init__()
        self.outputs, self.transposed = outputs, transposed
        patch = (inputs, 9 * outputs) if transposed else (9 * inputs, outputs)
        self.weight = _uniform(generator, 9 * inputs, settings, *patch)
        self.bias = _uniform(generator, 9 * inputs, settings, 1, outputs, 1, 1)

    def forward(self, images: Float64[Tensor, "S N c h w"]) -> Float64[Tensor, "S N k p q"]:
        settings, count, _, side, _ = images.shape
        if self.transposed:
            columns = images.flatten(3).transpose(2, 3).reshape(settings, count * side**2, -1) @ self.weight
            patches = columns.reshape(settings * count, side**2, -1).mT
            whole = nn.functional.fold(patches, (2 * side, 2 * side), 3, padding=1, stride=2)
            return whole.reshape(settings, count, self.outputs, 2 * side, 2 * side) + self.bias
        patches = nn.functional.unfold(images.flatten(0, 1), 3, padding=1, stride=2)
        rows = patches.mT.reshape(settings, count * (side // 2) ** 2, -1) @ self.weight
        half = rows.reshape(settings, count, (side // 2) ** 2, self.outputs).transpose(2, 3)
        return half.reshape(settings, count, self.outputs, side // 2, side // 2) + self.bias


class ToImages(nn.Module):
    """Turns rows [S, N, c · side · side] into images [S, N, c, side, side], for all settings where there is one for all."""

    def __init__(self, settings: int, side: int) -> None:
        super().__init__()
        self.settings, self.side = settings, side

    def forward(self, rows: Float64[Tensor, "S N p"]) -> Float64[Tensor, "S N c h w"]:
        return rows.expand(self.settings, -1, -1).unflatten(-1, (-1, self.side, self.side))
