"""Cross-entropy, one linear layer, balanced classes, with or without bias: the simplex ETF.

Setting: minimise (1/N) Σ CE(W h_i + b, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² with n samples in each of K classes and a
feature dimension d ≥ K − 1.
Source: Zhu et al., "A Geometric Analysis of Neural Collapse with Unconstrained Features" (NeurIPS 2021), Theorem 3.1.
"""

from __future__ import annotations

from types import SimpleNamespace

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, Symbols
from theory.claim import Claim, Derivation, Source, Verdict
from theory.neural_collapse.features import CROSS_ENTROPY, features_problem, logits
from theory.neural_collapse.lemmas import GIBBS, NORM_DUALITY, NUCLEAR_NORM
from theory.neural_collapse.softmax import entropy, record_tangent_steps, wrong_probability
from theory.problem import ClassCounts, Problem, Width
from theory.proof import (
    Bound,
    Identity,
    Nonnegative,
    Proof,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
    Vanishes,
)
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, feature_decay, j, k, n, positive, weight_decay


def derive(problem: Problem) -> Derivation:
    record = StepRecorder()
    t, u = positive("t"), positive("u")
    centring = SymbolicMatrix.identity(K) - SymbolicMatrix.ones(K) * (1 / K)
    balanced = Symbols({N: K * n})

    # W = w (I − J/K), H = h (I − J/K) with margin t = w h: the loss in (t, u = w²), for every K at once.
    xp = SymbolicArrays(K, n)
    trial = StructuredPoint(
        problem,
        xp,
        SimpleNamespace(W=centring * sp.sqrt(u), H=centring * (t / sp.sqrt(u)), b=sp.Integer(0)),
        {},
        balanced,
    )
    in_split = trial.loss()
    u_best = stationary_point(record, "the split between the layers", in_split, u)
    in_margin = sp.simplify(in_split.subs(u, u_best))
    best = minimise_on_half_line(record, "the margin", in_margin, t, sp.Integer(0), exponential=True)
    ratio = threshold_ratio(record, "the feature decay", best, feature_decay, weight=1 / (K - 1))

    v = SimpleNamespace(W=centring * sp.sqrt(u_best), H=centring * sp.simplify(t / sp.sqrt(u_best)), b=sp.Integer(0))
    prediction = StructuredPoint(problem, xp, v, {t: best.point}, balanced).predict(
        in_margin,
        Threshold(ratio, k, K, tuned="feature_decay"),
        named={"margin": best.point, "classifier_norm": ((1 - 1 / K) * u_best).subs(t, best.point), "ratio": ratio},
    )

    # The chain: the tangent of the cross-entropy at the predicted probabilities, which is feasible for the dual.
    x = positive("x")
    decay = sp.sqrt(weight_decay * feature_decay)
    epsilon = wrong_probability(best.point)
    record_tangent_steps(record)
    projection = centring @ centring
    record(
        Identity(
            "the gradient is a projection",
            r"$Y - P = K\varepsilon\,(I - J/K)\,Y$ and $(I - J/K)^2 = I - J/K$, so $\|Y - P\|_{op} = K\varepsilon\sqrt n$.",
            projection.entry(k, j),
            centring.entry(k, j),
        )
    )
    alive = sp.exp(best.stationary)
    record(
        Vanishes(
            "the dual point is feasible when alive",
            r"With the margin at its stationary point, $K\varepsilon\sqrt n / N = \sqrt{\lambda_W\lambda_H}$.",
            (decay - K * x * sp.sqrt(n) / (K * n)) * sp.sqrt(n),
            x,
            1 / (alive + K - 1),
        )
    )
    record(
        Nonnegative(
            "a larger margin only helps feasibility",
            r"$\varepsilon = 1/(e^t + K - 1)$ falls in $t$; so at $t = 0$, above the stationary point, the dual point is feasible too.",
            -sp.diff(wrong_probability(t), t),
        )
    )
    record(
        Identity(
            "the entropy is the value when alive",
            "At the stationary point the tangent's constant term equals the loss.",
            entropy(wrong_probability(sp.log(x))),
            in_margin.subs({feature_decay: 1 / ((x + K - 1) ** 2 * weight_decay * n), t: sp.log(x)}),
        )
    )
    record(
        Identity(
            "the entropy is the value when collapsed",
            "At margin zero both are log K.",
            entropy(wrong_probability(sp.Integer(0))),
            in_margin.subs(t, 0),
        )
    )

    s = sp.IndexedBase("sigma", nonnegative=True)
    correct, every, fit = sp.symbols("a s f", real=True)
    statistics = (
        Statistic(
            fit,
            "mean cross-entropy",
            lambda xp, v, data, p: xp.total(xp.column_cross_entropy(logits(xp, v), data.Y)) / p[N],
        ),
        Statistic(s, "singular values of $WH$", lambda xp, v, data, p: xp.singular_values(v.W @ v.H, data.Y.shape[-2])),
        Statistic(correct, r"$\sum_i z_{i,y_i}$", lambda xp, v, data, p: xp.inner(data.Y, logits(xp, v))),
        Statistic(every, r"$\sum_{i,j} z_{i,j}$", lambda xp, v, data, p: xp.sum_of_entries(logits(xp, v))),
    )
    nuclear = sp.Sum(s[k], (k, 1, K))
    bounds = (
        Bound(
            "nuclear-norm form",
            fit + decay * nuclear,
            "Over all factorisations of $WH$ the decay terms are smallest when both factors share the singular values.",
            (NUCLEAR_NORM.name,),
        ),
        Bound(
            "tangent at the predicted probabilities",
            entropy(epsilon) + epsilon / N * (every - K * correct) + decay * nuclear,
            r"Each cross-entropy lies above its tangent at the predicted probabilities, by a Kullback–Leibler divergence.",
            (GIBBS.name, "the tangent of the cross-entropy", "logarithm below its tangent"),
        ),
        Bound(
            "dual bound",
            entropy(epsilon) + (decay - K * epsilon * sp.sqrt(n) / N) * nuclear,
            r"$\langle Y - P, WH\rangle \le \|Y - P\|_{op}\|WH\|_*$; the bias drops out because the rows of $Y - P$ sum to zero.",
            (NORM_DUALITY.name, "the gradient is a projection"),
        ),
        Bound(
            "predicted value",
            prediction.value.expression,
            "The dual point is feasible: the factor of the nuclear norm is nonnegative.",
            (
                "the dual point is feasible when alive",
                "a larger margin only helps feasibility",
                "the entropy is the value when alive",
                "the entropy is the value when collapsed",
            ),
        ),
    )
    return Derivation(Proof(tuple(record.steps), (NUCLEAR_NORM, GIBBS, NORM_DUALITY), statistics, bounds), prediction)


CLAIM = Claim(
    id="ce-balanced-etf",
    title="Cross-entropy with balanced classes: a simplex ETF",
    source=Source(
        "Zhu, Ding, Zhou, Li, You, Sulam, Qu",
        "A Geometric Analysis of Neural Collapse with Unconstrained Features",
        "NeurIPS 2021",
        "2105.02375",
    ),
    verdict=Verdict.HOLDS,
    statement=(
        "Every global minimiser has within-class features equal to their mean (NC1); class means and classifier rows form "
        "simplex ETFs (NC2) and are parallel (NC3). The margin between the correct logit and any other is $t = {margin}$, "
        "the squared norm of a classifier row ${classifier_norm}$. All of it collapses to zero iff ${ratio} \\le 1$. An "
        "unregularised bias changes nothing: at the minimum its entries are equal."
    ),
    problem=features_problem(CROSS_ENTROPY, ClassCounts(balanced=True), Width(K - 1), with_bias=True),
    derive=derive,
)
