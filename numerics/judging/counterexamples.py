"""Comparison of counterexamples with every point of the published structure."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import Evaluator
from numerics.backends.points import points_of
from numerics.backends.tensors import DTYPE, ROUNDED_AWAY, TorchArrays
from numerics.bounds.enclosures import Enclosure, value_at
from numerics.bounds.separable import separable_bound
from theory.claim import Claim
from theory.expressions import Formula
from theory.point import Point
from theory.problem import Instance
from theory.refutation import Refutation


class Counterexample(Enclosure):
    """The loss at a trained point, and a bound below the loss at every point of the published structure. A negative gap refutes."""

    @property
    def refutes(self) -> bool:
        """Whether the loss at the point is proved to lie below the loss at every point of the published structure."""
        return bool(self.gap_ball < 0)


def hold_against_published(claim: Claim, instances: Sequence[Instance], points: Point) -> list[Counterexample]:
    """Compare trained points (variables [instances, rows, columns]) with the best of the published structure."""
    return [
        Counterexample(
            value_at(claim.problem, instance, point),
            separable_bound(claim.refutation.least, ball_bindings(claim.problem, instance)),
        )
        for instance, point in zip(instances, points_of(points), strict=True)
    ]


def status(refutation: Refutation, instance: Instance) -> str:
    """Return the state of knowledge at the sizes of an instance: "holds", "refuted" or "open"."""
    return refutation.status(instance.bindings)


def block_logits(sizes: Sequence[int], margin: float) -> Float64[Tensor, "K K"]:
    """Return the logits of simplices of these sizes, with one column for each class; the correct logits equal the margin."""
    return torch.block_diag(
        *[margin * s / (s - 1) * (torch.eye(s, dtype=DTYPE) - torch.ones(s, s, dtype=DTYPE) / s) for s in sizes]
    )


def simplex_logits(classes: int, margin: float) -> Float64[Tensor, "K K"]:
    """Return the logits of the published structure: one simplex with this margin between correct and wrong logits."""
    return margin * (torch.eye(classes, dtype=DTYPE) - torch.ones(classes, classes, dtype=DTYPE) / classes)


def point_of_logits(claim: Claim, instance: Instance, logits: Float64[Tensor, "K K"]) -> Point:
    """Return balanced factors with these symmetric mean logits; all widths of the instance must be K."""
    refutation, bindings = claim.refutation, stack_bindings([instance])
    sizes, axes = torch.linalg.eigh(logits)
    sizes = torch.where(sizes > ROUNDED_AWAY * sizes.max(), sizes, 0.0)
    evaluator, labels = Evaluator(bindings), TorchArrays(bindings).labels()
    over_samples = {v.name for v in claim.problem.variables if v.shape[1] == claim.problem.samples[0]}
    arrays = {}
    for name, size in refutation.factors(instance.values).items():
        factor = (axes * evaluator.evaluate(Formula(size), {refutation.logit: sizes})) @ axes.mT
        arrays[name] = factor @ labels if name in over_samples else factor
    return Point(arrays)


def loss_at_logits(claim: Claim, instance: Instance, logits: Float64[Tensor, "K K"]) -> float:
    """Return the loss at balanced factors with these symmetric mean logits; all widths of the instance must be K."""
    return float(value_at(claim.problem, instance, point_of_logits(claim, instance, logits)))


def objective_at(refutation: Refutation, objective: sp.Expr, instance: Instance, margin: float) -> float:
    """Evaluate an objective of the refutation at a margin."""
    return float(objectives_at(refutation, objective, instance, torch.tensor([margin], dtype=DTYPE)))


def objectives_at(
    refutation: Refutation, objective: sp.Expr, instance: Instance, margins: Float64[Tensor, " m"]
) -> Float64[Tensor, " m"]:
    """Evaluate an objective of the refutation at several margins."""
    return Evaluator(stack_bindings([instance])).evaluate(Formula(objective), {refutation.t: margins})
