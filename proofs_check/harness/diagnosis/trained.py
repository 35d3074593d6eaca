"""Judged batches, with what the invariants of their starts and the thresholds of the claim show."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from numerics.judging.comparison import Comparison
from numerics.judging.crossing import Crossing, crossings_of
from numerics.judging.measured import Measured, measure_starts
from numerics.training.optimise import Solution
from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.examine import Judgement, examine, judge, size_of
from proofs_check.harness.strategies import batches
from theory.claim import Claim
from theory.problem import Instance

BATCH_SIZE = 4
"""Instances of a further batch, for every threshold."""


def wide_batches(claim: Claim) -> SearchStrategy[tuple[Instance, ...]]:
    """Return the strategy that draws small batches from the widest regime of a claim."""
    return batches(claim, dataclasses.replace(REGIMES[-1], directions=3), BATCH_SIZE)


def judged(claim: Claim, batch: Sequence[Instance], seed: int) -> Judgement:
    """Train a batch on the processor and judge the claim there."""
    return judge(claim, examine(claim, batch, "cpu", seed))


@dataclass(frozen=True)
class Trained:
    """A judged batch of a claim, with the invariants of its starts and the thresholds at its instances."""

    claim: Claim
    judgement: Judgement
    measured: Measured
    crossings: tuple[Crossing, ...]

    @property
    def instances(self) -> tuple[Instance, ...]:
        return self.judgement.examination.instances

    @property
    def comparisons(self) -> list[Comparison]:
        return self.judgement.comparisons

    @property
    def entries(self) -> int:
        """Return the number of classes or directions."""
        return len(self.instances[0].bindings[self.claim.problem.tied])

    @property
    def size(self) -> int:
        """Return the size of the instances, by which small batches are told from large ones."""
        return size_of(self.judgement)

    @cached_property
    def contradicted(self) -> tuple[Tensor, ...]:
        """Return the directions [I, K] that contradict each threshold."""
        return tuple(crossing.contradicted(self.measured.best) for crossing in self.crossings)

    @cached_property
    def away(self) -> list[bool]:
        """Return which instances lie near no threshold, so that training fixes their structure."""
        near = torch.zeros(len(self.instances), dtype=torch.bool)
        for crossing in self.crossings:
            near |= crossing.near.any(1)
        return (~near).tolist()

    @cached_property
    def lives(self) -> list[bool]:
        """Return which instances have a direction that training left alive; all have where the claim says nothing of collapse."""
        if not self.crossings:
            return [True] * len(self.instances)
        return (~self.crossings[0].dead(self.measured.best)).any(1).tolist()

    def part(self, kept: Sequence[bool]) -> list[int]:
        """Return the positions of the instances that are kept."""
        return [member for member, keep in enumerate(kept) if keep]


def on_processor(claim: Claim, judgement: Judgement) -> Trained:
    """Return a judged batch with its measurements, on the processor wherever the batch was trained."""
    solution = _on_cpu(judgement.examination.solution)
    judgement = dataclasses.replace(
        judgement, examination=dataclasses.replace(judgement.examination, solution=solution)
    )
    measured = measure_starts(claim, solution)
    return Trained(claim, judgement, measured, tuple(crossings_of(claim, measured.evaluator)))


def _on_cpu(solution: Solution) -> Solution:
    """Return a solution with all its tensors on the processor, where the formulas are evaluated."""
    kept = {name: v.cpu() for name, v in vars(solution).items() if isinstance(v, Tensor)}
    return dataclasses.replace(solution, **kept, points={name: a.cpu() for name, a in solution.points.items()})


Case = tuple[Trained, int]
"""A batch, and the position of one instance in the batch."""


def contradicted(trained: Trained) -> bool:
    """Return whether a direction of the batch contradicts a threshold."""
    return any(bool(where.any()) for where in trained.contradicted)


def smallest(known: Sequence[Trained], fails: Callable[[Trained, int], bool]) -> Case | None:
    """Return the first failing case of the smallest batch, away from thresholds where there is such a case; None without one."""
    cases = [(t, member) for t in known for member in range(len(t.instances)) if fails(t, member)]
    return min(cases, key=order, default=None)


def order(case: Case) -> tuple[bool, int]:
    """Return the key that sorts instances away from thresholds first, and small ones before large ones."""
    trained, member = case
    return not trained.away[member], trained.size


def differing_in(name: str) -> Callable[[Trained, int], bool]:
    """Return the condition on a case that the quantity of this name differs there."""
    return lambda trained, member: name in trained.comparisons[member].differing
