"""Checks of vae-learnable-decoder-covariance alone: what the loss does at and below the weight 1, outside the claim's domain.

At β = 1 the loss is the same along a line on which the code learns more and more of the data. Below it falls on this line without
bound, with a single latent direction already. With β > 1 it rises.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.points import points_of
from numerics.backends.tensors import DTYPE
from numerics.bounds.enclosures import predicted_value, quantity_at, value_at
from numerics.bounds.separable import separable_bound
from numerics.tolerances import SAME_MINIMUM, SEPARABLE_GAP, VALUE_GAP
from numerics.training.optimise import Ending, minimise
from theory.claim import find
from theory.point import Point
from theory.posterior_collapse.information import mutual_information
from theory.problem import Instance

CLAIM, ONE_VARIANCE = find("vae-learnable-decoder-covariance"), find("vae-learnable-decoder-variance")
THETA = (3.0, 2.0, 1.2)
PRIOR = 1.3
LEAST = len(THETA) + 2 * sum(map(math.log, THETA))
"""The value of the claim: the least loss of a code that knows nothing."""
NATS = 2.0
"""What the code learns more of each direction from one point of the line to the next."""
STEPS = 6
STARTS = 4
APART = 1e-3
"""Information of trained points at β = 1, in nats, differs by more than this from start to start."""


def at_weight(beta: float, latent_dim: int) -> Instance:
    """Return the instance with any weight, in the claim's domain or not."""
    valid = CLAIM.problem.instance(theta=THETA, eta_enc=PRIOR, beta=2.0, latent_dim=latent_dim)
    values = {**valid.values, "beta": beta}
    return dataclasses.replace(valid, values=values, bindings=CLAIM.problem.bind(values))


def knowing(nats: float, latent_dim: int) -> Point:
    """Return a point with the code of the prior's covariance that knows ``nats`` of each of the first ``latent_dim`` directions."""
    noise, data = math.exp(-2 * nats), len(THETA)
    theta = torch.tensor(THETA, dtype=DTYPE)
    share = torch.full((latent_dim,), 1 - noise, dtype=DTYPE)
    encoder, decoder = torch.zeros(1, latent_dim, data, dtype=DTYPE), torch.zeros(1, data, latent_dim, dtype=DTYPE)
    encoder[0, :, :latent_dim] = (PRIOR * share.sqrt() / theta[:latent_dim]).diag()
    decoder[0, :latent_dim, :] = (theta[:latent_dim] * share.sqrt() / PRIOR).diag()
    left = theta.clone()
    left[:latent_dim] *= math.sqrt(noise)
    code = PRIOR * math.sqrt(noise) * torch.eye(latent_dim, dtype=DTYPE)
    return Point(U=decoder, W=encoder, S=code[None], L=left.diag()[None])


def along_the_line(beta: float, latent_dim: int) -> list[float]:
    """Return the loss at points that know more and more of each latent direction, starting with nothing."""
    instance, found = at_weight(beta, latent_dim), []
    for step in range(STEPS):
        (point,) = points_of(knowing(NATS * step, latent_dim))
        knows = float(quantity_at(mutual_information, CLAIM.problem, instance, point))
        assert knows == pytest.approx(NATS * step * latent_dim, rel=VALUE_GAP, abs=VALUE_GAP)
        found.append(float(value_at(CLAIM.problem, instance, point)))
    assert found[0] == pytest.approx(LEAST, rel=VALUE_GAP)
    return found


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
@pytest.mark.parametrize("beta", [0.3, 0.9, 1.0, 1.1, 3.0])
def test_each_nat_costs_twice_the_excess_of_the_weight_over_one(beta, latent_dim):
    """So the loss is unbounded below for β < 1, the same at β = 1, and least where nothing is known for β > 1."""
    rises = [after - before for before, after in itertools.pairwise(along_the_line(beta, latent_dim))]
    expected = NATS * latent_dim * 2 * (beta - 1)
    assert rises == pytest.approx([expected] * len(rises), rel=VALUE_GAP, abs=VALUE_GAP * LEAST)


@pytest.mark.parametrize(("beta", "bounded"), [(0.3, False), (0.9, False), (1.0, False), (1.1, True)])
def test_the_separable_bound_is_finite_above_weight_one_alone(beta, bounded):
    """At β = 1 each direction is constant, so that nothing shows where it would begin to rise."""
    bound = separable_bound(CLAIM.proof.separable, ball_bindings(CLAIM.problem, at_weight(beta, 2)))
    assert bound.is_finite() == bounded
    if bounded:
        assert float(bound) == pytest.approx(LEAST, rel=SEPARABLE_GAP)


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_at_weight_one_training_from_any_start_ends_at_the_same_value(latent_dim):
    """The minimisers are many and know different amounts, and the minimum is that of the claim."""
    instance = at_weight(1.0, latent_dim)
    solution = minimise(CLAIM.problem, [instance], starts=STARTS)
    assert solution.values[0].tolist() == pytest.approx([LEAST] * STARTS, rel=100 * SAME_MINIMUM)
    points = points_of(Point({name: array[0] for name, array in solution.points.items()}))
    known = sorted(float(quantity_at(mutual_information, CLAIM.problem, instance, point)) for point in points)
    assert min(after - before for before, after in itertools.pairwise(known)) > APART


@pytest.mark.parametrize("beta", [1.02, 1.6])
def test_one_variance_in_place_of_a_covariance_keeps_information(beta):
    """Above weight 1 a decoder with a single variance still has a lower loss with information, where the variances of the data differ.

    With its whole covariance learned it has the lower loss without.
    """
    given = {"theta": THETA, "eta_enc": PRIOR, "beta": beta}
    one = ONE_VARIANCE.problem.instance(**given, latent_dim=2)
    silent = len(THETA) * (1 + math.log(sum(t**2 for t in THETA) / len(THETA)))
    assert float(predicted_value(ONE_VARIANCE, one)) < silent
    whole = CLAIM.problem.instance(**given, latent_dim=2)
    assert float(predicted_value(CLAIM, whole)) == pytest.approx(LEAST, rel=VALUE_GAP)
    assert float(predicted_value(ONE_VARIANCE, one)) > LEAST
    solution = minimise(CLAIM.problem, [whole], starts=3)
    assert (solution.endings == Ending.CONVERGED).all()
    assert float(solution.best_value()) == pytest.approx(LEAST, rel=100 * SAME_MINIMUM)
