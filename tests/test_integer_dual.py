"""Dual points in integers are exactly feasible, and their bounds agree with those of ball arithmetic."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from numerics.backends.balls import Ball, BallMatrix
from numerics.bounds.dual import dual_bound_cross_entropy, dual_bound_mse
from numerics.bounds.integer_columns import CONJUGATES, DENOMINATOR, probabilities
from numerics.bounds.integer_dual import (
    cholesky_rows,
    integer_dual,
    is_dominant,
    less_squares,
    quadratic_form,
)
from numerics.tolerances import CERTIFICATE_GAP
from theory.claim import find
from theory.errors import ParameterError
from theory.export.coq_certificate import CHECKERS, UNIT, checker_of
from theory.problem import CROSS_ENTROPY, MSE

SETTINGS = [
    ((5, 3), (Fraction(1, 5), Fraction(1, 10))),
    ((20, 10, 5), (Fraction(1, 200), Fraction(1, 1000))),
    ((9, 7, 4, 2, 1), (Fraction(1, 10**3), Fraction(1, 10**3))),
]


def logits(classes: int) -> torch.Tensor:
    """Return random mean logits, one column a class, whose correct entries are the largest."""
    generator = torch.Generator().manual_seed(classes)
    return 4 * torch.eye(classes, dtype=torch.float64) + torch.randn(
        classes, classes, generator=generator, dtype=torch.float64
    )


def bound_in_balls(loss: str, z: torch.Tensor, counts: tuple, decay: Ball) -> float:
    """Return the dual bound of a loss without a bias in ball arithmetic, at mean logits with one column a class."""
    of_samples = z.repeat_interleave(torch.tensor(counts), dim=1)
    y = torch.eye(len(counts), dtype=torch.float64).repeat_interleave(torch.tensor(counts), dim=1)
    if loss == MSE:
        return float(dual_bound_mse(of_samples, y, decay, with_bias=False))
    return float(dual_bound_cross_entropy(of_samples, BallMatrix.from_tensor(y), decay, with_bias=False))


@pytest.mark.parametrize("loss", CONJUGATES)
@pytest.mark.parametrize(("counts", "decays"), SETTINGS)
def test_the_bound_agrees_with_that_of_balls(loss, counts, decays):
    """Both shrink the same dual point to the same limit."""
    z = logits(len(counts))
    dual = integer_dual(loss, z, counts, decays)
    assert dual is not None
    product = decays[0] * decays[1]
    enclosed = bound_in_balls(loss, z, counts, Ball(product.numerator) / product.denominator)
    assert abs(dual.bound / UNIT - enclosed) <= CERTIFICATE_GAP * abs(enclosed)


@pytest.mark.parametrize("loss", CONJUGATES)
@pytest.mark.parametrize(("counts", "decays"), SETTINGS)
def test_a_dual_point_is_feasible(loss, counts, decays):
    """The form less the squares of its factor is diagonally dominant, in exact arithmetic."""
    dual = integer_dual(loss, logits(len(counts)), counts, decays)
    assert dual is not None
    assert is_dominant(less_squares(quadratic_form(dual.columns, counts, decays[0] * decays[1]), dual.factor))


@pytest.mark.parametrize(("counts", "decays"), SETTINGS)
def test_the_dual_point_of_the_cross_entropy_is_probabilities(counts, decays):
    """The columns are positive and sum to one, in exact arithmetic."""
    dual = integer_dual(CROSS_ENTROPY, logits(len(counts)), counts, decays)
    assert dual is not None
    assert all(sum(column) == DENOMINATOR and min(column) > 0 for column in dual.columns)


@pytest.mark.parametrize("loss", CONJUGATES)
def test_no_point_beyond_the_limit_is_found(loss):
    """A dual point that is not shrunk to the limit is not feasible, and none is returned."""
    counts, decays = SETTINGS[1]
    assert integer_dual(loss, logits(3), counts, decays, margins=(-1e-9,)) is None


def test_an_indefinite_form_has_no_factor():
    """A form with a negative eigenvalue is no sum of squares."""
    assert cholesky_rows([[1, 2], [2, 1]]) is None


def test_small_probabilities_stay_positive():
    """A probability below the resolution is rounded up, and the correct one makes up for it."""
    residual = torch.tensor([[0.0, 1e-30], [-1e-30, 0.0]], dtype=torch.float64)
    assert probabilities(residual) == [[DENOMINATOR - 1, 1], [1, DENOMINATOR - 1]]


def test_every_claim_with_a_checker_has_dual_points_in_integers():
    """The losses of the table of checkers are among those of the table of dual points."""
    forms = [find(claim_id).problem.nuclear_form for claim_id in CHECKERS]
    assert {form.loss for form in forms if form is not None} == set(CONJUGATES)
    assert None not in forms


def test_a_claim_without_a_checker_is_refused():
    with pytest.raises(ParameterError, match=r"coq: Coq checks no certificates of 'mse-imbalanced-relu'; .*mse-imb"):
        checker_of("mse-imbalanced-relu")
