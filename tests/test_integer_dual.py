"""Dual points in integers are exactly feasible, and their bounds agree with those of ball arithmetic."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from numerics.backends.balls import Ball, BallMatrix
from numerics.bounds.dual import dual_bound_cross_entropy
from numerics.bounds.integer_dual import (
    DENOMINATOR,
    cholesky_rows,
    integer_dual,
    is_dominant,
    less_squares,
    probabilities,
    quadratic_form,
)
from numerics.tolerances import CERTIFICATE_GAP
from theory.export.coq_certificate import UNIT

SETTINGS = [((5, 3), Fraction(1, 50)), ((20, 10, 5), Fraction(1, 200000)), ((9, 7, 4, 2, 1), Fraction(1, 10**6))]


def logits(classes: int) -> torch.Tensor:
    """Return random mean logits, one column a class, whose correct entries are the largest."""
    generator = torch.Generator().manual_seed(classes)
    return 4 * torch.eye(classes, dtype=torch.float64) + torch.randn(
        classes, classes, generator=generator, dtype=torch.float64
    )


@pytest.mark.parametrize(("counts", "decays"), SETTINGS)
def test_the_bound_agrees_with_that_of_balls(counts, decays):
    """Both shrink the same probabilities to the same limit."""
    z = logits(len(counts))
    dual = integer_dual(z, counts, decays)
    assert dual is not None
    of_samples = z.repeat_interleave(torch.tensor(counts), dim=1)
    y = torch.eye(len(counts), dtype=torch.float64).repeat_interleave(torch.tensor(counts), dim=1)
    decay = Ball(decays.numerator) / decays.denominator
    enclosed = float(dual_bound_cross_entropy(of_samples, BallMatrix.from_tensor(y), decay, with_bias=False))
    assert abs(dual.bound / UNIT - enclosed) <= CERTIFICATE_GAP * enclosed


@pytest.mark.parametrize(("counts", "decays"), SETTINGS)
def test_a_dual_point_is_probabilities_and_feasible(counts, decays):
    """The columns sum to one, and the form less the squares of its factor is diagonally dominant, in exact arithmetic."""
    dual = integer_dual(logits(len(counts)), counts, decays)
    assert dual is not None
    assert all(sum(column) == DENOMINATOR and min(column) > 0 for column in dual.columns)
    assert is_dominant(less_squares(quadratic_form(dual.columns, counts, decays), dual.factor))


def test_no_point_beyond_the_limit_is_found():
    """Probabilities that are not shrunk to the limit are not feasible, and none is returned."""
    counts, decays = SETTINGS[1]
    assert integer_dual(logits(3), counts, decays, margins=(-1e-9,)) is None


def test_an_indefinite_form_has_no_factor():
    """A form with a negative eigenvalue is no sum of squares."""
    assert cholesky_rows([[1, 2], [2, 1]]) is None


def test_small_probabilities_stay_positive():
    """A probability below the resolution is rounded up, and the correct one makes up for it."""
    assert probabilities([[0.0, 1e-30]]) == [[DENOMINATOR - 1, 1]]
