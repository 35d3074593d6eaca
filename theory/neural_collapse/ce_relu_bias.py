"""Cross-entropy with ReLU features, any class counts and a last-layer bias: collapse within classes, but class means that are not orthogonal.

Setting: minimise (1/N) Σ CE(W h_i + b, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d), H ≥ 0 (d × N), d ≥ K, and b, which is not
penalised, class k with n_k samples.
Source: Dang et al., "Neural Collapse for Cross-entropy Class-Imbalanced Learning with Unconstrained ReLU Features Model"
(ICML 2024), whose theorem is about the same problem without a bias. What the bias changes is derived and certified here.
"""

from __future__ import annotations

import sympy as sp

from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings, Formula
from theory.namespace import ArrayNamespace, Row
from theory.neural_collapse import features
from theory.neural_collapse.ce_total_collapse import mean_cross_entropies
from theory.neural_collapse.features import CEI, CROSS_ENTROPY, features_problem, mean_features
from theory.neural_collapse.lemmas import GIBBS
from theory.neural_collapse.softmax import record_class_means, record_tangent_steps
from theory.point import Point
from theory.problem import ClassCounts, Problem, Width
from theory.proof import Bound, Prediction, Proof, Statistic, StepRecorder, SumOfSquares, Threshold
from theory.symbols import K, N, d, feature_decay, indexed, j, k, n_k, weight_decay


def derive(problem: Problem) -> Derivation:
    """Derive what is known without a closed form: features equal their class means, by bounds that hold at every point."""
    return Derivation(chain(), predict())


def predict() -> Prediction:
    """Predict the scatter within classes alone: the minimum has no closed form.

    No threshold is claimed. The yardstick only sees to it that instances are drawn from far below to far above total collapse.
    """
    yardstick = Threshold(n_k[k] / (N**2 * weight_decay * feature_decay), k, K, tuned="feature_decay")
    return Prediction(None, {"within_class_scatter": Formula(sp.Integer(0))}, (), yardstick=yardstick)


def weighted_mean_squares(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    """Return Σ_k n_k h_jk² for each hidden unit j, of the class means h_k."""
    return xp.column_squares(xp.transpose(mean_features(xp, v, data) @ data.Y))


fit = indexed("f", nonnegative=True)
w_squares, h_squares = indexed("omega", nonnegative=True), indexed("chi", nonnegative=True)
STATISTICS = (
    Statistic(fit, r"cross-entropy at the mean logits of class $k$", mean_cross_entropies),
    Statistic(w_squares, r"squared norm of column $j$ of $W$", lambda xp, v, data, p: xp.column_squares(v.W)),
    Statistic(h_squares, r"$\sum_k n_k \bar h_{jk}^2$", weighted_mean_squares),
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
    w, h = sp.symbols("w h", nonnegative=True)
    record(
        SumOfSquares(
            "the split between the layers",
            r"A hidden unit with weights of norm $w$ and features of norm $h$ costs at least $\sqrt{\lambda_W\lambda_H}\,w h$.",
            weight_decay / 2 * w**2 + feature_decay / 2 * h**2 - sp.sqrt(weight_decay * feature_decay) * w * h,
            ((sp.Rational(1, 2), sp.sqrt(weight_decay) * w - sp.sqrt(feature_decay) * h),),
        )
    )
    fitted = sp.Sum(n_k[k] / N * fit[k], (k, 1, K))
    bounds = (
        Bound(
            "class means",
            fitted
            + weight_decay / 2 * sp.Sum(w_squares[j], (j, 1, d))
            + feature_decay / 2 * sp.Sum(h_squares[j], (j, 1, d)),
            "The cross-entropy lies above its tangent at the mean logits of a class, whose linear part vanishes on average.",
            (GIBBS.name, "the tangent of the cross-entropy", "logarithm below its tangent", "class means suffice"),
        ),
        Bound(
            "balanced hidden units",
            fitted + sp.sqrt(weight_decay * feature_decay) * sp.Sum(sp.sqrt(w_squares[j] * h_squares[j]), (j, 1, d)),
            "Each hidden unit splits its decay best where both parts are equal; what is left depends on its directions and on "
            "the size of its share of the logits.",
            ("the split between the layers",),
        ),
    )
    return Proof(tuple(record.steps), (GIBBS,), STATISTICS, bounds)


CLAIM = Claim(
    id="ce-relu-bias",
    title="Cross-entropy with ReLU features and a bias: minority classes lean towards each other",
    short_title="Cross-entropy, ReLU, bias",
    chapter="imbalance",
    source=CEI,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser the features of class $k$ equal their mean $h_k$ (NC1). The published theorem is about the same problem "
        "without a bias: there the means of all classes are orthogonal, and the smallest classes are the first to vanish. With a bias this "
        "remains true for equal class counts, but not in general. The minimum then has no closed form, and what follows is not proved for all "
        "class counts but certified instance by instance: each trained optimum comes with a lower bound that meets it. Where one class "
        "has clearly more than half of the samples, it is this majority whose features vanish, at decays at which minorities live: the bias "
        "carries it. And the class means are not orthogonal there: of $K \\ge 3$ classes some minorities lean towards each other, with an "
        "acute angle between their means, and the least loss over all points with orthogonal class means lies above the trained value. "
        "Where no class has half of the samples, the large classes stay orthogonal in the instances that the checks try, and classes that "
        "are small beside them may still lean. Two classes of unequal size have a closed form; two of equal size may share the margin in any way."
    ),
    setting=features.SETTING + " The classifier has a bias $b$, which is not penalised.",
    idea=(
        "Samples differ from their predicted probabilities by residuals $e_k - p_k$. Without a bias the predicted residuals of two classes "
        "always have a negative inner product, which keeps their means apart. A bias that favours a majority gives the other classes a common "
        "mistake: much of their residuals points away from the majority. Where such residuals would have a positive inner product, one "
        "feature direction serves both classes for less than two, so that their means lean towards each other until the residuals are "
        "orthogonal, or the means parallel. The proof that a trained point is optimal is a copositive form, as without a bias, whose "
        "residuals add up to zero."
    ),
    problem=features_problem(CROSS_ENTROPY, ClassCounts(), Width(K), nonnegative_features=True, always_biased=True),
    derive=derive,
)
