"""What only hvae-learnable-variances needs: at equal weights z_2 is arbitrary, and beyond there is no minimum.

Both lie outside the claim's domain. The points are built in matrices from the conditions for a minimum over all but U_2.
"""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import sympy as sp
import torch
from torch import Tensor

from numerics.backends.ball_arrays import BallArrays
from numerics.backends.ball_evaluation import ball_bindings, evaluate_in_balls
from numerics.backends.balls import Ball, BallMatrix
from numerics.backends.tensors import DTYPE
from numerics.bounds.enclosures import predicted_value, value_at
from numerics.judging.invariants import measure
from numerics.tolerances import SAME_MINIMUM
from numerics.training.optimise import Ending, minimise
from theory.claim import find
from theory.expressions import Formula
from theory.point import Point
from theory.posterior_collapse import hvae_learnable_variances as own
from theory.posterior_collapse.hierarchy import beta_1, beta_2
from theory.posterior_collapse.hierarchy_direction import reduce
from theory.problem import Instance
from theory.proof import StepRecorder
from theory.symbols import D, k

CLAIM = find("hvae-learnable-variances")
SHAPES = (
    {"theta": (3.0, 2.0, 1.2, 0.6), "latent_dim": (3, 2), "eta_dec": 0.9, "eta_enc": 1.3},
    {"theta": (3.0, 2.0, 1.2, 0.6), "latent_dim": (2, 5), "eta_dec": 0.4, "eta_enc": 0.7},
)
ROUNDED = 1e-24
"""Relative distance from the minimum of a minimiser rounded to doubles, in balls: the square of its error."""
INFORMS = 0.1
"""A divergence of z_2 that is not zero by rounding."""


def with_weights(beta1: float, beta2: float, shape: dict) -> Instance:
    """Return an instance with any two weights: the claim's domain is left on purpose."""
    valid = CLAIM.problem.instance(**shape, beta1=beta1)
    values = {**valid.values, "beta2": beta2}
    return dataclasses.replace(valid, values=values, bindings=CLAIM.problem.bind(values))


def best_for(instance: Instance, top: Tensor) -> Point:
    """Return the best point for a given U_2."""
    p, (d_1, d_2) = instance.values, instance.values["latent_dim"]
    theta, dec, enc = torch.tensor(p["theta"], dtype=DTYPE), p["eta_dec"] ** 2, p["eta_enc"] ** 2
    shift = p["beta2"] * dec / (p["beta1"] * enc)
    prior = top @ top.T + shift * torch.eye(d_1, dtype=DTYPE)
    ratios = (theta[:d_1] ** 2 / (p["beta1"] * dec)).clamp(min=1)  # of the variance of the code to that given x
    noise = torch.linalg.cholesky(dec * prior / shift) @ torch.diag(ratios.rsqrt())
    encoded = noise @ torch.nn.functional.pad(torch.diag((ratios - 1).sqrt()), (0, len(theta) - d_1))
    code = encoded @ encoded.T + noise @ noise.T
    precision = p["beta1"] / p["beta2"] * top.T @ top / dec + torch.eye(d_2, dtype=DTYPE) / enc
    return Point(
        U_1=torch.diag(theta) @ torch.linalg.solve(code, encoded).T,
        W_1=encoded / theta,
        S_1=noise,
        U_2=top,
        W_2=torch.linalg.solve(prior, top).T,
        S_2=torch.linalg.inv(torch.linalg.cholesky(precision)).T,
    )


def divergence_of_the_top(instance: Instance, point: Point) -> float:
    batch = point.map(lambda array: array[None])
    return float(measure(CLAIM, [instance], batch)["top_divergence"])


