"""Invariants, the metrics NC1–NC3, and real data."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from numerics.data.spectra import digits, principal_deviations
from numerics.judging.comparison import compare
from numerics.judging.invariants import measure, split_groups
from numerics.networks.measure import measure as measure_network
from numerics.training.optimise import minimise
from theory.claim import find
from theory.errors import ParameterError
from theory.point import Point
from theory.problem import Invariant
from theory.symbols import d

K = 4
ETF = torch.eye(K, dtype=torch.float64) - 1 / K
LABELS = torch.eye(K, dtype=torch.float64).repeat_interleave(3, dim=1)


def collapse_metrics(features, weight):
    """Return NC1, NC2 and NC3 of features (d × N) and a classifier (K × d)."""
    decays = {"weight_decay": 0.01, "feature_decay": 0.005}
    network = measure_network(features.T, LABELS.argmax(0), weight, loss="cross-entropy", **decays)
    return network.nc1, network.nc2, network.nc3


def test_metrics_vanish_at_a_simplex_etf():
    assert all(value < 1e-12 for value in collapse_metrics(2 * ETF @ LABELS, 5 * ETF))


def test_metrics_see_what_is_not_collapsed():
    torch.manual_seed(0)
    noise = 0.1 * torch.randn(K, 3 * K, dtype=torch.float64)
    assert collapse_metrics(ETF @ LABELS + noise, ETF)[0] > 1e-4
    lopsided = torch.diag(torch.tensor([1.0, 1, 1, 2], dtype=torch.float64)) @ ETF
    assert collapse_metrics(lopsided @ LABELS, ETF)[1] > 1e-2
    assert collapse_metrics(ETF @ LABELS, ETF.roll(1, 0))[2] > 0.1


def test_trained_balanced_cross_entropy_shows_neural_collapse():
    problem = find("ce-balanced-etf").problem
    instance = problem.instance(class_counts=(3,) * K, widths=6, weight_decay=0.01, feature_decay=0.005)
    point = minimise(problem, [instance], starts=1).best_point()
    assert all(value < 1e-7 for value in collapse_metrics(point.H[0], point.W[0]))


@pytest.mark.parametrize(
    ("counts", "width", "expected"),
    [((5, 3, 3, 1), 2, [[1, 2]]), ((5, 3, 3, 1), 3, []), ((2, 2, 2), 1, [[0, 1, 2]]), ((2, 2, 2), 3, [])],
)
def test_the_group_a_rank_limit_cuts(counts, width, expected):
    claim = find("mse-imbalanced")
    instance = claim.problem.instance(class_counts=counts, widths=width, weight_decay=0.01, feature_decay=0.01)
    assert [basis.nonzero()[:, 0].tolist() for basis in split_groups(claim, instance)] == expected


def test_invariants_ignore_the_choice_within_a_cut_group():
    """With equal classes and too small a width every rotation is optimal; the invariants must not depend on which."""
    claim = find("mse-imbalanced")
    instance = claim.problem.instance(class_counts=(3, 3, 3), widths=2, weight_decay=0.01, feature_decay=0.01)
    solutions = [minimise(claim.problem, [instance], starts=1, seed=seed) for seed in range(2)]
    raw = [s.best_point().W[0] @ s.best_point().W[0].mT for s in solutions]
    assert not torch.allclose(raw[0], raw[1], atol=1e-3)
    first, second = (measure(claim, [instance], s.best_point())["classifier_gram"] for s in solutions)
    torch.testing.assert_close(first, second, rtol=0, atol=1e-8)
    assert compare(claim, solutions[0])[0].failures == ()


@pytest.mark.parametrize(
    ("sigma", "expected"),
    [("1,2,3,4", [[0, 1], [2, 3]]), ("1,1,2,2", []), ("1,1,2", [[2, 3]]), ("1,1,2,3,4", [[2, 3]])],
)
def test_equal_directions_with_different_partners(sigma, expected):
    claim = find("vae-fixed-variance")
    bases = split_groups(claim, claim.problem.instance(theta="3,3,2,2", sigma=sigma))
    assert [basis.nonzero()[:, 0].tolist() for basis in bases] == expected


def anisotropic(sigma1, **others):
    """Return the two-level claim with a given variance for each direction, an instance, and a trained point of it."""
    claim = find("hvae-anisotropic-variances")
    instance = claim.problem.instance(sigma1=sigma1, **others)
    return claim, instance, minimise(claim.problem, [instance], starts=1)


def turned_latents(point, turn):
    """Return a point of a hierarchy with the directions of z_1 rotated."""
    w_1, u_1, u_2, w_2 = turn @ point.W_1, point.U_1 @ turn.mT, turn @ point.U_2, point.W_2 @ turn.mT
    return Point(U_1=u_1, W_1=w_1, U_2=u_2, W_2=w_2)


def rotation(size, first, second, angle=0.7):
    turn = torch.eye(size, dtype=torch.float64)
    cosine, sine = math.cos(angle), math.sin(angle)
    turn[first, first], turn[second, second], turn[first, second], turn[second, first] = cosine, cosine, sine, -sine
    return turn


def test_latent_directions_with_equal_noise_may_be_rotated_and_no_others():
    """Rotated within equal noise, a point has the same loss and the same latent matrix; rotated otherwise it has another matrix."""
    claim, instance, solution = anisotropic("0.5,1,1", theta="3,2,1.5")
    point = solution.best_point()
    matrix = measure(claim, [instance], point)["top_decoder_gram"]
    assert float(matrix.diagonal(dim1=1, dim2=2).min()) > 0.1
    equal, different = (turned_latents(point, rotation(3, *pair)) for pair in ((1, 2), (0, 1)))
    assert not torch.allclose(equal.U_2 @ equal.U_2.mT, matrix, atol=1e-3)
    torch.testing.assert_close(measure(claim, [instance], equal)["top_decoder_gram"], matrix, rtol=0, atol=1e-8)
    assert not torch.allclose(measure(claim, [instance], different)["top_decoder_gram"], matrix, atol=1e-3)
    assert compare(claim, solution)[0].failures == ()


def test_a_latent_matrix_has_as_many_directions_as_the_code():
    claim, instance, solution = anisotropic("0.5,1", theta="3,2,1.5")
    assert measure(claim, [instance], solution.best_point())["top_decoder_gram"].shape == (1, 2, 2)
    assert compare(claim, solution)[0].failures == ()


@pytest.mark.parametrize("kept", [{"kind": "latent"}, {"latent": d}, {"kind": "latent", "latent": d}])
def test_a_latent_matrix_says_how_many_directions_it_has_and_what_tells_them_apart(kept):
    with pytest.raises(ParameterError, match="exactly where latent and noise are given"):
        Invariant("m", "a matrix", lambda xp, v, data, p: v.U, **kept)


def test_digits_spectrum():
    theta = digits()["theta"]
    covariance = np.cov(load_digits().data.T / 16, bias=True)
    assert len(theta) == np.linalg.matrix_rank(covariance)
    assert sum(t**2 for t in theta) == pytest.approx(np.trace(covariance), rel=1e-12)
    assert list(theta) == sorted(theta, reverse=True)


def test_directions_without_variance_are_left_out():
    samples = np.random.default_rng(0).normal(size=(50, 2)) @ np.array([[1.0, 0, 0, 2], [0, 1, 0, 0]])
    assert len(principal_deviations(samples)) == 2


def test_vae_on_digits_collapses_as_predicted():
    claim = find("vae-learnable-variance")
    instance = claim.problem.instance(**digits(), latent_dim=4, beta=0.25)
    solution = minimise(claim.problem, [instance], starts=1)
    (comparison,) = compare(claim, solution)
    assert comparison.failures == ()
    assert not comparison.near_threshold
