"""Networks trained with the objective of the theory: decays on the last features and on the head, and on nothing else."""

from __future__ import annotations

from numerics.networks.experiments.classifier_experiment import (
    BALANCED,
    CEI_TRAINER,
    DECAYS,
    DLN_BALANCED,
    DLN_IMBALANCED,
    EQUAL,
    GRADUAL,
    LARGE,
    LONG,
    PROFILES,
    Held,
    classifier_experiment,
)
from numerics.networks.experiments.experiment import Experiment


def _cross_entropy(profile: str) -> Experiment:
    small, full = PROFILES[profile]
    setting = {"loss": "cross-entropy", **DECAYS, "schedule": GRADUAL}
    return classifier_experiment(
        name=f"ufm-cross-entropy-relu-{profile}",
        title=f"Cross-entropy, ReLU features, {profile} classes: an orthogonal frame of means",
        source=CEI_TRAINER,
        shows="Class means of ReLU features become orthogonal, with lengths set by the class counts, and the classifier aligns with the "
        "centred means.",
        held=Held("ce-imbalanced-relu"),
        architecture="perceptron with ReLU features, one linear layer without bias",
        small={"class_counts": small, **setting},
        full={"class_counts": full, "data": "mnist", **LARGE, **setting},
    )


def _mse(profile: str, rectified: bool) -> Experiment:
    small, full = PROFILES[profile]
    features = "relu" if rectified else "linear"
    setting = {"loss": "mse", "rectified": rectified, **DECAYS, "schedule": GRADUAL if rectified else LONG}
    return classifier_experiment(
        name=f"ufm-mse-{features}-{profile}",
        title=f"MSE, {features.replace('relu', 'ReLU')} features, {profile} classes: a general orthogonal frame",
        source=DLN_BALANCED if profile == "balanced" else DLN_IMBALANCED,
        shows="Class means become orthogonal, with lengths set by the class counts, and classifier rows are parallel to them.",
        held=Held("mse-imbalanced-relu" if rectified else "mse-imbalanced"),
        architecture=f"perceptron with {features.replace('relu', 'ReLU')} features, one linear layer without bias",
        small={"class_counts": small, **setting},
        full={"class_counts": full, "data": "cifar-10", **LARGE, **setting},
    )


def _simplex() -> Experiment:
    setting = {"loss": "cross-entropy", "rectified": False, "bias": True, **DECAYS, "schedule": LONG}
    return classifier_experiment(
        name="ufm-cross-entropy-linear-balanced",
        title="Cross-entropy, linear features, balanced classes, a bias: a simplex ETF",
        source=DLN_BALANCED.replace("train_1st_order.py", "train_1st_order.py --loss CrossEntropy"),
        shows="Class means and classifier become the vertices of a simplex ETF, and features collapse to their class means.",
        held=Held("ce-balanced-etf"),
        architecture="perceptron with linear features, one linear layer with bias",
        small={"class_counts": BALANCED, **setting},
        full={"class_counts": EQUAL, "data": "fashion-mnist", **LARGE, **setting},
    )


UNCONSTRAINED_FEATURES = (
    *(_cross_entropy(profile) for profile in PROFILES),
    _simplex(),
    *(_mse(profile, rectified) for rectified in (True, False) for profile in PROFILES),
)
