"""Check bounds on the global minimum in ball arithmetic. This module runs in the reader's browser: it needs the theory and python-flint.

The problem is one in nuclear form without a bias: minimise (1/N) Σ ℓ(z_i, y_i) + √(λ_W λ_H) ‖Z‖_* over logits Z. By duality a matrix
E (K × N) with ‖E‖_op ≤ N √(λ_W λ_H) bounds it from below. For ½‖z − y‖² the bound is (⟨E, Y⟩ − ½‖E‖²)/N. For the
cross-entropy Y − E has to be a matrix P of probabilities, and the bound is their mean entropy. A matrix E with equal columns
within each class is given by one column for each class, and then E Eᵀ = Σ_k n_k e_k e_kᵀ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flint

from book.live.ball_loss import Ball, LossArrays, ball_of, value_at
from book.live.session import words_of
from theory.claim import Claim, find
from theory.cli.arguments import parse_assignments
from theory.errors import ParameterError
from theory.expressions import evaluate_exactly
from theory.problem import CROSS_ENTROPY, MSE, Instance, Problem
from theory.symbols import N, n_k

PRECISION = 192
"""Bits of every ball."""
MARGINS = (0.0, 1e-13, 1e-11, 1e-9, 1e-7)
"""Relative amounts by which a proposed matrix is shrunk, tried in turn until it is verified."""
Columns = Sequence[Sequence[float]]
"""The residuals Y − P of the classes: one column for each class."""


@dataclass(frozen=True)
class LowerBound:
    """A verified lower bound, with the least pivot of the decomposition that verified it and the shrinking that was needed."""

    value: Ball
    least_pivot: Ball
    margin: float


def can_be_certified(problem: Problem, instance: Instance) -> bool:
    """Tell whether the bounds of this module apply and may be tight.

    That is so for a nuclear form with one-hot labels and no bias, unless nonnegative features ask for a copositive bound.
    """
    form = problem.nuclear_form
    if form is None or form.loss not in (CROSS_ENTROPY, MSE) or form.copositive or instance.values.get("bias"):
        return False
    arrays: Any = LossArrays([int(n) for n in instance.bindings[n_k]])
    try:
        labels = form.labels(arrays, instance.bindings)
    except AttributeError:  # labels that need more operations than these are not one-hot
        return False
    return all(
        x == y
        for one, other in zip(labels.columns, arrays.labels().columns, strict=True)
        for x, y in zip(one, other, strict=True)
    )


def proposed(claim: Claim, instance: Instance) -> list[list[float]]:
    """Return the residuals at the predicted logits, in doubles. Nothing that is concluded rests on them.

    Raises ParameterError for a claim that does not predict its logits, or to which the bounds do not apply.
    """
    formula = claim.prediction.invariants.get("mean_logits")
    form = claim.problem.nuclear_form
    if formula is None or form is None or not can_be_certified(claim.problem, instance):
        raise ParameterError(f"{claim.id}: these bounds do not apply at these parameters")
    rows = evaluate_exactly(formula, instance.bindings)
    return [residual(list(column), k, form.loss == CROSS_ENTROPY) for k, column in enumerate(zip(*rows, strict=True))]


def residual(logits: list[float], label: int, cross_entropy: bool) -> list[float]:
    """Return y − softmax(z), or y − z for the squared loss."""
    fitted = logits
    if cross_entropy:
        weights = [math.exp(z - max(logits)) for z in logits]
        fitted = [w / math.fsum(weights) for w in weights]
    return [float(i == label) - p for i, p in enumerate(fitted)]


def lower_bound(problem: Problem, instance: Instance, columns: Columns) -> LowerBound | None:
    """Return the lower bound that these residuals give, or None where no shrinking of them can be verified."""
    flint.ctx.prec = PRECISION
    form = problem.nuclear_form
    assert form is not None
    counts, samples = [int(n) for n in instance.bindings[n_k]], int(instance.bindings[N])
    decay = ball_of(instance.bindings[form.decays[0]]) * ball_of(instance.bindings[form.decays[1]])
    for margin in MARGINS:
        shrunk = [[(1 - Ball(margin)) * Ball(x) for x in column] for column in columns]
        if form.loss == CROSS_ENTROPY:
            shrunk = [with_own_entry(column, k) for k, column in enumerate(shrunk)]
        pivot = least_pivot(norm_form(shrunk, counts, samples**2 * decay))
        if pivot is None:
            continue
        gains = [gain(column, k, form.loss == CROSS_ENTROPY) for k, column in enumerate(shrunk)]
        value = sum((n * g for n, g in zip(counts, gains, strict=True)), Ball(0)) / samples
        if value.is_finite():
            return LowerBound(value, pivot, margin)
    return None


def with_own_entry(column: list[Ball], label: int) -> list[Ball]:
    """Return a column whose entry for its own class makes its sum exactly zero, as that of y − p is."""
    own = -sum((x for i, x in enumerate(column) if i != label), Ball(0))
    return [own if i == label else x for i, x in enumerate(column)]


def gain(column: list[Ball], label: int, cross_entropy: bool) -> Ball:
    """Return what one sample of a class contributes to N times the bound, not finite where the column is not allowed."""
    if not cross_entropy:
        return column[label] - sum((x * x for x in column), Ball(0)) / 2
    wrong = [-x for i, x in enumerate(column) if i != label]
    missing = column[label]
    if any(not p >= 0 for p in wrong) or not missing <= 1:
        return Ball("nan")
    kept = Ball(0) if missing == 1 else (1 - missing) * (-missing).log1p()
    return -sum((p * p.log() for p in wrong if not p.is_zero()), kept)


def norm_form(columns: Sequence[Sequence[Ball]], counts: Sequence[int], square: Ball) -> list[list[Ball]]:
    """Return square · I − E Eᵀ, which is positive semidefinite iff ‖E‖_op² ≤ square."""
    size = range(len(columns[0]))

    def entry(i: int, j: int) -> Ball:
        return sum((n * c[i] * c[j] for n, c in zip(counts, columns, strict=True)), Ball(0))

    return [[square * int(i == j) - entry(i, j) for j in size] for i in size]


def least_pivot(rows: list[list[Ball]]) -> Ball | None:
    """Return the least pivot of the LDLᵀ decomposition, or None unless every matrix in these balls is verified to be semidefinite.

    A row that is zero off the diagonal needs no positive pivot.
    """
    left, pivots = [list(row) for row in rows], []
    for i, row in enumerate(left):
        alone = all(x.is_zero() for x in row[i + 1 :])
        if not (row[i] >= 0 if alone else row[i] > 0):
            return None
        pivots.append(row[i])
        for below in range(i + 1, len(left)) if not alone else ():
            factor = row[below] / row[i]
            for column in range(i + 1, len(left)):
                left[below][column] -= factor * row[column]
    return min(pivots, key=float)


def checked(claim: Claim, stored: dict[str, Any]) -> tuple[Ball, LowerBound | None]:
    """Return the loss at the stored point, and the lower bound of the stored residuals, in balls."""
    instance = claim.problem.instance(**stored["parameters"])
    bound = lower_bound(claim.problem, instance, stored["residuals"])
    return value_at(claim.problem, instance, stored["point"]), bound


def outward(x: Ball, side: int) -> float:
    """Return a double on the lower (-1) or the upper (1) side of a ball."""
    end = x.lower() if side < 0 else x.upper()
    near = float(end)
    while not (Ball(near) - end) * side >= 0:
        near = math.nextafter(near, side * math.inf)
    return near


def in_numbers(value: Ball, bound: LowerBound) -> dict[str, Any]:
    """Return a value of the loss, or the predicted minimum, beside a lower bound: doubles that enclose them, and the gap."""
    return {
        "lower": outward(bound.value, -1),
        "upper": outward(value, 1),
        "gap": outward((value - bound.value) / abs(value), 1),
        "pivot": bound.least_pivot.str(3, radius=False),
        "margin": bound.margin,
    }


def certify(claim_id: str, text: str) -> str:
    """Return as JSON the lower bound at the parameters of a text, beside the predicted value, or the line that says why there is none."""
    try:
        claim = find(claim_id)
        instance = claim.problem.instance(**parse_assignments(words_of(text), claim.problem))
        bound = lower_bound(claim.problem, instance, proposed(claim, instance))
        value = claim.prediction.value
        if bound is None or value is None:
            raise ParameterError(f"{claim_id}: no lower bound could be verified at these parameters")
        found = in_numbers(Ball(evaluate_exactly(value, instance.bindings)), bound)
    except ParameterError as error:
        found = {"line": f"error: {error}"}
    return json.dumps({"kind": "certified", **found}, allow_nan=False)


def check(text: str) -> str:
    """Return as JSON what checking a stored certificate found, or the line that says why it was refused."""
    stored = json.loads(text)
    try:
        value, bound = checked(find(stored["claim"]), stored)
        if bound is None:
            raise ParameterError(f"{stored['claim']}: the residuals of the certificate could not be verified")
        found = in_numbers(value, bound)
    except ParameterError as error:
        found = {"line": f"error: {error}"}
    return json.dumps({"kind": "checked_certificate", "claim": stored["claim"], **found}, allow_nan=False)
