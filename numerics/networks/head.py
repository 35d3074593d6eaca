"""The classifier of a measured network: one linear layer or several, with a bias or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from torch import Tensor

from numerics.networks.feature_blocks import KINDS
from theory.problem import reject


@dataclass(frozen=True)
class Head:
    """A classifier W_M ⋯ W_1 h + b: ``layers`` from the features upwards, and ``bias`` (K) or None."""

    layers: tuple[np.ndarray, ...]
    bias: np.ndarray | None

    @property
    def product(self) -> np.ndarray:
        """W_M ⋯ W_1 (K × d)."""
        return reduce(lambda below, layer: layer @ below, self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of the features and of the hidden layers."""
        return tuple(layer.shape[1] for layer in self.layers)

    @property
    def classes(self) -> int:
        return self.layers[-1].shape[0]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (n × K) of features (n × d)."""
        z = features @ self.product.T
        return z if self.bias is None else z + self.bias


def numbers(name: str, given: Any, axes: int, shape: str) -> np.ndarray:
    """Return an array of finite real numbers in float64.

    Raises ParameterError for another number of axes, for an empty array, and for entries that are not finite numbers.
    """
    array = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    if array.dtype.kind not in KINDS:
        raise reject(name, f"an array of {array.dtype}", "an array of real numbers")
    if array.ndim != axes or array.size == 0:
        raise reject(name, f"an array of shape {array.shape}", f"an array of shape {shape}")
    if not np.isfinite(array).all():
        raise reject(name, f"{array[~np.isfinite(array)][0]}", "an array of finite numbers")
    return array.astype(np.float64)


def read_head(weight: Any, bias: Any, width: int) -> Head:
    """Return the classifier of a ``weight`` (K × d), or of a list of layers from the features upwards, and a ``bias`` (K).

    Raises ParameterError for layers whose shapes do not fit each other or the ``width`` d of the features.
    """
    several = isinstance(weight, Sequence)
    names = [f"weight_{i}" for i in range(1, len(weight) + 1)] if several else ["weight"]
    if not names:
        raise reject("weight", "an empty list", "an array (K, d), or a list of one array for each layer")
    layers = tuple(
        numbers(name, layer, 2, "(outputs, inputs)")
        for name, layer in zip(names, weight if several else [weight], strict=True)
    )
    for name, layer in zip(names, layers, strict=True):
        if layer.shape[1] != width:
            raise reject(name, f"an array of shape {layer.shape}", f"an array of {width} columns")
        width = layer.shape[0]
    if width < 2:
        raise reject(names[-1], f"an array of shape {layers[-1].shape}", "an array of at least 2 rows, one a class")
    read = None if bias is None else numbers("bias", bias, 1, f"({width},)")
    if read is not None and len(read) != width:
        raise reject("bias", f"an array of shape {read.shape}", f"an array of shape ({width},)")
    return Head(layers, read)


def read_labels(labels: Any, samples: int, classes: int) -> np.ndarray:
    """Return labels (N) as integers.

    Raises ParameterError unless they are integers from 0 to K − 1, one for each sample, and no class is empty.
    """
    array = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    allowed = f"an array of integers from 0 to {classes - 1}"
    if array.dtype.kind not in "iu":
        raise reject("labels", f"an array of {array.dtype}", allowed)
    if array.shape != (samples,):
        raise reject("labels", f"an array of shape {array.shape}", f"an array of shape ({samples},), one a sample")
    outside = (array < 0) | (array >= classes)
    if outside.any():
        raise reject("labels", f"{array[outside][0]} in row {int(outside.argmax())}", allowed)
    array = array.astype(np.int64)
    empty = np.flatnonzero(np.bincount(array, minlength=classes) == 0)
    if len(empty):
        raise reject(
            "labels", f"no sample of class {empty[0]}", f"at least one sample of each of the {classes} classes"
        )
    return array
