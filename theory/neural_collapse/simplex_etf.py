"""The proof that the claims on the cross-entropy with balanced classes share, with one-hot or smoothed labels: a simplex ETF.

The tangent of the cross-entropy at the predicted probabilities, less the labels, is a multiple of a projection, which is
feasible for the dual of the nuclear norm. One-hot labels are the case α = 0.
"""

from __future__ import annotations

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, Symbols
from theory.claim import Derivation
from theory.neural_collapse.features import logits, margins
from theory.neural_collapse.lemmas import GIBBS, NORM_DUALITY, NUCLEAR_NORM
from theory.neural_collapse.softmax import entropy, record_tangent_steps, wrong_probability
from theory.point import Point
from theory.problem import Problem
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
from theory.results import Decides, Measured
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, feature_decay, j, k, n, positive, smoothing, weight_decay


def derive_etf(problem: Problem, record: StepRecorder, alpha: sp.Expr = sp.Integer(0)) -> Derivation:
    """Derive a problem with balanced classes and label smoothing ``alpha``.

    ``record`` holds the steps that say what its loss is, if there are any.
    """
    loss_steps = tuple(step.name for step in record.steps)
    t, u = positive("t"), positive("u")
    centring = SymbolicMatrix.identity(K) - SymbolicMatrix.ones(K) * (1 / K)
    balanced = Symbols({N: K * n})

    # W = w (I − J/K), H = h (I − J/K) with margin t = w h: the loss in (t, u = w²), for every K at once.
    xp = SymbolicArrays(K, n)
    trial = StructuredPoint(
        problem,
        xp,
        Point(W=centring * sp.sqrt(u), H=centring * (t / sp.sqrt(u)), b=sp.Integer(0)),
        {},
        balanced,
    )
    in_split = trial.loss()
    u_best = stationary_point(record, "the split between the layers", in_split, u)
    in_margin = sp.expand(sp.simplify(in_split.subs(u, u_best)))
    fractions_in = None if alpha == 0 else alpha
    best = minimise_on_half_line(record, "the margin", in_margin, t, sp.Integer(0), True, fractions_in)
    ratio = threshold_ratio(record, "the feature decay", best, feature_decay, weight=1 / (K - 1))

    v = Point(W=centring * sp.sqrt(u_best), H=centring * sp.simplify(t / sp.sqrt(u_best)), b=sp.Integer(0))
    prediction = StructuredPoint(problem, xp, v, {t: best.point}, balanced).predict(
        in_margin,
        Threshold(ratio, k, K, tuned="feature_decay"),
        named={
            "margin": Measured(best.point, margins, ((k, K),)),
            "classifier_norm": Measured(
                ((1 - 1 / K) * u_best).subs(t, best.point),
                lambda reading: reading.diagonal("classifier_gram"),
                ((k, K),),
                unit=sp.sqrt(feature_decay / weight_decay),
            ),
            "ratio": Decides(ratio, lambda ratio: ratio),
        },
    )

    # The chain: the tangent of the cross-entropy at the predicted probabilities, which is feasible for the dual.
    x = positive("x")
    decay = sp.sqrt(weight_decay * feature_decay)
    epsilon = wrong_probability(best.point)
    record_tangent_steps(record)
    wrong = positive("epsilon")
    factor = sp.latex(K * wrong - alpha, symbol_names={wrong: r"\varepsilon"})
    factor = factor if alpha == 0 else f"({factor})"
    one_hot, ones = SymbolicMatrix.identity(K), SymbolicMatrix.ones(K)
    probabilities = one_hot * (1 - K * wrong) + ones * wrong
    targets = problem.nuclear_form.labels(xp, Symbols())
    record(
        Identity(
            "the gradient",
            rf"With the labels as columns of $Y$ and wrong-class probabilities $\varepsilon$, $Y - P = {factor}\,(I - J/K)$, one "
            "column a class.",
            (targets - probabilities).entry(k, j),
            (centring * (K * wrong - alpha)).entry(k, j),
        )
    )
    record(
        Identity(
            "the gradient is a projection",
            rf"$(I - J/K)^2 = I - J/K$, so $\|Y - P\|_{{op}} = {factor}\sqrt n$ where the factor is not negative.",
            (centring @ centring).entry(k, j),
            centring.entry(k, j),
        )
    )
    record(
        Nonnegative(
            "the factor when collapsed",
            "It is not negative at margin zero; when alive it is positive, as the next step says what it is.",
            K * wrong_probability(sp.Integer(0)) - alpha,
        )
    )
    alive = sp.exp(best.stationary)
    record(
        Vanishes(
            "the dual point is feasible when alive",
            rf"With the margin at its stationary point, ${factor}\sqrt n / N = \sqrt{{\lambda_W\lambda_H}}$.",
            (decay - (K * x - alpha) * sp.sqrt(n) / (K * n)) * sp.sqrt(n),
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
    at_x = wrong_probability(sp.log(x))
    pull = at_x if alpha == 0 else positive("s")  # √(n λ_W λ_H): with α it makes up ε
    record(
        Identity(
            "the entropy is the value when alive",
            "At the stationary point the tangent's constant term equals the loss.",
            entropy(at_x),
            in_margin.subs({feature_decay: pull**2 / (weight_decay * n), smoothing: K * (at_x - pull), t: sp.log(x)}),
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
            fit + alpha * (correct - every / K) / N + decay * nuclear,
            "Over all factorisations of $WH$ the decay terms are smallest when both factors share the singular values.",
            (NUCLEAR_NORM.name, *loss_steps),
        ),
        Bound(
            "tangent at the predicted probabilities",
            entropy(epsilon) + (epsilon - alpha / K) / N * (every - K * correct) + decay * nuclear,
            r"Each cross-entropy lies above its tangent at the predicted probabilities, by a Kullback–Leibler divergence.",
            (GIBBS.name, "the tangent of the cross-entropy", "logarithm below its tangent"),
        ),
        Bound(
            "dual bound",
            entropy(epsilon) + (decay - (K * epsilon - alpha) * sp.sqrt(n) / N) * nuclear,
            r"$\langle Y - P, WH\rangle \le \|Y - P\|_{op}\|WH\|_*$; a bias drops out because the rows of $Y - P$ sum to zero.",
            (
                NORM_DUALITY.name,
                "the gradient",
                "the gradient is a projection",
                "the factor when collapsed",
                "the dual point is feasible when alive",
            ),
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
