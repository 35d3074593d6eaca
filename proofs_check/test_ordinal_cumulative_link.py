"""Checks of ordinal-cumulative-link alone: the decay of total collapse from either side, the order of the classes, and weak penalties."""

from __future__ import annotations

import itertools
from dataclasses import replace

import hypothesis
import pytest
import torch

from numerics.backends.points import points_of
from numerics.bounds.certificates import certify
from numerics.bounds.enclosures import value_at
from numerics.judging.invariants import measure
from numerics.searching.thresholds import tuned_to
from numerics.tolerances import CERTIFICATE_GAP
from numerics.training.certified import train
from proofs_check.harness.drawing import REGIMES, powers_of_ten
from proofs_check.harness.report import Ledger
from proofs_check.harness.strategies import batches
from theory.claim import find
from theory.domains.drawing import Regime
from theory.neural_collapse.ordinal_cumulative_link import BESIDE
from theory.point import Point
from theory.problem import Instance

CLAIM = find("ordinal-cumulative-link")
APART = 1e-6
"""Relative distance of the instances on either side from the threshold."""
CLOSED = 1e-12
"""Largest certificate gap at zero just below the threshold, of the order APART² of what living features gain as far above it."""
STARTS = 4


def at_ratio(instance: Instance, ratio: float) -> Instance:
    """Return the instance with the feature decay at which all classes have this ratio to total collapse."""
    values, yardstick = dict(instance.values), CLAIM.prediction.yardstick
    assert yardstick is not None
    collapse = replace(yardstick, ratio=BESIDE * yardstick.ratio)
    return CLAIM.problem.instance(**{**values, "feature_decay": tuned_to(CLAIM, collapse, values, 1, ratio)})


def latent_values(instance: Instance, device: str) -> torch.Tensor:
    """Return the latent values of the classes at a certified optimum."""
    training = train(CLAIM, [instance], STARTS, 0, device)
    (certificate,) = training.certificates
    assert certificate is not None
    assert certificate.gap <= CERTIFICATE_GAP
    return measure(CLAIM, [instance], training.solution.best_point())["mean_latent"][0]


def zero_is_optimal(instance: Instance) -> bool:
    """Return whether zero is optimal, with a proof of either answer: the dual bound meets its value, or training finds a lower one."""
    trained = train(CLAIM, [instance], STARTS, 0, "cpu").solution.best_point()
    zero = Point({name: torch.zeros_like(a) for name, a in trained.items()})
    there, here = (value_at(CLAIM.problem, instance, points_of(point)[0]) for point in (zero, trained))
    if here < there:
        return False
    (certificate,) = certify(CLAIM, [instance], zero)
    assert certificate is not None
    assert certificate.gap <= CLOSED
    return True


@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.name)
def test_everything_collapses_below_the_threshold_alone(regime: Regime, ledger: Ledger) -> None:
    @hypothesis.seed(ledger.seed)
    @hypothesis.settings(max_examples=2)
    @hypothesis.given(batches(CLAIM, regime, 1))
    def decided(batch: tuple[Instance, ...]) -> None:
        for ratio, expected in ((1 - APART, True), (1 + APART, False)):
            assert zero_is_optimal(at_ratio(batch[0], ratio)) is expected

    decided()


@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.name)
def test_latent_values_rise_with_the_class_or_vanish(regime: Regime, ledger: Ledger) -> None:
    """A higher class has the larger latent value at every decay at which anything lives, and none has one beyond total collapse."""

    @hypothesis.seed(ledger.seed)
    @hypothesis.settings(max_examples=3)
    @hypothesis.given(batches(CLAIM, regime, 1), powers_of_ten(0.1, 3))
    def ordered(batch: tuple[Instance, ...], ratio: float) -> None:
        found = latent_values(at_ratio(batch[0], ratio), ledger.device).tolist()
        assert all(lower < higher for lower, higher in itertools.pairwise(found))
        assert float(latent_values(at_ratio(batch[0], 1 / ratio), ledger.device).abs().max()) <= 1e-6

    ordered()


@pytest.mark.parametrize("strength", [1e-4, 1e-6])
def test_inner_classes_tend_to_the_middle_of_their_thresholds(strength: float) -> None:
    """The weaker the penalty, the nearer: the distance is at most of the order of N √(λ_W λ_H), times the pull of the size of all."""
    given = {"odds": (6, 1.5, 0.2), "class_counts": (4, 1, 6, 2)}
    instance = CLAIM.problem.instance(**given, weight_decay=strength, feature_decay=strength)
    thresholds = -torch.tensor(instance.values["odds"], dtype=torch.float64).log()
    middles = (thresholds[1:] + thresholds[:-1]) / 2
    found = latent_values(instance, "cpu")
    assert float((found[1:-1] - middles).abs().max()) <= 100 * strength
    assert float(found[0]) < float(thresholds[0])
    assert float(found[-1]) > float(thresholds[-1])
