"""What neural collapse is measured from: class means in a first pass over the features, scatter in a second one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from numerics.networks.feature_blocks import Blocks, rows_of
from theory.problem import reject


@dataclass(frozen=True)
class ClassMeans:
    """The first pass: ``counts`` (K), ``means`` (K × d) in float64, and the ``least`` entry of the features."""

    counts: np.ndarray
    means: np.ndarray
    least: float

    @property
    def centred(self) -> np.ndarray:
        """The class means less the mean of the class means (K × d)."""
        return self.means - self.means.mean(0)


def labelled_blocks(features: Blocks, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the features in float64 and their labels, a block of rows at a time."""
    first = 0
    for block in features.blocks(rows_of(features)):
        # A copy, because tensors cannot be made of a block that is mapped from a file for reading alone.
        yield np.array(block, dtype=np.float64), labels[first : first + len(block)]
        first += len(block)


def class_sums(block: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the sum of the rows of each class (K × d)."""
    one_hot = np.zeros((classes, len(block)))
    one_hot[labels, np.arange(len(block))] = 1.0
    return one_hot @ block


def read_means(features: Blocks, labels: np.ndarray, classes: int) -> ClassMeans:
    """Return counts and means of the classes. Raises ParameterError for a feature that is not finite."""
    counts = np.bincount(labels, minlength=classes)
    sums, least, seen = np.zeros((classes, features.shape[1])), np.inf, 0
    for block, of_block in labelled_blocks(features, labels):
        finite = np.isfinite(block).all(1)
        if not finite.all():
            row = seen + int((~finite).argmax())
            value = block[row - seen][~np.isfinite(block[row - seen])][0]
            raise reject("features", f"{value} in row {row}", "an array of finite numbers")
        sums += class_sums(block, of_block, classes)
        least, seen = min(least, float(block.min())), seen + len(block)
    return ClassMeans(counts, sums / counts[:, None], least)


@dataclass(frozen=True)
class Scatter:
    """The second pass.

    ``total`` is Σ_i ‖h_i − h̄_{y_i}‖², and ``along`` is the same sum along each direction (r). ``agreeing`` counts the
    samples that the classifier and the nearest class mean put into the same class, and ``correct`` those that the
    classifier puts into their own.
    """

    total: float
    along: np.ndarray
    agreeing: int
    correct: int


def read_scatter(
    features: Blocks,
    labels: np.ndarray,
    means: ClassMeans,
    directions: np.ndarray,
    classify: Callable[[np.ndarray], np.ndarray],
    also: Callable[[np.ndarray, np.ndarray], None],
) -> Scatter:
    """Return the scatter within classes, in total and along the ``directions`` (d × r, orthonormal columns).

    ``classify`` maps features (n × d) to classes (n). ``also`` is called with the features and labels of every block,
    so that whatever else needs a pass over the features shares this one.
    """
    total, along, agreeing, correct = 0.0, np.zeros(directions.shape[1]), 0, 0
    squares = (means.means**2).sum(1)
    for block, of_block in labelled_blocks(features, labels):
        away = block - means.means[of_block]
        total += float((away**2).sum())
        along += ((away @ directions) ** 2).sum(0)
        nearest = (squares - 2 * block @ means.means.T).argmin(1)
        chosen = classify(block)
        agreeing += int((nearest == chosen).sum())
        correct += int((chosen == of_block).sum())
        also(block, of_block)
    return Scatter(total, along, agreeing, correct)
