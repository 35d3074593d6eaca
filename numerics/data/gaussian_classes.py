"""Gaussian classes: samples around one mean for each class, drawn by a seed."""

from __future__ import annotations

import torch

from numerics.data.labelled import Labelled
from theory.problem import reject


def gaussian_classes(classes: int, dimension: int, samples: int, spread: float, seed: int) -> Labelled:
    """Draw ``samples`` vectors of each class around a mean that is drawn from a standard normal distribution.

    Arguments:
        classes: the number of classes, at least 2.
        dimension: the number of entries of a sample, at least 1.
        samples: the number of samples of each class, at least 1.
        spread: the standard deviation within a class, at least 0.
        seed: the seed of the draw.
    Raises ParameterError for a value outside these ranges.
    """
    for name, value, least in (
        ("classes", classes, 2),
        ("dimension", dimension, 1),
        ("samples", samples, 1),
        ("spread", spread, 0),
    ):
        if value < least:
            raise reject(name, value, f"a number of at least {least}")
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(classes, dimension, generator=generator, dtype=torch.float64)
    labels = torch.arange(classes).repeat_interleave(samples)
    noise = torch.randn(len(labels), dimension, generator=generator, dtype=torch.float64)
    return Labelled(means[labels] + spread * noise, labels, classes)
