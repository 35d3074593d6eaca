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

WHY = {
    "cross-entropy": "Decay on every layer pays for the features only through the weights that make them, and a product of many layers is "
    "cheapest at low rank. Class means span fewer dimensions than there are classes, their norms are many times the "
    "predicted ones, and features of a class stay apart.",
    "mse": "Decay on every layer pays for the features only through the weights that make them, and biases and hidden layers make what all "
    "classes share at little cost. Class means have a common part, so they are not orthogonal; the logits are close to the "
    "predicted ones, but features and classifier share them out in another proportion.",
}
"""Why either network departs."""


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
        why=WHY[loss],
    )


PLAIN_WEIGHT_DECAY = (_plain("cross-entropy"), _plain("mse"))
