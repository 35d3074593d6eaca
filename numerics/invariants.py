"""Quantities of a trained point that do not depend on the choice of coordinates, and the metrics NC1, NC2, NC3."""

from __future__ import annotations

from itertools import groupby
from types import SimpleNamespace

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.arrays import DTYPE, evaluate, setting, stack_bindings
from theory.claim import Claim
from theory.expressions import Formula
from theory.problem import Instance


def measure(claim: Claim, instances: list[Instance], point: SimpleNamespace) -> dict[str, Tensor]:
    """Return the invariants of the claim's problem at a batch of points, one an instance; matrices are [I, …, n, n].

    Where equal classes (or data directions) are treated differently the minimisers form an orbit under rotations within
    their group; the point is rotated to the representative that the claim writes down.
    """
    device = next(iter(vars(point).values())).device
    bindings = stack_bindings(instances, device)
    xp, data = setting(claim.problem, bindings)
    measured = {i.name: i.measure(xp, point, data, bindings) for i in claim.problem.invariants}
    if not claim.prediction.thresholds:
        return measured
    cut = [(number, split_groups(claim, instance)) for number, instance in enumerate(instances)]
    if any(groups for _, groups in cut):
        telling = claim.problem.telling
        predicted = evaluate(claim.prediction.invariants[telling], bindings)
        for number, groups in cut:
            for basis in groups:
                turn = _aligning(measured[telling][number], predicted[number], basis.to(device))
                for invariant in claim.problem.invariants:
                    if invariant.kind == "matrix":
                        turned = measured[invariant.name].clone()
                        turned[number] = turn @ turned[number] @ turn.mT
                        measured[invariant.name] = turned
    return measured


def _aligning(
    trained: Float64[Tensor, "n n"], predicted: Float64[Tensor, "n n"], basis: Float64[Tensor, "n g"]
) -> Float64[Tensor, "n n"]:
    """Return the rotation within the span of ``basis`` that takes the eigenvectors of one matrix there to the other's.

    A predicted matrix that vanishes there has no eigenvectors of its own: the tilt orders them as the classes are.
    """
    count = torch.arange(len(trained), 0, -1, dtype=trained.dtype, device=trained.device)
    tilt = torch.diag(count * torch.finfo(DTYPE).tiny ** 0.5)
    _, own = torch.linalg.eigh(basis.mT @ trained @ basis)
    _, theirs = torch.linalg.eigh(basis.mT @ (predicted + tilt) @ basis)
    identity = torch.eye(len(trained), dtype=trained.dtype, device=trained.device)
    return identity + basis @ (theirs @ own.mT) @ basis.mT - basis @ basis.mT


def split_groups(claim: Claim, instance: Instance) -> list[Float64[Tensor, "n g"]]:
    """Return an orthonormal basis of each space of equal classes or directions whose members do not fare alike.

    A rank limit may cut through a group, or its members may be paired with different partners. The loss does not change
    when such a group is rotated, yet its minimisers do: only what is left after a rotation is the same for all of them.
    """
    tied = list(instance.bindings[claim.problem.tied])
    bindings = stack_bindings([instance])
    kept = [
        evaluate(Formula(t.within_rank, ((t.index, t.count),)), bindings)[0].tolist()[: len(tied)]
        for t in claim.prediction.thresholds
    ]
    partner = claim.problem.partner
    partners = [None] * len(tied) if partner is None else list(instance.bindings[partner])
    within = [tuple(limits) for limits in zip(*kept, strict=True)]
    fate = [(limits, partners[i] if any(limits) else None) for i, limits in enumerate(within)]
    groups = [list(members) for _, members in groupby(range(len(tied)), key=tied.__getitem__)]
    axes = torch.eye(len(tied), dtype=DTYPE)
    bases = [axes[:, members] for members in groups if len({fate[i] for i in members}) > 1]
    return [_centred(basis) for basis in bases] if claim.problem.centred else bases


def _centred(basis: Float64[Tensor, "n g"]) -> Float64[Tensor, "n h"]:
    """Return a basis of the part of a span that is orthogonal to the all-ones vector."""
    left, sizes, _ = torch.linalg.svd(basis - basis.mean(0))
    return left[:, : int((sizes > 0.5).sum())]


def neural_collapse_metrics(
    h: Float64[Tensor, "*b d N"], w: Float64[Tensor, "*b K d"], y: Float64[Tensor, "K N"]
) -> dict[str, Tensor]:
    """Return NC1, NC2 and NC3 as the literature defines them; all are 0 at perfect collapse to a simplex ETF.

    NC1 = tr(Σ_W Σ_B⁺)/K with within- and between-class covariances; NC2 = ‖G/‖G‖ − E/‖E‖‖ for G = W Wᵀ and E = I − J/K;
    NC3 = ‖W H̄c/‖W H̄c‖ − E/‖E‖‖ with the class means centred by the global mean.
    Source: Papyan, Han, Donoho (PNAS 2020); normalised as in Zhu et al., arXiv:2105.02375, Section 4.
    """
    counts = y.sum(-1)
    classes = y.shape[-2]
    means = (h @ y.mT) / counts
    overall = h.mean(-1, keepdim=True)
    centred = means - overall
    scatter = h - means @ y
    within = scatter @ scatter.mT / y.shape[-1]
    between = centred @ centred.mT / classes
    etf = torch.eye(classes, dtype=h.dtype, device=h.device) - 1 / classes
    etf = etf / etf.norm()

    def direction(a: Tensor) -> Tensor:
        return a / torch.linalg.matrix_norm(a)[..., None, None]

    pseudo = torch.linalg.pinv(between, rtol=1e-10, hermitian=True)
    return {
        "NC1": (within @ pseudo).diagonal(dim1=-2, dim2=-1).sum(-1) / classes,
        "NC2": torch.linalg.matrix_norm(direction(w @ w.mT) - etf),
        "NC3": torch.linalg.matrix_norm(direction(w @ centred) - etf),
    }
