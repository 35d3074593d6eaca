"""What a claim predicts of a minimum, the value and the invariants, beside what training found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from numerics.judging.comparison import VALUE
from numerics.judging.measured import expected_of, norms, unit_of
from numerics.tolerances import INVARIANT, NEAR_SIZE, NEGLIGIBLE_SIZE, VALUE_GAP
from proofs_check.harness.diagnosis.trained import Trained
from theory.claim import Claim
from theory.expressions import Formula
from theory.problem import KINDS, Invariant


@dataclass(frozen=True)
class Run:
    """A trained and the predicted array of one instance, layers first. ``of`` names the start unless it is the best one."""

    trained: Tensor
    predicted: Tensor
    of: str = ""


@dataclass(frozen=True)
class Quantity:
    """The minimum of the loss or an invariant, with its predicted ``formula``, its ``axes`` and the ``allowed`` relative deviation."""

    claim: Claim
    name: str
    formula: Formula
    axes: int
    allowed: float

    @cached_property
    def invariant(self) -> Invariant:
        """Return the invariant of this name; the minimum of the loss has none."""
        return next(i for i in self.claim.problem.invariants if i.name == self.name)

    def best(self, trained: Trained) -> Tensor:
        """Return the quantity at the best starts of a batch: [I, …]."""
        if self.name == VALUE:
            return trained.judgement.examination.solution.best_value()
        return trained.measured.best[self.name]

    def predicted(self, trained: Trained) -> Tensor:
        """Return the predicted quantity at the instances of a batch: [I, …]."""
        return trained.measured.evaluator.evaluate(self.formula)

    def deviation(self, expected: Tensor, found: Tensor, trained: Trained) -> Tensor:
        """Return the relative deviation [*, I] of what was found from what is expected, [*, I, …]: the largest over layers."""
        if self.name == VALUE:
            return (found - expected).abs() / torch.maximum(found.abs(), expected.abs())
        unit = unit_of(self.claim, self.invariant, trained.measured.evaluator)
        size = norms(expected, self.axes)
        relative = norms(found - expected, self.axes) / torch.where(size > NEGLIGIBLE_SIZE * unit, size, unit)
        return relative if unit.ndim == 1 else relative.max(-1).values

    def run(self, trained: Trained, member: int) -> Run:
        """Return the best start of an instance, or another start of the same value where only that one deviates."""
        if self.name == VALUE:
            return Run(self.best(trained)[member], self.predicted(trained)[member])
        measured, candidates = trained.measured, []
        reached = [s for s, r in zip(measured.starts, measured.reached, strict=True) if bool(r[member])]
        for number, start in enumerate((measured.best, *reached)):
            expected = expected_of(self.claim, self.name, start, measured, trained.crossings)
            deviation = float(self.deviation(expected, start[self.name], trained)[member])
            of = "another start that reached the same value" if number else ""
            candidates.append((deviation, Run(start[self.name][member], expected[member], of)))
        allowed = NEAR_SIZE if trained.comparisons[member].near_threshold else self.allowed
        if not candidates[0][0] <= allowed:
            return candidates[0][1]
        return max(candidates, key=lambda candidate: candidate[0])[1]


def quantities_of(claim: Claim) -> list[Quantity]:
    """Return all quantities that a claim predicts."""
    prediction = claim.prediction
    value = [] if prediction.value is None else [Quantity(claim, VALUE, prediction.value, 0, VALUE_GAP)]
    return value + [
        Quantity(claim, i.name, prediction.invariants[i.name], KINDS[i.kind], INVARIANT)
        for i in claim.problem.invariants
        if i.name in prediction.invariants
    ]
