"""The objective of a trained classifier on a batch: the theory's, that of the released trainers, or plain weight decay."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from numerics.networks.classifiers.setting import Setting
from numerics.networks.models.classifier import Classifier

BatchObjective = Callable[[Classifier, Tensor, Tensor, float], Tensor]
"""The value of the objective for a network, the images and labels of a batch, and a factor of all decays."""


def mean_loss(loss: str, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over samples of the cross-entropy, or of half the squared distance from the one-hot label.

    Arguments:
        loss: ``cross-entropy`` or ``mse``.
        logits: the logits (N × K).
        labels: the classes (N).
    """
    if loss == "cross-entropy":
        return functional.cross_entropy(logits, labels)
    one_hot = functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return (logits - one_hot).square().sum() / (2 * len(labels))


def objective_of(setting: Setting) -> BatchObjective:
    """Return the objective of a setting as a function of a batch.

    On a mini-batch it is an estimate of the objective on all samples, whose mean over the batches of an epoch is that objective.
    """

    def with_features(network: Classifier, images: Tensor, labels: Tensor, factor: float) -> Tensor:
        features = network.features(images)
        weights = sum(weight.square().sum() for weight in network.layers)
        of_features = features.square().sum() * (setting.samples / len(labels))
        decays = setting.weight_decay * weights + setting.feature_decay * of_features
        return mean_loss(setting.loss, network.logits(features), labels) + factor / 2 * decays

    def released(network: Classifier, images: Tensor, labels: Tensor, factor: float) -> Tensor:
        features = network.features(images)
        weights = sum(weight.square().sum() for weight in network.layers)
        decays = setting.weight_decay * weights + setting.feature_decay * features.square().sum()
        return setting.loss_factor * mean_loss(setting.loss, network.logits(features), labels) + factor / 2 * decays

    def plain(network: Classifier, images: Tensor, labels: Tensor, factor: float) -> Tensor:
        every = torch.stack([parameter.square().sum() for parameter in network.parameters()]).sum()
        return mean_loss(setting.loss, network(images), labels) + factor / 2 * setting.weight_decay * every

    return {"features": with_features, "released": released, "plain": plain}[setting.objective]
