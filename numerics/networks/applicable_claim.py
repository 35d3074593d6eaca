"""The claim of the registry that applies to a measured classifier: by loss, features, class counts, bias and depth.

The names of variables and parameters of claims on neural collapse stand in this room, because arrays of a user have to
be given to a claim by name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.tensors import DTYPE, TorchArrays
from numerics.networks.head import Head
from theory.claim import Claim, Verdict, registry
from theory.domains import PositiveReal, RealBetween
from theory.errors import ParameterError
from theory.expressions import Formula
from theory.point import Point
from theory.problem import Instance, reject

CROSS_ENTROPY, MSE = "cross-entropy", "mse"
FEATURES, BIAS = "H", "b"
"""The variables of the features and of the bias; all other variables are layers, from the features upwards."""


@dataclass(frozen=True)
class Training:
    """How a network was trained: its ``loss``, its decays, the labels' ``smoothing`` or None, and whether features are ``nonnegative``.

    ``weight_decay`` has one number for each layer of the head, or one for all. The decays are λ in (λ/2)‖W‖² and
    (λ_H/2) Σ_i ‖h_i‖², beside a loss that is a mean over the samples.
    """

    loss: str
    weight_decay: tuple[float, ...]
    feature_decay: float
    smoothing: float | None = None
    nonnegative: bool = False

    def said(self, head: Head) -> str:
        """Return the setting in words."""
        words = [
            self.loss,
            "nonnegative features" if self.nonnegative else "features of either sign",
            "no bias" if head.bias is None else "a bias",
            f"{len(head.layers)} linear layer{'s' * (len(head.layers) > 1)}",
        ]
        return ", ".join([*words, *(["smoothed labels"] if self.smoothing is not None else [])])


def read_training(
    loss: str, weight_decay: Any, feature_decay: Any, smoothing: Any, nonnegative: bool, depth: int
) -> Training:
    """Return the setting of a network. Raises ParameterError for an unknown loss, and for a decay that is no positive number."""
    if loss.lower() not in (CROSS_ENTROPY, MSE):
        raise reject("loss", loss, f"{CROSS_ENTROPY} or {MSE}")
    positive = PositiveReal(decay=True)
    given = weight_decay.split(",") if isinstance(weight_decay, str) else weight_decay
    decays = tuple(given) if isinstance(given, Sequence) else (given,)
    if len(decays) not in (1, depth):
        raise reject("weight_decay", weight_decay, f"one number for all layers, or {depth} of them, one a layer")
    weights = tuple(positive.canonical("weight_decay", decay) for decay in decays)
    return Training(
        loss.lower(),
        weights if len(weights) == depth else weights * depth,
        positive.canonical("feature_decay", feature_decay),
        None if smoothing is None else RealBetween(0, 1).canonical("smoothing", smoothing),
        nonnegative,
    )


def applicable(training: Training, head: Head, counts: Sequence[int]) -> tuple[Claim, Instance] | None:
    """Return the claim that applies, with its problem at the class ``counts``, or None where no claim of the suite does.

    Of several claims, the one for a single layer is taken where there is one, and then the one for equal classes,
    whose statement says more. A REFUTED claim predicts nothing.
    """
    found = sorted(_candidates(training, head, counts), key=lambda candidate: candidate[0])
    return found[0][1:] if found else None


def _candidates(
    training: Training, head: Head, counts: Sequence[int]
) -> Iterator[tuple[tuple[bool, bool, str], Claim, Instance]]:
    for claim in registry().values():
        problem = claim.problem
        known = {parameter.name: parameter for parameter in problem.parameters}
        if claim.verdict is Verdict.REFUTED or FEATURES not in {variable.name for variable in problem.variables}:
            continue
        deep = "depth" in known
        given = {
            "class_counts": list(counts),
            "depth": len(head.layers),
            "widths": list(head.widths) if deep else head.widths[0],
            "weight_decay": list(training.weight_decay) if deep else training.weight_decay[0],
            "feature_decay": training.feature_decay,
            "bias": head.bias is not None,
            "smoothing": training.smoothing,
        }
        if (len(head.layers) > 1 and not deep) or ("smoothing" in known) != (training.smoothing is not None):
            continue
        try:
            instance = problem.instance(**{name: value for name, value in given.items() if name in known})
        except ParameterError:
            continue  # unequal classes for a claim on equal ones, or a width below the least one
        if _fits(claim, instance, training, head):
            general = not getattr(known["class_counts"].domain, "balanced", False)
            yield (deep, general, claim.id), claim, instance


def _fits(claim: Claim, instance: Instance, training: Training, head: Head) -> bool:
    """Tell whether variables and loss of a claim are those of the network."""
    active = {variable.name: variable for variable in claim.problem.active_variables(instance)}
    return (
        (BIAS in active) == (head.bias is not None)
        and active[FEATURES].nonnegative == training.nonnegative
        and len(active) - 1 - (BIAS in active) == len(head.layers)
        and _loss_at_zero(claim, instance, head) == training.loss
    )


def _loss_at_zero(claim: Claim, instance: Instance, head: Head) -> str | None:
    """Return the loss that a claim is about, known by its value at zero logits: log K, or ½ for half a squared distance."""
    evaluation = Objective(claim, instance)
    zero = Head(tuple(0 * layer for layer in head.layers), None if head.bias is None else 0 * head.bias)
    features = torch.zeros(1, head.widths[0], 1, dtype=DTYPE)
    value = evaluation.at(evaluation.point(zero, features), torch.eye(head.classes, dtype=DTYPE)[:, :1])
    of_sample = value * sum(instance.values["class_counts"])
    for name, expected in ((CROSS_ENTROPY, math.log(head.classes)), (MSE, 0.5)):
        if abs(of_sample - expected) < 1e-9:
            return name
    return None


class Objective:
    """The loss of a claim at an instance, as a sum over blocks of samples: ``p`` are its bindings as tensors, ``xp`` the namespace."""

    def __init__(self, claim: Claim, instance: Instance) -> None:
        self.claim, self.instance = claim, instance
        self.p = stack_bindings([instance])
        self.xp = TorchArrays(self.p)

    def point(self, head: Head, features: torch.Tensor) -> Point:
        """Return the point of a classifier, in the order of classes of the instance, and features [1, d, n]."""
        order = list(self.instance.order)
        active = [v.name for v in self.claim.problem.active_variables(self.instance) if v.name not in (FEATURES, BIAS)]
        layers = [torch.as_tensor(layer, dtype=DTYPE)[None] for layer in head.layers]
        layers[-1] = layers[-1][:, order]
        arrays = dict(zip(active, layers, strict=True)) | {FEATURES: features}
        if head.bias is not None:
            arrays[BIAS] = torch.as_tensor(head.bias, dtype=DTYPE)[None, order, None]
        return Point(arrays)

    def at(self, point: Point, labels: torch.Tensor) -> float:
        """Return the loss of some of the samples (one-hot ``labels`` K × n): their share of the fit, and all decays."""
        return float(self.claim.problem.loss(self.xp, point, Point(Y=labels), self.p))

    def evaluated(self, formula: Formula) -> float:
        """Return a formula without axes at the parameters of the instance."""
        return float(evaluate(formula, self.p)[0])
