"""Comparison of counterexamples with every point of the published structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
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
from theory.errors import ParameterError
from theory.expressions import Formula
from theory.point import Point
from theory.problem import Instance
from theory.refutation import Factors, Family, Refutation, SimplexRefutation


class Counterexample(Enclosure):
    """The loss at a trained point, and a bound below the loss at every point of the published structure. A negative gap refutes."""

    @property
    def refutes(self) -> bool:
        """Whether the loss at the point is proved to lie below the loss at every point of the published structure."""
        return bool(self.gap_ball < 0)


def refutation_of(claim: Claim) -> Refutation:
    """Return the refutation of a claim. Raises ParameterError for a claim without one."""
    if claim.refutation is None:
        raise ParameterError(f"claim: {claim.id!r} is not allowed; it is a claim with a refutation")
    return claim.refutation


def simplices_of(claim: Claim) -> SimplexRefutation:
    """Return the refutation of a claim by simplices. Raises ParameterError for a claim without one."""
    if not isinstance(claim.refutation, SimplexRefutation):
        raise ParameterError(f"claim: {claim.id!r} is not allowed; it is a claim that simplices refute")
    return claim.refutation


def hold_against_published(claim: Claim, instances: Sequence[Instance], points: Point) -> list[Counterexample]:
    """Compare trained points (variables [instances, rows, columns]) with the best of the published structure."""
    published = refutation_of(claim).least
    return [
        Counterexample(
            value_at(claim.problem, instance, point),
            separable_bound(published, ball_bindings(claim.problem, instance)),
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


def point_of_factors(claim: Claim, instance: Instance, factors: Factors, margin: float) -> Point:
    """Return the point of a structure at a margin; all widths of the instance must be K."""
    bindings, margins = stack_bindings([instance]), torch.tensor([margin], dtype=DTYPE)
    evaluator, labels, over_samples = Evaluator(bindings), TorchArrays(bindings).labels(), _over_samples(claim)
    arrays = {}
    for name, factor in factors(instance.values).items():
        size = float(evaluator.evaluate(Formula(factor.size), {refutation_of(claim).t: margins}))
        matrix = size * torch.as_tensor(np.array(factor.shape, dtype=np.float64))
        arrays[name] = matrix @ labels if name in over_samples else matrix
    return _without_offsets(claim, instance, arrays)


def published_point(claim: Claim, instance: Instance, margin: float) -> Point:
    """Return the point of the published structure at a margin; all widths of the instance must be K."""
    refutation = refutation_of(claim)
    if isinstance(refutation, SimplexRefutation):
        return point_of_logits(claim, instance, simplex_logits(len(instance.order), margin))
    return point_of_factors(claim, instance, refutation.factors, margin)


def point_of_family(claim: Claim, instance: Instance, family: Family, margin: float) -> Point:
    """Return the point of a family at a margin; all widths of the instance must be K."""
    if family.factors is not None:
        return point_of_factors(claim, instance, family.factors, margin)
    assert family.blocks is not None
    return point_of_logits(claim, instance, block_logits(family.blocks(len(instance.order)), margin))


def _over_samples(claim: Claim) -> set[str]:
    return {v.name for v in claim.problem.variables if v.shape[1] == claim.problem.samples[0]}


def point_of_logits(claim: Claim, instance: Instance, logits: Float64[Tensor, "K K"]) -> Point:
    """Return balanced factors with these symmetric mean logits; all widths of the instance must be K."""
    refutation, bindings = simplices_of(claim), stack_bindings([instance])
    sizes, axes = torch.linalg.eigh(logits)
    sizes = torch.where(sizes > ROUNDED_AWAY * sizes.max(), sizes, 0.0)
    evaluator, labels = Evaluator(bindings), TorchArrays(bindings).labels()
    over_samples = _over_samples(claim)
    arrays = {}
    for name, size in refutation.factors(instance.values).items():
        factor = (axes * evaluator.evaluate(Formula(size), {refutation.logit: sizes})) @ axes.mT
        arrays[name] = factor @ labels if name in over_samples else factor
    return _without_offsets(claim, instance, arrays)


def _without_offsets(claim: Claim, instance: Instance, factors: Mapping[str, Tensor]) -> Point:
    """Return the point of these factors, at which every other offset of the problem, such as a bias, is zero."""
    sizes = {s: v for s, v in instance.bindings.items() if isinstance(v, int)}
    offsets = {
        v.name: torch.zeros(*(int(sp.sympify(side).subs(sizes)) for side in v.shape), dtype=DTYPE)
        for v in claim.problem.active_variables(instance)
        if v.offset
    }
    return Point({**offsets, **factors})


def loss_at(claim: Claim, instance: Instance, point: Point) -> float:
    """Return the loss at a point."""
    return float(value_at(claim.problem, instance, point))


def objective_at(refutation: Refutation, objective: sp.Expr, instance: Instance, margin: float) -> float:
    """Evaluate an objective of the refutation at a margin."""
    return float(objectives_at(refutation, objective, instance, torch.tensor([margin], dtype=DTYPE)))


def objectives_at(
    refutation: Refutation, objective: sp.Expr, instance: Instance, margins: Float64[Tensor, " m"]
) -> Float64[Tensor, " m"]:
    """Evaluate an objective of the refutation at several margins."""
    return Evaluator(stack_bindings([instance])).evaluate(Formula(objective), {refutation.t: margins})
