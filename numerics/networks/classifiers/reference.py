"""What the theory predicts for a setting, stated before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from numerics.networks.applicable_claim import Training, applicable
from numerics.networks.classifiers.setting import Setting
from numerics.networks.comparison import OF_LOGITS, margins
from numerics.networks.head import Head
from theory.claim import Claim
from theory.cli.commands import predict
from theory.errors import ParameterError
from theory.problem import Instance

GRAMS = ("mean_gram", "classifier_gram", "classifier_grams")
"""The invariants that an experiment shows: one Gram matrix of the classifier, or one for each product of the last layers."""


@dataclass(frozen=True)
class Reference:
    """The claim that applies to a setting, its problem at the class counts and the effective decays, and these decays."""

    claim: Claim
    instance: Instance
    training: Training

    @cached_property
    def predicted(self) -> dict[str, Any]:
        """The predicted quantities by name, with classes in the order of the labels.

        ``value`` is the minimum of the loss, ``margins`` and ``mean_norms`` (squared) have one number for each class, ``vanished``
        lists the classes that are zero, and ``critical_count``, where the claim has one, is the number of samples up to
        which a class is zero.
        """
        found = predict(self.claim, self.instance)
        invariants = found["invariants"]
        shown: dict[str, Any] = {"value": found["value"]}
        shown |= {name: invariants[name] for name in GRAMS if name in invariants}
        shown["margins"] = next(margins_of(invariants[name]) for name in OF_LOGITS if name in invariants)
        shown["mean_norms"] = np.diagonal(invariants["mean_gram"]).tolist()
        shown["vanished"] = [label for label, collapsed in enumerate(found["collapsed"]) if collapsed]
        shown |= decays_by_name(self.training.weight_decay, self.training.feature_decay)
        if "critical_count" in found["named"]:
            shown["critical_count"] = found["named"]["critical_count"]
        return shown


def decays_by_name(weights: tuple[float, ...], features: float) -> dict[str, Any]:
    """Return decays under the names that an experiment shows, the layers of the head as a list."""
    return {"effective_weight_decay": [float(decay) for decay in weights], "effective_feature_decay": float(features)}


def margins_of(logits: list[list[float]]) -> list[float]:
    """Return the margins from the class means of the logits (K × K, a column for each class), in the order of the classes."""
    return margins(torch.tensor(logits, dtype=torch.float64)[None])[0].tolist()


def reference_of(setting: Setting, claim_id: str, training: Training | None = None) -> Reference:
    """Return the reference of a setting.

    Arguments:
        setting: the setting of a classifier.
        claim_id: the claim that the experiment names.
        training: the decays to predict from; the effective ones, if None.
    Raises ParameterError where another claim applies, or none.
    """
    training = training or setting.effective
    classes = len(setting.class_counts)
    sizes = [*setting.widths, classes]
    layers = tuple(np.zeros((sizes[i + 1], sizes[i])) for i in range(setting.depth))
    head = Head(layers, np.zeros(classes) if setting.bias else None)
    found = applicable(training, head, setting.class_counts)
    if found is None or found[0].id != claim_id:
        applies = "no claim applies" if found is None else f"{found[0].id} applies"
        raise ParameterError(f"claim: {claim_id} is named, and {applies} to {training.said(head)}")
    return Reference(*found, training)
