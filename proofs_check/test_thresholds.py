"""Thresholds certified from either side: just below a threshold zero is proved to be optimal, and just above not to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis
import pytest
import torch
from hypothesis import strategies as st

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.points import points_of
from numerics.bounds.certificates import certify
from numerics.bounds.enclosures import value_at
from numerics.bounds.separable import start_is_least
from numerics.searching.thresholds import instance_at
from numerics.training.certified import train
from numerics.training.optimise import minimise
from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.examine import NO_CERTIFICATE
from proofs_check.harness.report import Ledger
from proofs_check.harness.strategies import batches, directions_within
from theory.claim import Claim, Verdict
from theory.cli.arguments import written_parameters
from theory.domains.drawing import Regime
from theory.errors import CheckFailed
from theory.point import Point
from theory.problem import Instance
from theory.proof import StepFailed

APART = 1e-6
"""Relative distance of the instances on either side from the threshold."""
EXAMPLES = {"quick": 1, "ci": 2, "thorough": 6}
"""Instances in each regime, by profile."""
STARTS = 4
CHECK = "the threshold from either side"
"""The name of this check in a closer look."""
CLOSED = 1e-12
"""Largest certificate gap at zero, just below a threshold: of the order APART² of what a direction gains at the distance APART above
the threshold. A smaller gain shows in the exact comparison of zero with the trained point."""


def zero_is_optimal(claim: Claim, instance: Instance, direction: int) -> bool:
    """Return whether zero is optimal for a direction, with a proof.

    The scalar problem of the direction decides. Without a separable bound, training and the dual bound decide for all classes
    together. For a conjecture without any bound training alone decides.
    """
    if claim.proof.separable is not None:
        return start_is_least(claim.proof.separable, ball_bindings(claim.problem, instance), direction)
    trained = train(claim, [instance], STARTS, seed=0, device="cpu").solution.best_point()
    zeros = points_with_vanishing_factors(claim, instance, trained)
    here, *there = (value_at(claim.problem, instance, *points_of(point)) for point in (trained, *zeros))
    if all(here < value for value in there):
        return False
    zero = min(zip(there, zeros, strict=True), key=lambda pair: float(pair[0]))[1]
    (certificate,) = certify(claim, [instance], zero)
    if certificate is None and claim.verdict is Verdict.OPEN:
        return True
    if certificate is None:
        raise CheckFailed(NO_CERTIFICATE)
    assert certificate.gap <= CLOSED
    return True


def points_with_vanishing_factors(claim: Claim, instance: Instance, trained: Point) -> list[Point]:
    """Return points whose factors all vanish: with the offsets of the trained point, and with the best ones that training finds there.

    Offsets, such as a bias, stay where all factors vanish. The two differ by rounding below the threshold, and by more above it.
    """
    problem = claim.problem
    offsets = {variable.name: variable for variable in problem.active_variables(instance) if variable.offset}
    kept = Point({name: a if name in offsets else torch.zeros_like(a) for name, a in trained.items()})
    if not offsets:
        return [kept]
    factors = Point({name: a[0] for name, a in kept.items() if name not in offsets})

    def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
        return problem.loss(xp, factors.extended(**v), data, p)

    alone = replace(problem, loss=loss, variables=tuple(offsets.values()))
    return [kept, kept.extended(**minimise(alone, [instance], starts=1).best_point())]


@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.name)
def test_zero_is_optimal_below_the_threshold_alone(claim: Claim, regime: Regime, ledger: Ledger) -> None:
    thresholds, total = [t for t in claim.prediction.thresholds if t.telling is None], claim.prediction.total_collapse
    if total is not None:
        thresholds.append(total.threshold)
    if not thresholds:
        drawn_by = claim.prediction.yardstick is not None or claim.derive is None
        assert drawn_by, "neither a threshold nor anything to draw instances by"
        return
    (threshold,) = thresholds
    contradicting: list[tuple[str, str, Instance]] = []

    @hypothesis.seed(ledger.seed)
    @hypothesis.settings(max_examples=EXAMPLES[ledger.profile])
    @hypothesis.given(batches(claim, regime, 1), st.integers(1, 8))
    def decided(batch: tuple[Instance, ...], direction: int) -> None:
        values = dict(batch[0].values)
        direction = min(direction, directions_within(claim, threshold, values))
        if claim.proof.separable is None:
            direction = 1  # the last direction to collapse, so that zero is a single point
        for ratio, expected in ((1 - APART, True), (1 + APART, False)):
            instance = instance_at(claim, threshold, values, direction, ratio)
            zero = zero_is_optimal(claim, instance, direction)
            if zero != expected:
                says = (
                    f"direction {direction} is {'' if zero else 'not '}optimal at zero, and its ratio there is {ratio}"
                )
                contradicting.append((CHECK, says, instance))
                raise CheckFailed(f"{says}: {written_parameters(claim, instance)}")

    try:
        decided()
    except StepFailed:
        raise  # without a derivation a closer look has nothing to show
    except CheckFailed as error:  # the closer look draws batches, which Hypothesis forbids while it draws
        raise CheckFailed(f"{error}\n{ledger.diagnosis(claim, contradicting[-1])}") from None
