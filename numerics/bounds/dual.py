"""Dual lower bounds from trained logits: floating point proposes a dual point, ball arithmetic verifies it and evaluates the bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.balls import Ball, BallMatrix, highest
from numerics.backends.tensors import DTYPE

MARGINS = (1e-13, 1e-11, 1e-9, 1e-7)
"""Relative amounts by which a dual point is shrunk below the limit that floating point computed, tried in turn until
the point is verified."""


def wrong_probabilities(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"]) -> Float64[Tensor, "K N"]:
    """Return softmax probabilities with the correct entry, that of the largest label, set to zero.

    Small probabilities then keep their accuracy.
    """
    return torch.softmax(z, 0) * (1 - largest_labels(y))


def largest_labels(y: Float64[Tensor, "K N"]) -> Float64[Tensor, "K N"]:
    """Return one-hot columns that mark the largest label of each sample."""
    return torch.nn.functional.one_hot(y.argmax(0), y.shape[0]).to(y).T


def entropy(wrong: Sequence[Ball]) -> Ball:
    """Enclose −Σ p log p, given the wrong-class probabilities. Return nan where one may be negative or their sum may exceed 1."""
    missing = sum(wrong, Ball(0))
    if any(not p >= 0 for p in wrong) or not missing <= 1:
        return Ball("nan")
    logs = sum((p * p.log() for p in wrong if not p.is_zero()), Ball(0))
    rest = Ball(0) if missing == 1 else (1 - missing) * (-missing).log1p()
    return -(logs + rest)


def exact_labels(y: Float64[Tensor, "K N"]) -> list[int]:
    """Return the class of each sample, which is the class of its largest label."""
    return y.argmax(0).tolist()


def dual_bound_cross_entropy(z: Float64[Tensor, "K N"], labels: BallMatrix, decay: Ball, with_bias: bool) -> Ball:
    """Enclose the dual value (1/N) Σ entropy(p_i) of a feasible P near the softmax of the logits.

    The columns of the labels Y are probabilities. P is feasible when ‖(Y − P)/N‖_op ≤ √(λ_W λ_H) and, if there is a
    bias, (Y − P) 1 = 0. Shrinking P toward Y restores the first condition. A common shift of the columns, mixed with
    the mean label to stay positive, restores the second. The correct entry, that of the largest label, is never written
    down: it is 1 less the other entries, so that small entries keep their relative accuracy.
    """
    samples = z.shape[1]
    y = torch.tensor([float(x) for x in labels.entries.entries()], dtype=DTYPE).reshape(z.shape)
    label_columns, correct = labels.transposed.tolist(), exact_labels(y)
    wrong = wrong_probabilities(z, y)
    largest = largest_labels(y)
    residual = wrong - y * (1 - largest)
    residual = residual - largest * residual.sum(0)  # P − Y
    if with_bias:
        residual = residual - residual.mean(1, keepdim=True)
    shrink = min(1.0, samples * float(decay) ** 0.5 / float(torch.linalg.matrix_norm(residual, 2).clamp(min=1e-300)))
    for margin in MARGINS:
        kept = shrink * (1 - margin)
        nearer = BallMatrix.from_tensor(kept * wrong) - labels * Ball(kept)
        columns = with_correct_entries(nearer.transposed.tolist(), correct)
        if with_bias:
            columns = balanced_columns(columns, label_columns, correct, [1] * samples)
        p_minus_y = BallMatrix.of(columns).transposed
        if not has_norm_at_most(p_minus_y, samples**2 * decay):
            continue
        found = Ball(0)
        for column, label, own in zip(columns, label_columns, correct, strict=True):
            found += entropy([a + b for i, (a, b) in enumerate(zip(column, label, strict=True)) if i != own])
        if found.is_finite():
            return found / samples
    return Ball("nan")


def dual_bound_in_nuclear_ball(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], radius: Ball) -> Ball:
    """Enclose the dual value (1/N) (Σ entropy(p_i) − radius ‖Y − P‖_op) at the softmax P of the logits, for one-hot labels Y.

    Every P is feasible. The operator norm is verified to lie below the number that floating point computed and a margin.
    """
    wrong = wrong_probabilities(z, y)
    columns = with_correct_entries(wrong.T.tolist(), exact_labels(y))
    p_minus_y = BallMatrix.of(columns).transposed
    norm = float(torch.linalg.matrix_norm(wrong - y * wrong.sum(0), 2))
    entropies = [
        entropy([x for i, x in enumerate(column) if i != own])
        for column, own in zip(columns, exact_labels(y), strict=True)
    ]
    for margin in MARGINS:
        largest = Ball(norm * (1 + margin))
        if has_norm_at_most(p_minus_y, largest * largest):
            return (sum(entropies, Ball(0)) - radius * largest) / z.shape[1]
    return Ball("nan")


def with_correct_entries(wrong: Sequence[Sequence[Any]], labels: Sequence[int]) -> list[list[Ball]]:
    """Return columns of P − Y from the wrong-class probabilities. The correct entry makes the sum of its column zero."""
    columns = []
    for column, label in zip(wrong, labels, strict=True):
        entries = [Ball(x) for x in column]
        entries[label] = -sum((x for i, x in enumerate(entries) if i != label), Ball(0))
        columns.append(entries)
    return columns


def balanced_columns(
    columns: Sequence[Sequence[Ball]], labels: Sequence[Sequence[Ball]], correct: Sequence[int], counts: Sequence[int]
) -> list[list[Ball]]:
    """Return columns of P − Y whose sum is exactly zero: shifted by their mean, and mixed with the mean label.

    Each column stands for as many samples as ``counts`` says. The share of the mean label is the least one under which no
    probability is negative, rounded up.
    """
    samples, classes = sum(counts), len(columns[0])

    def mean(of: Sequence[Sequence[Ball]]) -> list[Ball]:
        return [sum((n * c[i] for n, c in zip(counts, of, strict=True)), Ball(0)) / samples for i in range(classes)]

    shift, frequency = mean(columns), mean(labels)
    shifted = [[x - s for x, s in zip(column, shift, strict=True)] for column in columns]
    deficit = max(
        highest(-(x + y[i]) / frequency[i])
        for c, y, own in zip(shifted, labels, correct, strict=True)
        for i, x in enumerate(c)
        if i != own
    )
    share = Ball(max(0.0, deficit))
    share = share / (1 + share)
    return [
        [(1 - share) * x + share * (f - y_i) for x, f, y_i in zip(column, frequency, y, strict=True)]
        for column, y in zip(shifted, labels, strict=True)
    ]


def dual_bound_mse(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: Ball, with_bias: bool) -> Ball:
    """Enclose the dual value −⟨A, Y⟩ − (N/2)‖A‖² of a feasible A near the gradient (Z − Y)/N.

    A is feasible when ‖A‖_op ≤ √(λ_W λ_H) and, if there is a bias, A 1 = 0.
    """
    samples = z.shape[1]
    proposed = (z - y) / samples
    if with_bias:
        proposed = proposed - proposed.mean(1, keepdim=True)
    shrink = min(1.0, float(decay) ** 0.5 / float(torch.linalg.matrix_norm(proposed, 2).clamp(min=1e-300)))
    labels = exact_labels(y)
    for margin in MARGINS:
        a = BallMatrix.from_tensor(shrink * (1 - margin) * proposed)
        if with_bias:
            a = BallMatrix.of([[x - sum(row, Ball(0)) / samples for x in row] for row in a.tolist()])
        if has_norm_at_most(a, decay):
            fitted = sum((a.entries[label, i] for i, label in enumerate(labels)), Ball(0))
            return -fitted - Ball(samples) / 2 * a.squared_norm()
    return Ball("nan")


def dual_bound_binary(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: Ball, with_bias: bool) -> Ball:
    """Enclose the dual value (1/N) Σ h(p), h the binary entropy, of a feasible P near the sigmoid of the logits.

    The labels Y are one-hot. P is feasible when ‖(P − Y)/N‖_op ≤ √(λ_W λ_H) and, if there is a bias, (P − Y) 1 = 0. The bound is
    not verified where taking the mean of P − Y out of its rows leaves a probability outside [0, 1].
    """
    samples = z.shape[1]
    residual = (1 - 2 * y) * torch.sigmoid(z * (1 - 2 * y))  # P − Y, without cancellation
    if with_bias:
        residual = residual - residual.mean(1, keepdim=True)
    shrink = min(1.0, samples * float(decay) ** 0.5 / float(torch.linalg.matrix_norm(residual, 2).clamp(min=1e-300)))
    labels = y.tolist()
    for margin in MARGINS:
        p_minus_y = BallMatrix.from_tensor(shrink * (1 - margin) * residual)
        if with_bias:
            p_minus_y = BallMatrix.of([[x - sum(row, Ball(0)) / samples for x in row] for row in p_minus_y.tolist()])
        if has_norm_at_most(p_minus_y, samples**2 * decay):
            # What a probability misses its label by: the same entropy, without cancellation.
            pairs = (
                (x, own)
                for row, label in zip(p_minus_y.tolist(), labels, strict=True)
                for x, own in zip(row, label, strict=True)
            )
            found = sum((entropy([-x if own else x]) for x, own in pairs), Ball(0))
            if found.is_finite():
                return found / samples
    return Ball("nan")


def has_norm_at_most(a: BallMatrix, square: Ball) -> bool:
    """Return whether ‖a‖_op² ≤ square is verified: square · I − a aᵀ is positive semidefinite. False means not verified."""
    gram = (a @ a.transposed).tolist()
    return is_semidefinite([[square * int(i == j) - x for j, x in enumerate(row)] for i, row in enumerate(gram)])


def is_semidefinite(rows: Sequence[Sequence[Ball]]) -> bool:
    """Return whether every symmetric matrix within these balls is verified to be positive semidefinite, by its LDLᵀ decomposition.

    A row that is exactly zero off the diagonal needs no positive pivot. False means not verified.
    """
    left = [list(row) for row in rows]
    for i, row in enumerate(left):
        if all(x.is_zero() for x in row[i + 1 :]):
            if not row[i] >= 0:
                return False
            continue
        if not row[i] > 0:
            return False
        for below in range(i + 1, len(left)):
            factor = row[below] / row[i]
            for column in range(below, len(left)):
                left[below][column] -= factor * row[column]
    return True
