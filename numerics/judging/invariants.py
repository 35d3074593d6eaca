"""Quantities of a trained point that do not depend on the choice of coordinates."""

from __future__ import annotations

import math
from itertools import groupby

import sympy as sp
import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.tensors import DTYPE, TorchArrays
from numerics.tolerances import JUMP_BAND
from theory.claim import Claim
from theory.expressions import Formula
from theory.point import Point
from theory.problem import Instance


def measure(
    claim: Claim, instances: list[Instance], point: Point, at: tuple[TorchArrays, Point] | None = None
) -> dict[str, Tensor]:
    """Return the invariants of the claim's problem at a batch of points, one for each instance; matrices are [I, …, n, n].

    ``at`` replaces the namespace and the given arrays, for points that are not written sample by sample.
    Where a minimiser treats equal classes (or data directions) differently, the minimisers form an orbit under
    rotations within the group of equals. Each point is rotated to the representative that the claim writes down.
    So is a latent matrix within each group of latent directions with equal noise.
    """
    device = next(iter(point.values())).device
    bindings = stack_bindings(instances, device)
    xp, data = setting(claim.problem, bindings) if at is None else at
    measured = {i.name: i.measure(xp, point, data, bindings) for i in claim.problem.invariants}
    for invariant in claim.problem.invariants:
        if invariant.noise is not None:
            measured[invariant.name] = _with_diagonal_blocks(measured[invariant.name], invariant.noise, instances)
    if not claim.prediction.thresholds:
        return measured
    matrices = [i.name for i in claim.problem.invariants if i.kind == "matrix"]
    for number, instance in enumerate(instances):
        for basis in split_groups(claim, instance):
            turn = _turning(measured[claim.problem.telling][number], basis.to(device))
            for name in matrices:
                turned = measured[name].clone()
                turned[number] = turn @ turned[number] @ turn.mT
                measured[name] = turned
    return measured


def _with_diagonal_blocks(
    matrices: Float64[Tensor, "I n n"], noise: sp.IndexedBase, instances: list[Instance]
) -> Float64[Tensor, "I n n"]:
    """Return latent matrices, rotated so that the block of each group of equal ``noise`` is diagonal, largest entry first."""
    turned = matrices.clone()
    axes_of = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    for number, instance in enumerate(instances):
        equal = list(instance.bindings[noise])[: matrices.shape[-1]]
        for members in [list(found) for _, found in groupby(range(len(equal)), key=equal.__getitem__)]:
            if len(members) > 1:
                turn = _turning(turned[number], axes_of[:, members])
                turned[number] = turn @ turned[number] @ turn.mT
    return turned


def _turning(matrix: Float64[Tensor, "n n"], basis: Float64[Tensor, "n g"]) -> Float64[Tensor, "n n"]:
    """Return the rotation within the span of ``basis`` that takes the eigenvectors of a matrix there to the columns of ``basis``.

    The eigenvector of the largest eigenvalue goes to the first column.
    """
    _, vectors = torch.linalg.eigh(basis.mT @ matrix @ basis)
    identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    return identity + basis @ vectors.flip(-1).mT @ basis.mT - basis @ basis.mT


def split_groups(claim: Claim, instance: Instance) -> list[Float64[Tensor, "n g"]]:
    """Return an orthonormal basis for each group of equal classes or directions whose members may differ at a minimiser.

    A rank limit may cut through a group, its members may be paired with different partners, or, on a jump, each may be
    alive or not. The loss does not change when such a group is rotated, but its minimisers change: they agree only
    after each is rotated to one representative. The columns of a basis are in the order in which the claim writes its
    representative down.
    """
    tied = list(instance.bindings[claim.problem.tied])
    bindings = stack_bindings([instance])
    partner = claim.problem.partner
    partners = [None] * len(tied) if partner is None else list(instance.bindings[partner])
    within, jumping = [], [False] * len(tied)
    for threshold in claim.prediction.thresholds:
        axes = ((threshold.index, threshold.count),)
        within.append(evaluate(Formula(threshold.within_rank, axes), bindings)[0].tolist()[: len(tied)])
        if bool(evaluate(Formula(threshold.jump), bindings)):
            close = evaluate(Formula(threshold.ratio, axes), bindings)[0].log().abs() < JUMP_BAND
            jumping = [a or b for a, b in zip(jumping, close.tolist(), strict=False)]
    limits = [tuple(of_direction) for of_direction in zip(*within, strict=True)]
    fate = [(kept, partners[i] if any(kept) else None) for i, kept in enumerate(limits)]
    groups = [list(members) for _, members in groupby(range(len(tied)), key=tied.__getitem__)]
    split = [g for g in groups if len({fate[i] for i in g}) > 1 or (len(g) > 1 and jumping[g[0]])]
    axes_of = torch.eye(len(tied), dtype=DTYPE)
    return [helmert(len(tied)) if claim.problem.centred else axes_of[:, members] for members in split]


def helmert(size: int) -> Float64[Tensor, "n m"]:
    """Return the orthonormal vectors (1, …, 1, −i, 0, …) / √(i (i+1)): the first r of them span a simplex of r + 1 points."""
    columns = [
        torch.cat(
            [
                torch.ones(i, dtype=DTYPE),
                -torch.full((1,), float(i), dtype=DTYPE),
                torch.zeros(size - i - 1, dtype=DTYPE),
            ]
        )
        / math.sqrt(i * (i + 1))
        for i in range(1, size)
    ]
    return torch.stack(columns, 1)
