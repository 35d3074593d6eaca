"""Checks of ce-relu-bias alone: a class with most samples collapses, and minority classes lean towards each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import hypothesis
import pytest
import torch
from hypothesis import strategies as st

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.balls import Ball, highest, lowest
from numerics.backends.points import points_of
from numerics.bounds.copositive import feasible_probabilities
from numerics.bounds.dual import balanced_columns, entropy, is_semidefinite, with_correct_entries, wrong_probabilities
from numerics.bounds.enclosures import value_at
from numerics.judging.invariants import measure
from numerics.tolerances import CERTIFICATE_GAP, INVARIANT
from numerics.training.certified import train
from numerics.training.optimise import minimise
from proofs_check.harness.drawing import powers_of_ten
from proofs_check.harness.report import Ledger
from theory.claim import find
from theory.point import Point
from theory.problem import Instance, Variable
from theory.symbols import K, N, feature_decay, weight_decay

CLAIM = find("ce-relu-bias")
STARTS = 4
EXCESS = 1e-7
"""Least relative distance of the best point with orthogonal class means above the trained one. It exceeds the uncertainty that
rounding and certificates (CERTIFICATE_GAP) leave."""
VANISHES = 1e-8
"""Certified bound on the squared norm of a class mean, relative to the largest one, below which the class has collapsed."""


def best_with_orthogonal_means(instance: Instance) -> tuple[float, float]:
    """Return an upper and a lower bound on the least loss over points with mutually orthogonal class means.

    Nonnegative means that are orthogonal have no coordinate in common, so that the classes need columns of W of their own. By the
    tangents of the cross-entropy at any probabilities with Σ n_k (e_k − p_k) = 0, and by the best split of the decay, the loss lies
    above Σ_k (n_k/N) entropy(p_k) wherever √n_k ‖e_k − p_k‖ ≤ N √(λ_W λ_H) for each class.
    """
    counts = torch.tensor(instance.values["class_counts"], dtype=torch.float64)
    sizes, classes = list(instance.values["class_counts"]), len(counts)

    def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
        h = (torch.eye(classes, dtype=torch.float64) * v.r) @ data.Y
        fit = xp.total(xp.column_cross_entropy(xp.add_column(v.W @ h, v.b), data.Y)) / p[N]
        decays = p[weight_decay] / 2 * xp.squared_norm(v.W)
        return fit + decays + p[feature_decay] / 2 * xp.total(xp.column_squares(h))

    scale = (feature_decay / weight_decay) ** 0.25
    one = K / K
    variables = (
        Variable("W", (K, K), scale),
        Variable("r", (K, one), 1 / scale),  # W may have either sign, so r may, too
        Variable("b", (K, one), offset=True),
    )
    solution = minimise(replace(CLAIM.problem, loss=loss, variables=variables), [instance], starts=STARTS)
    point = solution.best_point()
    labels = torch.eye(classes, dtype=torch.float64)
    wrong = wrong_probabilities(point.W[0] * point.r[0].T + point.b[0], labels)
    residual = wrong - torch.diag(wrong.sum(0))
    wrong = (wrong - (residual @ counts / counts.sum())[:, None]) * (1 - labels)
    decay = ball_decay(instance)
    limit = counts.sum() * (float(decay) / counts).sqrt()
    residual = wrong - torch.diag(wrong.sum(0))
    shrink = min(1.0, float((limit / residual.norm(dim=0)).min())) * (1 - 1e-12)
    columns = with_correct_entries((shrink * wrong).T.tolist(), range(classes))
    columns = balanced_columns(columns, [[Ball(x) for x in row] for row in labels.tolist()], range(classes), sizes)
    for column, size in zip(columns, sizes, strict=True):
        assert size * sum((x * x for x in column), Ball(0)) <= Ball(sum(sizes)) ** 2 * decay
    entropies = [entropy([x for i, x in enumerate(c) if i != own]) for own, c in enumerate(columns)]
    lower = sum((n * e for n, e in zip(sizes, entropies, strict=True)), Ball(0)) / sum(sizes)
    return float(solution.best_value()), lowest(lower)


def ball_decay(instance: Instance) -> Ball:
    """Enclose λ_W λ_H."""
    balls = ball_bindings(CLAIM.problem, instance)
    return balls[weight_decay] * balls[feature_decay]


@dataclass(frozen=True)
class Trained:
    """A trained instance: its certificate, the Gram matrix of its class means, and its logits and labels, one column a sample."""

    certificate: Any
    gram: torch.Tensor
    z: torch.Tensor
    y: torch.Tensor


def trained(instance: Instance, device: str) -> Trained:
    """Train an instance and require its certificate."""
    training = train(CLAIM, [instance], STARTS, 0, device)
    (certificate,) = training.certificates
    assert certificate is not None
    assert certificate.gap <= CERTIFICATE_GAP
    point = training.solution.best_point()
    (single,) = points_of(point)
    labels = torch.eye(len(instance.values["class_counts"]), dtype=torch.float64)
    y = labels.repeat_interleave(torch.tensor(instance.values["class_counts"]), 1)
    z = single.W @ single.H + single.b
    return Trained(certificate, measure(CLAIM, [instance], point)["mean_gram"][0], z, y)


def largest_norm_of_first_mean(instance: Instance, found: Trained) -> float:
    """Return a bound on ‖h_1‖² at every global minimiser: what the certified form has left on the diagonal pays for it.

    Raises AssertionError where no positive coefficient is verified.
    """
    feasible = feasible_probabilities(found.z, found.y, ball_decay(instance), with_bias=True)
    assert feasible is not None
    spare = feasible.form[0][0] / 2
    feasible.form[0][0] -= spare
    assert spare > 0
    assert is_semidefinite(feasible.form)
    gap = found.certificate.upper_ball - found.certificate.lower_ball
    return highest(2 * ball_bindings(CLAIM.problem, instance)[weight_decay] * gap / spare)


@st.composite
def with_a_majority(draw: st.DrawFn) -> Instance:
    """Draw an instance with 3 to 5 classes, the first with more than half of the samples, and decays under which some class is alive."""
    others = draw(st.lists(st.sampled_from((2, 1, 3, 5, 8)), min_size=2, max_size=4))
    counts = (int(sum(others) * draw(st.floats(1.1, 10))) + 1, *others)
    weight = draw(powers_of_ten(-4, -1))
    product = draw(powers_of_ten(-3, -0.5)) * max(others) / sum(counts) ** 2
    return CLAIM.problem.instance(class_counts=counts, weight_decay=weight, feature_decay=product / weight)


def test_a_majority_collapses_and_minorities_lean_towards_each_other(ledger: Ledger) -> None:
    """At every global minimiser the mean of the largest class vanishes, and no point with orthogonal class means reaches the minimum."""

    @hypothesis.seed(ledger.seed)
    @hypothesis.settings(max_examples=6)
    @hypothesis.given(with_a_majority())
    def leaning(instance: Instance) -> None:
        found = trained(instance, ledger.device)
        assert largest_norm_of_first_mean(instance, found) <= VANISHES * float(found.gram.max())
        upper, lower = best_with_orthogonal_means(instance)
        assert lower <= upper * (1 + CERTIFICATE_GAP)
        assert lower > found.certificate.upper * (1 + EXCESS)

    leaning()


def test_no_class_collapses_alone_where_none_has_half_of_the_samples() -> None:
    """The largest class of five, four and three samples has features; orthogonal class means are optimal here."""
    instance = CLAIM.problem.instance(class_counts=(5, 4, 3), weight_decay=0.01, feature_decay=0.01)
    found = trained(instance, "cpu")
    assert float(found.gram.diagonal().min()) > 0.1 * float(found.gram.max())
    assert float((found.gram - torch.diag(found.gram.diagonal())).norm()) <= INVARIANT * float(found.gram.norm())
    assert largest_norm_of_first_mean(instance, found) > float(found.gram[0, 0])
    upper, lower = best_with_orthogonal_means(instance)
    assert upper == pytest.approx(found.certificate.upper, rel=1e-12)
    assert lower == pytest.approx(found.certificate.upper, rel=CERTIFICATE_GAP)


def test_small_classes_lean_where_the_larger_ones_are_orthogonal() -> None:
    """No class has half of the samples here, and still the two smallest have an acute angle."""
    instance = CLAIM.problem.instance(class_counts=(8, 7, 6, 1, 1), weight_decay=0.01, feature_decay=0.01)
    found = trained(instance, "cpu")
    upper, lower = best_with_orthogonal_means(instance)
    assert lower <= upper * (1 + CERTIFICATE_GAP)
    assert lower > found.certificate.upper * (1 + EXCESS)
    assert float(found.gram[3, 4]) > 0.05 * float(found.gram[4, 4])
    larger = found.gram[:3, :3]
    assert float((larger - torch.diag(larger.diagonal())).norm()) <= INVARIANT * float(larger.norm())


def test_two_classes_of_equal_size_share_the_margin_in_any_way() -> None:
    """Moving a part of the margin from the features of one class to those of the other costs nothing: the bias makes up for it."""
    count, decay = 4, 0.01
    instance = CLAIM.problem.instance(class_counts=(count, count), weight_decay=decay, feature_decay=decay)
    certificate = trained(instance, "cpu").certificate
    margin = math.log(math.sqrt(2 / count) / (2 * decay) - 1)
    for share in (0.0, 0.3, 1.0):
        parts = [2 * margin * share, 2 * margin * (1 - share)]
        lengths = [math.sqrt(part / math.sqrt(2 * count)) for part in parts]
        a, c = (part / (2 * length) if length else 0.0 for part, length in zip(parts, lengths, strict=True))
        w = torch.tensor([[a, -c], [-a, c]], dtype=torch.float64)
        h = torch.diag(torch.tensor(lengths, dtype=torch.float64)).repeat_interleave(count, 1)
        b = torch.tensor([[parts[1]], [parts[0]]], dtype=torch.float64) / 2
        value = value_at(CLAIM.problem, instance, Point(W=w, H=h, b=b))
        assert float(value) == pytest.approx(certificate.upper, rel=1e-12)
        assert value >= certificate.lower_ball
