"""The best point found where a published structure is refuted: simplices over groups of classes, or a trained point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp
import torch

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.points import points_of
from numerics.backends.tensors import DTYPE
from numerics.judging.counterexamples import (
    Counterexample,
    block_logits,
    hold_against_published,
    objective_at,
    objectives_at,
    point_of_family,
    point_of_logits,
    published_point,
    refutation_of,
    status,
)
from numerics.training.optimise import minimise
from theory.claim import Claim, Verdict
from theory.point import Point
from theory.problem import Instance
from theory.refutation import Refutation, SimplexRefutation

MARGIN_GRID = torch.logspace(math.log10(0.05), math.log10(40.0), 400, dtype=DTYPE)
"""Margins at which groups are compared before the best one is refined."""
REFINEMENTS = 40
FINER = 65
"""Number of margins in each finer grid."""
RESOLVED = 1e-12
"""Relative distance between margins at which the search for the best one ends."""
RANK = 1e-4
"""Singular values below this share of the largest do not count towards the rank of a trained point."""


@dataclass(frozen=True)
class BestStructure:
    """The best point found at an instance of a refuted claim.

    Arguments:
        verdict: HOLDS where the claim is proved, REFUTED where the point is proved to lie below all of the published structure, and OPEN.
        found: the loss at the point, and a bound below the loss at every point of the published structure.
        rank: the rank of the point's mean logits.
        groups: the sizes of the groups of classes that form a simplex each, largest first; none for the zero point and a trained one.
    """

    verdict: Verdict
    found: Counterexample
    rank: int
    groups: tuple[int, ...]


def best_structures(claim: Claim, instances: Sequence[Instance], starts: int, seed: int) -> list[BestStructure]:
    """Return the best point found at each instance, by simplices over groups of classes and, where none refutes, by training.

    The instances share their sizes, all their widths are the number of classes, and their classes are balanced. Training begins at
    ``starts`` random starts from ``seed``. Raises ParameterError for a claim without a refutation.
    """
    refutation = refutation_of(claim)
    best = [
        _best_simplices(claim, refutation, instance)
        if isinstance(refutation, SimplexRefutation)
        else _best_of_families(claim, refutation, instance)
        for instance in instances
    ]
    left = [i for i, each in enumerate(best) if each.verdict is Verdict.OPEN]
    if left:
        among = [instances[i] for i in left]
        solution = minimise(claim.problem, among, starts, seed)
        trained = hold_against_published(claim, among, solution.best_point())
        for i, found, point in zip(left, trained, points_of(solution.best_point()), strict=True):
            if found.gap < best[i].found.gap:
                verdict = _verdict(status(refutation, instances[i]), found)
                # A point of the same structure that training finds lower by rounding alone is described as before.
                groups = () if found.refutes else best[i].groups
                best[i] = BestStructure(verdict, found, _rank(claim, instances[i], _batch(point)), groups)
    return best


def _best_of_families(claim: Claim, refutation: Refutation, instance: Instance) -> BestStructure:
    """Return the best point among the zero point, the published ones and those of the families that beat them."""
    known = {symbol: value for symbol, value in instance.bindings.items() if isinstance(value, int)}
    applicable = [family for family in refutation.families if family.where.subs(known) == sp.true]
    candidates = [
        (refutation.published, partial(published_point, claim, instance)),
        *((family.objective, partial(point_of_family, claim, instance, family)) for family in applicable),
    ]
    found = [(*best_margin(refutation, instance, objective), at) for objective, at in candidates]
    margin, loss, at = min(found, key=lambda candidate: candidate[1])
    margin = margin if loss < objective_at(refutation, refutation.published, instance, 0.0) else 0.0
    point = _batch(at(margin))
    (held,) = hold_against_published(claim, [instance], point)
    rank = _rank(claim, instance, point)
    return BestStructure(_verdict(status(refutation, instance), held), held, rank, ())


def _best_simplices(claim: Claim, refutation: SimplexRefutation, instance: Instance) -> BestStructure:
    """Return the best point among the zero point and the simplices over groups of classes."""
    classes = len(instance.order)
    groups, margin = _best_groups(refutation, instance)
    logits = block_logits(groups, margin) if groups else torch.zeros(classes, classes, dtype=DTYPE)
    (found,) = hold_against_published(claim, [instance], _batch(point_of_logits(claim, instance, logits)))
    rank = classes - len(groups) if groups else 0
    return BestStructure(_verdict(status(refutation, instance), found), found, rank, tuple(groups))


def _batch(point: Point) -> Point:
    return point.map(lambda a: a[None])


def _verdict(known: str, found: Counterexample) -> Verdict:
    if found.refutes:
        return Verdict.REFUTED
    return Verdict.HOLDS if known == "holds" else Verdict.OPEN


def _rank(claim: Claim, instance: Instance, point: Point) -> int:
    xp, _ = setting(claim.problem, stack_bindings([instance]))
    sizes = torch.linalg.svdvals(refutation_of(claim).logits(xp, point))[0]
    return int((sizes > RANK * sizes[0]).sum()) if sizes[0] > 0 else 0


def _best_groups(refutation: SimplexRefutation, instance: Instance) -> tuple[list[int], float]:
    """Return the sizes of the groups, and their margin, that have the least loss among all ways to split the classes.

    There are no groups where the zero point has the least loss.
    """
    classes = len(instance.order)
    found = [
        (groups, *best_margin(refutation, instance, refutation.objective(groups)))
        for groups in _partitions(classes, classes)
    ]
    groups, margin, loss = min(found, key=lambda candidate: candidate[2])
    at_zero = objective_at(refutation, refutation.objective([classes]), instance, 0.0)
    return (groups, margin) if loss < at_zero else ([], 0.0)


def _partitions(total: int, largest: int) -> Iterator[list[int]]:
    """Yield the ways to write a number as a sum of parts that are at least 2, the largest part first."""
    if total == 0:
        yield []
    for first in range(min(total, largest), 1, -1):
        for rest in _partitions(total - first, first):
            yield [first, *rest]


def best_margin(refutation: Refutation, instance: Instance, objective: sp.Expr) -> tuple[float, float]:
    """Return the margin of least loss, and that loss, found on a grid and then on ever finer grids around the best point."""
    margins = MARGIN_GRID
    for _ in range(REFINEMENTS):
        losses = objectives_at(refutation, objective, instance, margins)
        best = int(losses.argmin())
        low, high = float(margins[max(0, best - 1)]), float(margins[min(len(margins) - 1, best + 1)])
        if math.isclose(low, high, rel_tol=RESOLVED):
            return float(margins[best]), float(losses[best])
        margins = torch.linspace(low, high, FINER, dtype=DTYPE)
    raise RuntimeError(f"the margin of least loss is not found in {REFINEMENTS} grids")