def drawn_top(instance: Instance, size: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return size * torch.randn(*instance.values["latent_dim"], generator=generator, dtype=DTYPE)


@pytest.mark.parametrize("shape", SHAPES)
def test_at_equal_weights_every_top_decoder_attains_the_minimum(shape):
    """z_2 is arbitrary: at some minimisers its posterior is the prior, at others it is not."""
    instance = with_weights(0.7, 0.7, shape)
    least = predicted_value(CLAIM, instance)
    for size, informs in ((0.0, False), (0.3, True), (3.0, True)):
        point = best_for(instance, drawn_top(instance, size))
        assert float(abs(value_at(CLAIM.problem, instance, point) / least - 1).upper()) < ROUNDED
        divergence = divergence_of_the_top(instance, point)
        assert divergence > INFORMS if informs else abs(divergence) < SAME_MINIMUM


def test_at_equal_weights_training_finds_the_same_value_with_different_top_decoders():
    instance = with_weights(0.7, 0.7, SHAPES[0])
    solution = minimise(CLAIM.problem, [instance], starts=4)
    assert (solution.endings == Ending.CONVERGED).all()
    least = float(predicted_value(CLAIM, instance))
    torch.testing.assert_close(solution.values[0], torch.full((4,), least, dtype=DTYPE), rtol=SAME_MINIMUM, atol=0)
    sizes = torch.linalg.matrix_norm(solution.points["U_2"][0])
    assert float(sizes.min()) > INFORMS
    assert float(sizes.max() - sizes.min()) > INFORMS


@pytest.mark.parametrize("shape", SHAPES)
def test_within_the_domain_every_top_decoder_costs_something(shape):
    instance = with_weights(0.7, 0.75, shape)
    least = predicted_value(CLAIM, instance)
    values = [
        value_at(CLAIM.problem, instance, best_for(instance, drawn_top(instance, size))) for size in (0.0, 0.01, 0.1, 1)
    ]
    assert float(abs(values[0] / least - 1).upper()) < ROUNDED
    assert all(bool(after > before) for before, after in itertools.pairwise(values))


@pytest.mark.parametrize("shape", SHAPES)
def test_beyond_equal_weights_the_loss_falls_without_bound(shape):
    """By β_1 − β_2 for each unit of log det(I + U_2 U_2ᵀ/κ²): one singular value of U_2 is enough."""
    instance = with_weights(0.7, 0.4, shape)
    p = instance.values
    kappa = (p["beta2"] / p["beta1"]) ** 0.5 * p["eta_dec"] / p["eta_enc"]
    values = []
    for size in (0.0, 10.0, 20.0, 30.0, 40.0):
        top = torch.zeros(*p["latent_dim"], dtype=DTYPE)
        top[-1, -1] = kappa * float(torch.tensor(size, dtype=DTYPE).expm1().sqrt())
        values.append(float(value_at(CLAIM.problem, instance, best_for(instance, top))))
    assert [a - b for a, b in itertools.pairwise(values)] == pytest.approx([3.0] * 4, rel=1e-9)


def test_the_curve_of_the_proof_falls_below_every_level():
    """The loss in balls at the points of the proof, its own formulas: no rounding, however far along the curve."""
    record = StepRecorder()
    reduction = reduce(record, CLAIM.problem, own.DIRECTION)
    minimum = own.minimise(record)
    instance = with_weights(0.7, 0.4, {"theta": (3.0, 2.0, 1.2), "eta_dec": 0.9, "eta_enc": 1.3})
    bindings = ball_bindings(CLAIM.problem, instance)
    xp = BallArrays(bindings)
    size = sp.Symbol("s", nonnegative=True)

    def loss(at: int) -> Ball:
        entries = own.on_curve(reduction, minimum, own.gain[k], size)
        entries |= {name: sp.sqrt(entries[name]) for name in own.DIRECTION.learnable}
        given = {**bindings, own.gain: (Ball(3), Ball(1), Ball(0)), size: Ball(at)}
        diagonals = {name: evaluate_in_balls(Formula(entry, ((k, D),)), given) for name, entry in entries.items()}
        v = Point({name: BallMatrix.diagonal(diagonal) for name, diagonal in diagonals.items()})
        return CLAIM.problem.loss(xp, v, CLAIM.problem.given(xp), bindings)

    start = loss(0)
    for at in (1, 10, 100):
        fallen = start - loss(at)
        assert fallen.contains(3 * at * (bindings[beta_1] - bindings[beta_2]))
        assert float(fallen.rad()) < ROUNDED
