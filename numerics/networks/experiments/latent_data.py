"""The data of experiments on autoencoders: images, halves of images, and correlated pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from numerics.backends.tensors import DTYPE
from numerics.data.images import images
from numerics.data.pairs import correlated_pairs
from numerics.networks.experiments.experiment import Parameters
from numerics.networks.experiments.latent_sweep import Data


def whole_images(parameters: Parameters, settings: Sequence[Any], seed: int) -> list[Data]:
    """Return images as rows of pixels; the same for every seed."""
    return [Data(images(parameters["data"]).inputs.flatten(1).to(DTYPE))]


def halves_of_images(parameters: Parameters, settings: Sequence[Any], seed: int) -> list[Data]:
    """Return lower halves of images, with the upper halves as their condition; the same for every seed."""
    pixels = whole_images(parameters, settings, seed)[0].target
    half = pixels.shape[1] // 2
    return [Data(pixels[:, half:], pixels[:, :half])]


def pairs_of_each_correlation(parameters: Parameters, settings: Sequence[Any], seed: int) -> list[Data]:
    """Return pairs (x, y) of the correlation ρ of each setting, y being decoded and x the condition."""
    drawn = [correlated_pairs(parameters["samples"], parameters["width"], own["correlation"], seed) for own in settings]
    return [Data(torch.as_tensor(y), torch.as_tensor(x)) for x, y in drawn]
