"""Quantities of a trained point that do not depend on the choice of coordinates, and the metrics NC1, NC2, NC3."""

from __future__ import annotations

from itertools import groupby
from types import SimpleNamespace

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.arrays import evaluate, setting, stack_bindings
from theory.claim import Claim
from theory.expressions import Formula
from theory.problem import Instance


def measure(claim: Claim, instances: list[Instance], point: SimpleNamespace) -> dict[str, Tensor]:
    """Return the invariants of the claim's problem at a batch of points, one an instance; matrices are [I, n, n].

    Where equal classes (or data directions) are treated differently the minimisers form an orbit under rotations within
    their group; the point is rotated to the representative whose invariant that shows collapse is diagonal and descending there.
    """
    device = next(iter(vars(point).values())).device
    bindings = stack_bindings(instances, device)
    xp, data = setting(claim.problem, bindings)
    measured = {i.name: i.measure(xp, point, data, bindings) for i in claim.problem.invariants}
    matrices = [i.name for i in claim.problem.invariants if i.kind == "matrix"]
    telling = next(i.name for i in claim.problem.invariants if i.shows_collapse)
    for number, instance in enumerate(instances):
        for group in split_groups(claim, instance):
            _, rotation = torch.linalg.eigh(measured[telling][number, group, group])
            rotation = rotation.flip(-1)
            for name in matrices:
                turned = measured[name][number].clone()
                turned[group, :] = rotation.mT @ turned[group, :]
                turned[:, group] = turned[:, group] @ rotation
                measured[name] = measured[name].index_copy(0, torch.tensor([number], device=device), turned[None])
    return measured


def split_groups(claim: Claim, instance: Instance) -> list[slice]:
    """Return the groups of equal classes or directions whose members do not fare alike.

    The rank limit may cut through a group, or its members may be paired with different partners. The loss does not change
    when such a group is rotated, yet its minimisers do: only what is left after a rotation is the same for all of them.
    """
    threshold = claim.prediction.threshold
    within = evaluate(
        Formula(threshold.within_rank, ((threshold.index, threshold.count),)), stack_bindings([instance])
    )[0].tolist()
    tied = list(instance.bindings[claim.problem.tied])
    partner = claim.problem.partner
    partners = within if partner is None else instance.bindings[partner]
    fate = [(kept, other if kept else None) for kept, other in zip(within, partners, strict=False)]
    groups = [list(members) for _, members in groupby(range(len(tied)), key=tied.__getitem__)]
    return [slice(g[0], g[-1] + 1) for g in groups if len({fate[i] for i in g}) > 1]


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
