"""Cross-entropy, one linear layer, any class counts, features of either sign: no closed form, but collapse within classes.

Setting: minimise (1/N) Σ CE(W h_i, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H (d × N), d ≥ K − 1, class k with
n_k samples.
Source: Dang et al., "Neural Collapse for Cross-entropy Class-Imbalanced Learning with Unconstrained ReLU Features Model"
(ICML 2024), where this case motivates the restriction to nonnegative features; Fang et al., "Exploring deep neural networks
via layer-peeled model" (PNAS 2021).
"""

from __future__ import annotations

import sympy as sp

from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings, Formula
from theory.namespace import ArrayNamespace, Row
from theory.neural_collapse import features
from theory.neural_collapse.features import CEI, CROSS_ENTROPY, features_problem, mean_features, mean_logits
from theory.neural_collapse.lemmas import GIBBS, NUCLEAR_NORM
from theory.neural_collapse.softmax import record_class_means, record_tangent_steps
from theory.point import Point
from theory.problem import ClassCounts, Problem, Width
from theory.proof import Bound, Prediction, Proof, Statistic, StepRecorder, Threshold
from theory.symbols import K, N, feature_decay, indexed, k, n_k, weight_decay


def derive(problem: Problem) -> Derivation:
    """Derive what is known without a closed form: features equal their class means, by bounds that hold at every point."""
    return Derivation(chain(), predict())


def predict() -> Prediction:
    """Predict the scatter within classes alone: the minimum has no closed form.

    No threshold is claimed. The yardstick only sees to it that instances are drawn from far below to far above total collapse.
    """
    yardstick = Threshold(n_k[k] / (N**2 * weight_decay * feature_decay), k, K, tuned="feature_decay")
    return Prediction(None, {"within_class_scatter": Formula(sp.Integer(0))}, (), yardstick=yardstick)


def mean_cross_entropies(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    """The cross-entropy of each class at the mean of its logits."""
    one_a_class = xp.class_means(data.Y, data.Y)  # its label, as a column
    return xp.column_cross_entropy(mean_logits(xp, v, data, p), one_a_class)


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


def chain() -> Proof:
    """Bound the loss at any point from below: by that of the class means, and by a convex function of their logits."""
    record = StepRecorder()
    record_tangent_steps(record)
    record_class_means(
        record,
        "Replacing the features of a class by their mean removes a sum of squares (three samples, one coordinate shown), "
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
            fitted + sp.sqrt(weight_decay * feature_decay) * sp.Sum(s[k], (k, 1, K)),
            "Over all factorisations of the logits the decay terms are smallest when both factors share the singular values; "
            "what is left is convex.",
            (NUCLEAR_NORM.name,),
        ),
    )
    return Proof(tuple(record.steps), (GIBBS, NUCLEAR_NORM), STATISTICS, bounds)


CLAIM = Claim(
    id="ce-imbalanced",
    title="Cross-entropy with imbalanced classes: collapse within classes, no closed form between them",
    short_title="Cross-entropy, imbalanced",
    chapter="imbalance",
    source=CEI,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser features equal their class mean (NC1). The minimum has no closed form: each trained optimum "
        "comes with a lower bound from convex duality that meets it. For $K \\ge 3$ and unequal class counts the class means of a "
        "minimiser that is not zero do not form a simplex ETF; this is not proved for all class counts but certified instance by "
        "instance: the least loss over all points with class means on a simplex ETF is bounded from below, and lies above the "
        "trained value. For $K = 2$ they do form one, whatever the class counts."
    ),
    setting=features.SETTING,
    idea=(
        "The cross-entropy is convex, so replacing the features of a class by their mean cannot raise the loss, and "
        "it lowers the loss unless they agree. What is left is a convex problem in the class means of the logits, "
        "with a nuclear norm for the decays. The problem has no closed form for unequal classes, so each trained "
        "optimum is certified by a dual point instead."
    ),
    problem=features_problem(CROSS_ENTROPY, ClassCounts(), Width(K - 1)),
    derive=derive,
)
