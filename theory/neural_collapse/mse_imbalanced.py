"""MSE, one linear layer, any class counts, no bias: the general orthogonal frame.

Setting: minimise (1/2N) ‖WH − Y‖² + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H (d × N), class k with n_k samples.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), the theorem for imbalanced data at M = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.neural_collapse import features
from theory.neural_collapse.features import DLN, MSE, class_singular_values, features_problem
from theory.neural_collapse.lemmas import MIRSKY, NUCLEAR_NORM
from theory.point import Point
from theory.problem import ClassCounts, Problem, Width
from theory.proof import (
    Bound,
    Identity,
    Piece,
    Prediction,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
)
from theory.results import Decides, Letter, Measured
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, d, feature_decay, indexed, k, n_k, positive, weight_decay

count, q = positive("n"), positive("q")
"""Samples of one class, and its singular value."""


@dataclass(frozen=True)
class Reduction:
    """The scalar problem of one class.

    ``objective`` is the least loss at a singular value q, attained where the squared norm of the classifier row is ``row``.
    """

    objective: sp.Expr
    row: sp.Expr

    def of_class_k(self, value: sp.Expr) -> sp.Expr:
        """Return the objective of class k at a singular value."""
        return self.objective.subs({q: value, count: n_k[k]})


@dataclass(frozen=True)
class Minimum:
    """The minimiser of the scalar problem of class k, which is not zero iff ``ratio`` > 1: n_k over the ``critical`` count."""

    singular_value: sp.Expr
    row: sp.Expr
    ratio: sp.Expr
    critical: sp.Expr


def derive(problem: Problem) -> Derivation:
    """Derive the minimiser and its value, and the chain of bounds that proves it."""
    record = StepRecorder()
    reduction = reduce(record)
    minimum = minimise(record, reduction)
    prediction = predict(record, problem, reduction, minimum)
    return Derivation(chain(record, reduction, prediction.minimum), prediction)


def reduce(record: StepRecorder) -> Reduction:
    """Reduce one class to a problem in its singular value: of all w, h with w h = q/√n one has the smallest decay terms."""
    u = positive("u")  # the squared classifier norm w²
    decays = weight_decay * u / 2 + feature_decay * q**2 / (2 * u)
    row = stationary_point(record, "the split between the layers", decays, u)
    fit = (q - sp.sqrt(count)) ** 2 / (2 * N)
    return Reduction(fit + sp.simplify(decays.subs(u, row)), row)


def minimise(record: StepRecorder, reduction: Reduction) -> Minimum:
    """Minimise the convex scalar problem over q ≥ 0, and find the class count above which its minimiser is not zero."""
    best = minimise_on_half_line(record, "the singular value", reduction.objective, q, sp.Integer(0))
    ratio = threshold_ratio(record, "the class count", best, count)
    singular_value = best.point.subs(count, n_k[k])
    return Minimum(
        singular_value,
        row=reduction.row.subs(q, singular_value),
        ratio=ratio.subs(count, n_k[k]),
        critical=sp.simplify(count / ratio),
    )


def predict(record: StepRecorder, problem: Problem, reduction: Reduction, minimum: Minimum) -> Prediction:
    """Put every class on an axis of its own, W = diag(w_k), H = diag(h_k): the loss is the sum of the scalar problems."""
    q_k = indexed("q", positive=True)
    w = sp.sqrt(reduction.row.subs(q, q_k[k]))
    h = sp.simplify(q_k[k] / (sp.sqrt(n_k[k]) * w))
    v = Point(W=SymbolicMatrix.diag(K, w), H=SymbolicMatrix.diag(K, h))
    q_best = sp.Piecewise((minimum.singular_value, k <= d), (sp.Integer(0), True))
    point = StructuredPoint(problem, SymbolicArrays(K, n_k[k]), v, {q_k: q_best})
    summed = sum_over(reduction.of_class_k(q_k[k]), k, K)
    record(
        Identity(
            "reduction",
            "At W = diag(w_k), H = diag(h_k) the loss is the sum of the one-direction objectives.",
            point.loss(),
            summed,
        )
    )
    return point.predict(
        summed,
        Threshold(minimum.ratio, k, K, tuned="feature_decay", within_rank=k <= d),
        named={
            "singular_value": Measured(
                minimum.singular_value, class_singular_values, ((k, K),), where=k <= d, unit=sp.sqrt(n_k[1])
            ),
            "critical_count": Decides(minimum.critical, lambda critical: n_k[k] / critical),
            "classifier_norm": Measured(
                minimum.row,
                lambda reading: reading.diagonal("classifier_gram"),
                ((k, K),),
                where=k <= d,
                unit=sp.sqrt(feature_decay / weight_decay),
                letters=(Letter(q_k[k], minimum.singular_value, says="the singular value of class $k$"),),
            ),
        },
    )


def chain(record: StepRecorder, reduction: Reduction, value: sp.Expr) -> Proof:
    """Bound the loss at any point from below: by a function of WH, of its singular values, and by the sum of the minima."""
    s, residual = indexed("sigma", nonnegative=True), sp.Symbol("R", nonnegative=True)
    decay, summand = sp.sqrt(weight_decay * feature_decay), reduction.of_class_k(q)
    statistics = (
        Statistic(residual, r"$\|WH - Y\|^2$", lambda xp, v, data, p: xp.squared_norm(v.W @ v.H - data.Y)),
        Statistic(s, "singular values of $WH$", lambda xp, v, data, p: xp.singular_values(v.W @ v.H, data.Y.shape[-2])),
    )
    bounds = (
        Bound(
            "nuclear-norm form",
            residual / (2 * N) + decay * sp.Sum(s[k], (k, 1, K)),
            "Over all factorisations of $Z = WH$ the decay terms are smallest when both factors share the singular values.",
            (NUCLEAR_NORM.name, "the split between the layers is stationary"),
        ),
        Bound(
            "sum over singular values",
            sp.Sum(summand.subs(q, s[k]), (k, 1, K)),
            r"$\|Z - Y\|^2$ is at least the sum of the squared differences of singular values; those of $Y$ are $\sqrt{n_k}$.",
            (MIRSKY.name,),
        ),
        Bound(
            "predicted value",
            value,
            "Each summand is at least its minimum; at most $d$ singular values of $WH$ are nonzero.",
            ("the singular value is convex", "the singular value is stationary"),
        ),
    )
    separable = Separable((Piece(summand, sp.Integer(0)),), q, k, K, free=k <= d, reading=s[k])
    return Proof(tuple(record.steps), (NUCLEAR_NORM, MIRSKY), statistics, bounds, separable)


CLAIM = Claim(
    id="mse-imbalanced",
    title="MSE with imbalanced classes: a general orthogonal frame",
    short_title="MSE, any class counts",
    chapter="MSE",
    source=DLN,
    verdict=Verdict.HOLDS,
    statement=(
        "Every global minimiser has within-class features equal to their mean (NC1), mutually orthogonal class means, and "
        "classifier rows parallel to them. Class $k$ has the singular value $q_k = {singular_value}$ and the squared "
        "classifier norm ${classifier_norm}$; it collapses to zero iff $n_k \\le {critical_count}$. With a width "
        "$d < K$ only the $d$ largest classes survive; where $d$ cuts through a group of equal classes this holds up to a "
        "rotation within the group, so that its Gram matrices are any rank-limited projection there."
    ),
    setting=features.SETTING,
    idea=(
        "The loss sees the two factors only through their product and their norms, so at the best split between them "
        "the decays add up to a nuclear norm of the logits. The labels of different classes are orthogonal, so the "
        "problem falls apart into one scalar problem for each class: a parabola plus a straight line, which pulls the "
        "singular value of the class towards zero. A class that is too small to pay for the line is dropped, and "
        "every class that lives has an axis of its own."
    ),
    problem=features_problem(MSE, ClassCounts(), Width()),
    derive=derive,
)
