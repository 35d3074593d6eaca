"""Checks of ordinal-cumulative-link alone: the order of the classes, and weak penalties."""

from __future__ import annotations

import itertools

import hypothesis
import pytest
import torch

from numerics.judging.invariants import measure
from numerics.searching.thresholds import instance_at
from numerics.tolerances import CERTIFICATE_GAP
from numerics.training.certified import train
from proofs_check.harness.drawing import REGIMES, powers_of_ten
from proofs_check.harness.report import Ledger
from proofs_check.harness.strategies import batches
from theory.claim import find
from theory.domains.drawing import Regime
from theory.problem import Instance

CLAIM = find("ordinal-cumulative-link")
TOTAL = CLAIM.prediction.total_collapse
assert TOTAL is not None
COLLAPSE = TOTAL.threshold
STARTS = 4


def latent_values(instance: Instance, device: str) -> torch.Tensor:
    """Return the latent values of the classes at a certified optimum."""
    training = train(CLAIM, [instance], STARTS, 0, device)
    (certificate,) = training.certificates
    assert certificate is not None
    assert certificate.gap <= CERTIFICATE_GAP
    return measure(CLAIM, [instance], training.solution.best_point())["mean_latent"][0]


@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.name)
def test_latent_values_rise_with_the_class_or_vanish(regime: Regime, ledger: Ledger) -> None:
    """A higher class has the larger latent value at every decay at which anything lives, and none has one beyond total collapse."""

    @hypothesis.seed(ledger.seed)
    @hypothesis.settings(max_examples=3)
    @hypothesis.given(batches(CLAIM, regime, 1), powers_of_ten(0.1, 3))
    def ordered(batch: tuple[Instance, ...], ratio: float) -> None:
        found = latent_values(instance_at(CLAIM, COLLAPSE, batch[0].values, 1, ratio), ledger.device).tolist()
        assert all(lower < higher for lower, higher in itertools.pairwise(found))
        assert (
            float(latent_values(instance_at(CLAIM, COLLAPSE, batch[0].values, 1, 1 / ratio), ledger.device).abs().max())
            <= 1e-6
        )

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
