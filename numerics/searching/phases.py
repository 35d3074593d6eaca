"""A table of settings that shows where a refuted claim fails. A certified comparison decides each setting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.tensors import DTYPE
from numerics.judging.counterexamples import (
    Counterexample,
    block_logits,
    hold_against_published,
    objectives_at,
    point_of_logits,
    status,
)
from numerics.training.optimise import minimise
from theory.claim import Claim, Verdict
from theory.point import Point
from theory.problem import Instance
from theory.refutation import Refutation

MARGIN_GRID = torch.logspace(math.log10(0.05), math.log10(40.0), 400, dtype=DTYPE)
"""Margins at which block structures are compared before the best one is refined."""
REFINEMENTS = 40
FINER = 65
"""Number of margins in each finer grid."""
RESOLVED = 1e-12
"""Relative distance between margins at which the search for the best one ends."""
STARTS = 3
RANK = 1e-4
"""Singular values below this share of the largest do not count towards the rank of a trained point."""
NAMES = {2: "pair", 3: "triple"}


@dataclass(frozen=True)
class Cell:
    """A decided setting: the verdict there, and the best point found.

    ``gap`` is the relative distance of the point from the best of the published structure, as a ball; it is negative
    for a counterexample.
    ``rank`` and ``geometry`` describe the point's mean logits.
    """

    verdict: Verdict
    rank: int
    geometry: str
    gap: str

    def record(self) -> dict:
        return {**vars(self), "verdict": str(self.verdict)}


def decide_cell(claim: Claim, instance: Instance, seed: int = 0) -> Cell:
    """Decide one setting by points built from simplices over groups of classes and, where none of them refutes, by training.

    Training begins at random starts. All widths of the instance are the number of classes, and its classes are
    balanced.
    """
    classes, known = len(instance.order), status(claim.refutation, instance)
    blocks, margin = _best_blocks(claim.refutation, instance)
    logits = block_logits(blocks, margin)
    (found,) = hold_against_published(claim, [instance], _batch(point_of_logits(claim, instance, logits)))
    rank, geometry = classes - len(blocks), _described(blocks, classes)
    if known != "holds" and not found.refutes:
        solution = minimise(claim.problem, [instance], STARTS, seed)
        (trained,) = hold_against_published(claim, [instance], solution.best_point())
        if trained.gap < found.gap:
            found = trained
            rank = _rank(claim, instance, solution.best_point())
            if trained.refutes:
                geometry = "found by training"
    return Cell(_verdict(known, found), rank, geometry, found.gap_ball.str(4))


def _batch(point: Point) -> Point:
    return point.map(lambda a: a[None])


def _verdict(known: str, found: Counterexample) -> Verdict:
    if found.refutes:
        return Verdict.REFUTED
    return Verdict.HOLDS if known == "holds" else Verdict.OPEN


def _rank(claim: Claim, instance: Instance, point: Point) -> int:
    xp, _ = setting(claim.problem, stack_bindings([instance]))
    sizes = torch.linalg.svdvals(claim.refutation.logits(xp, point))[0]
    return int((sizes > RANK * sizes[0]).sum()) if sizes[0] > 0 else 0


def _best_blocks(refutation: Refutation, instance: Instance) -> tuple[list[int], float]:
    """Return the sizes of the simplices, and their margin, that have the least loss among all ways to split the classes."""
    classes = len(instance.order)
    found = ((blocks, *_best_margin(refutation, instance, blocks)) for blocks in _partitions(classes, classes))
    blocks, margin, _ = min(found, key=lambda candidate: candidate[2])
    return blocks, margin


def _partitions(total: int, largest: int) -> Iterator[list[int]]:
    """Yield the ways to write a number as a sum of parts that are at least 2, the largest part first."""
    if total == 0:
        yield []
    for first in range(min(total, largest), 1, -1):
        for rest in _partitions(total - first, first):
            yield [first, *rest]


def _best_margin(refutation: Refutation, instance: Instance, blocks: Sequence[int]) -> tuple[float, float]:
    """Return the margin of least loss, and that loss, found on a grid and then on ever finer grids around the best point."""
    objective, margins = refutation.objective(blocks), MARGIN_GRID
    for _ in range(REFINEMENTS):
        losses = objectives_at(refutation, objective, instance, margins)
        best = int(losses.argmin())
        low, high = float(margins[max(0, best - 1)]), float(margins[min(len(margins) - 1, best + 1)])
        if math.isclose(low, high, rel_tol=RESOLVED):
            return float(margins[best]), float(losses[best])
        margins = torch.linspace(low, high, FINER, dtype=DTYPE)
    raise RuntimeError(f"the margin of least loss is not found in {REFINEMENTS} grids")


def _described(blocks: Sequence[int], classes: int) -> str:
    if list(blocks) == [classes]:
        return "simplex of all"
    parts = []
    for size, count in sorted(Counter(blocks).items()):
        name = NAMES.get(size, f"simplex of {size}")
        plural = name.replace("simplex", "simplices") if size not in NAMES else f"{name}s"
        parts.append(f"1 {name}" if count == 1 else f"{count} {plural}")
    return " + ".join(parts)
