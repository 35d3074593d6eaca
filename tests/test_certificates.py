"""Certificates meet trained optima, also without a known formula, and never certify a point that is not optimal."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
import torch
from sympy import Rational
from torch import Tensor

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.balls import Ball, BallMatrix, highest
from numerics.backends.points import points_of, random_point
from numerics.bounds import copositive, separable
from numerics.bounds.certificates import Certificate, certify, problem_bounds
from numerics.bounds.copositive import no_larger
from numerics.bounds.dual import MARGINS, dual_bound_cross_entropy
from numerics.bounds.enclosures import predicted_value, value_at
from numerics.bounds.separable import separable_bound
from numerics.tolerances import CERTIFICATE_GAP, SEPARABLE_GAP
from numerics.training.optimise import minimise
from proofs_check.harness.drawing import REGIMES, WideDraws, drawn_values
from proofs_check.harness.strategies import batches, drawn, group_sizes
from theory.claim import Claim, find
from theory.neural_collapse.features import CROSS_ENTROPY, MSE, features_problem
from theory.point import Point
from theory.problem import ClassCounts, Instance, Width

WRONG_BY = 1e-6
COUNTS = [(5, 5, 5), (20, 10, 5, 5), (50, 3, 1), (1, 1), (100, 1)]


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("fit", [CROSS_ENTROPY, MSE])
def test_dual_bound_meets_training_for_any_class_counts(fit, bias, counts):
    """Most of these settings have no closed form: the certificate alone shows that training is globally optimal."""
    problem = features_problem(fit, ClassCounts(), Width(), with_bias=True)
    instance = problem.instance(
        class_counts=counts, widths=len(counts) + 1, weight_decay=0.01, feature_decay=0.002, bias=bias
    )
    solution = minimise(problem, [instance], starts=3)
    (point,) = points_of(solution.best_point())
    certificate = Certificate(
        value_at(problem, instance, point), problem_bounds(problem, instance, point)["dual"], "dual"
    )
    assert 0 <= certificate.gap <= CERTIFICATE_GAP


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("smoothing", [1e-3, 0.3])
def test_dual_bound_meets_training_under_smoothed_labels(smoothing, bias, counts):
    problem = features_problem(CROSS_ENTROPY, ClassCounts(), Width(), with_bias=True, smoothed=True)
    instance = problem.instance(
        class_counts=counts,
        widths=len(counts) + 1,
        weight_decay=0.01,
        feature_decay=0.0002,
        bias=bias,
        smoothing=smoothing,
    )
    solution = minimise(problem, [instance], starts=3)
    (point,) = points_of(solution.best_point())
    certificate = Certificate(
        value_at(problem, instance, point), problem_bounds(problem, instance, point)["dual"], "dual"
    )
    assert 0 <= certificate.gap <= CERTIFICATE_GAP


@pytest.mark.parametrize("with_bias", [False, True])
def test_dual_bound_holds_for_any_labels_that_are_probabilities(with_bias):
    """The bound lies below the loss at every point, for random labels with some zeros and with ties for the largest entry."""
    generator = torch.Generator().manual_seed(3)
    classes, samples = 4, 9
    shares = torch.randint(0, 4, (classes, samples), generator=generator)
    shares[0] += (shares.sum(0) == 0).long()
    totals = shares.sum(0)
    labels = BallMatrix.of(
        [[Ball(int(x)) / int(total) for x, total in zip(row, totals, strict=True)] for row in shares]
    )
    y = shares / totals
    decay, met = 1e-3, []
    bias = y.mean(1, keepdim=True).log() if with_bias else 0.0
    for scale in (0.03, 0.1, 1.0, 3.0) * 5:
        w, h = (scale * torch.randn(*s, generator=generator, dtype=torch.float64) for s in ((4, 3), (3, samples)))
        z = w @ h + bias
        fitted = torch.logsumexp(z, 0) - (y * z).sum(0)
        loss = float(fitted.mean()) + decay**0.5 / 2 * float(w.square().sum() + h.square().sum())
        lower = dual_bound_cross_entropy(z, labels, Ball(decay), with_bias)
        met.append(lower.is_finite())
        assert lower < loss or not lower.is_finite()
    assert any(met) if with_bias else all(met)


@pytest.mark.parametrize("smoothing", [0.0, 1e-6, 0.1])
def test_small_probabilities_keep_their_accuracy_in_the_dual_bound(smoothing):
    """With one sample a class at margin 60, the entropy of wrong-class probabilities near e⁻⁶⁰ has all digits of a hand computation."""
    classes, margin = 3, 60
    labels = BallMatrix.of(
        [
            [(1 - Ball(smoothing)) * int(i == j) + Ball(smoothing) / classes for j in range(classes)]
            for i in range(classes)
        ]
    )
    z = margin * torch.eye(classes, dtype=torch.float64)
    wrong = 1 / (Ball(margin).exp() + classes - 1)
    lower = dual_bound_cross_entropy(z, labels, Ball(1), with_bias=False)  # decays so large that any P is feasible
    kept = Ball(1 - MARGINS[0])  # the label has the rest of P
    wrong = kept * wrong + (1 - kept) * Ball(smoothing) / classes
    by_hand = -(2 * wrong * wrong.log() + (1 - 2 * wrong) * (-2 * wrong).log1p())
    assert float(lower / by_hand) == pytest.approx(1, rel=1e-13)


LEANING = ((14, 5, 5, 1), (50, 20, 10, 3, 1), (8, 7, 6, 1, 1))
"""Class counts at which the form is copositive only with some of its positive entries."""


@pytest.mark.parametrize(
    ("claim_id", "counts"),
    [
        *(("ce-imbalanced-relu", counts) for counts in COUNTS),
        *(("ce-relu-bias", counts) for counts in (*COUNTS, *LEANING)),
    ],
)
def test_copositive_bound_meets_training(claim_id, counts):
    claim = find(claim_id)
    instance = claim.problem.instance(
        class_counts=counts, widths=len(counts) + 2, weight_decay=0.01, feature_decay=0.0005
    )
    solution = minimise(claim.problem, [instance])
    (certificate,) = certify(claim, [instance], solution.best_point())
    assert certificate.method == "copositive"
    assert 0 <= certificate.gap <= CERTIFICATE_GAP


def test_an_entry_of_the_form_is_lowered_and_never_raised():
    """A form with a larger entry off the diagonal says nothing about the loss."""
    q = [[Ball(1), Ball(x)] if row == 0 else [Ball(x), Ball(1)] for row, x in ((0, -0.5), (1, 0.5))]
    for proposed, expected in ((0.2, (-0.5, 0.2)), (-0.7, (-0.7, -0.7))):
        form = no_larger(q, [[9.0, proposed], [proposed, 9.0]])
        assert [float(form[0][1]), float(form[1][0])] == list(expected)
        assert [float(form[0][0]), float(form[1][1])] == [1.0, 1.0]


@pytest.mark.parametrize(
    "claim_id",
    ["ce-balanced-etf", "ce-label-smoothing", "ce-imbalanced-relu", "ce-relu-bias-two-classes", "mse-imbalanced"],
)
@pytest.mark.parametrize("scale", [1e-3, 1e-2, 0.3, 3.0])
def test_lower_bounds_stay_below_the_minimum_from_any_point(claim_id, scale):
    """A bound computed from a point that is far from optimal is loose, never wrong."""
    claim = find(claim_id)
    further = {"smoothing": 0.1} if claim_id == "ce-label-smoothing" else {}
    counts = (4, 4, 4) if claim_id in ("ce-balanced-etf", "ce-label-smoothing") else (9, 4, 1)
    counts = (9, 4) if claim_id == "ce-relu-bias-two-classes" else counts
    instance = claim.problem.instance(class_counts=counts, weight_decay=0.01, feature_decay=0.01, **further)
    solution = minimise(claim.problem, [instance])
    minimum = predicted_value(claim, instance)
    generator = torch.Generator().manual_seed(7)
    best = solution.best_point()
    for _ in range(20):
        moved = {}
        for name, array in best.items():
            noisy = array + scale * torch.randn(array.shape, generator=generator, dtype=array.dtype)
            moved[name] = noisy.abs() if name == "H" else noisy
        (point,) = points_of(Point(moved))
        for method, lower in problem_bounds(claim.problem, instance, point).items():
            assert lower < minimum or not lower.is_finite(), method


def diagonal_alone(wrong: Tensor, counts: Tensor, decay: float) -> tuple[Tensor, float]:
    """Propose zero for every entry of the form off the diagonal, also where this raises the entry, and no shrinking."""
    return torch.zeros(len(counts), len(counts), dtype=torch.float64), 1.0


@pytest.mark.parametrize(
    ("claim_id", "counts", "feature_decay"),
    [
        ("ce-imbalanced-relu", (14, 5, 5, 1), 0.01),
        ("ce-relu-bias", (9, 4, 1), 0.01),
        # At total collapse the diagonal of the form is positive, and the form is not copositive.
        ("ce-relu-bias", (20, 4, 4), 0.07),
    ],
)
def test_copositive_bound_stays_below_training_from_any_point(claim_id, counts, feature_decay, monkeypatch):
    """A bound from a point that is far from optimal lies below a trained value, also for a proposed form that is too large."""
    claim = find(claim_id)
    instance = claim.problem.instance(
        class_counts=counts, widths=len(counts), weight_decay=0.1, feature_decay=feature_decay
    )
    best = minimise(claim.problem, [instance], starts=2).best_point()
    (point,) = points_of(best)
    trained = value_at(claim.problem, instance, point)
    generator = torch.Generator().manual_seed(7)
    points = []
    for kept, noise in ((0.0, 0.0), (0.3, 0.03), (0.9, 0.03), (0.9, 0.3)):
        moved = dict(best.items())  # with the trained bias
        for name in ("W", "H"):
            array = best[name]
            moved[name] = kept * array + noise * torch.randn(array.shape, generator=generator, dtype=array.dtype)
        points += points_of(Point({**moved, "H": moved["H"].abs()}))
    bounds = [problem_bounds(claim.problem, instance, far)["copositive"] for far in points]
    assert all(lower.is_finite() for lower in bounds)
    monkeypatch.setattr(copositive, "_lowered_form", diagonal_alone)
    bounds += [problem_bounds(claim.problem, instance, far)["copositive"] for far in points]
    assert all(lower < trained or not lower.is_finite() for lower in bounds)


def test_what_is_slightly_wrong_is_not_certified(claim, ledger):
    """A prediction that is off by a millionth lies outside the bounds; a point that is off by a thousandth leaves a gap."""
    (batch,) = drawn(batches(claim, REGIMES[-1]), 1, ledger.seed)
    examination = ledger.judged(claim, batch).examination
    best = examination.solution.best_point()
    moved = random_point(claim, batch, 1e-3, torch.Generator().manual_seed(0))
    off = certify(claim, batch, Point({name: a + moved[name] for name, a in best.items()}))
    for instance, certificate, other in zip(batch, examination.certificates, off, strict=True):
        predicted = predicted_value(claim, instance)
        assert certificate.failures(predicted, near_threshold=False) == []
        assert any("certificate gap" in failure for failure in other.failures(None, near_threshold=True))
        for factor in () if predicted is None else (1 - Ball(WRONG_BY), 1 + Ball(WRONG_BY)):
            (failure,) = certificate.failures(factor * predicted, near_threshold=True)
            assert "lies outside the certified" in failure


def test_separable_bound_needs_no_formula_and_is_sharp():
    claim = find("mse-imbalanced")
    instance = claim.problem.instance(class_counts=(9, 4, 1), widths=2, weight_decay=0.01, feature_decay=0.01)
    lower = separable_bound(claim.proof.separable, ball_bindings(claim.problem, instance))
    # By hand: q = √n − N √(λ_W λ_H) for the two largest classes, n/(2N) for the third.
    total, decay = 14, 0.01
    by_hand = sum((total * decay) ** 2 / (2 * total) + decay * (n**0.5 - total * decay) for n in (9, 4)) + 1 / (
        2 * total
    )
    assert float(lower) == pytest.approx(by_hand, rel=1e-12)
    assert lower <= predicted_value(claim, instance)


WIDE = 2
"""Number of instances over many decades, for each claim whose proof has a separable bound."""
REACH = 15.0
"""Decades beyond the usual ones over which the numbers of these instances are drawn."""
LARGEST_COUNT = 1000


def wide_instances(claim: Claim) -> Iterator[Instance]:
    """Yield instances whose counts and positive numbers are drawn over decades, with as many directions as the checks draw."""
    generator = Random(f"5 {claim.id}")
    for position, regime in enumerate(generator.sample(REGIMES, WIDE)):
        groups = drawn(group_sizes(regime, claim.problem.fewest_directions), 3, position)[-1]
        draws = WideDraws(generator, groups, regime, REACH, LARGEST_COUNT)
        yield claim.problem.instance(**drawn_values(claim.problem, draws))


def test_separable_bound_closes_over_many_decades(claim):
    """The bound meets the predicted value for any ratios of the parameters, and excludes a value that lies a millionth below.

    The bound of a function that is spoiled by a millionth is not certified.
    """
    separable = claim.proof.separable
    if separable is None or claim.prediction.value is None:
        assert claim.problem.has_bound
        return
    for instance in wide_instances(claim):
        bindings = ball_bindings(claim.problem, instance)
        predicted = predicted_value(claim, instance)
        lower = separable_bound(separable, bindings)
        shown = f"{claim.id} at {dict(instance.values)}"
        assert not predicted < lower, shown
        assert highest((predicted - lower) / abs(predicted)) <= SEPARABLE_GAP, shown
        below = predicted - Ball(WRONG_BY) * abs(predicted)
        assert Certificate(predicted, lower, "separable").failures(below, near_threshold=False), shown
        factor = 1 + Rational(WRONG_BY)
        pieces = tuple(replace(p, convex=factor * p.convex, concave=factor * p.concave) for p in separable.pieces)
        spoiled = separable_bound(replace(separable, pieces=pieces), bindings)
        assert Certificate(predicted, spoiled, "separable").failures(predicted, near_threshold=True), shown


def test_separable_bound_that_does_not_close_still_holds(monkeypatch):
    """If halving ends early, the bound lies below the predicted value and leaves a gap."""
    monkeypatch.setattr(separable, "HALVINGS", 4)
    claim = find("mse-imbalanced")
    instance = claim.problem.instance(class_counts=(300, 3), widths=3, weight_decay=1.4e-16, feature_decay=5.7e-17)
    lower = separable_bound(claim.proof.separable, ball_bindings(claim.problem, instance))
    predicted = predicted_value(claim, instance)
    assert lower.is_finite()
    assert lower < predicted
    assert not highest((predicted - lower) / predicted) <= CERTIFICATE_GAP
