"""The chain of a claim at points: the loss and its lower bounds, and the slack of each link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from numerics.backends.ball_arrays import BallArrays
from numerics.backends.ball_evaluation import ball_bindings, evaluate_in_balls
from numerics.backends.balls import BallMatrix
from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import Evaluator
from numerics.backends.points import points_of
from numerics.backends.unit_norm import feasible_in_balls
from numerics.tolerances import DOUBTFUL, LINK, ROUNDED
from theory.claim import Claim
from theory.expressions import Formula
from theory.point import Point
from theory.problem import Instance


@dataclass(frozen=True)
class ChainRun:
    """A chain at a batch of points: ``names`` from the loss to the predicted value, and ``values`` [links + 1, B]."""

    names: tuple[str, ...]
    values: Tensor

    def margins(self) -> Tensor:
        """Return the slack of each link at each point [links, B], relative to the two bounds or to a share of the largest bound."""
        upper, lower = self.values[:-1], self.values[1:]
        size = torch.maximum(upper.abs(), lower.abs()) + ROUNDED / LINK * self.values.abs().max(0).values
        return (upper - lower) / size

    def broken(self) -> dict[str, float]:
        """Return the links at which a bound exceeds its predecessor by more than rounding, with the largest excess of each.

        Rounding is LINK of the two bounds, or ROUNDED of the largest bound.
        """
        excess = -self.margins()
        bad = ~(excess <= LINK)
        return {
            f"{self.names[i + 1]} exceeds {self.names[i]}": float(excess[i].max())
            for i in range(len(excess))
            if bool(bad[i].any())
        }

    def violations(self) -> list[str]:
        """Return a line for each broken link."""
        return [f"{what} by {excess:.1e} (relative)" for what, excess in self.broken().items()]

    def slack(self, members: Sequence[bool]) -> list[float]:
        """Return the largest relative distance of each bound from the loss, over the given members of the batch."""
        kept = self.values[:, torch.tensor(members, device=self.values.device)]
        if kept.shape[1] == 0:
            return [0.0] * (len(self.names) - 1)
        return ((kept[0] - kept[1:]).abs() / kept[0].abs()).max(1).values.tolist()


class Chain:
    """The chain of a claim at fixed instances, which can be run at many points. ``bindings`` replace those of the instances."""

    def __init__(self, claim: Claim, instances: Sequence[Instance], bindings: Mapping[Any, Any] | None = None) -> None:
        self.claim, self.instances = claim, instances
        self.bindings = stack_bindings(instances) if bindings is None else dict(bindings)
        self.xp, self.data = setting(claim.problem, self.bindings)
        self.evaluator = Evaluator(self.bindings)
        self.names = ("loss", *(b.name for b in claim.proof.bounds))

    def run(self, point: Point) -> ChainRun:
        """Return the loss and every bound at a batch of points, one for each instance."""
        given = (self.xp, point, self.data, self.bindings)
        statistics = {s.symbol: s.measure(*given) for s in self.claim.proof.statistics}
        bounds = [self.evaluator.evaluate(Formula(b.expression), statistics) for b in self.claim.proof.bounds]
        return ChainRun(self.names, torch.stack([self.claim.problem.loss(*given), *bounds]))

    def judged(self, point: Point) -> ChainRun:
        """Return the loss and every bound at a batch of points, from balls where rounding alone may have broken a link.

        Where the terms of a loss cancel, doubles leave more than LINK of it. Balls have three times their bits.
        """
        run = self.run(point)
        excess = -run.margins()
        doubtful = ((excess > LINK) & (excess <= DOUBTFUL)).any(0).nonzero()[:, 0].tolist()
        values, points = run.values.clone(), points_of(point)
        for member in doubtful:
            enclosed = self.in_balls(self.instances[member], points[member])
            if enclosed is not None:
                values[:, member] = torch.tensor(enclosed, dtype=values.dtype)
        return ChainRun(run.names, values)

    def in_balls(self, instance: Instance, point: Point) -> list[float] | None:
        """Return the loss and every bound at one point, whose doubles are taken exactly.

        None where an enclosure is wider than rounding, or cannot be computed: then balls say nothing, and doubles stand.
        """
        bindings = ball_bindings(self.claim.problem, instance)
        xp = BallArrays(bindings)
        v = feasible_in_balls(self.claim.problem.active_variables(instance), point)
        given = (xp, v, self.claim.problem.given(xp), bindings)
        try:
            known = bindings | {s.symbol: _listed(s.measure(*given)) for s in self.claim.proof.statistics}
            bounds = [evaluate_in_balls(Formula(b.expression), known) for b in self.claim.proof.bounds]
            balls = [self.claim.problem.loss(*given), *bounds]
        except (ArithmeticError, IndexError, KeyError, NotImplementedError, TypeError, ValueError):
            return None
        wide = (not ball.is_finite() or float(ball.rad()) > ROUNDED * abs(float(ball)) for ball in balls)
        return None if any(wide) else [float(ball) for ball in balls]


def _listed(measured: Any) -> Any:
    """Return a measured ball, the entries of one row as a list, or a list for each of several rows."""
    if not isinstance(measured, BallMatrix):
        return measured
    rows = measured.tolist()
    return rows[0] if len(rows) == 1 else rows


def run_chain(claim: Claim, instances: Sequence[Instance], point: Point) -> ChainRun:
    """Run the chain of a claim at one point of each instance."""
    return Chain(claim, instances).judged(point)
