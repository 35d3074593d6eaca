"""From raw samples to canonical parameters: the minimum on the samples themselves is the one predicted from their spectrum."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.tensors import DTYPE
from numerics.data.spectra import digits, residual_spectrum
from numerics.training.optimise import Ending, minimise
from theory.claim import find
from theory.point import Point

NOISE = {"beta": 0.6, "eta_dec": 0.9, "eta_enc": 1.3}


def samples(condition_rank: int, determined: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw x with three coordinates of the given rank, and y with four, so many of them determined by x."""
    generator = np.random.default_rng(condition_rank + 10 * determined)
    hidden = generator.normal(size=(40, condition_rank))
    x = hidden @ generator.normal(size=(condition_rank, 3))
    own = generator.normal(size=(40, 4 - determined)) @ generator.normal(size=(4 - determined, 4))
    return x + 5, x @ generator.normal(size=(3, 4)) + 1.5 * own - 2


@pytest.mark.parametrize(("condition_rank", "determined"), [(3, 0), (2, 0), (1, 2)])
def test_the_loss_on_raw_samples_has_the_predicted_minimum(condition_rank, determined):
    claim = find("cvae")
    x, y = samples(condition_rank, determined)
    left = residual_spectrum(x, y)
    assert len(left.theta) == 4 - determined
    assert {len(row) for row in left.regression} == {condition_rank}
    canonical = claim.problem.instance(theta=left.theta, regression=left.regression, latent_dim=2, **NOISE)
    predicted = float(evaluate(claim.prediction.value, stack_bindings([canonical])))

    roots = {"A_x": x, "A_y": y}
    raw = {name: torch.tensor((a - a.mean(0)).T / len(a) ** 0.5, dtype=DTYPE) for name, a in roots.items()}
    problem = dataclasses.replace(claim.problem, data=lambda xp: Point(raw))
    sizes = problem.instance(theta=(1.0,) * 4, regression=np.zeros((4, 3)).tolist(), latent_dim=2, **NOISE)
    solution = minimise(problem, [sizes], starts=3)
    assert solution.best_ending() == [Ending.CONVERGED]
    assert float(solution.best_value()) == pytest.approx(predicted, rel=1e-11)


def test_residual_spectrum_is_that_of_the_schur_complement():
    x, y = samples(2, 1)
    joint = np.cov(np.hstack([x, y]).T, bias=True)
    xx, xy, yy = joint[:3, :3], joint[:3, 3:], joint[3:, 3:]
    expected = np.linalg.eigvalsh(yy - xy.T @ np.linalg.pinv(xx, rcond=1e-10, hermitian=True) @ xy)[::-1]
    left = residual_spectrum(x, y)
    np.testing.assert_allclose(left.theta, expected[: len(left.theta)], rtol=1e-10)
    assert abs(expected[len(left.theta) :]).max() < 1e-12
    explained = np.array(left.regression) @ np.array(left.regression).T + np.diag(left.theta)
    assert np.trace(explained) <= np.trace(yy) * (1 + 1e-12)


def test_what_leaves_nothing_to_encode_is_refused():
    x, y = samples(2, 1)
    with pytest.raises(ValueError, match="determines it"):
        residual_spectrum(x, x @ np.ones((3, 1)))
    with pytest.raises(ValueError, match="no variance"):
        residual_spectrum(np.ones_like(x), y)


def test_the_more_the_condition_explains_the_more_collapses():
    """The lowest rows of the digits, given more and more of the rows above them."""
    claim = find("cvae")
    images = load_digits().data / 16
    alive = []
    for rows in range(1, 7):
        left = residual_spectrum(images[:, : 8 * rows], images[:, 48:])
        instance = claim.problem.instance(theta=left.theta, regression=left.regression, beta=0.03)
        collapsed = evaluate(claim.prediction.threshold.collapsed, stack_bindings([instance]))
        alive.append(int((collapsed == 0).sum()))
    assert alive == sorted(alive, reverse=True)
    assert alive[0] > alive[-1] > 0


def test_digits_come_as_the_problem_asks_for_them():
    both = {view: digits(view) for view in ("spectrum", "conditional")}
    assert both["spectrum"].keys() == {"theta"}
    assert len(both["conditional"]["regression"]) == len(both["conditional"]["theta"]) <= 32
    assert sum(both["conditional"]["theta"]) < sum(t**2 for t in both["spectrum"]["theta"])
    with pytest.raises(ValueError, match="no view 'sideways'"):
        digits("sideways")
