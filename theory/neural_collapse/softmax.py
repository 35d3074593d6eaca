"""Facts that the chains on the cross-entropy share: on the softmax, its tangents, and class means."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from theory.proof import Convex, Identity, StepRecorder, SumOfSquares, Vanishes
from theory.symbols import K, positive


def wrong_probability(margin: sp.Expr) -> sp.Expr:
    """Return the probability of each wrong class when the correct logit exceeds all others by ``margin``."""
    return 1 / (sp.exp(margin) + K - 1)


def entropy(epsilon: sp.Expr) -> sp.Expr:
    """Return the entropy of the probabilities (1 − (K−1)ε, ε, …, ε)."""
    correct = 1 - (K - 1) * epsilon
    return -correct * sp.log(correct) - (K - 1) * epsilon * sp.log(epsilon)


ONE_HOT = (sp.Integer(1), sp.Integer(0), sp.Integer(0))
"""The label of the first of three classes."""


def record_tangent_steps(record: StepRecorder, label: Sequence[sp.Expr] = ONE_HOT) -> None:
    """Record that the cross-entropy against a label, here of three classes, lies above its tangents."""
    z = sp.symbols("z_1:4", real=True)
    first, second = positive("p_1"), positive("p_2")
    p = (first, second, 1 - first - second)
    log_partition = sp.log(sum(sp.exp(x) for x in z))
    correct = sp.Add(*(share * x for share, x in zip(label, z, strict=True)))
    tangent = -sum(x * sp.log(x) for x in p) + sum(a * b for a, b in zip(p, z, strict=True)) - correct
    divergence = sp.Add(*(a * (sp.log(a) - (b - log_partition)) for a, b in zip(p, z, strict=True)))
    record(
        Identity(
            "the tangent of the cross-entropy",
            "The cross-entropy less its tangent at probabilities $p$ is the Kullback–Leibler divergence from the softmax to $p$.",
            sp.expand(log_partition - correct - tangent),
            sp.expand(divergence),
        )
    )
    x = positive("x")
    record(Convex("logarithm below its tangent", r"$x - 1 - \log x$ is convex …", x - 1 - sp.log(x), x))
    record(
        Vanishes(
            "tangent point of the logarithm",
            "… with value and slope zero at 1, hence nonnegative.",
            (x - 1 - sp.log(x)) ** 2 + sp.diff(x - 1 - sp.log(x), x) ** 2,
            x,
            sp.Integer(1),
        )
    )


def record_class_means(record: StepRecorder, says: str) -> None:
    """Record that the squared norms of the features of a class are at least those of their mean."""
    samples = sp.symbols("h_1:4", real=True)
    mean = sum(samples) / 3
    record(
        SumOfSquares(
            "class means suffice",
            says,
            sp.Add(*(x**2 for x in samples)) - 3 * mean**2,
            tuple((sp.Integer(1), x - mean) for x in samples),
        )
    )
