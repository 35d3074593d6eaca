"""Heads of several linear layers: away from the jump to zero, and between fold and jump, where the minimum depends on the way there."""

from __future__ import annotations

from numerics.networks.experiments.classifier_experiment import (
    BALANCED,
    DECAYS,
    DLN_BALANCED,
    DLN_IMBALANCED,
    EQUAL,
    FULL_TAIL,
    FULL_TAIL_DECAY,
    GRADUAL,
    LARGE,
    LONG,
    PUBLISHED,
    TAIL,
    WITH_BRANCHES,
    Held,
    classifier_experiment,
)
from numerics.networks.experiments.experiment import Experiment

CLAIM = "mse-deep-linear-imbalanced"


def _away_from_the_jump(depth: int, profile: str) -> Experiment:
    balanced = profile == "balanced"
    setting = {"loss": "mse", "rectified": False, "depth": depth, **DECAYS, "schedule": LONG}
    return classifier_experiment(
        name=f"deep-head-{depth}-layers-{profile}",
        title=f"MSE, a head of {depth} linear layers, {profile} classes: a frame in every layer",
        source=(DLN_BALANCED if balanced else DLN_IMBALANCED) + f" --depth_linear {depth}",
        shows="The orthogonal frame of the class means is found in the features and in every linear layer.",
        held=Held("mse-deep-linear-balanced" if balanced else CLAIM),
        architecture=f"perceptron with linear features, {depth} linear layers without bias",
        small={"class_counts": BALANCED if balanced else TAIL, **setting},
        full={"class_counts": EQUAL if balanced else PUBLISHED, "data": "cifar-10", **LARGE, **setting},
    )


OVERSHOOT = 1.18
"""A factor of all decays at which the class between fold and jump lies below its fold, and the next larger class does not."""
BRANCHES = {
    "from below": [*GRADUAL[:-1], [1.0, 300]],
    "from above": [*GRADUAL[:-1], [OVERSHOOT, 150], [1.0, 300]],
}
"""The two ways to the full decays: from smaller ones, along which the class stays alive, and from larger ones, where it vanished."""


def _between_fold_and_jump(count: int, feature_decay: float) -> Experiment:
    setting = {"loss": "mse", "rectified": False, "depth": 2, "weight_decay": 1e-2, WITH_BRANCHES: BRANCHES}
    return classifier_experiment(
        name=f"jump-2-layers-{count}-samples",
        title=f"MSE, a head of 2 linear layers: a class of {count} samples between fold and jump",
        source=DLN_IMBALANCED,
        shows="The paper's theorem has a jump: below a critical count a class is zero, above it the class is away from zero at once.",
        held=Held(CLAIM),
        architecture="perceptron with linear features, 2 linear layers without bias",
        small={"class_counts": TAIL, "feature_decay": feature_decay, **setting},
        full={
            "class_counts": FULL_TAIL,
            "feature_decay": feature_decay * FULL_TAIL_DECAY,
            "data": "mnist",
            **LARGE,
            **setting,
        },
    )


DEEP_HEADS = (
    _away_from_the_jump(2, "tail"),
    _away_from_the_jump(3, "balanced"),
    _away_from_the_jump(3, "tail"),
    _between_fold_and_jump(14, 7.5e-4),
    _between_fold_and_jump(30, 3.39e-3),
)
