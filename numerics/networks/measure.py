"""A network of the reader's own held against the theory: measured beside predicted, with a verdict of practice."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.balls import lowest
from numerics.bounds.certificates import problem_bounds
from numerics.bounds.separable import separable_bound
from numerics.networks.applicable_claim import Objective, Training, applicable, read_training
from numerics.networks.class_statistics import read_means, read_scatter
from numerics.networks.collapse_metrics import between_directions, collapse_metrics
from numerics.networks.comparison import OF_LOGITS, Compared, compare, in_user_order, margins
from numerics.networks.feature_blocks import Blocks, as_blocks
from numerics.networks.head import read_head, read_labels
from numerics.networks.single_factor import Factor, single_factor
from numerics.networks.structure import Structure
from numerics.networks.summed_loss import SummedLoss
from numerics.tolerances import BELOW_BOUND, IN_PRACTICE
from theory.claim import Claim
from theory.errors import ParameterError
from theory.problem import Instance, reject

LARGEST_DUAL = 20_000
"""Most entries of the logits for which the dual bound is verified: balls take a second for so many."""


class Practice(StrEnum):
    """The verdict on a measured network: no network proves or refutes a theorem."""

    AGREES = "AGREES"
    DEPARTS = "DEPARTS"


@dataclass(frozen=True)
class Measurement:
    """A network beside the theory; classes are in the order of their labels.

    ``claim`` is the id of the claim that applies, or None where the suite has none for this setting, which ``setting``
    says in words; then only the metrics are measured. ``vanished`` are the classes whose mean has vanished, and ``should_vanish``
    those that the claim says vanish; both are None for a claim without thresholds. Where a claim runs over singular directions, they are directions.
    ``value`` is the loss of the claim at the given features and head, ``predicted_value`` the minimum, ``lower_bound``
    a certified lower bound, and ``gap`` the relative distance of the value from the minimum, or from the bound where the minimum has no closed form.
    ``factor`` explains the largest deviation of a network that departs. ``verdict`` is None where no claim applies, and
    where nothing deviates but neither the minimum nor a bound is known.
    """

    claim: str | None
    setting: str
    measured: dict[str, Any]
    predicted: dict[str, Any]
    deviations: dict[str, float]
    nc1: float | None
    nc2: float | None
    nc3: float | None
    nc4: float
    accuracy: float
    vanished: list[int] | None = None
    should_vanish: list[int] | None = None
    value: float | None = None
    predicted_value: float | None = None
    lower_bound: float | None = None
    gap: float | None = None
    factor: Factor | None = None
    verdict: Practice | None = None


def measure(
    features: np.ndarray | Tensor | Blocks,
    labels: np.ndarray | Tensor,
    weight: Any,
    bias: Any = None,
    *,
    loss: str,
    weight_decay: Any,
    feature_decay: Any,
    smoothing: Any = None,
    nonnegative: bool | None = None,
) -> Measurement:
    """Measure a trained classifier, and compare it with the claim that applies.

    ``features`` (N × d) are the inputs of the head, an array of any size: one mapped from a file is read in blocks, twice. ``labels`` (N)
    are integers from 0 to K − 1. ``weight`` (K × d) is the classifier, or a list of layers from the features upwards,
    and ``bias`` (K) its bias. ``loss`` is "cross-entropy" or "mse", the mean over samples of the cross-entropy or of half
    the squared distance from the one-hot label. The decays are λ in (λ/2)‖W‖², one for all layers or one for each, and
    in (λ_H/2) Σ_i ‖h_i‖². ``nonnegative`` says whether the features are nonnegative by construction, as after a
    ReLU; by default they are taken to be where no entry is negative.
    Raises ParameterError, with one line, for an array or a parameter that is not allowed.
    """
    source = as_blocks(features)
    head = read_head(weight, bias, source.shape[1])
    classes = read_labels(labels, source.shape[0], head.classes)
    training = read_training(loss, weight_decay, feature_decay, smoothing, bool(nonnegative), len(head.layers))
    means = read_means(source, classes, head.classes)
    if nonnegative is None:
        training = dataclasses.replace(training, nonnegative=means.least >= 0)
    elif nonnegative and means.least < 0:
        raise reject("nonnegative", "true", f"false where a feature is negative, as {means.least:g} is")
    found = applicable(training, head, means.counts.tolist())
    summed = None if found is None else SummedLoss(*found, head)
    directions, between = between_directions(means.centred)
    scatter = read_scatter(
        source,
        classes,
        means,
        directions,
        lambda block: head.logits(block).argmax(1),
        (lambda block, of_block: None) if summed is None else summed.add,
    )
    metrics = collapse_metrics(head, means, scatter, between)
    setting = training.said(head)
    if found is None or summed is None:
        return Measurement(None, setting, {}, {}, {}, **metrics)
    structure = Structure(head, means.counts, means.means, scatter.total)
    return _against(*found, structure, training, summed.value, setting, metrics)


def _against(
    claim: Claim,
    instance: Instance,
    structure: Structure,
    training: Training,
    value: float,
    setting: str,
    metrics: dict[str, Any],
) -> Measurement:
    """Return the measurement of a network to which a claim applies."""
    compared = compare(claim, instance, structure, training)
    formula = claim.prediction.value
    predicted = None if formula is None else Objective(claim, instance).evaluated(formula)
    bound = lower_bound(claim, instance, structure)
    against = bound if predicted is None else predicted
    gap = None if against is None else (value - against) / (max(abs(value), abs(against)) or 1.0)
    close = gap is None or abs(gap) <= IN_PRACTICE
    sound = bound is None or value >= bound - BELOW_BOUND * abs(bound)
    agrees = compared.agrees and close and sound
    order = list(range(len(compared.dead))) if claim.problem.spectral else instance.order
    shown = {
        side: {name: in_user_order(claim, instance, name, array) for name, array in arrays.items()}
        for side, arrays in (("measured", compared.measured), ("predicted", compared.predicted))
    }
    _add_margins(claim, instance, compared, shown)
    return Measurement(
        claim.id,
        setting,
        shown["measured"],
        shown["predicted"],
        compared.deviations,
        **metrics,
        vanished=_numbers(compared.vanished, order) if claim.prediction.thresholds else None,
        should_vanish=_numbers(compared.dead, order) if claim.prediction.thresholds else None,
        value=value,
        predicted_value=predicted,
        lower_bound=bound,
        gap=gap,
        factor=None if agrees else single_factor(claim, instance, structure, training, compared),
        verdict=_verdict(agrees, judged=gap is not None),
    )


def _verdict(agrees: bool, judged: bool) -> Practice | None:
    """Return the verdict. Without a minimum and without a bound, what is measured may depart from theory but cannot agree."""
    if not agrees:
        return Practice.DEPARTS
    return Practice.AGREES if judged else None


def _numbers(flags: list[bool], order: Sequence[int]) -> list[int]:
    return sorted(order[i] for i, flag in enumerate(flags) if flag)


def _add_margins(claim: Claim, instance: Instance, compared: Compared, shown: dict[str, dict[str, Any]]) -> None:
    """Add the margins of the classes, where an invariant holds the logits."""
    for name in OF_LOGITS:
        for side, arrays in (("measured", compared.measured), ("predicted", compared.predicted)):
            if name in arrays:
                shown[side]["margins"] = instance.in_user_order(margins(arrays[name])[0].tolist())


def lower_bound(claim: Claim, instance: Instance, structure: Structure) -> float | None:
    """Return a certified lower bound on the loss at every point, or None where no bound applies or can be verified.

    The bound of a proof in scalar problems needs no point. A dual bound starts from the class means of the network, and is verified
    where few samples are left once the class counts are divided by their common divisor.
    """
    bounds = {}
    if claim.proof.separable is not None:
        bounds["separable"] = separable_bound(claim.proof.separable, ball_bindings(claim.problem, instance))
    fewer = _with_fewer_samples(claim, instance, structure)
    counts = [] if fewer is None else fewer.values["class_counts"]
    if fewer is not None and sum(counts) * len(counts) <= LARGEST_DUAL:
        repeated = np.repeat(structure.means[list(fewer.order)], counts, axis=0)
        batch = Objective(claim, fewer).point(structure.head, torch.as_tensor(repeated).mT[None])
        bounds |= problem_bounds(claim.problem, fewer, batch.map(lambda array: array[0]))
    verified = [lowest(bound) for bound in bounds.values() if bound.is_finite()]
    return max(map(float, verified), default=None)


def _with_fewer_samples(claim: Claim, instance: Instance, structure: Structure) -> Instance | None:
    """Return an instance with the same minimum, or a lower one by a rounding, and as few samples of each class as there are.

    The losses are convex in the features, so that features equal to their class mean suffice. There the loss depends on the shares
    n_k/N and on λ_H n_k alone: the counts may be divided by a common divisor that multiplies λ_H. The product is
    rounded down, which lowers the minimum. Returns None where the product is no decay that the claim takes.
    """
    divisor = int(np.gcd.reduce(structure.counts))
    if divisor == 1:
        return instance
    decay = instance.values["feature_decay"] * divisor * (1 - 2.0**-50)  # more than all roundings together
    values = {**instance.values, "feature_decay": decay, "class_counts": (structure.counts // divisor).tolist()}
    try:
        return claim.problem.instance(**values)
    except ParameterError:
        return None
