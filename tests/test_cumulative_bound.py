"""The dual bound on cumulative link losses meets the minimum that a direct search of the reduced problem finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.balls import Ball, highest, lowest
from numerics.backends.points import points_of, random_point
from numerics.backends.tensors import DTYPE
from numerics.bounds.certificates import problem_bounds
from numerics.bounds.cumulative import dual_bound_cumulative
from numerics.training import optimise
from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.strategies import batches, drawn
from theory.claim import find
from theory.neural_collapse.ordinal_cumulative_link import odds
from theory.problem import Instance
from theory.symbols import feature_decay, weight_decay

CLAIM = find("ordinal-cumulative-link")
INSTANCES = 100
AGREES = 1e-7


def class_losses(z: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return −log P(y = k | z_k) for each class, from the definition of the model."""
    up_to = [0.0, *(1 / (1 + np.exp(z[k] - b)) for k, b in enumerate(thresholds)), 1.0]
    below = [0.0, *(1 / (1 + np.exp(z[k + 1] - b)) for k, b in enumerate(thresholds))]
    return np.array([-math.log(up_to[k + 1] - below[k]) for k in range(len(z))])


def reduced(z: np.ndarray, instance: Instance) -> float:
    """Return the loss of the best features and classifier with the latent values z of the classes."""
    counts, values = np.array(instance.values["class_counts"]), instance.values
    size = math.sqrt(values["weight_decay"] * values["feature_decay"] * float(counts @ z**2))
    return float(counts @ class_losses(z, -np.log(values["odds"]))) / counts.sum() + size


def searched(instance: Instance) -> tuple[float, np.ndarray]:
    """Return the least value of the reduced problem that descents from zero and from two other points find, with its latent values."""
    classes = len(instance.values["class_counts"])
    zero = np.zeros(classes)
    found = [(reduced(zero, instance), zero)]
    for start in (np.linspace(-1, 1, classes), np.linspace(-4, 4, classes)):
        for method in ("BFGS", "Nelder-Mead"):
            options = (
                {"gtol": 1e-12}
                if method == "BFGS"
                else {"xatol": 1e-11, "fatol": 1e-14, "maxiter": 20000, "maxfev": 20000}
            )
            result = minimize(reduced, start, args=(instance,), method=method, options=options)
            start = result.x
            found.append((float(result.fun), result.x))
    return min(found, key=lambda pair: pair[0])


def bound_at(z: np.ndarray, instance: Instance) -> Ball:
    """Enclose the dual bound from latent values of the classes."""
    counts = torch.tensor(instance.values["class_counts"])
    labels = torch.eye(len(counts), dtype=DTYPE).repeat_interleave(counts, 1)
    balls = ball_bindings(CLAIM.problem, instance)
    latent = torch.tensor(z, dtype=DTYPE).repeat_interleave(counts)
    return dual_bound_cumulative(latent, labels, balls[odds], balls[weight_decay] * balls[feature_decay])


def test_the_bound_is_the_minimum_of_the_reduced_problem():
    """On drawn instances the searched minimum and the bound, from the latent values that training finds, agree."""
    instances = [i for regime in REGIMES for batch in drawn(batches(CLAIM, regime), 5, seed=1) for i in batch][
        :INSTANCES
    ]
    assert len(instances) == INSTANCES
    assert len({len(instance.values["odds"]) for instance in instances}) > 2
    alive = 0
    for instance in instances:
        value, _ = searched(instance)
        (point,) = points_of(optimise.minimise(CLAIM.problem, [instance], 2).best_point())
        bound = problem_bounds(CLAIM.problem, instance, point)["dual"]
        assert lowest(bound) == pytest.approx(value, rel=AGREES), instance.values
        alive += value < reduced(np.zeros(len(instance.values["class_counts"])), instance)
    assert 20 < alive < INSTANCES


def test_the_bound_lies_below_the_minimum_at_every_point():
    instance = CLAIM.problem.instance(
        odds=(3, 1.2, 0.4), class_counts=(4, 1, 6, 2), weight_decay=0.05, feature_decay=0.02
    )
    source = torch.Generator().manual_seed(3)
    points = points_of(random_point(CLAIM, [instance] * 20, 1.0, source))
    found = [problem_bounds(CLAIM.problem, instance, point)["dual"] for point in points]
    value, best = searched(instance)
    assert max(map(highest, found)) < value
    assert lowest(bound_at(best, instance)) == pytest.approx(value, rel=AGREES)
    # Short of the minimum the slopes are too large to be feasible, and are shrunk.
    assert max(highest(bound_at(share * best, instance)) for share in (0.0, 0.3, 0.6, 0.9)) < value


def test_the_bound_of_zero_is_the_loss_at_zero_where_everything_collapses():
    instance = CLAIM.problem.instance(odds=(3, 1.2, 0.4), class_counts=(4, 1, 6, 2), weight_decay=2, feature_decay=2)
    zero = np.zeros(4)
    assert lowest(bound_at(zero, instance)) == pytest.approx(reduced(zero, instance), rel=1e-14)


def test_latent_values_far_out_give_a_bound():
    """Probabilities that round to zero and one are allowed."""
    instance = CLAIM.problem.instance(odds=(2, 0.5), class_counts=(1, 1, 1), weight_decay=1e-3, feature_decay=1e-3)
    for z in ((-800.0, 0.0, 800.0), (800.0, 800.0, -800.0)):
        assert bound_at(np.array(z), instance).is_finite()
