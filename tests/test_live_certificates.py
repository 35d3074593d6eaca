"""Certificates that the browser checks: they hold, they agree with those of the numerics, and altered ones are refused."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from book.examples import make_example
from book.live.ball_loss import Ball
from book.live.ball_loss import value_at as value_in_browser
from book.live.certificate import can_be_certified, certify, check, checked, least_pivot, lower_bound, proposed
from book.live.parts import CERTIFICATES
from book.live.store import STORED
from numerics.bounds.certificates import problem_bounds
from numerics.bounds.enclosures import value_at
from theory.claim import find, registry
from theory.point import Point
from theory.problem import CROSS_ENTROPY, MSE

GAP = 1e-12
"""Largest relative gap of a certificate."""


def stored(claim: str) -> dict[str, Any]:
    return json.loads((CERTIFICATES / f"{claim}.json").read_text(encoding="utf-8"))


def test_there_is_a_certificate_for_each_stored_claim() -> None:
    assert {path.stem for path in Path(CERTIFICATES).glob("*.json")} == set(STORED)


@pytest.mark.parametrize("name", STORED)
def test_stored_certificate_holds(name: str) -> None:
    told = json.loads(check((CERTIFICATES / f"{name}.json").read_text(encoding="utf-8")))
    assert told["lower"] <= told["upper"]
    assert 0 <= told["gap"] <= GAP
    assert told["margin"] <= 1e-11


@pytest.mark.parametrize("name", STORED)
def test_bounds_agree_with_those_of_the_numerics(name: str) -> None:
    certificate = stored(name)
    problem = find(name).problem
    instance = problem.instance(**certificate["parameters"])
    point = Point({v: torch.tensor(rows, dtype=torch.float64) for v, rows in certificate["point"].items()})
    upper, bound = checked(find(name), certificate)
    assert bound is not None
    assert upper.overlaps(value_at(problem, instance, point))
    dual = problem_bounds(problem, instance, point)["dual"]
    assert abs(float(bound.value) - float(dual)) <= GAP * float(dual)
    assert bound.value < value_at(problem, instance, point)


@pytest.mark.parametrize("name", STORED)
def test_residuals_that_are_too_large_are_refused(name: str) -> None:
    altered = deepcopy(stored(name))
    altered["residuals"] = [[1.001 * x for x in column] for column in altered["residuals"]]
    assert checked(find(name), altered)[1] is None
    told = json.loads(check(json.dumps(altered)))
    assert told["line"] == f"error: {name}: the residuals of the certificate could not be verified"


def test_residuals_that_are_no_probabilities_are_refused() -> None:
    altered = deepcopy(stored("ce-imbalanced"))
    altered["residuals"][0][1] = abs(altered["residuals"][0][1])
    assert checked(find("ce-imbalanced"), altered)[1] is None


def test_another_point_gives_another_value() -> None:
    altered = deepcopy(stored("mse-imbalanced"))
    altered["point"]["W"][0][0] += 0.01
    before, after = (checked(find("mse-imbalanced"), each)[0] for each in (stored("mse-imbalanced"), altered))
    assert after > before


@pytest.mark.parametrize(
    ("rows", "semidefinite"),
    [
        ([[2, 1], [1, 1]], True),
        ([[1, 2], [2, 1]], False),
        ([[0, 1], [1, 1]], False),
        ([[0, 0], [0, 1]], True),
        ([[4, 2, 1], [2, 3, 1], [1, 1, 1]], True),
        ([[1, 1, 0], [1, 1, 1], [0, 1, 5]], False),
        ([[-1]], False),
    ],
)
def test_only_semidefinite_matrices_are_verified(rows: list[list[int]], semidefinite: bool) -> None:
    assert (least_pivot([[Ball(x) for x in row] for row in rows]) is not None) == semidefinite


def certified_claims() -> list[str]:
    """Return the claims whose predicted minimum the live page bounds from below."""
    found = []
    for claim in registry().values():
        form = claim.problem.nuclear_form
        if (
            form is not None
            and form.loss in (CROSS_ENTROPY, MSE)
            and not form.copositive
            and {"smoothing", "soft_labels"}.isdisjoint(p.name for p in claim.problem.parameters)
        ):
            found.append(claim.id)
    return found


@pytest.mark.parametrize("name", certified_claims())
def test_predicted_minimum_is_bounded_from_below(name: str) -> None:
    claim = find(name)
    instance = make_example(claim).instance
    assert can_be_certified(claim.problem, instance)
    if "mean_logits" not in claim.prediction.invariants:
        return  # without a formula for the logits nothing is proposed
    bound = lower_bound(claim.problem, instance, proposed(claim, instance))
    assert bound is not None
    value = claim.prediction.value
    assert value is not None
    told = json.loads(certify(name, " ".join(f"{k}={written(v)}" for k, v in instance.values.items())))
    assert 0 <= told["gap"] <= GAP


def written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


@pytest.mark.parametrize("claim_id", ["ce-label-smoothing", "ce-soft-labels"])
def test_labels_that_are_not_one_hot_are_refused(claim_id: str) -> None:
    claim = find(claim_id)
    assert not can_be_certified(claim.problem, make_example(claim).instance)


def test_some_claims_are_certified() -> None:
    assert {"mse-imbalanced", "ce-balanced-etf"} <= set(certified_claims())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ce-balanced-etf", "class_counts=4,4 widths=2 weight_decay=0.05 feature_decay=0.02 bias=true"),
        ("ce-label-smoothing", "class_counts=4,4 widths=2 weight_decay=0.05 feature_decay=0.02 smoothing=0.1"),
        ("ce-imbalanced-relu", "class_counts=4,2 widths=2 weight_decay=0.05 feature_decay=0.02"),
        ("vae-learnable-variance", "theta=2,1 latent_dim=2 beta=1"),
    ],
)
def test_bounds_that_do_not_apply_are_not_offered(name: str, text: str) -> None:
    told = json.loads(certify(name, text))
    assert told["line"] == f"error: {name}: these bounds do not apply at these parameters"


def test_large_logits_do_not_overflow() -> None:
    problem = find("ce-imbalanced").problem
    instance = problem.instance(class_counts=(1, 1), widths=1, weight_decay=1e-9, feature_decay=1e-9)
    value = value_in_browser(problem, instance, {"W": [[1e3], [-1e3]], "H": [[1e3, -1e3]]})
    assert value.is_finite()
    assert float(value) == pytest.approx((1e-9 * 2e6 + 1e-9 * 2e6) / 2, rel=1e-12)
