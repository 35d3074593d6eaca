"""Cross-entropy with ReLU features and any class counts: orthogonal class means of unequal length.

Setting: minimise (1/N) Σ CE(W h_i, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H ≥ 0 (d × N), d ≥ K, class k
with n_k samples.
Source: Dang et al., "Neural Collapse for Cross-entropy Class-Imbalanced Learning with Unconstrained ReLU Features Model"
(ICML 2024), the main theorem.
"""

from __future__ import annotations

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.neural_collapse.features import CEI, CROSS_ENTROPY, features_problem, margins, mean_features, mean_logits
from theory.neural_collapse.lemmas import GIBBS
from theory.neural_collapse.softmax import entropy, record_tangent_steps, wrong_probability
from theory.point import Point
from theory.problem import ClassCounts, Problem, Width
from theory.proof import (
    Bound,
    Identity,
    Nonnegative,
    Proof,
    Statistic,
    StepRecorder,
    StructuredPoint,
    SumOfSquares,
    Threshold,
    Vanishes,
)
from theory.results import Decides, Measured
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, feature_decay, j, k, n_k, positive, weight_decay


def coupling(n_a: sp.Expr, n_b: sp.Expr, e_a: sp.Expr, e_b: sp.Expr, same: sp.Expr) -> sp.Expr:
    """(n_a n_b / (N² λ_W)) ⟨e_a − p_a, e_b − p_b⟩ for classes with wrong-class probabilities e; ``same`` is δ_ab."""
    return n_a * n_b * K * e_a * e_b * (K * same - 1) / (N**2 * weight_decay)


