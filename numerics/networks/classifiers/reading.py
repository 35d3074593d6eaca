"""What is read of a classifier during its training: last features, the structure that the theory sees, and its metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from numerics.data.labelled import Labelled
from numerics.networks.class_statistics import read_means, read_scatter
from numerics.networks.classifiers.reference import Reference
from numerics.networks.collapse_metrics import between_directions, collapse_metrics, distance_from_simplex
from numerics.networks.comparison import OF_LOGITS, Compared, compare, margins
from numerics.networks.feature_blocks import HeldArray
from numerics.networks.models.classifier import Classifier
from numerics.networks.structure import Structure
from numerics.networks.summed_loss import SummedLoss

AT_ONCE = 1024
"""Images that pass through the network together when it is measured."""


def in_parts(network: Classifier, samples: Labelled) -> Tensor:
    """Return the last features of samples (N × d) in float64 on the processor."""
    with torch.no_grad():
        parts = [network.features(part).cpu().double() for part in samples.inputs.split(AT_ONCE)]
    return torch.cat(parts)


def accuracy(network: Classifier, samples: Labelled) -> float:
    """Return the share of samples whose largest logit is that of their class; nan without samples."""
    if len(samples) == 0:
        return float("nan")
    logits = network.read_head().logits(in_parts(network, samples).numpy())
    return float((logits.argmax(1) == samples.labels.cpu().numpy()).mean())


@dataclass(frozen=True)
class Reading:
    """A network at one moment of its training: the theory's ``value`` of the loss, the comparison, and NC1 to NC4."""

    value: float
    compared: Compared
    metrics: dict[str, Any]
    structure: Structure


def read(network: Classifier, samples: Labelled, reference: Reference) -> Reading:
    """Read a network at its training samples, beside a reference."""
    head, features = network.read_head(), in_parts(network, samples).numpy()
    labels, source = samples.labels.cpu().numpy(), HeldArray(features)
    means = read_means(source, labels, head.classes)
    directions, between = between_directions(means.centred)
    summed = SummedLoss(reference.claim, reference.instance, head)
    scatter = read_scatter(source, labels, means, directions, lambda block: head.logits(block).argmax(1), summed.add)
    structure = Structure(head, means.counts, means.means, scatter.total)
    compared = compare(reference.claim, reference.instance, structure, reference.training)
    return Reading(summed.value, compared, collapse_metrics(head, means, scatter, between), structure)


def columns(reading: Reading, reference: Reference) -> dict[str, float]:
    """Return what is recorded after a stage, by column.

    ``gap`` is the relative distance of the value from the predicted minimum. ``nc2_features`` and ``nc2_classifier`` are the
    distances of either Gram matrix from that of a simplex ETF. A column ``… deviation`` is the relative distance of an
    invariant from the predicted one. ``margin k``, and the squared norms ``mean_norm k`` and ``classifier_norm k`` (of a row of
    W_M ⋯ W_1) belong to the class with label k.
    A metric that is not defined, because all class means coincide, is nan.
    """
    metrics, head = reading.metrics, reading.structure.head
    minimum = reference.predicted["value"]
    found = {
        "value": reading.value,
        "gap": (reading.value - minimum) / abs(minimum),
        "nc1": metrics["nc1"],
        "nc2_features": metrics["nc2"],
        "nc2_classifier": distance_from_simplex(head.product @ head.product.T),
        "nc3": metrics["nc3"],
        "nc4": metrics["nc4"],
        "train_accuracy": metrics["accuracy"],
        "vanished": sum(reading.compared.vanished),
    }
    found |= {f"{name} deviation": deviation for name, deviation in reading.compared.deviations.items()}
    found |= {f"margin {label}": margin for label, margin in enumerate(class_margins(reading, reference))}
    for name, rows in (("mean_norm", reading.structure.means), ("classifier_norm", head.product)):
        found |= {f"{name} {label}": norm for label, norm in enumerate(np.square(rows).sum(1))}
    return {name: float("nan") if value is None else float(value) for name, value in found.items()}


def class_margins(reading: Reading, reference: Reference) -> list[float]:
    """Return the margins of the classes, in the order of the labels."""
    measured = reading.compared.measured
    name = next(name for name in OF_LOGITS if name in measured)
    return reference.instance.in_user_order(margins(measured[name])[0].tolist())
