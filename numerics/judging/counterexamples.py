"""Counterexamples held against every point of the published structure."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.points import points_of
from numerics.backends.tensors import DTYPE, ROUNDED_AWAY, TorchArrays
from numerics.bounds.enclosures import Enclosure, value_at
from numerics.bounds.separable import separable_bound
from theory.claim import Claim
from theory.expressions import Formula
from theory.point import Point
from theory.problem import Instance
from theory.refutation import Refutation
from theory.symbols import K, M, decay_product, feature_decay, layer_decay, n


class Counterexample(Enclosure):
    """A trained point, and a bound below the loss at every point of the published structure: a negative gap refutes."""

    @property
    def refutes(self) -> bool:
        """Whether the loss at the point is proved to lie below every point of the published structure."""
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
    """Return "holds", "refuted" or "open": what is known at these sizes."""
    sizes = {symbol: instance.bindings[symbol] for symbol in (K, M)}
    if refutation.holds_where.subs(sizes) == sp.true:
        return "holds"
    return "refuted" if refutation.refuted_where.subs(sizes) == sp.true else "open"


def block_logits(sizes: Sequence[int], margin: float) -> Float64[Tensor, "K K"]:
    """Return the logits, one column a class, of simplices of these sizes whose correct logits are the margin."""
    return torch.block_diag(
        *[margin * s / (s - 1) * (torch.eye(s, dtype=DTYPE) - torch.ones(s, s, dtype=DTYPE) / s) for s in sizes]
    )


def simplex_logits(classes: int, margin: float) -> Float64[Tensor, "K K"]:
    """Return the logits of the published structure: one simplex with this margin between correct and wrong logits."""
    return margin * (torch.eye(classes, dtype=DTYPE) - torch.ones(classes, classes, dtype=DTYPE) / classes)


def point_of_logits(instance: Instance, logits: Float64[Tensor, "K K"]) -> Point:
    """Return balanced layers and features with these symmetric mean logits; all widths of the instance must be K."""
    bindings = stack_bindings([instance])
    depth, total = bindings[M], bindings[decay_product][0]
    sizes, axes = torch.linalg.eigh(logits)
    sizes = torch.where(sizes > ROUNDED_AWAY * sizes.max(), sizes, 0.0)
    shared = total ** (1 / (depth + 1)) * (bindings[n] ** 0.5 * sizes.clamp(min=0)) ** (2 / (depth + 1))

    def factor(decay: Tensor) -> Tensor:
        return (axes * (shared / decay).sqrt()) @ axes.mT

    layers = {f"W_{i + 1}": factor(bindings[layer_decay][0, i]) for i in range(depth)}
    labels = TorchArrays(bindings).labels()
    return Point(**layers, H=factor(bindings[feature_decay][0]) @ labels / bindings[n] ** 0.5)


def loss_at_logits(claim: Claim, instance: Instance, logits: Float64[Tensor, "K K"]) -> float:
    """Return the loss at balanced layers with these symmetric mean logits; all widths of the instance must be K."""
    return float(value_at(claim.problem, instance, point_of_logits(instance, logits)))


def objective_at(refutation: Refutation, objective: sp.Expr, instance: Instance, margin: float) -> float:
    """Evaluate an objective of the refutation at a margin."""
    bindings = {**stack_bindings([instance]), refutation.t: torch.tensor([margin], dtype=DTYPE)}
    return float(evaluate(Formula(objective), bindings))
