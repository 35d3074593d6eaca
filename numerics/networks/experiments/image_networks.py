"""Convolutional and residual networks with the objective of the theory."""

from __future__ import annotations

from numerics.data.imbalance import long_tail
from numerics.networks.experiments.classifier_experiment import (
    CEI_TRAINER,
    DECAYS,
    EQUAL,
    PUBLISHED,
    Held,
    classifier_experiment,
)
from numerics.tolerances import CONVOLUTIONAL_IN_PRACTICE

SHORT = [[0.01, 100], [0.1, 50], [0.3, 50], [1.0, 200]]
HELD = Held("ce-imbalanced-relu", CONVOLUTIONAL_IN_PRACTICE)
SETTING = {"loss": "cross-entropy", **DECAYS, "schedule": SHORT}
SHOWS = "VGG11 and ResNet18 have the predicted structure in their last features, as perceptrons have."

IMAGE_NETWORKS = (
    classifier_experiment(
        name="network-convolutional-balanced",
        title="A plain convolutional network, cross-entropy, balanced classes",
        source=f"{CEI_TRAINER} --model VGG11",
        shows=SHOWS,
        held=HELD,
        architecture="two 3 × 3 convolutions of stride 2, ReLU features, one linear layer without bias",
        small={"class_counts": [40] * 10, "architecture": "convolutional", "hidden": [16, 32], **SETTING},
        full={
            "class_counts": EQUAL,
            "data": "cifar-10",
            "architecture": "convolutional",
            "hidden": [64, 128, 256],
            "features": 256,
            "precision": "float32",
            **SETTING,
        },
    ),
    classifier_experiment(
        name="network-residual-tail",
        title="A residual network, cross-entropy, a long tail",
        source=f"{CEI_TRAINER} --model ResNet18",
        shows=SHOWS,
        held=HELD,
        architecture="residual blocks of 3 × 3 convolutions without normalisation, ReLU features, one linear layer without bias",
        small={"class_counts": long_tail(60, 6, 10), "architecture": "residual", "hidden": [8, 16], **SETTING},
        full={
            "class_counts": PUBLISHED,
            "data": "cifar-10",
            "architecture": "residual",
            "hidden": [64, 128, 256],
            "features": 256,
            "precision": "float32",
            **SETTING,
        },
    ),
)
