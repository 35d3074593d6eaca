"""Whether everything collapses to zero, decided with a proof of either answer, on both sides of the decay at which that changes."""

from __future__ import annotations

import torch

from numerics.backends.points import points_of
from numerics.bounds.certificates import certify
from numerics.bounds.enclosures import value_at
from numerics.searching.thresholds import tuned_to
from numerics.training.certified import train
from theory.claim import Claim
from theory.point import Point
from theory.problem import Instance
from theory.proof import Threshold

APART = 1e-6
"""Relative distance of the instances on either side from the threshold."""
CLOSED = 1e-12
"""Largest certificate gap at zero just below the threshold, of the order APART² of what living features gain as far above it."""
STARTS = 4


def at_ratio(claim: Claim, threshold: Threshold, instance: Instance, ratio: float) -> Instance:
    """Return the instance, tuned so that the first direction has this ratio to the threshold."""
    values = dict(instance.values)
    tuned = tuned_to(claim, threshold, values, 1, ratio)
    return claim.problem.instance(**{**values, threshold.tuned: tuned})


def zero_is_optimal(claim: Claim, instance: Instance) -> bool:
    """Return whether zero is optimal: the dual bound meets its value, or training finds a lower one."""
    trained = train(claim, [instance], STARTS, 0, "cpu").solution.best_point()
    zero = Point({name: torch.zeros_like(a) for name, a in trained.items()})
    there, here = (value_at(claim.problem, instance, points_of(point)[0]) for point in (zero, trained))
    if here < there:
        return False
    (certificate,) = certify(claim, [instance], zero)
    assert certificate is not None
    assert certificate.gap <= CLOSED
    return True


def collapses_below_alone(claim: Claim, threshold: Threshold, instance: Instance) -> bool:
    """Return whether zero is optimal just below a threshold and not just above it."""
    below, above = (at_ratio(claim, threshold, instance, 1 + side * APART) for side in (-1, 1))
    return zero_is_optimal(claim, below) and not zero_is_optimal(claim, above)
