"""Checks of ce-soft-labels alone: its special cases, which directions leave zero first, and labels at the edge of the domain."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
import torch

from numerics.bounds.certificates import Certificate
from numerics.judging.invariants import measure
from numerics.searching.thresholds import instance_at
from numerics.tolerances import CERTIFICATE_GAP
from numerics.training.certified import train
from numerics.training.optimise import minimise
from theory.claim import Claim, find
from theory.expressions import Formula, evaluate_exactly
from theory.neural_collapse.ce_total_collapse import xi
from theory.problem import Instance, Width
from theory.symbols import label_matrix

CLAIM = find("ce-soft-labels")
TOTAL = CLAIM.prediction.total_collapse
assert TOTAL is not None
STARTS = 4
BEYOND = 1e-3
"""Distance beyond the threshold at which the first living direction is looked at. Others join it in proportion to this distance."""
DECAYS = {"weight_decay": 0.02, "feature_decay": 0.003}
Labels = list[list[Fraction]]


def one_hot(classes: int) -> Labels:
    return [[Fraction(int(i == j)) for j in range(classes)] for i in range(classes)]


def smoothed(classes: int, share: Fraction) -> Labels:
    return [[(1 - share) * x + share / classes for x in label] for label in one_hot(classes)]


def certified(claim: Claim, instance: Instance) -> Certificate:
    """Return the certificate of the trained minimum, whose gap is closed."""
    (certificate,) = train(claim, [instance], STARTS, 0, "cpu").certificates
    assert certificate is not None
    assert certificate.gap <= CERTIFICATE_GAP
    return certificate


def named(claim: Claim, instance: Instance, name: str) -> float:
    return evaluate_exactly(Formula(claim.prediction.named[name].expression), instance.bindings)


@pytest.mark.parametrize("counts", [(7, 3), (9, 4, 1), (6, 5, 5, 2)])
def test_one_hot_labels_are_the_imbalanced_claim(counts: tuple[int, ...]) -> None:
    """Threshold, residuals and minimum are those of the claim on one-hot labels."""
    other = find("ce-imbalanced")
    here = CLAIM.problem.instance(class_counts=counts, soft_labels=one_hot(len(counts)), **DECAYS)
    there = other.problem.instance(class_counts=counts, **DECAYS)
    for name in ("ratio", "residual"):
        assert named(CLAIM, here, name) == named(other, there, name)
    a, b = certified(CLAIM, here), certified(other, there)
    assert a.lower == pytest.approx(b.lower, rel=CERTIFICATE_GAP)


@pytest.mark.parametrize("share", [Fraction(1, 10), Fraction(1, 2)])
@pytest.mark.parametrize("counts", [(4, 4), (3, 3, 3), (2, 2, 2, 2, 2)])
def test_smoothed_labels_of_equal_classes_are_the_claim_on_smoothing(share: Fraction, counts: tuple[int, ...]) -> None:
    """Everything collapses at the same decay, and the predicted minimum lies between the certified bounds."""
    other = find("ce-label-smoothing")
    labels = smoothed(len(counts), share)
    here = CLAIM.problem.instance(class_counts=counts, soft_labels=labels, **DECAYS)
    assert here.bindings[xi] == (sp.Rational(*((1 - share) ** 2 * counts[0]).as_integer_ratio()),)
    given = {"class_counts": counts, "smoothing": float(share), **DECAYS}
    critical = instance_at(other, other.prediction.threshold, given, 1, 1.0).values["feature_decay"]
    mine = instance_at(CLAIM, TOTAL.threshold, here.values, 1, 1.0).values["feature_decay"]
    assert mine == pytest.approx(critical, rel=1e-12)
    predicted = evaluate_exactly(other.prediction.value, other.problem.instance(**given).bindings)
    certificate = certified(CLAIM, here)
    assert certificate.lower * (1 - 1e-14) <= predicted <= certificate.upper * (1 + 1e-14)


MIXED = [["0.7", "0.2", "0.1"], ["0.1", "0.8", "0.1"], ["0", "0.5", "0.5"]]


@pytest.mark.parametrize(
    ("counts", "labels"),
    [
        ((5, 2, 4), MIXED),
        ((7, 3), [["0.9", "0.1"], ["0.4", "0.6"]]),
        ((4, 4, 1), [["0.6", "0.4", "0"], ["0.6", "0.4", "0"], ["0", "0", "1"]]),
    ],
)
def test_the_first_singular_direction_of_the_labels_leaves_zero_first(counts: tuple[int, ...], labels: Any) -> None:
    """Just beyond the threshold the logits of each class are its share of the eigenvector of the largest eigenvalue."""
    given = CLAIM.problem.instance(class_counts=counts, soft_labels=labels, weight_decay=0.01, feature_decay=0.01)
    instance = instance_at(CLAIM, TOTAL.threshold, given.values, 1, 1 + BEYOND)
    point = minimise(CLAIM.problem, [instance], starts=STARTS).best_point()
    logits = measure(CLAIM, [instance], point)["mean_logits"][0]
    q = torch.tensor([[float(x) for x in row] for row in instance.bindings[label_matrix]], dtype=torch.float64)
    off = q - 1 / len(counts)
    sizes = torch.tensor(instance.values["class_counts"], dtype=torch.float64)
    eigenvalues, vectors = torch.linalg.eigh((off * sizes) @ off.T)
    assert float(eigenvalues[-1]) == pytest.approx(float(instance.bindings[xi][0]), rel=1e-12)
    assert float(eigenvalues[-1]) > 1.5 * float(eigenvalues[-2])
    first = torch.outer(vectors[:, -1], vectors[:, -1] @ q)
    size = (first * logits).sum() / first.square().sum()
    assert float(logits.norm()) > BEYOND / 10
    assert float(size) > 0
    assert float((logits - size * first).norm()) <= 10 * BEYOND * float(logits.norm())


@pytest.mark.parametrize("label", [("0.6", "0.3", "0.1"), ("1", "0", "0"), ("0.5", "0.5", "0")])
def test_with_one_label_for_all_classes_the_logits_are_one_vector(label: tuple[str, ...]) -> None:
    """The logits that all classes share solve a convex problem in K numbers."""
    counts = (5, 3, 1)
    instance = CLAIM.problem.instance(class_counts=counts, soft_labels=[list(label)] * 3, **DECAYS)
    (eigenvalue,) = instance.bindings[xi]
    q = [Fraction(x) for x in label]
    off = [x - Fraction(1, 3) for x in q]
    assert eigenvalue == sp.Rational(*(sum(counts) * sum(x * x for x in off)).as_integer_ratio())
    certificate = certified(CLAIM, instance)
    decay = math.sqrt(math.prod(DECAYS.values()) * sum(counts))
    z = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [z], max_iter=2000, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )
    weights = torch.tensor([float(x) for x in q], dtype=torch.float64)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.logsumexp(z, 0) - weights @ z + decay * (z.square().sum() + 1e-300).sqrt()
        value.backward()
        return value

    with torch.no_grad():
        z += torch.tensor([float(x) for x in off], dtype=torch.float64)
    optimiser.step(loss)
    assert loss().item() == pytest.approx(certificate.upper, rel=1e-9)


EDGES = {
    "the label of another class": [["0", "1", "0"], ["0", "0", "1"], ["1", "0", "0"]],
    "nearly uniform": [["0.334", "0.333", "0.333"], ["0.333", "0.334", "0.333"], ["1/3", "1/3", "1/3"]],
    "tiny probabilities": [
        ["1e-30", "1e-12", Fraction(1) - Fraction("1e-30") - Fraction("1e-12")],
        ["0", "1", "0"],
        ["1", "0", "0"],
    ],
    "a class that no label names": [["0.5", "0.5", "0"], ["0.25", "0.75", "0"], ["0.9", "0.1", "0"]],
}


@pytest.mark.parametrize("ratio", [0.5, 3.0, 1e4])
@pytest.mark.parametrize("edge", EDGES)
def test_labels_at_the_edge_are_certified(edge: str, ratio: float) -> None:
    given = {"class_counts": (5, 2, 1), "soft_labels": EDGES[edge], **DECAYS}
    instance = instance_at(CLAIM, TOTAL.threshold, CLAIM.problem.instance(**given).values, 1, ratio)
    certificate = certified(CLAIM, instance)
    assert (certificate.upper < math.log(3) * (1 - 1e-12)) == (ratio > 1)


def test_a_width_below_the_number_of_classes_less_one_is_too_narrow() -> None:
    """With one feature for three classes the minimum lies above the bound of the convex problem."""
    narrow = tuple(
        dataclasses.replace(p, domain=Width(sp.Integer(1))) if p.name == "widths" else p
        for p in CLAIM.problem.parameters
    )
    claim = dataclasses.replace(CLAIM, problem=dataclasses.replace(CLAIM.problem, parameters=narrow))
    given = {
        "class_counts": (4, 3, 3),
        "soft_labels": smoothed(3, Fraction(1, 20)),
        "weight_decay": 1e-3,
        "feature_decay": 1e-3,
    }
    with pytest.raises(ValueError, match="widths: '1' is not allowed"):
        CLAIM.problem.instance(**given, widths=1)
    (certificate,) = train(claim, [claim.problem.instance(**given, widths=1)], STARTS, 0, "cpu").certificates
    assert certificate is None or certificate.gap > 1e-3
    certified(claim, claim.problem.instance(**given, widths=2))
