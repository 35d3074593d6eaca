"""What all experiments with classifiers share: how a run is predicted and started, the papers, and the profiles of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from numerics.data.imbalance import step
from numerics.networks.classifiers.branches import BranchesTrial
from numerics.networks.classifiers.reference import reference_of
from numerics.networks.classifiers.setting import Setting, as_parameters, read_setting
from numerics.networks.classifiers.trial import ClassifierTrial
from numerics.networks.experiments.experiment import AGREES, Experiment, Parameters, Trial
from numerics.tolerances import IN_PRACTICE
from theory.problem import reject

CEI = "Neural Collapse for Cross-entropy Class-Imbalanced Learning with Unconstrained ReLU Features Model (arXiv:2401.02058)"
DLN = "Neural Collapse in Deep Linear Networks: From Balanced to Imbalanced Data (arXiv:2301.00437)"
"""The papers whose experiments are repeated."""
CEI_TRAINER = f"{CEI}, released train_1st_order_unbalanced.py with run_mnist.sh"
DLN_BALANCED = f"{DLN}, Section 5, released train_1st_order.py"
DLN_IMBALANCED = f"{DLN}, Section 5, released train_1st_order_unbalanced.py"
"""The experiments, with the script that the authors released for each."""

BALANCED = [50] * 10
STEP = step(60, 6, 10, 5)
TAIL = [150, 115, 88, 68, 52, 40, 30, 23, 18, 14]
"""Training samples of each class of the digits, of which there are about 180 each."""
PUBLISHED = [100, 100, 200, 200, 300, 300, 400, 400, 500, 500]
"""Training samples of each class in the released trainers: of MNIST for the cross-entropy, of CIFAR-10 for MSE."""
EQUAL = [500] * 10
FULL_STEP = step(500, 50, 10, 5)
FULL_TAIL = [10 * count for count in TAIL]
"""Training samples of each class at full size, where the released trainers have another profile."""
FULL_TAIL_DECAY = 0.1
"""The factor of the feature decay at which the counts of ``FULL_TAIL`` lie as far from the critical count as those of ``TAIL``: a critical
count grows as N² λ_H, and for a head of two layers as the root of N³ λ_H."""
PROFILES = {"balanced": (BALANCED, EQUAL), "step": (STEP, FULL_STEP), "tail": (TAIL, PUBLISHED)}
"""Class counts at small and at full size."""

GRADUAL = [[0.01, 100], [0.1, 50], [0.3, 50], [1.0, 400]]
"""Decays that grow to their values. At the full decays from the start, classes vanish in the first steps and do not return."""
LONG = [*GRADUAL[:-1], [1.0, 600]]
"""The same for linear features, whose last digits take longer."""
DECAYS = {"weight_decay": 1e-2, "feature_decay": 1e-5}
LARGE = {"hidden": [512, 512, 512], "features": 256, "precision": "float32"}
"""The perceptron at full size. Its training is in float32, which GPUs compute many times faster; measurements stay in float64."""
ADAM = {"optimiser": "adam", "rate": 1e-2, "stage": 10, "schedule": [[0.1, 60], [1.0, 440]]}
"""Adam on mini-batches. At a third of this rate 6000 steps end some per cent away from the minimum."""

WITH_BRANCHES = "schedules"
"""The parameter that replaces ``schedule`` where a run trains along several schedules by name."""


@dataclass(frozen=True)
class Held:
    """How a run is held against a claim: the ``claim`` by id, and the largest deviation that agrees."""

    claim: str
    limit: float = IN_PRACTICE

    def predict(self, parameters: Parameters, seed: int) -> Mapping[str, Any]:
        """Return the predicted quantities, which depend on class counts and decays alone, not on the seed."""
        return reference_of(_settings(parameters)[0], self.claim).predicted

    def start(self, parameters: Parameters, seed: int, device: torch.device) -> Trial:
        """Return the trial of a run."""
        setting, schedules = _settings(parameters)
        if schedules is None:
            return ClassifierTrial(setting, self.claim, seed, device, self.limit)
        return BranchesTrial(setting, schedules, self.claim, seed, device, self.limit)


def _settings(parameters: Parameters) -> tuple[Setting, Mapping[str, Any] | None]:
    """Return the setting of a run, and its schedules by name where it has several."""
    if WITH_BRANCHES not in parameters:
        return read_setting(parameters), None
    schedules = parameters[WITH_BRANCHES]
    if not isinstance(schedules, Mapping) or not schedules:
        raise reject(WITH_BRANCHES, schedules, "schedules by name")
    others = {name: value for name, value in parameters.items() if name != WITH_BRANCHES}
    settings = [read_setting({**others, "schedule": schedule}) for schedule in schedules.values()]
    return settings[0], schedules


def classifier_experiment(
    *,
    name: str,
    title: str,
    source: str,
    shows: str,
    held: Held,
    architecture: str,
    small: Parameters,
    full: Parameters,
    expected: str = AGREES,
    why: str = "",
) -> Experiment:
    """Return an experiment with classifiers; the parameters of either size are completed by the defaults of a setting.

    Arguments: those of ``Experiment``, with the sizes ``small`` and ``full``, and ``held`` for claim, prediction and trials.
    """
    sizes = {"small": _completed(small), "full": _completed(full)}
    return Experiment(
        name, title, source, shows, held.claim, architecture, sizes, held.predict, held.start, expected, why
    )


def _completed(parameters: Parameters) -> dict[str, Any]:
    """Return parameters with all defaults written out, so that the configuration of a run says everything."""
    setting, schedules = _settings(parameters)
    found = as_parameters(setting)
    if schedules is not None:
        del found["schedule"]
        found[WITH_BRANCHES] = dict(schedules)
    return found
