"""Where a refuted claim fails: a table over classes, depths and decays, each cell decided by a certified comparison."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from numerics.judging.counterexamples import (
    Counterexample,
    block_logits,
    hold_against_published,
    point_of_logits,
    status,
)
from numerics.training.optimise import minimise
from theory.claim import Claim, Verdict
from theory.point import Point
from theory.problem import Instance

MARGIN_GRID = np.geomspace(0.05, 40.0, 400)
"""Margins at which block structures are compared before the best one is refined."""
REFINEMENTS = 40
STARTS = 3
RANK = 1e-4
"""Singular values below this share of the largest do not count for the rank of a trained point."""
NAMES = {2: "pair", 3: "triple"}


@dataclass(frozen=True)
class Cell:
    """One setting: the verdict there, and the best point found.

    ``gap`` is its relative distance to the best of the published structure, as a ball: negative for a counterexample.
    ``rank`` and ``geometry`` describe the point's mean logits.
    """

    classes: int
    depth: int
    decay: float
    verdict: Verdict
    rank: int
    geometry: str
    gap: str

    def record(self) -> dict:
        return {**vars(self), "verdict": str(self.verdict)}


def instance_of(claim: Claim, classes: int, depth: int, decay: float) -> Instance:
    """Return the setting with one sample a class and all decays equal."""
    return claim.problem.instance(
        class_counts=(1,) * classes, depth=depth, weight_decay=(decay,) * depth, feature_decay=decay
    )


def decide_cell(claim: Claim, classes: int, depth: int, decay: float, seed: int = 0) -> Cell:
    """Decide one setting: by simplices of some classes each, and where none is better, by training from random starts."""
    instance = instance_of(claim, classes, depth, decay)
    blocks, margin = _best_blocks(classes, depth, decay)
    logits = block_logits(blocks, margin)
    (found,) = hold_against_published(claim, [instance], _batch(point_of_logits(instance, logits)))
    rank, geometry = classes - len(blocks), _described(blocks, classes)
    if depth > 1 and not found.refutes:
        solution = minimise(claim.problem, [instance], STARTS, seed)
        (trained,) = hold_against_published(claim, [instance], solution.best_point())
        if trained.gap < found.gap:
            found = trained
            rank = _rank(solution.best_point(), depth)
            if trained.refutes:
                geometry = "found by training"
    return Cell(classes, depth, decay, _verdict(claim, instance, found), rank, geometry, found.gap_ball.str(4))


def _batch(point: Point) -> Point:
    return point.map(lambda a: a[None])


def _verdict(claim: Claim, instance: Instance, found: Counterexample) -> Verdict:
    if found.refutes:
        return Verdict.REFUTED
    return Verdict.HOLDS if status(claim.refutation, instance) == "holds" else Verdict.OPEN


def _rank(point: Point, depth: int) -> int:
    product = point.H[0]
    for layer in range(1, depth + 1):
        product = point[f"W_{layer}"][0] @ product
    sizes = torch.linalg.svdvals(product)
    return int((sizes > RANK * sizes[0]).sum()) if sizes[0] > 0 else 0


def _best_blocks(classes: int, depth: int, decay: float) -> tuple[list[int], float]:
    """Return the sizes of the simplices, and their margin, with the least loss among all ways to split the classes."""
    return min(
        ((blocks, _best_margin(blocks, depth, decay)) for blocks in _partitions(classes, classes)),
        key=lambda candidate: float(_loss(candidate[0], depth, decay, np.array([candidate[1]]))[0]),
    )


def _partitions(total: int, largest: int) -> Iterator[list[int]]:
    """Yield the ways to write a number as a sum of parts from 2 on, largest first."""
    if total == 0:
        yield []
    for first in range(min(total, largest), 1, -1):
        for rest in _partitions(total - first, first):
            yield [first, *rest]


def _loss(blocks: Sequence[int], depth: int, decay: float, margins: np.ndarray) -> np.ndarray:
    classes, p = sum(blocks), 2 / (depth + 1)
    total = np.zeros_like(margins)
    for size in blocks:
        wrong = (size - 1) * np.exp(-margins * size / (size - 1)) + (classes - size) * np.exp(-margins)
        total += size / classes * np.log1p(wrong)
        total += (depth + 1) / 2 * decay * (size - 1) * (margins * size / (size - 1)) ** p
    return total


def _best_margin(blocks: Sequence[int], depth: int, decay: float) -> float:
    """Minimise the loss over the margin: on a grid, then on ever finer ones around its best point."""
    margins = MARGIN_GRID
    for _ in range(REFINEMENTS):
        best = int(np.argmin(_loss(blocks, depth, decay, margins)))
        low, high = margins[max(0, best - 1)], margins[min(len(margins) - 1, best + 1)]
        margins = np.linspace(low, high, 9)
        if math.isclose(low, high, rel_tol=1e-12):
            break
    return float(margins[len(margins) // 2])


def _described(blocks: Sequence[int], classes: int) -> str:
    if list(blocks) == [classes]:
        return "simplex of all"
    parts = []
    for size, count in sorted(Counter(blocks).items()):
        name = NAMES.get(size, f"simplex of {size}")
        plural = name.replace("simplex", "simplices") if size not in NAMES else f"{name}s"
        parts.append(f"1 {name}" if count == 1 else f"{count} {plural}")
    return " + ".join(parts)
