"""The chain of a claim at points: the loss and its lower bounds, and the slack of each link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import Evaluator
from numerics.tolerances import LINK, ROUNDED
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
        self.claim = claim
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


def run_chain(claim: Claim, instances: Sequence[Instance], point: Point) -> ChainRun:
    """Run the chain of a claim at one point of each instance."""
    return Chain(claim, instances).run(point)
