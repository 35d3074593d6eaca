"""The objectives of the released trainers, which have other decays than those they are given."""

from __future__ import annotations

from numerics.networks.experiments.classifier_experiment import (
    ADAM,
    BALANCED,
    CEI_TRAINER,
    DLN_BALANCED,
    DLN_IMBALANCED,
    EQUAL,
    GRADUAL,
    LARGE,
    PUBLISHED,
    TAIL,
    Held,
    classifier_experiment,
)

HALVED, OF_MSE_LOSS, HALF_OF_MSE_LOSS = 0.5, 2 / 10, 1 / 10
"""Factors of the mean loss: line 41 of the trainer for the cross-entropy halves it. ``nn.MSELoss`` divides the squared distance by the ten
classes too (line 15 of the balanced trainer), where the theory has a factor of one half; line 34 of the imbalanced one halves again."""

CROSS_ENTROPY = {
    "loss": "cross-entropy",
    "objective": "released",
    "loss_factor": HALVED,
    "weight_decay": 5e-3,
    "feature_decay": 6.5e-5,
    **ADAM,
}
MSE = {"loss": "mse", "objective": "released", "rectified": False, "depth": 2}
WITH_BATCHES = {"loss_factor": OF_MSE_LOSS, "weight_decay": 2e-3, "feature_decay": 2e-5, **ADAM}
WITHOUT_BATCHES = {"loss_factor": HALF_OF_MSE_LOSS, "weight_decay": 1e-3, "feature_decay": 1e-6, "schedule": GRADUAL}

RELEASED_TRAINERS = (
    classifier_experiment(
        name="released-cross-entropy-tail",
        title="The released trainer for the cross-entropy: a halved loss, a feature decay summed over a mini-batch",
        source=f"{CEI_TRAINER}, lines 39 to 43",
        shows="The trainer minimises the objective with the decays 2 λ_W and 2 λ_H B/N, for batches of B of the N samples.",
        held=Held("ce-imbalanced-relu"),
        architecture="perceptron with ReLU features, one linear layer without bias",
        small={"class_counts": TAIL, "batch": 46, **CROSS_ENTROPY},
        full={"class_counts": PUBLISHED, "batch": 250, "data": "mnist", **LARGE, **CROSS_ENTROPY, "rate": 1e-3},
    ),
    classifier_experiment(
        name="released-mse-balanced",
        title="The released trainer for MSE and balanced classes: a loss divided by K, a feature decay summed over a mini-batch",
        source=f"{DLN_BALANCED}, lines 15 to 31",
        shows="The trainer minimises the objective with the decays K/2 λ_W and K/2 λ_H B/N, for batches of B of the N samples.",
        held=Held("mse-deep-linear-balanced"),
        architecture="perceptron with linear features, 2 linear layers without bias",
        small={"class_counts": BALANCED, "batch": 50, **MSE, **WITH_BATCHES},
        full={"class_counts": EQUAL, "batch": 250, "data": "cifar-10", **LARGE, **MSE, **WITH_BATCHES, "rate": 1e-3},
    ),
    classifier_experiment(
        name="released-mse-tail",
        title="The released trainer for MSE and imbalanced classes: a halved loss divided by K, all samples in one batch",
        source=f"{DLN_IMBALANCED}, lines 18 to 36 and 110",
        shows="The trainer minimises the objective with the decays K λ_W and K λ_H.",
        held=Held("mse-deep-linear-imbalanced"),
        architecture="perceptron with linear features, 2 linear layers without bias",
        small={"class_counts": TAIL, **MSE, **WITHOUT_BATCHES},
        full={"class_counts": PUBLISHED, "data": "cifar-10", **LARGE, **MSE, **WITHOUT_BATCHES},
    ),
)
