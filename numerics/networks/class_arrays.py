"""The array namespace with one column for each class, not for each sample: class means stand for all samples of a class."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.tensors import TorchArrays
from theory.symbols import n_k


class ClassArrays(TorchArrays):
    """Operations at a point whose features H [*b, d, K] are class means, with labels I (K × K).

    Every invariant but the scatter within classes depends on the features through the class means alone, so that it has
    the same value here as at all N samples.
    """

    def class_means(self, h: Tensor, y: Tensor) -> Tensor:
        return h

    def label_axes(self, y: Float64[Tensor, "K K"]) -> tuple[Float64[Tensor, "K r"], Float64[Tensor, "K r"]]:
        """Return the singular vectors U and V of the centred labels, V summed over the samples of each class.

        The columns of V are constant on classes, so that H V over all samples is the class means times these sums.
        """
        counts = self.bindings[n_k]
        roots = counts.sqrt()
        left, _, right = torch.linalg.svd(torch.diag(roots) - counts[:, None] * roots / counts.sum())
        return left[:, :-1], roots[:, None] * right.mT[:, :-1]
