"""A variable in which the loss is quadratic is found and eliminated; where the loss is of another kind, none is."""

import dataclasses

import pytest
import torch

from numerics.training.budget import Budget
from numerics.training.layout import draw
from numerics.training.newton import Search
from numerics.training.objective import Objective
from theory.claim import find

CLASSES = {"class_counts": (5, 3, 2), "widths": 4, "weight_decay": 0.02, "feature_decay": 0.03}
DIRECTIONS = {"theta": (3.0, 2.0, 0.1), "latent_dim": 2, "beta": 0.5, "eta_dec": 0.8, "eta_enc": 0.9}


def objective(claim_id, values, starts=3):
    problem = find(claim_id).problem
    return Objective(problem, [problem.instance(**values)], starts)


def drawn(of, runs=3):
    return draw(torch.Generator().manual_seed(3), runs, of.layout), torch.arange(runs)


def eliminated_name(of):
    firsts = [sum(of.layout.lengths[:i]) for i in range(len(of.layout.lengths))]
    return of.layout.names[firsts.index(of.eliminated.place.first)]


@pytest.mark.parametrize("claim_id", ["ce-imbalanced", "ce-balanced-etf", "ce-imbalanced-relu"])
def test_a_cross_entropy_is_quadratic_in_no_variable(claim_id):
    counts = {"class_counts": (4, 4, 4)} if "balanced-etf" in claim_id else {}
    assert objective(claim_id, CLASSES | counts).eliminated is None


@pytest.mark.parametrize(
    ("claim_id", "values", "name"),
    [
        ("mse-imbalanced", CLASSES, "H"),
        ("mse-imbalanced-relu", CLASSES, "W"),
        ("vae-learnable-variance", DIRECTIONS, "U"),
    ],
)
def test_the_variable_is_the_best_one_beside_the_others(claim_id, values, name):
    """The gradient in the variable vanishes there, and the rest of the gradient is that of the least loss."""
    of = objective(claim_id, values)
    assert eliminated_name(of) == name
    x, runs = drawn(of)
    reduced, place = of.reduced(), of.eliminated.place
    whole = reduced.whole(reduced.rest(x), runs).requires_grad_()
    (gradient,) = torch.autograd.grad(of(whole, runs).sum(), whole)
    assert float(place.own(gradient).abs().max()) <= 1e-13 * float(gradient.abs().max())
    rest, step = reduced.rest(x), 1e-5
    least, along = (
        reduced.at(runs),
        torch.randn(rest.shape, generator=torch.Generator().manual_seed(4), dtype=rest.dtype),
    )
    change = (least(rest + step * along) - least(rest - step * along)) / (2 * step)
    torch.testing.assert_close(change, (place.rest(gradient) * along).sum(1), rtol=1e-7, atol=1e-9)


def test_the_encoder_of_unequal_directions_has_a_factor_for_each():
    """Of encoder and decoder, equally large, that one is eliminated whose curvatures differ: they make a descent slow."""
    factors = objective("vae-learnable-variance", DIRECTIONS).eliminated.factors[0]
    theta = torch.tensor(DIRECTIONS["theta"], dtype=factors.dtype)
    torch.testing.assert_close(factors, (theta / theta[0]).square(), rtol=1e-10, atol=0)


@pytest.mark.parametrize("power", [3, 4])
def test_a_small_term_of_another_power_is_noticed(power):
    """A loss that is quadratic but for a millionth of another power of the features is not taken for a quadratic one."""
    problem = find("mse-imbalanced").problem

    def loss(xp, v, data, p):
        return problem.loss(xp, v, data, p) + 1e-6 * (v.H**power).sum((1, 2)) + 1e-6 * (v.W**power).sum((1, 2))

    changed = dataclasses.replace(problem, loss=loss)
    assert Objective(changed, [changed.instance(**CLASSES)], 1).eliminated is None


def test_a_descent_takes_a_fraction_of_the_iterations(monkeypatch):
    values = {"class_counts": (20, 10, 5, 5), "widths": (8,), "depth": 3, "weight_decay": 5e-3, "feature_decay": 5e-4}
    of = objective("mse-deep-linear-imbalanced", values, 4)
    x, runs = drawn(of, 4)
    with_it = Search(of, x, runs)
    with_it.descend(Budget(600, None))
    monkeypatch.setattr(Objective, "reduced", lambda self: None)
    without = Search(of, x, runs)
    without.descend(Budget(600, None))
    torch.testing.assert_close(with_it.f, without.f, rtol=1e-10, atol=0)
    assert 5 * int(with_it.iterations.max()) < int(without.iterations.min())
