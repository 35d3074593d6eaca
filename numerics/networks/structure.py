"""What a measured network is to the theory: a classifier, class means, and the scatter within classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from numerics.networks.applicable_claim import CROSS_ENTROPY, Training
from numerics.networks.head import Head


@dataclass(frozen=True)
class Structure:
    """A network as a claim sees it: the classifier, the class ``counts`` (K) and ``means`` (K × d), and the ``scatter`` within classes."""

    head: Head
    counts: np.ndarray
    means: np.ndarray
    scatter: float

    def scaled(self, layers: Mapping[int, float], features: float) -> Structure:
        """Return the structure with some layers, by number from 0, and the features multiplied by factors."""
        turned = tuple(layer * layers.get(i, 1.0) for i, layer in enumerate(self.head.layers))
        return Structure(Head(turned, self.head.bias), self.counts, self.means * features, self.scatter * features**2)

    @property
    def squared_features(self) -> float:
        """Σ_i ‖h_i‖² over all samples."""
        return float((self.counts[:, None] * self.means**2).sum()) + self.scatter

    def imbalance(self, training: Training) -> float | None:
        """Return the factor by which the features are too large beside the last layer, or None where one of them is zero.

        At every minimiser the decay terms of features and layers are equal.
        """
        weight = training.weight_decay[-1] * float((self.head.layers[-1] ** 2).sum())
        features = training.feature_decay * self.squared_features
        return math.sqrt(features / weight) if weight > 0 and features > 0 else None


def effective_decays(structure: Structure, training: Training) -> tuple[tuple[float, ...], float]:
    """Return the decays of the layers and of the features at which no change of a factor's scale lowers the loss.

    With g_i the gradient of the mean loss in the logits z_i, less its bias, all factors have −Σ_i ⟨g_i, z_i⟩ = λ ‖factor‖². The sums
    are taken at the class means, where the features of a collapsed network are. A factor that is zero has the decay 0.
    """
    head, means, counts = structure.head, structure.means, structure.counts
    z = head.logits(means)
    unbiased = means @ head.product.T
    labels = np.eye(head.classes)
    if training.smoothing is not None:
        smoothing = float(training.smoothing)
        labels = (1 - smoothing) * labels + smoothing / head.classes
    if training.loss == CROSS_ENTROPY:
        shares = np.exp(z - z.max(1, keepdims=True))
        gradient = shares / shares.sum(1, keepdims=True) - labels
    else:
        gradient = z - labels
    pull = -float((counts[:, None] * gradient * unbiased).sum()) / counts.sum()
    squares = [float((layer**2).sum()) for layer in head.layers]
    of_features = structure.squared_features
    return tuple(pull / s if s else 0.0 for s in squares), pull / of_features if of_features else 0.0


def decays_beside(structure: Structure, training: Training) -> dict[str, tuple[float, float]]:
    """Return each effective decay beside the given one, of the factors that are not zero."""
    layers, features = effective_decays(structure, training)
    names = (
        ["effective_weight_decay"]
        if len(layers) == 1
        else [f"effective_weight_decay_{i + 1}" for i in range(len(layers))]
    )
    found = {name: (decay, given) for name, decay, given in zip(names, layers, training.weight_decay, strict=True)}
    found["effective_feature_decay"] = features, training.feature_decay
    return {name: pair for name, pair in found.items() if pair[0] != 0}
