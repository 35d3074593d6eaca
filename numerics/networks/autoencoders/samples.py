"""What an autoencoder sees, is told and decodes, for each sample of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.tensors import DTYPE
from numerics.data.spectra import RELATIVE_RANK

BLOCK = 4096
"""Samples that are encoded or decoded at once outside of a training, so that memory does not grow with their number."""


@dataclass(frozen=True)
class Samples:
    """Samples of one data set, or one data set for each setting of a sweep.

    Arguments:
        seen: what the encoder reads, [S or 1, N, e]; in a conditional VAE the condition is part of it.
        condition: what the decoder is told, [S or 1, N, c]; c is 0 where there is no condition.
        target: what the decoder has to reproduce, [S or 1, N, D].
    """

    seen: Float64[Tensor, "S N e"]
    condition: Float64[Tensor, "S N c"]
    target: Float64[Tensor, "S N D"]

    def __len__(self) -> int:
        return self.target.shape[1]

    def rows(self, chosen: Tensor | slice) -> Samples:
        """Return the chosen samples."""
        return Samples(self.seen[:, chosen], self.condition[:, chosen], self.target[:, chosen])

    def blocks(self) -> Iterator[Samples]:
        """Yield the samples in blocks of at most BLOCK."""
        for first in range(0, len(self), BLOCK):
            yield self.rows(slice(first, first + BLOCK))

    def in_blocks(self, function: Callable[[Samples], Tensor]) -> Float64[Tensor, "S N *k"]:
        """Return what a function gives for each sample, [S, N, …], computed block by block."""
        return torch.cat([function(block) for block in self.blocks()], 1)

    def to(self, device: torch.device) -> Samples:
        """Return the samples on a device."""
        return Samples(self.seen.to(device), self.condition.to(device), self.target.to(device))

    def condensed(self) -> Samples:
        """Return fewer samples with the same second moments: what a linear model with a squared error sees of the data."""
        parts = (self.seen, self.condition, self.target)
        settings = max(len(part) for part in parts)
        joint = torch.cat([part.expand(settings, -1, -1) for part in parts], -1)
        triangle = torch.linalg.qr(joint / len(self) ** 0.5, mode="r").R
        kept = triangle * triangle.shape[1] ** 0.5
        return Samples(*kept.split([part.shape[-1] for part in parts], -1))


@dataclass(frozen=True)
class PrincipalAxes:
    """Centred samples along their principal axes, largest variance first.

    Arguments:
        scores: the samples in coordinates of unit variance, zero along axes without variance, [N, D].
        variances: the variances along the axes, at least the one below which an axis counts as without variance, [D].
        axes: the axes as columns, [D, D].
    """

    scores: Float64[Tensor, "N D"]
    variances: Float64[Tensor, " D"]
    axes: Float64[Tensor, "D D"]

    @property
    def varying(self) -> Float64[Tensor, "N r"]:
        """The scores along the axes that have variance."""
        return self.scores[:, self.scores.any(0)]


def principal_axes(data: Float64[Tensor, "N D"], largest: float | None = None) -> PrincipalAxes:
    """Return a sample along its principal axes.

    An axis is without variance below RELATIVE_RANK of ``largest``, which is the largest variance if it is not given.
    """
    centred = data - data.mean(0)
    variances, axes = torch.linalg.eigh(centred.mT @ centred / len(centred))
    variances, axes = variances.flip(0), axes.flip(1)
    least = RELATIVE_RANK * (float(variances[0]) if largest is None else largest)
    scores = torch.where(variances > least, centred @ axes / variances.clamp(min=least).sqrt(), 0.0)
    return PrincipalAxes(scores, variances.clamp(min=least), axes)


def residual(condition: Float64[Tensor, "N c"], output: Float64[Tensor, "N D"]) -> Float64[Tensor, "N D"]:
    """Return the residual of regressing the output on the condition and a constant."""
    scores, centred = principal_axes(condition).varying, output - output.mean(0)
    return centred - scores @ (scores.mT @ centred) / len(scores)


def plain(data: Float64[Tensor, "N D"], condition: Float64[Tensor, "N c"] | None = None) -> Samples:
    """Return centred samples of which the encoder reads the coordinates as they are, the condition beside them."""
    target = data - data.mean(0)
    told = target[:, :0] if condition is None else condition - condition.mean(0)
    return Samples(torch.cat([target, told], 1)[None], told[None], target[None])


def whitened(data: Float64[Tensor, "N D"], condition: Float64[Tensor, "N c"] | None = None) -> Samples:
    """Return centred samples of which the encoder reads coordinates of unit variance, the condition among them.

    A linear encoder of these coordinates is a linear encoder of the data, better conditioned.
    """
    given = plain(data, condition)
    told = given.condition[0]
    told = told if condition is None else principal_axes(told).varying
    return Samples(principal_axes(given.seen[0]).varying[None], told[None], given.target)


def canonical(data: Float64[Tensor, "N D"], axes: PrincipalAxes) -> Samples:
    """Return samples along their own principal axes, of which the encoder reads the coordinates of unit variance.

    In these coordinates the predicted minimisers of linear VAEs are diagonal.
    """
    target = (data - data.mean(0)) @ axes.axes
    return Samples(axes.scores[None], target[None, :, :0], target[None])


def stacked(parts: Sequence[Samples]) -> Samples:
    """Return data sets of equally many samples as one, a setting each; coordinates that one of them lacks are zero there."""

    def together(arrays: Sequence[Tensor]) -> Tensor:
        width = max(array.shape[-1] for array in arrays)
        padded = [torch.nn.functional.pad(array, (0, width - array.shape[-1])) for array in arrays]
        return torch.cat(padded).to(DTYPE)

    return Samples(
        together([part.seen for part in parts]),
        together([part.condition for part in parts]),
        together([part.target for part in parts]),
    )
