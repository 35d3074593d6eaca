"""Measurements at the starts of a trained batch, and the values that the prediction expects there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import Evaluator
from numerics.backends.tensors import DTYPE
from numerics.judging.crossing import Crossing
from numerics.judging.invariants import measure
from numerics.judging.named_results import Readings, read
from numerics.tolerances import SAME_MINIMUM
from numerics.training.optimise import Ending, Solution
from theory.claim import Claim
from theory.expressions import Formula
from theory.point import Point
from theory.problem import KINDS, Invariant
from theory.proof import ALIVE
from theory.symbols import R


@dataclass(frozen=True)
class Measured:
    """The invariants of every start, measured once: ``starts[s]`` for the s-th start, ``best`` for the best of each instance.

    ``reached[s]`` says at which instances the s-th start reached the lowest value, [I]. Where a direction may jump to
    zero, the point with all factors zero is one more start. ``readings`` are the readings of named results at the best
    points, and then at each start.
    ``evaluator`` evaluates formulas at the instances, and keeps the values that predictions judged on these starts
    share.
    """

    evaluator: Evaluator
    best: dict[str, Tensor]
    starts: tuple[dict[str, Tensor], ...]
    reached: tuple[Tensor, ...]
    readings: tuple[Readings, ...]
    limited: dict[int, Evaluator] = field(default_factory=dict)

    def at_rank(self, rank: int, directions: Tensor) -> Evaluator:
        """Return an evaluator of the instances with ``rank`` of the ``directions`` [I, K] alive; rank 0 means that none is alive."""
        if rank not in self.limited:
            alive = torch.full_like(directions, rank > 0, dtype=DTYPE)
            self.limited[rank] = Evaluator({**self.evaluator.fixed, R: max(rank, 1), ALIVE: alive})
        return self.limited[rank]


def measure_starts(claim: Claim, solution: Solution) -> Measured:
    """Measure the invariants of all starts of a solution. Where a direction may jump to zero, measure the zero point as well."""
    instances = list(solution.instances)
    evaluator = Evaluator(stack_bindings(instances, solution.values.device))
    lowest = solution.best_value()[:, None]
    reached = (solution.values - lowest <= SAME_MINIMUM * lowest.abs()) & (solution.endings == Ending.CONVERGED)
    points = [
        Point({name: array[:, start] for name, array in solution.points.items()})
        for start in range(solution.values.shape[1])
    ]
    reached = list(reached.unbind(1))
    best = solution.best_point()
    if any(evaluator.evaluate(Formula(t.jump)).bool().any() for t in claim.prediction.thresholds):
        xp, data = setting(claim.problem, evaluator.fixed)
        # At a jump zero is also optimal, so zero is measured too; offsets are kept.
        offsets = {variable.name for variable in claim.problem.variables if variable.offset}
        points.append(Point({name: a if name in offsets else torch.zeros_like(a) for name, a in best.items()}))
        at_zero = claim.problem.loss(xp, points[-1], data, evaluator.fixed)
        reached.append((at_zero - lowest[:, 0]).abs() <= SAME_MINIMUM * lowest[:, 0].abs())
    of_best, *of_starts = (measure(claim, instances, point) for point in (best, *points))
    readings = [
        read(claim, evaluator, point, found)
        for point, found in zip((best, *points), (of_best, *of_starts), strict=True)
    ]
    return Measured(evaluator, of_best, tuple(of_starts), tuple(reached), tuple(readings))


def unit_of(claim: Claim, invariant: Invariant, evaluator: Evaluator) -> Tensor:
    """Return the unit of an invariant at each instance and, where the invariant has layers, at each layer: [I, …]."""
    layers = claim.prediction.invariants[invariant.name].axes
    return evaluator.evaluate(Formula(invariant.unit, layers[: len(layers) - KINDS[invariant.kind]]))


def expected_of(
    claim: Claim, name: str, run: dict[str, Tensor], measured: Measured, crossings: Sequence[Crossing]
) -> Tensor:
    """Return the predicted invariant; at a jump, the invariant of the branches on which the run lies."""
    published = measured.evaluator.evaluate(claim.prediction.invariants[name])
    if claim.prediction.branches and crossings[0].jump:
        return _at_jump(claim, name, published, run, measured, crossings[0])
    return published


def _at_jump(
    claim: Claim, name: str, published: Tensor, run: dict[str, Tensor], measured: Measured, crossing: Crossing
) -> Tensor:
    """Return the published invariant; for instances at a jump, the invariant of the branches on which the run lies."""
    on_jump = crossing.near.any(1)
    alive, formula = crossing.alive_in(run), claim.prediction.branches[name]

    def put_in(branch: Tensor, chosen: Tensor) -> Tensor:
        return torch.where(chosen.reshape(-1, *[1] * (published.ndim - 1)), branch, published)

    if not claim.problem.centred:
        return put_in(measured.evaluator.evaluate(formula, {ALIVE: alive.to(DTYPE)}), on_jump)
    # The directions of centred classes are alike. With r of them alive the minimiser has rank r: a simplex of r + 1 points.
    ranks = (alive.sum(1) - 1).clamp(min=0)
    for rank in ranks[on_jump].unique().tolist():
        limited = measured.at_rank(rank, alive)
        published = put_in(limited.evaluate(formula), on_jump & (ranks == rank))
    return published


def norms(batch: Tensor, axes: int) -> Tensor:
    """Return the norms over the last ``axes`` axes. Axes before them (layers) stay apart, so that a small layer counts as much."""
    return batch.abs() if axes == 0 else batch.flatten(batch.ndim - axes).norm(dim=-1)