def derive(problem: Problem) -> Derivation:
    record = StepRecorder()
    count, t, u = positive("n"), positive("t"), positive("u")

    # One class: feature length² u along its own axis, classifier (I − J/K) diag(t/√u), so that W h = t (e − 1/K).
    split = weight_decay / 2 * (1 - 1 / K) * t**2 / u + feature_decay * count * u / 2
    u_best = stationary_point(record, "the split between the layers", split, u)
    direction = count / N * sp.log(1 + (K - 1) * sp.exp(-t)) + sp.simplify(split.subs(u, u_best))
    best = minimise_on_half_line(record, "the margin", direction, t, sp.Integer(0), exponential=True)
    ratio = threshold_ratio(record, "the class count", best, count, weight=1 / sp.sqrt(count))

    # The same for every class at once, in the loss itself.
    t_k = sp.IndexedBase("t", positive=True)
    here = {t: t_k[k], count: n_k[k]}
    centring = SymbolicMatrix.identity(K) - SymbolicMatrix.ones(K) * (1 / K)
    length = sp.sqrt(u_best.subs(here))
    v = Point(W=centring @ SymbolicMatrix.diag(K, sp.simplify(t_k[k] / length)), H=SymbolicMatrix.diag(K, length))
    at_best = best.point.subs(count, n_k[k])
    point = StructuredPoint(problem, SymbolicArrays(K, n_k[k]), v, {t_k: at_best})
    per_class = direction.subs(here)
    record(
        Identity(
            "reduction",
            "With orthogonal class means the loss is the sum of the one-class objectives.",
            point.loss(),
            sum_over(per_class, k, K),
        )
    )
    prediction = point.predict(
        sum_over(per_class, k, K),
        Threshold(ratio.subs(count, n_k[k]), k, K, tuned="feature_decay"),
        named={
            "margin": Measured(at_best, margins, ((k, K),)),
            "mean_norm": Measured(
                u_best.subs(here).subs(t_k[k], at_best),
                lambda reading: reading.diagonal("mean_gram"),
                ((k, K),),
                unit=sp.sqrt(weight_decay / feature_decay),
            ),
            "critical_count": Decides(sp.simplify(count / ratio), lambda critical: n_k[k] / critical),
        },
    )

    # The chain: tangent at the predicted probabilities, then a quadratic form whose entries are all nonnegative.
    e, e_other = positive("epsilon"), positive("epsilon_l")
    other, x = positive("n_l"), positive("x")
    record_tangent_steps(record)
    residuals = SymbolicMatrix.identity(K) * K - SymbolicMatrix.ones(K)
    record(
        Identity(
            "inner products of the residuals",
            r"With $e_k - p_k = \varepsilon_k (K e_k - 1)$ these are $K\varepsilon_k\varepsilon_l (K\delta_{kl} - 1)$.",
            (residuals.T @ residuals).entry(k, j),
            (residuals * K).entry(k, j),
        )
    )
    samples = sp.symbols("h_1:4", real=True)
    mean = sum(samples) / 3
    record(
        SumOfSquares(
            "class means suffice",
            "Replacing the features of a class by their mean removes a sum of squares (three samples, one coordinate shown).",
            sum(x**2 for x in samples) - 3 * mean**2,
            tuple((sp.Integer(1), x - mean) for x in samples),
        )
    )
    weight, push = sp.symbols("w g", real=True)
    record(
        SumOfSquares(
            "completing the square in W",
            r"$\tfrac{\lambda_W}{2} w^2 - g w \ge -g^2/(2\lambda_W)$, entry by entry.",
            weight_decay / 2 * weight**2 - push * weight + push**2 / (2 * weight_decay),
            ((weight_decay / 2, weight - push / weight_decay),),
        )
    )
    on_diagonal = feature_decay * count - coupling(count, count, e, e, same=sp.Integer(1))
    record(
        Vanishes(
            "diagonal at the stationary margin",
            "$Q_{kk} = 0$ at the stationary margin.",
            on_diagonal,
            e,
            sp.simplify(1 / (sp.exp(best.stationary) + K - 1)),
        )
    )
    record(
        Nonnegative(
            "diagonal beyond it",
            r"$Q_{kk}$ falls in $\varepsilon_k$, and a collapsed class has a smaller $\varepsilon_k$ than the stationary one; so $Q_{kk} \ge 0$.",
            -sp.diff(on_diagonal, e),
        )
    )
    record(
        Nonnegative(
            "probability falls with the margin",
            r"$\varepsilon = 1/(e^t + K - 1)$ falls in $t$.",
            -sp.diff(wrong_probability(t), t),
        )
    )
    record(
        Nonnegative(
            "off the diagonal",
            "$Q_{kl} > 0$ for different classes.",
            -coupling(count, other, e, e_other, same=sp.Integer(0)),
        )
    )
    record(
        Identity(
            "the entropy is the value when alive",
            "At the stationary margin the tangent's constant term equals the one-class objective.",
            count / N * entropy(wrong_probability(sp.log(x))),
            direction.subs(
                {feature_decay: count * K * (K - 1) / ((x + K - 1) ** 2 * N**2 * weight_decay), t: sp.log(x)}
            ),
        )
    )
    record(
        Identity(
            "the entropy is the value when collapsed",
            "At margin zero both are log K.",
            count / N * entropy(wrong_probability(sp.Integer(0))),
            direction.subs(t, 0),
        )
    )

    gram = sp.IndexedBase("G", real=True)
    correct, every = sp.IndexedBase("a", real=True), sp.IndexedBase("s", real=True)
    w_norm, h_norm = sp.symbols("omega chi", nonnegative=True)
    statistics = (
        Statistic(w_norm, r"$\|W\|^2$", lambda xp, v, data, p: xp.squared_norm(v.W)),
        Statistic(h_norm, r"$\|H\|^2$", lambda xp, v, data, p: xp.squared_norm(v.H)),
        Statistic(
            correct,
            r"mean correct logit of class $k$",
            lambda xp, v, data, p: xp.diagonal_of(mean_logits(xp, v, data, p)),
        ),
        Statistic(
            every,
            r"mean over class $k$ of the sum of the logits",
            lambda xp, v, data, p: xp.column_sums(mean_logits(xp, v, data, p)),
        ),
        Statistic(
            gram,
            r"$\langle \bar h_k, \bar h_l\rangle$",
            lambda xp, v, data, p: xp.transpose(mean_features(xp, v, data)) @ mean_features(xp, v, data),
        ),
    )
    epsilon = wrong_probability(at_best)
    epsilon_j = epsilon.subs(k, j)
    constant = sp.Sum(n_k[k] / N * entropy(epsilon), (k, 1, K))
    tangent = (
        constant + sp.Sum(n_k[k] / N * epsilon * (every[k] - K * correct[k]), (k, 1, K)) + weight_decay / 2 * w_norm
    )
    pairs = coupling(n_k[k], n_k[j], epsilon, epsilon_j, same=sp.KroneckerDelta(k, j)) * gram[k, j]
    form = feature_decay / 2 * sp.Sum(n_k[k] * gram[k, k], (k, 1, K)) - sp.Sum(pairs / 2, (k, 1, K), (j, 1, K))
    bounds = (
        Bound(
            "tangent at the predicted probabilities",
            tangent + feature_decay / 2 * h_norm,
            "Each cross-entropy lies above its tangent at the predicted probabilities, by a Kullback–Leibler divergence.",
            (GIBBS.name, "the tangent of the cross-entropy", "logarithm below its tangent"),
        ),
        Bound(
            "class means",
            tangent + feature_decay / 2 * sp.Sum(n_k[k] * gram[k, k], (k, 1, K)),
            "The tangent sees the features of a class only through their mean.",
            ("class means suffice",),
        ),
        Bound(
            "minimum over the classifier",
            constant + form,
            r"What is left is $\tfrac12 \sum_{kl} Q_{kl} \langle \bar h_k, \bar h_l\rangle$.",
            ("completing the square in W", "inner products of the residuals"),
        ),
        Bound(
            "predicted value",
            prediction.value.expression,
            r"Every $Q_{kl} \ge 0$, and nonnegative features have nonnegative inner products.",
            (
                "diagonal at the stationary margin",
                "diagonal beyond it",
                "probability falls with the margin",
                "off the diagonal",
                "the entropy is the value when alive",
                "the entropy is the value when collapsed",
            ),
        ),
    )
    return Derivation(Proof(tuple(record.steps), (GIBBS,), statistics, bounds), prediction)


CLAIM = Claim(
    id="ce-imbalanced-relu",
    title="Cross-entropy with ReLU features: orthogonal means and minority collapse",
    source=CEI,
    verdict=Verdict.HOLDS,
    statement=(
        "Every global minimiser has within-class features equal to their mean (NC1) and mutually orthogonal class means of "
        "squared length ${mean_norm}$; the logits of class $k$ are $t_k (e_k - 1/K)$ with margin $t_k = {margin}$, and the "
        "classifier rows sum to zero. Class $k$ collapses to zero (minority collapse) iff $n_k \\le {critical_count}$. With "
        "equal class counts the means form an orthogonal frame and the classifier a simplex ETF."
    ),
    problem=features_problem(CROSS_ENTROPY, ClassCounts(), Width(K), nonnegative_features=True),
    derive=derive,
)
