"""Minority collapse: which classes vanish, on both sides of the critical counts."""

from __future__ import annotations

from numerics.networks.experiments.classifier_experiment import (
    CEI,
    DLN,
    FULL_TAIL,
    FULL_TAIL_DECAY,
    GRADUAL,
    LARGE,
    TAIL,
    Held,
    classifier_experiment,
)
from numerics.networks.experiments.experiment import Experiment

FEATURE_DECAYS = {
    "cross-entropy": {0: 3.0e-3, 1: 4.0e-3, 2: 5.16e-3, 5: 1.13e-2},
    "mse": {0: 3.35e-3, 1: 4.45e-3, 2: 5.73e-3, 4: 9.4e-3},
}
"""Feature decays by loss and by the number of classes that vanish. Every count is at least a tenth away from the critical count,
and every class that lives is large enough for its mean not to be taken for zero (VANISHED_IN_PRACTICE)."""

PATIENT = [[0.001, 100], [0.01, 100], [0.1, 50], [0.3, 50], [1.0, 400]]
"""Decays for ReLU features. From a hundredth of the decays on, single samples of a small class may lose all their features in the first
steps; a ReLU gives them no gradient, so they do not return. Smaller decays and more features than ``GRADUAL`` needs prevent it."""
WIDE = 128


def _minority(loss: str, vanishing: int) -> Experiment:
    cross_entropy = loss == "cross-entropy"
    setting = {"loss": loss, "rectified": cross_entropy, "weight_decay": 1e-2}
    setting["schedule"] = PATIENT if cross_entropy else GRADUAL
    width = {"features": WIDE} if cross_entropy else {}
    decay = FEATURE_DECAYS[loss][vanishing]
    vanished = {0: "no class vanishes", 1: "one class vanishes"}.get(vanishing, f"{vanishing} classes vanish")
    features = "ReLU" if cross_entropy else "linear"
    return classifier_experiment(
        name=f"minority-{loss}-{vanishing}-of-10",
        title=f"{'Cross-entropy' if cross_entropy else 'MSE'}, {features} features, a long tail: {vanished}",
        source=f"{CEI}, on minority collapse" if cross_entropy else f"{DLN}, theorem on imbalanced data, one layer",
        shows="A class with at most a critical number of samples has a class mean and a classifier row that are zero.",
        held=Held("ce-imbalanced-relu" if cross_entropy else "mse-imbalanced"),
        architecture=f"perceptron with {features} features, one linear layer without bias",
        small={"class_counts": TAIL, "feature_decay": decay, **width, **setting},
        full={"class_counts": FULL_TAIL, "feature_decay": decay * FULL_TAIL_DECAY, "data": "mnist", **LARGE, **setting},
    )


MINORITY_COLLAPSE = tuple(_minority(loss, vanishing) for loss, decays in FEATURE_DECAYS.items() for vanishing in decays)
