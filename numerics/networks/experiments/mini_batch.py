"""The objective of the theory on mini-batches, with Adam, as the papers train."""

from __future__ import annotations

from numerics.networks.experiments.classifier_experiment import (
    ADAM,
    BALANCED,
    CEI_TRAINER,
    DECAYS,
    EQUAL,
    LARGE,
    PUBLISHED,
    TAIL,
    Held,
    classifier_experiment,
)
from numerics.networks.experiments.experiment import Experiment


def _adam(profile: str, small: list[int], batch: int, full: list[int]) -> Experiment:
    setting = {"loss": "cross-entropy", **DECAYS, **ADAM}
    return classifier_experiment(
        name=f"mini-batch-cross-entropy-{profile}",
        title=f"Mini-batches and Adam, cross-entropy, {profile} classes: the same minimum",
        source=CEI_TRAINER,
        shows="The published networks are trained with Adam on mini-batches, and reach the predicted structure.",
        held=Held("ce-imbalanced-relu"),
        architecture="perceptron with ReLU features, one linear layer without bias",
        small={"class_counts": small, "batch": batch, **setting},
        full={"class_counts": full, "batch": 250, "data": "mnist", **LARGE, **setting, "rate": 1e-3},
    )


MINI_BATCH = (_adam("balanced", BALANCED, 50, EQUAL), _adam("tail", TAIL, 46, PUBLISHED))
