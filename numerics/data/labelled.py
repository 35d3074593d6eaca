"""Labelled samples: inputs and integer labels as tensors, and the class counts that they have."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Labelled:
    """Samples with labels.

    Arguments:
        inputs: the samples, images (N × channels × height × width) with pixels in 0…1, or vectors (N × p).
        labels: the class of each sample (N), integers from 0 to ``classes`` − 1.
        classes: the number of classes.
    """

    inputs: Tensor
    labels: Tensor
    classes: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def counts(self) -> list[int]:
        """The number of samples of each class."""
        return torch.bincount(self.labels, minlength=self.classes).tolist()

    def chosen(self, rows: Tensor) -> Labelled:
        """Return the samples at these rows (n integers), in this order."""
        return Labelled(self.inputs[rows], self.labels[rows], self.classes)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Labelled:
        """Return the samples on a device, with inputs of a floating-point type."""
        return Labelled(self.inputs.to(device, dtype), self.labels.to(device), self.classes)
