"""The dual bound on contrastive losses, and the search for features that are all bounded."""

from __future__ import annotations

import math

import pytest
import torch

from numerics.backends.balls import Ball, highest, lowest
from numerics.backends.points import points_of, random_point
from numerics.backends.tensors import DTYPE
from numerics.bounds.certificates import problem_bounds
from numerics.bounds.similarity_box import dual_bound_in_similarity_box
from numerics.training import optimise
from theory.claim import find

CLAIM = find("supcon-relu")


def labels(*counts: int) -> torch.Tensor:
    classes = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return torch.nn.functional.one_hot(classes, len(counts)).to(DTYPE).mT


def test_the_bound_lies_below_the_minimum_at_every_point():
    """It is a bound on the minimum, from whatever point its probabilities come, and it meets the minimum at the minimiser."""
    instance = CLAIM.problem.instance(class_counts=(4, 3, 2), widths=5, temperature=0.5)
    source = torch.Generator().manual_seed(3)
    points = points_of(random_point(CLAIM, [instance] * 20, 1.0, source))
    found = [problem_bounds(CLAIM.problem, instance, point)["dual"] for point in points]
    (best,) = points_of(optimise.minimise(CLAIM.problem, [instance], 4).best_point())
    bound = problem_bounds(CLAIM.problem, instance, best)["dual"]
    least = sum(n * math.log(n - 1 + (9 - n) * math.exp(-2)) for n in (4, 3, 2)) / 9
    assert max(map(highest, found)) < least
    assert lowest(bound) == pytest.approx(least, rel=1e-12)


def test_the_bound_is_that_of_the_best_similarities_in_the_box():
    """At its corner, positives at the upper end and all others at zero, the bound is the mean loss; a tiny one keeps its digits."""
    y = labels(2, 2)
    corner = 50 * (y.mT @ y - torch.eye(4, dtype=DTYPE))
    bound = dual_bound_in_similarity_box(corner, y, Ball(50))
    assert lowest(bound) == pytest.approx(math.log1p(2 * math.exp(-50)), rel=1e-12)
    assert highest(dual_bound_in_similarity_box(corner, y, Ball(60))) < math.log1p(2 * math.exp(-60))


def test_probabilities_that_round_to_zero_are_allowed():
    y = labels(3, 2)
    similarities = torch.zeros(5, 5, dtype=DTYPE)
    similarities[0, 1:] = similarities[1:, 0] = -2000.0
    assert dual_bound_in_similarity_box(similarities, y, Ball(1)).is_finite()


def test_a_class_finds_a_coordinate_of_its_own(monkeypatch):
    """From most starts two classes share a coordinate, and no small step leaves it: a coordinate of features alone is drawn anew."""
    instance = CLAIM.problem.instance(class_counts=(3,) * 8, temperature=1)

    def spread(redraws: bool) -> float:
        with monkeypatch.context() as patch:
            if not redraws:
                patch.setattr(optimise, "redraw_units", lambda *arguments: None)
            values = optimise.minimise(CLAIM.problem, [instance], 8, seed=1).values[0]
        return float((values - values.min()).max() / values.min())

    assert spread(redraws=False) > 1e-3
    assert spread(redraws=True) < 1e-12
