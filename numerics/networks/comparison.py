"""What a claim predicts for a measured network, beside what is measured there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from numerics.backends.evaluation import Evaluator
from numerics.backends.tensors import DTYPE
from numerics.judging.crossing import crossings_of
from numerics.judging.invariants import measure
from numerics.judging.measured import Measured as Starts
from numerics.judging.measured import expected_of, norms, unit_of
from numerics.networks.applicable_claim import Objective, Training
from numerics.networks.class_arrays import ClassArrays
from numerics.networks.structure import Structure, decays_beside
from numerics.tolerances import IN_PRACTICE, NEGLIGIBLE_SIZE, VANISHED_IN_PRACTICE
from theory.claim import Claim
from theory.point import Point
from theory.problem import KINDS, Instance

SCATTER = "within_class_scatter"
"""The invariant that class means do not determine."""
OF_LOGITS = ("mean_logits", "mean_product")
"""The invariants from which margins are read: class means of the logits, up to a shift or a bias."""


@dataclass(frozen=True)
class Compared:
    """Measured and predicted invariants [1, …], in the claim's order of classes, and their relative deviations.

    The deviation of the scatter within classes is its share of Σ_i ‖h_i‖².

    ``vanished`` says which classes or directions have vanished in the network, and ``dead`` which should have. Those
    that are ``undecided`` live, so small that they may count as vanished.
    """

    measured: dict[str, Tensor]
    predicted: dict[str, Tensor]
    deviations: dict[str, float]
    vanished: list[bool]
    dead: list[bool]
    undecided: list[bool]

    @property
    def worst(self) -> tuple[str, float]:
        """The name and size of the largest deviation."""
        return max(self.deviations.items(), key=lambda item: item[1])

    @property
    def agrees(self) -> bool:
        """Whether all deviations are within IN_PRACTICE and what should have vanished has, and nothing else."""
        fates = zip(self.vanished, self.dead, self.undecided, strict=True)
        return self.worst[1] <= IN_PRACTICE and all(undecided or v == d for v, d, undecided in fates)


def compare(claim: Claim, instance: Instance, structure: Structure, training: Training) -> Compared:
    """Compare the invariants of a claim with those of a network.

    For a claim without a closed form of the minimum, the decays at which the network is stationary are compared with
    the given ones, too.
    """
    objective = Objective(claim, instance)
    xp, evaluator = ClassArrays(objective.p), Evaluator(objective.p)
    data = Point(Y=torch.eye(len(instance.order), dtype=DTYPE))
    means = torch.as_tensor(structure.means, dtype=DTYPE)[list(instance.order)]
    point = objective.point(structure.head, means.mT.contiguous()[None])
    run = measure(claim, [instance], point, (xp, data))
    run[SCATTER] = torch.tensor([structure.scatter], dtype=DTYPE)
    counts = torch.tensor(instance.values["class_counts"])
    features = structure.scatter + float((counts[:, None] * means.square()).sum())
    crossings = crossings_of(claim, evaluator)
    starts = Starts(evaluator, run, (), (), ())
    predicted, deviations = {}, {}
    for invariant in claim.problem.invariants:
        name = invariant.name
        if name in claim.prediction.invariants:
            predicted[name] = expected_of(claim, name, run, starts, crossings)
            unit = unit_of(claim, invariant, evaluator)
            deviations[name] = _deviation(run[name], predicted[name], unit, KINDS[invariant.kind])
    # The unit of the scatter is that of one class; a sum over all samples is held against all features.
    deviations[SCATTER] = structure.scatter / (features or 1.0)
    if claim.prediction.value is None:
        for name, (effective, given) in decays_beside(structure, training).items():
            run[name], predicted[name] = (torch.tensor([decay], dtype=DTYPE) for decay in (effective, given))
            deviations[name] = abs(effective / given - 1)
    if not crossings:
        return Compared(run, predicted, deviations, [], [], [])
    first = crossings[0]
    sizes = first.sizes(run[first.telling])
    largest = torch.maximum(sizes.amax(1, keepdim=True), first.unit)
    vanished = sizes <= VANISHED_IN_PRACTICE * largest
    small = first.predicted <= VANISHED_IN_PRACTICE * torch.maximum(first.predicted.amax(1, keepdim=True), first.unit)
    undecided = small & ~first.collapsed
    return Compared(
        run, predicted, deviations, vanished[0].tolist(), (~first.alive_in(run))[0].tolist(), undecided[0].tolist()
    )


def _deviation(got: Tensor, expected: Tensor, unit: Tensor, axes: int) -> float:
    """Return the distance relative to the expected size, or to the unit where that is zero; the largest of all layers."""
    distance, size = norms(got - expected, axes), norms(expected, axes)
    unit = unit.reshape(*unit.shape, *[1] * (size.ndim - unit.ndim))
    return float((distance / torch.where(size > NEGLIGIBLE_SIZE * unit, size, unit)).max())


def margins(logits: Tensor) -> Tensor:
    """Return by how much the correct logit of each class exceeds the mean of the others, for class means of logits [1, K, K]."""
    classes = logits.shape[-1]
    correct, every = logits.diagonal(dim1=-2, dim2=-1), logits.sum(-2)
    return (classes * correct - every) / (classes - 1)


def common_factor(got: Tensor, expected: Tensor) -> tuple[float, float]:
    """Return the factor by which ``got`` is closest to ``expected``, and the distance that remains, relative to ``got``.

    Where one of the two is zero, the factor is nan and nothing of the distance is explained.
    """
    size, product = float((expected**2).sum()), float((got * expected).sum())
    length = float(got.norm())
    if size == 0 or length == 0:
        return float("nan"), 1.0
    factor = product / size
    return factor, float((got - factor * expected).norm()) / length


def in_user_order(claim: Claim, instance: Instance, name: str, value: Tensor) -> Any:
    """Return an invariant as nested lists, with classes in the order of the labels."""
    kind = next((invariant.kind for invariant in claim.problem.invariants if invariant.name == name), "scalar")
    axes = 0 if claim.problem.spectral and kind == "matrix" else {"matrix": 2, "list": 1}.get(kind, 0)
    return instance.in_user_order(value[0].tolist(), axes)
