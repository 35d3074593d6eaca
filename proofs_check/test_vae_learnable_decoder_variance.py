"""Checks of vae-learnable-decoder-variance alone: what happens with as many latent directions as the data has.

This case lies outside the claim's domain. Below β = 1 the loss is unbounded below, at β = 1 it is the same for every small decoder
variance, and above β = 1 one latent direction collapses, so that leaving it out changes nothing.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.points import points_of, predicted_point
from numerics.backends.tensors import DTYPE
from numerics.bounds.enclosures import predicted_value, value_at
from numerics.bounds.separable import separable_bound
from numerics.tolerances import SAME_MINIMUM, SEPARABLE_GAP, VALUE_GAP
from numerics.training.optimise import Ending, minimise
from theory.claim import find
from theory.cli.commands import predict
from theory.problem import Instance

CLAIM, AT_GIVEN = find("vae-learnable-decoder-variance"), find("vae-learnable-variance")
THETA = (3.0, 2.0, 1.2, 0.6)
PRIOR = 1.3
SMALLEST = THETA[-1] ** 2
"""The variance of the data along its last direction: at β times a smaller decoder variance all directions live."""
EACH = 2.0
"""Factor by which the logarithm of the decoder variance falls from one point to the next."""


def of_full_rank(beta: float) -> Instance:
    """Return the instance with as many latent directions as the data has."""
    valid = CLAIM.problem.instance(theta=THETA, eta_enc=PRIOR, beta=beta)
    values = {**valid.values, "latent_dim": len(THETA)}
    return dataclasses.replace(valid, values=values, bindings=CLAIM.problem.bind(values))


def best_value(instance: Instance, decoder_variance: float) -> float:
    """Return the loss at a given decoder variance, minimised over all other variables."""
    p = instance.values
    given = {"latent_dim": p["latent_dim"], "beta": p["beta"], "eta_enc": p["eta_enc"]}
    there = AT_GIVEN.problem.instance(theta=THETA, eta_dec=math.sqrt(decoder_variance), **given)
    batch = predicted_point(AT_GIVEN, [there])
    noise = batch.U.new_full((1, 1, 1), math.sqrt(decoder_variance), dtype=DTYPE)
    (point,) = points_of(batch.extended(eta_dec=noise))
    return float(value_at(CLAIM.problem, instance, point))


def values_towards_zero(beta: float) -> list[float]:
    """Return the best values along falling decoder variances at which all directions live."""
    start = math.log(0.9 * SMALLEST / beta)
    return [best_value(of_full_rank(beta), math.exp(start - EACH * step)) for step in range(6)]


@pytest.mark.parametrize("beta", [0.3, 0.9])
def test_below_one_the_loss_falls_without_bound(beta):
    """The loss falls by D (1 − β) for each unit by which the logarithm of the decoder variance falls."""
    falls = [before - after for before, after in itertools.pairwise(values_towards_zero(beta))]
    assert falls == pytest.approx([EACH * len(THETA) * (1 - beta)] * len(falls), rel=VALUE_GAP)
    instance = of_full_rank(beta)
    assert not separable_bound(CLAIM.proof.separable, ball_bindings(CLAIM.problem, instance)).is_finite()


def test_at_one_the_loss_is_the_same_for_every_small_decoder_variance():
    """The least value is that of the data's own Gaussian, D + log det Cov(x), up to βη_dec² = the least variance and no further."""
    values = values_towards_zero(1.0)
    assert values == pytest.approx([len(THETA) + 2 * sum(map(math.log, THETA))] * len(values), rel=VALUE_GAP)
    beyond = [best_value(of_full_rank(1.0), factor * SMALLEST) for factor in (1.0, 1.5, 2.0)]
    assert beyond[0] == pytest.approx(values[0], rel=VALUE_GAP)
    assert beyond[0] < beyond[1] < beyond[2]


@pytest.mark.parametrize("beta", [1.02, 1.6, 4.0])
def test_above_one_the_last_latent_direction_changes_nothing(beta):
    """With d = D the certified least value and a trained optimum are those with d = D − 1."""
    full, fewer = of_full_rank(beta), CLAIM.problem.instance(theta=THETA, eta_enc=PRIOR, beta=beta)
    least = float(predicted_value(CLAIM, fewer))
    bound = separable_bound(CLAIM.proof.separable, ball_bindings(CLAIM.problem, full))
    assert float(bound) == pytest.approx(least, rel=SEPARABLE_GAP)
    solution = minimise(CLAIM.problem, [full], starts=3)
    assert (solution.endings == Ending.CONVERGED).all()
    assert float(solution.best_value()) == pytest.approx(least, rel=100 * SAME_MINIMUM)


@pytest.mark.parametrize("beta", [0.3, 1.0, 2.4])
def test_at_the_learned_variance_the_claim_at_a_given_variance_has_the_same_minimiser(beta):
    """The learned variance is where the minimum at a given variance is least, and there both claims predict the same matrices."""
    instance = CLAIM.problem.instance(theta=THETA, eta_enc=PRIOR, beta=beta, latent_dim=2)
    learned = predict(CLAIM, instance)
    noise = learned["invariants"]["decoder_variance"]
    here, *around = (best_value(instance, factor * noise) for factor in (1.0, 0.99, 1.01, 0.3, 3.0))
    assert here == pytest.approx(learned["value"], rel=VALUE_GAP)
    assert min(around) > here
    given = {"latent_dim": 2, "beta": beta, "eta_enc": PRIOR, "eta_dec": math.sqrt(noise)}
    at_given = predict(AT_GIVEN, AT_GIVEN.problem.instance(theta=THETA, **given))
    for name, expected in at_given["invariants"].items():
        np.testing.assert_allclose(learned["invariants"][name], expected, rtol=1e-12, atol=1e-12, err_msg=name)
    assert learned["collapsed"] == at_given["collapsed"]
