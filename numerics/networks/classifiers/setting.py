"""The setting of a trained classifier: data, network, objective and optimiser, under the names that the user sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from numerics.data.gaussian_classes import gaussian_classes
from numerics.data.images import images
from numerics.data.imbalance import draw
from numerics.data.labelled import Labelled
from numerics.networks.applicable_claim import Training
from numerics.networks.models.classifier import Classifier, built
from theory.errors import ParameterError
from theory.problem import reject

Schedule = list[list[float]]
"""Pairs of a factor of the decays, and for how many iterations (full batch) or epochs (mini-batches) it holds."""

GAUSSIAN, DIMENSION, TESTED = "gaussian", 64, 50
"""The name of Gaussian classes of spread 1, the number of entries of a sample, and the samples of each class left for the test."""

CHOICES = {
    "loss": ("cross-entropy", "mse"),
    "objective": ("features", "released", "plain"),
    "optimiser": ("l-bfgs", "adam", "sgd"),
    "precision": ("float64", "float32"),
}


@dataclass(frozen=True)
class Setting:
    """The setting of a trained classifier; every value can be written as JSON.

    Arguments:
        class_counts: the number of training samples of each class (K).
        loss: ``cross-entropy``, or ``mse``, which is half the squared distance from the one-hot label.
        weight_decay: the decay λ_W as the trainer is given it.
        feature_decay: the decay λ_H as the trainer is given it; plain weight decay does not use it.
        schedule: pairs of a factor of both decays and the iterations or epochs for which it holds.
        data: the name of the images, or ``gaussian`` for Gaussian classes, of any number.
        test: the largest number of test samples; all that is left, if None.
        architecture: ``perceptron``, ``convolutional`` or ``residual``.
        hidden: the hidden widths, or the channels.
        features: the number d of last features, and of the units of every hidden layer of the head.
        rectified: whether a ReLU stands after the last features.
        depth: the number of linear layers of the head.
        bias: whether the last layer has a bias.
        objective: ``features`` for the theory's, ``released`` for that of the published trainers, ``plain`` for weight
            decay on every parameter.
        loss_factor: the factor of the mean loss in the ``released`` objective.
        optimiser: ``l-bfgs`` on the full batch, ``adam`` or ``sgd`` on mini-batches.
        rate: the largest learning rate of mini-batches, which falls to zero along a cosine.
        batch: the number of samples of a mini-batch.
        stage: the number of iterations or epochs of a stage.
        precision: the floating-point type of the training, ``float64`` or ``float32``; all measurements are in float64.
    """

    class_counts: list[int]
    loss: str
    weight_decay: float
    feature_decay: float
    schedule: Schedule
    data: str = "digits"
    test: int | None = None
    architecture: str = "perceptron"
    hidden: tuple[int, ...] | list[int] = (128, 128)
    features: int = 64
    rectified: bool = True
    depth: int = 1
    bias: bool = False
    objective: str = "features"
    loss_factor: float = 1.0
    optimiser: str = "l-bfgs"
    rate: float = 3e-3
    batch: int = 100
    stage: int = 25
    precision: str = "float64"

    @property
    def samples(self) -> int:
        """The number N of training samples."""
        return sum(self.class_counts)

    @property
    def full_batch(self) -> bool:
        return self.optimiser == "l-bfgs"

    @property
    def widths(self) -> list[int]:
        """The widths of the inputs of the linear layers of the head."""
        return [self.features] * self.depth

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64 if self.precision == "float64" else torch.float32

    @property
    def given(self) -> Training:
        """The decays as they are given to the trainer, with loss and sign of the features."""
        return Training(self.loss, (self.weight_decay,) * self.depth, self.feature_decay, None, self.rectified)

    @property
    def effective(self) -> Training:
        """The decays that the objective has when it is written as the theory writes it: a mean loss, and all samples.

        A factor c of the loss multiplies both decays by 1/c. A feature decay that is summed over a mini-batch of B samples has on
        average the share B/N of the sum over all samples.
        """
        if self.objective != "released":
            return self.given
        share = 1.0 if self.full_batch else self.batch / self.samples
        weights = (self.weight_decay / self.loss_factor,) * self.depth
        return Training(self.loss, weights, self.feature_decay * share / self.loss_factor, None, self.rectified)

    def split(self, seed: int) -> tuple[Labelled, Labelled]:
        """Return training and test samples, drawn by a seed.

        Of Gaussian classes there are as many samples to draw from as the largest class needs, and TESTED more of each class.
        """
        if self.data == GAUSSIAN:
            samples = gaussian_classes(len(self.class_counts), DIMENSION, max(self.class_counts) + TESTED, 1.0, seed)
        else:
            samples = images(self.data)
        return draw(samples, self.class_counts, seed, self.test)

    def network(self, shape: tuple[int, ...], seed: int) -> Classifier:
        """Return the untrained network for images of a shape, drawn by a seed."""
        classes = len(self.class_counts)
        network = built(
            self.architecture, shape, list(self.hidden), self.rectified, self.widths, classes, self.bias, seed
        )
        return network.to(self.dtype)


def read_setting(parameters: Mapping[str, Any]) -> Setting:
    """Return the setting of parameters by name.

    Raises ParameterError for an unknown or missing name, for a choice that does not exist, for a schedule whose parts are no whole
    number of stages, and for mini-batches that do not divide the training samples.
    """
    known = [field.name for field in fields(Setting)]
    for name in parameters:
        if name not in known:
            raise reject("parameter", name, f"one of {', '.join(known)}")
    try:
        setting = Setting(**parameters)
    except TypeError as error:
        raise ParameterError(f"parameters: {str(error).partition(') ')[2]}") from None
    for name, allowed in CHOICES.items():
        if (value := getattr(setting, name)) not in allowed:
            raise reject(name, value, f"one of {', '.join(allowed)}")
    for factor, length in setting.schedule:
        if not (factor > 0 and length > 0 and length % setting.stage == 0):
            raise reject("schedule", [factor, length], f"a positive factor and a multiple of {setting.stage} (stage)")
    if setting.optimiser != "l-bfgs" and setting.samples % setting.batch:
        raise reject("batch", setting.batch, f"a divisor of the {setting.samples} training samples")
    return setting


def as_parameters(setting: Setting) -> dict[str, Any]:
    """Return a setting as parameters by name, each of which can be written as JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(setting).items()}
