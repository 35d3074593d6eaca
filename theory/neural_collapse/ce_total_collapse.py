"""Cross-entropy, one linear layer, no closed form: bounds by the class means and by a nuclear norm, and the collapse of everything.

The classes carry any labels: one-hot ones, or soft ones. The slope of the loss at zero is a matrix whose largest singular value the
decays have to outweigh.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from theory.expressions import Bindings, Formula
from theory.namespace import ArrayNamespace, Matrix, Row
from theory.neural_collapse.features import class_labels, mean_features, mean_logits
from theory.neural_collapse.lemmas import GIBBS, NORM_DUALITY, NUCLEAR_NORM
from theory.neural_collapse.softmax import ONE_HOT, record_class_means, record_tangent_steps
from theory.point import Point
from theory.proof import Bound, Prediction, Proof, Statistic, StepRecorder, Threshold
from theory.results import Measured, Reading, Result, TotalCollapse
from theory.scalar import ScalarMinimum, threshold_ratio
from theory.symbols import K, N, feature_decay, indexed, k, n_k, positive, weight_decay

xi = indexed("xi", nonnegative=True)
"""N² times the squared singular values of the slope at zero with respect to the mean logits, from the largest down."""
DECAY = sp.sqrt(weight_decay * feature_decay)


def collapse_ratio(record: StepRecorder, steepest: sp.Expr) -> sp.Expr:
    """Record where zero stops being optimal. Return the ratio that exceeds 1 where something lives.

    ``steepest`` is the largest singular value of the slope at zero.
    """
    slope = positive("G")
    # The slope of the nuclear-norm form along the singular vectors of its steepest descent G, per unit of the singular value.
    at_zero = ScalarMinimum(sp.Integer(0), sp.Integer(0), DECAY - slope)
    return threshold_ratio(record, "the feature decay", at_zero, feature_decay).subs(slope, steepest)


def residuals(reading: Reading) -> Matrix:
    """Return the slope of the fit with respect to the mean logits, each class in units of the square root of its size."""
    z = mean_logits(reading.xp, reading.v, reading.data, reading.p)
    wrong = reading.xp.column_softmax(z) - class_labels(reading.xp, reading.data)
    return reading.xp.scale(wrong @ reading.data.Y, 1 / reading.p[N])


def collapse_prediction(
    ratio: sp.Expr, residual: sp.Expr, yardstick: Threshold, further: dict[str, Result] | None = None
) -> Prediction:
    """Predict the scatter within classes, when everything is zero, and the operator norm of the ``residual`` matrix.

    The minimum has no closed form. ``further`` are results that a claim names beside these.
    """
    named: dict[str, Result] = {
        "residual": Measured(residual, lambda r: r.xp.total(r.xp.singular_values(residuals(r), 1))),
        "ratio": TotalCollapse(
            ratio, lambda r: r.xp.norm(mean_logits(r.xp, r.v, r.data, r.p) @ r.data.Y), tuned="feature_decay"
        ),
        **(further or {}),
    }
    return Prediction(None, {"within_class_scatter": Formula(sp.Integer(0))}, (), named, yardstick=yardstick)


def mean_cross_entropies(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    """The cross-entropy of each class at the mean of its logits."""
    return xp.column_cross_entropy(mean_logits(xp, v, data, p), class_labels(xp, data))


fit, s = indexed("f", nonnegative=True), indexed("sigma", nonnegative=True)
w_norm, h_norm = sp.Symbol("omega", nonnegative=True), indexed("chi", nonnegative=True)
STATISTICS = (
    Statistic(fit, r"cross-entropy at the mean logits of class $k$", mean_cross_entropies),
    Statistic(w_norm, r"$\|W\|^2$", lambda xp, v, data, p: xp.squared_norm(v.W)),
    Statistic(h_norm, r"$\|\bar h_k\|^2$", lambda xp, v, data, p: xp.column_squares(mean_features(xp, v, data))),
    Statistic(
        s,
        r"singular values of $W \bar H \,\mathrm{diag}(\sqrt{n_k})$",
        lambda xp, v, data, p: xp.singular_values(mean_logits(xp, v, data, p) @ data.Y, data.Y.shape[-2]),
    ),
)
"""What the bounds are written in."""


def convex_chain(
    record: StepRecorder, of_slope: Sequence[str], label: Sequence[sp.Expr] = ONE_HOT, alike: str = "of a class"
) -> Proof:
    """Bound the loss at any point from below: by that of the class means, and by a convex function of their logits.

    ``of_slope`` are the names of the steps on the slope at zero. ``label`` is that of a class, for three classes, and
    ``alike`` says which samples have the same label.
    """
    record_tangent_steps(record, label)
    record_class_means(
        record,
        f"Replacing the features {alike} by their mean removes a sum of squares (three samples, one coordinate shown), "
        "which is zero only where they agree.",
    )
    fitted = sp.Sum(n_k[k] / N * fit[k], (k, 1, K))
    bounds = (
        Bound(
            "class means",
            fitted + weight_decay / 2 * w_norm + feature_decay / 2 * sp.Sum(n_k[k] * h_norm[k], (k, 1, K)),
            "The cross-entropy lies above its tangent at the mean logits of a class, whose linear part vanishes on average.",
            (GIBBS.name, "the tangent of the cross-entropy", "logarithm below its tangent", "class means suffice"),
        ),
        Bound(
            "nuclear-norm form",
            fitted + DECAY * sp.Sum(s[k], (k, 1, K)),
            "Over all factorisations of the logits the decay terms are smallest when both factors share the singular values; "
            "what is left is convex. It lies above its tangent at zero, along which the fit falls by at most $\\sqrt{\\xi_1}/N$ times the "
            "nuclear norm. Where the decays take at least as much, zero is optimal; elsewhere the loss falls from zero along the first "
            "singular vectors of the slope there.",
            (
                NUCLEAR_NORM.name,
                NORM_DUALITY.name,
                *of_slope,
                "the feature decay is critical",
                "the feature decay is monotone",
            ),
        ),
    )
    return Proof(tuple(record.steps), (GIBBS, NUCLEAR_NORM, NORM_DUALITY), STATISTICS, bounds)
