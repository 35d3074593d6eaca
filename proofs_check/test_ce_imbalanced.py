"""Checks of ce-imbalanced alone: which class leaves zero first, and no simplex ETF for more than two unequal classes."""

from __future__ import annotations

import dataclasses
from typing import Any

import hypothesis
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from numerics.backends.balls import Ball
from numerics.bounds.dual import entropy, wrong_probabilities
from numerics.judging.invariants import helmert, measure
from numerics.searching.thresholds import instance_at
from numerics.tolerances import CERTIFICATE_GAP, INVARIANT
from numerics.training.certified import train
from numerics.training.optimise import minimise
from proofs_check.harness.drawing import REGIMES, powers_of_ten
from proofs_check.harness.report import Ledger
from proofs_check.harness.strategies import values_of
from theory.claim import find
from theory.neural_collapse.ce_total_collapse import xi
from theory.problem import ClassCounts, Instance, Variable
from theory.symbols import K, N, feature_decay, weight_decay

CLAIM = find("ce-imbalanced")
TOTAL = CLAIM.prediction.total_collapse
assert TOTAL is not None
STARTS = 4
EXCESS = 1e-7
"""Least relative distance of the best point with class means on an ETF above the trained one. It exceeds the uncertainty that
rounding and certificates (CERTIFICATE_GAP) leave."""
BEYOND = 1e-3
"""Distance beyond the threshold at which the first living direction is looked at. Others join it in proportion to this distance."""


def simplex(classes: int) -> Tensor:
    """Return the simplex of K vectors in K − 1 dimensions, [K − 1, K], with the Gram matrix I − J/K."""
    return helmert(classes).mT.contiguous()


def best_on_simplex(instance: Instance) -> tuple[float, float]:
    """Return an upper and a lower bound on the least loss over points with class means r · (simplex ETF), r ≥ 0.

    Let P be any probabilities, one column a class, with residuals A = I − P, and D = diag(n_k). Tangents of the cross-entropy and
    the best W show that the loss lies above
    Σ_k (n_k/N) entropy(p_k) + (r²/2) [λ_H Σ_k n_k (1 − 1/K) − tr(D AᵀA D (I − J/K)) / (N² λ_W)].
    If the bracket is not negative, the entropy alone is a lower bound.
    """
    counts = torch.tensor(instance.values["class_counts"], dtype=torch.float64)
    classes, frame = len(counts), simplex(len(counts))

    def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
        h = (v.r * frame) @ data.Y
        fit = xp.total(xp.column_cross_entropy(v.W @ h, data.Y)) / p[N]
        decays = p[weight_decay] / 2 * xp.squared_norm(v.W)
        return fit + decays + p[feature_decay] / 2 * xp.total(xp.column_squares(h))

    scale = (feature_decay / weight_decay) ** 0.25
    problem = dataclasses.replace(
        CLAIM.problem, loss=loss, variables=(Variable("W", (K, K - 1), scale), Variable("r", (K / K, K / K), 1 / scale))
    )
    solution = minimise(problem, [instance], starts=STARTS)
    point = solution.best_point()
    labels = torch.eye(classes, dtype=torch.float64)
    wrong = wrong_probabilities(point.W[0] @ (point.r[0] * frame), labels)
    residual = (torch.diag(wrong.sum(0)) - wrong) * counts
    projection = labels - 1 / classes
    decays = instance.values["weight_decay"] * instance.values["feature_decay"]
    allowed = counts.sum() ** 2 * decays * (counts * projection.diagonal()).sum()
    size = torch.trace(residual.mT @ residual @ projection)
    shrink = min(1.0, float((allowed / size).sqrt()))
    shares = counts / counts.sum()
    entropies = [entropy([Ball(p) for p in column]) for column in (shrink * wrong).T.tolist()]
    return float(solution.best_value()), float(
        sum(Ball(s) * e for s, e in zip(shares.tolist(), entropies, strict=True))
    )


@st.composite
def unequal(draw: st.DrawFn) -> Instance:
    """Draw an instance with unequal counts of 3 to 6 classes, and decays under which some class is alive."""
    classes = draw(st.integers(3, 6))
    counts = draw(values_of("class_counts", ClassCounts(), REGIMES[-1], [1] * classes))
    weight = draw(powers_of_ten(-4, -1))
    product = draw(powers_of_ten(-3, -0.5)) * max(counts) / sum(counts) ** 2 / classes
    return CLAIM.problem.instance(class_counts=counts, weight_decay=weight, feature_decay=product / weight)


def test_unequal_classes_form_no_simplex(ledger: Ledger) -> None:
    """No point with class means on a simplex ETF reaches the trained value."""

    @hypothesis.seed(ledger.seed)
    @hypothesis.settings(max_examples=6)
    @hypothesis.given(unequal())
    def no_simplex(instance: Instance) -> None:
        training = train(CLAIM, [instance], STARTS, 0, ledger.device)
        (certificate,) = training.certificates
        assert certificate.gap <= CERTIFICATE_GAP
        upper, lower = best_on_simplex(instance)
        assert lower <= upper * (1 + CERTIFICATE_GAP)
        assert lower > certificate.upper * (1 + EXCESS)

    no_simplex()


def test_the_bound_on_simplices_is_no_wider_than_it_should_be() -> None:
    """With equal classes the simplex ETF is optimal, so both bounds meet the minimum."""
    instance = CLAIM.problem.instance(class_counts=(4, 4, 4), weight_decay=0.01, feature_decay=0.002)
    solution = minimise(CLAIM.problem, [instance], starts=STARTS)
    upper, lower = best_on_simplex(instance)
    value = float(solution.best_value())
    assert upper == pytest.approx(value, rel=1e-12)
    assert lower == pytest.approx(value, rel=CERTIFICATE_GAP)


@pytest.mark.parametrize("counts", [(100, 1), (7, 3)])
def test_two_classes_form_a_simplex_whatever_their_counts(counts: tuple[int, int]) -> None:
    instance = CLAIM.problem.instance(class_counts=counts, weight_decay=0.001, feature_decay=0.0005)
    solution = minimise(CLAIM.problem, [instance], starts=STARTS)
    point = solution.best_point()
    gram = measure(CLAIM, [instance], point)["mean_gram"][0]
    etf = torch.eye(2, dtype=torch.float64) - 1 / 2
    assert float(gram.trace()) > 0.1
    assert float((gram / gram.trace() - etf).norm()) <= INVARIANT


@pytest.mark.parametrize("counts", [(7, 3), (9, 4, 1), (6, 5, 5, 2), (20, 3, 2, 2, 1)])
def test_the_largest_class_is_set_apart_first(counts: tuple[int, ...]) -> None:
    """Just beyond the threshold the logits of each class are in proportion to 1/(n_k − ξ_1)."""
    given = CLAIM.problem.instance(class_counts=counts, weight_decay=0.01, feature_decay=0.01)
    instance = instance_at(CLAIM, TOTAL.threshold, given.values, 1, 1 + BEYOND)
    point = minimise(CLAIM.problem, [instance], starts=STARTS).best_point()
    logits = measure(CLAIM, [instance], point)["mean_logits"][0]
    sizes = torch.tensor(counts, dtype=torch.float64)
    first = 1 / (sizes - float(instance.bindings[xi][0]))
    apart = logits - first[:, None] * (first @ logits)[None] / (first @ first)
    assert float(logits.norm()) > BEYOND / 10
    assert float(apart.norm()) <= 10 * BEYOND * float(logits.norm())
    assert float(first[0]) > 0 > float(first[1:].max())
