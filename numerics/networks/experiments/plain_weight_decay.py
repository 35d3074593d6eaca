"""Weight decay on every parameter and none on the features, as networks are mostly trained: the theory does not describe it."""

from __future__ import annotations

from numerics.networks.experiments.classifier_experiment import (
    BALANCED,
    DLN,
    EQUAL,
    LARGE,
    Held,
    classifier_experiment,
)
from numerics.networks.experiments.experiment import DEPARTS, Experiment

WHY = (
    "The theory has a decay on the features and none below them. Decay on every layer pays for the features only through the "
    "weights that make them, and a product of many layers is cheapest at low rank: class means share directions and keep long "
    "norms, the decay of features that would explain the classifier is orders of magnitude below the given one, and features "
    "of a class need not meet."
)


def _plain(loss: str) -> Experiment:
    cross_entropy = loss == "cross-entropy"
    features = "ReLU" if cross_entropy else "linear"
    setting = {
        "loss": loss,
        "rectified": cross_entropy,
        "objective": "plain",
        "weight_decay": 1e-3,
        "feature_decay": 1e-5,
        "schedule": [[0.1, 100], [1.0, 500]],
    }
    return classifier_experiment(
        name=f"plain-decay-{loss}-balanced",
        title=f"Plain weight decay on every parameter, {'cross-entropy' if cross_entropy else 'MSE'}, balanced classes",
        source=f"{DLN}, Section 5, released train_1st_order.py without --sep_decay (utils.py, lines 22 to 25)",
        shows="ResNet18 and VGG16 are trained with weight decay on every parameter, and metrics of norm 1 are held against the theory.",
        held=Held("ce-imbalanced-relu" if cross_entropy else "mse-imbalanced"),
        architecture=f"perceptron with {features} features, one linear layer without bias",
        small={"class_counts": BALANCED, **setting},
        full={"class_counts": EQUAL, "data": "cifar-10", **LARGE, **setting},
        expected=DEPARTS,
        why=WHY,
    )


PLAIN_WEIGHT_DECAY = (_plain("cross-entropy"), _plain("mse"))
