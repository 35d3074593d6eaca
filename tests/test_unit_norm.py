"""Variables of unit norm: every point that is drawn, trained, attacked or certified has it, and what bounds the loss there."""

from __future__ import annotations

import math

import pytest
import torch

from numerics.backends.balls import highest, lowest
from numerics.backends.points import points_of, random_point
from numerics.backends.tensors import DTYPE
from numerics.backends.unit_norm import feasible, feasible_in_balls, normalised
from numerics.bounds.certificates import problem_bounds
from numerics.bounds.enclosures import value_at
from numerics.judging.comparison import compare
from numerics.searching.adversary import descend
from numerics.searching.thresholds import tuned_to
from numerics.tolerances import CERTIFICATE_GAP
from numerics.training.certified import train
from numerics.training.optimise import minimise
from proofs_check.harness.points import chain_points
from theory.claim import find
from theory.errors import ParameterError
from theory.point import Point
from theory.problem import Variable
from theory.symbols import K, N, d

CLAIM = find("ce-sphere")
INSTANCE = CLAIM.problem.instance(class_counts=(2, 2, 2, 2), widths=5, temperature=2.5)
ROUNDED = 1e-14


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def is_unit(point: Point) -> bool:
    lengths = torch.cat([point.W.norm(dim=-1).flatten(), point.H.norm(dim=-2).flatten()])
    return bool(((lengths - 1).abs() <= ROUNDED).all())


def test_rows_and_columns_are_normalised():
    a = torch.tensor([[3.0, 4.0], [0.0, 2.0]], dtype=DTYPE)
    rows, columns, free = (
        Variable("A", (K, d), unit_norm="rows"),
        Variable("A", (d, N), unit_norm="columns"),
        Variable("A", (K, d)),
    )
    assert torch.allclose(normalised(rows, a), torch.tensor([[0.6, 0.8], [0.0, 1.0]], dtype=DTYPE))
    assert torch.allclose(normalised(columns, a), a / torch.tensor([3.0, 20**0.5], dtype=DTYPE))
    assert normalised(free, a) is a


def test_another_side_is_rejected():
    with pytest.raises(ParameterError, match="H: unit_norm: 'sides' is not allowed"):
        Variable("H", (d, N), unit_norm="sides")  # pyright: ignore[reportArgumentType]


def test_every_point_has_unit_norm():
    instances = [INSTANCE] * 2
    solution = minimise(CLAIM.problem, instances, 2, max_iterations=3)
    assert is_unit(Point(solution.points))
    assert all(map(is_unit, chain_points(CLAIM, instances, solution.best_point(), seed=0)))
    for parameters_move in (True, False):
        assert is_unit(descend(CLAIM, instances, torch.tensor([0, 2]), generator(), 5, parameters_move)[1])


def test_balls_have_unit_norm_although_no_double_has():
    (point,) = points_of(random_point(CLAIM, [INSTANCE], 1.0, generator()))
    balls = feasible_in_balls(CLAIM.problem.variables, point)
    for vectors in (balls.W, balls.H.transposed):
        for vector in vectors.tolist():
            excess = sum(x * x for x in vector) - 1
            assert excess.contains(0)
            assert float(excess.rad()) < 1e-40
    longer = point.map(lambda a: 7 * a)
    same, other = (value_at(CLAIM.problem, INSTANCE, p) for p in (point, longer))
    assert float(abs(same - other)) < 1e-15


def test_the_dual_bound_lies_below_the_loss_at_every_point():
    """It is a bound on the minimum, from whatever point its probabilities come, and it meets the minimum at the minimiser."""
    (predicted,) = [float(CLAIM.prediction.minimum.subs(INSTANCE.bindings))]
    draws, source = [INSTANCE] * 20, generator()
    found = [
        problem_bounds(CLAIM.problem, INSTANCE, p)["dual"] for p in points_of(random_point(CLAIM, draws, 1.0, source))
    ]
    assert max(highest(bound) for bound in found) < predicted
    solution = minimise(CLAIM.problem, [INSTANCE], 2)
    (best,) = points_of(solution.best_point())
    bound = problem_bounds(CLAIM.problem, INSTANCE, best)["dual"]
    assert lowest(bound) == pytest.approx(predicted, rel=1e-11)
    assert pytest.approx(best.W) == feasible(CLAIM.problem.variables, best).W


def test_a_temperature_that_no_descent_follows_is_rejected():
    with pytest.raises(
        ParameterError,
        match="temperature: '101' is not allowed; temperature is a finite number above 0, from 1e-50 to 100",
    ):
        CLAIM.problem.instance(class_counts=(2, 2), temperature="101")


def test_the_largest_temperature_is_trained_and_predicted_to_all_digits():
    """The loss there is e^−150, far below the rounding of the numbers whose logarithm it is."""
    instance = CLAIM.problem.instance(class_counts=(2, 2, 2), widths=2, temperature=100)
    training = train(CLAIM, [instance], 4, 0, "cpu")
    (comparison,) = compare(CLAIM, training.solution)
    assert comparison.failures == ()
    assert comparison.predicted == pytest.approx(2 * math.exp(-150), rel=1e-12)
    assert training.certificates[0] is not None
    assert training.certificates[0].gap < CERTIFICATE_GAP


def test_instances_are_tuned_within_the_domain():
    yardstick = CLAIM.prediction.yardstick
    assert yardstick is not None
    values = {"class_counts": (2, 2), "widths": 2}
    assert tuned_to(CLAIM, yardstick, values, 1, 16.0) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="different signs"):
        tuned_to(CLAIM, yardstick, values, 1, 1e9)
