"""The cross-entropy with balanced classes: the derivation of a simplex ETF, for one-hot and for smoothed labels.

The tangent of the cross-entropy at the predicted probabilities, less the labels, is a multiple of a projection. This multiple
is feasible for the dual of the nuclear norm. One-hot labels are the case α = 0 of smoothed ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, Symbols
from theory.claim import Derivation
from theory.errors import ParameterError
from theory.latex import latex
from theory.neural_collapse.features import logits, margins
from theory.neural_collapse.lemmas import GIBBS, NORM_DUALITY, NUCLEAR_NORM
from theory.neural_collapse.logit_statistics import OF_LOGITS, correct, every, s
from theory.neural_collapse.softmax import entropy, record_tangent_steps, wrong_probability
from theory.point import Point
from theory.problem import Problem
from theory.proof import (
    Bound,
    Identity,
    Nonnegative,
    Prediction,
    Proof,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
    Vanishes,
)
from theory.results import Decides, Letter, Measured
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, feature_decay, j, k, n, positive, smoothing, weight_decay

t = positive("t")
"""The margin: by how much the correct logit exceeds every other."""
CENTRING = SymbolicMatrix.identity(K) - SymbolicMatrix.ones(K) * (1 / K)
"""I − J/K, the Gram matrix of a simplex ETF up to a factor."""
DECAY = sp.sqrt(weight_decay * feature_decay)
BALANCED = Symbols({N: K * n})


@dataclass(frozen=True)
class Reduction:
    """The scalar problem in the margin t.

    ``objective`` is the least loss at W = w (I − J/K), H = h (I − J/K) with w h = t, attained where w² is ``square``. ``alpha``
    is the smoothing of the labels, and ``loss_steps`` are the steps that say what it makes of the loss.
    """

    objective: sp.Expr
    square: sp.Expr
    alpha: sp.Expr
    loss_steps: tuple[str, ...]


@dataclass(frozen=True)
class Minimum:
    """The minimiser of the scalar problem: ``margin`` is zero unless ``ratio`` > 1, and ``stationary`` where it is not zero."""

    margin: sp.Expr
    stationary: sp.Expr
    ratio: sp.Expr


def derive_etf(problem: Problem, record: StepRecorder, alpha: sp.Expr = sp.Integer(0)) -> Derivation:
    """Derive the minimiser with balanced classes and label smoothing ``alpha``.

    ``record`` holds the steps that say what the loss is, if there are any.
    """
    reduction = reduce(record, problem, alpha)
    minimum = minimise(record, reduction)
    prediction = predict(problem, reduction, minimum)
    wrong = Letter(
        positive("varepsilon"), wrong_probability(minimum.margin), says="the predicted probability of each wrong class"
    )
    uncertainty = Letter(positive("S"), entropy(wrong.meaning), says="the entropy of the predicted probabilities")
    return Derivation(chain(record, problem, reduction, minimum, prediction.minimum), prediction, (wrong, uncertainty))


def at_etf(problem: Problem, square: sp.Expr, unknowns: Mapping[sp.Symbol, sp.Expr]) -> StructuredPoint:
    """Return W = w (I − J/K), H = h (I − J/K) with margin t = w h and w² = ``square``, for every K at once."""
    w = sp.sqrt(square)
    v = Point(W=CENTRING * w, H=CENTRING * sp.simplify(t / w), b=sp.Integer(0))
    return StructuredPoint(problem, SymbolicArrays(K, n), v, unknowns, BALANCED)


def reduce(record: StepRecorder, problem: Problem, alpha: sp.Expr) -> Reduction:
    """Reduce the loss at simplex ETFs to a function of the margin: at each margin one split has the smallest decay terms."""
    loss_steps = tuple(step.name for step in record.steps)
    u = positive("u")  # the square of the factor w of W
    in_split = at_etf(problem, u, {}).loss()
    square = stationary_point(record, "the split between the layers", in_split, u)
    return Reduction(sp.expand(sp.simplify(in_split.subs(u, square))), square, alpha, loss_steps)


def minimise(record: StepRecorder, reduction: Reduction) -> Minimum:
    """Minimise the convex scalar problem over t ≥ 0, and find the feature decay below which its minimiser is not zero."""
    fractions_in = None if reduction.alpha == 0 else reduction.alpha
    best = minimise_on_half_line(record, "the margin", reduction.objective, t, sp.Integer(0), True, fractions_in)
    ratio = threshold_ratio(record, "the feature decay", best, feature_decay, weight=1 / (K - 1))
    return Minimum(best.point, best.stationary, ratio)


def predict(problem: Problem, reduction: Reduction, minimum: Minimum) -> Prediction:
    """Predict the value, and the invariants of a simplex ETF with the best margin."""
    row = ((1 - 1 / K) * reduction.square).subs(t, minimum.margin)
    return at_etf(problem, reduction.square, {t: minimum.margin}).predict(
        reduction.objective,
        Threshold(minimum.ratio, k, K, tuned="feature_decay"),
        named={
            "margin": Measured(minimum.margin, margins, ((k, K),)),
            "classifier_norm": Measured(
                row,
                lambda reading: reading.diagonal("classifier_gram"),
                ((k, K),),
                unit=sp.sqrt(feature_decay / weight_decay),
                letters=(Letter(t, minimum.margin, says="the margin"),),
            ),
            "ratio": Decides(minimum.ratio, lambda ratio: ratio),
        },
    )


def record_dual_point(record: StepRecorder, problem: Problem, minimum: Minimum, alpha: sp.Expr) -> None:
    """Record that Y − P, for the labels Y and the predicted probabilities P, has an operator norm of at most N √(λ_W λ_H)."""
    x, wrong = positive("x"), positive("epsilon")
    factor = latex(K * wrong - alpha, symbol_names={wrong: r"\varepsilon"})
    factor = factor if alpha == 0 else f"({factor})"
    one_hot, ones = SymbolicMatrix.identity(K), SymbolicMatrix.ones(K)
    probabilities = one_hot * (1 - K * wrong) + ones * wrong
    if problem.nuclear_form is None:
        raise ParameterError("nuclear_form: missing; the dual point is that of a problem in the logits alone")
    targets = problem.nuclear_form.labels(SymbolicArrays(K, n), Symbols())
    record(
        Identity(
            "the gradient",
            rf"With the labels as columns of $Y$ and wrong-class probabilities $\varepsilon$, $Y - P = {factor}\,(I - J/K)$, one "
            "column a class.",
            (targets - probabilities).entry(k, j),
            (CENTRING * (K * wrong - alpha)).entry(k, j),
        )
    )
    record(
        Identity(
            "the gradient is a projection",
            rf"$(I - J/K)^2 = I - J/K$, so $\|Y - P\|_{{op}} = {factor}\sqrt n$ where the factor is not negative.",
            (CENTRING @ CENTRING).entry(k, j),
            CENTRING.entry(k, j),
        )
    )
    record(
        Nonnegative(
            "the factor when collapsed",
            "It is not negative at margin zero; when alive it is positive, as the next step says what it is.",
            K * wrong_probability(sp.Integer(0)) - alpha,
        )
    )
    record(
        Vanishes(
            "the dual point is feasible when alive",
            rf"With the margin at its stationary point, ${factor}\sqrt n / N = \sqrt{{\lambda_W\lambda_H}}$.",
            (DECAY - (K * x - alpha) * sp.sqrt(n) / (K * n)) * sp.sqrt(n),
            x,
            1 / (sp.exp(minimum.stationary) + K - 1),
        )
    )
    record(
        Nonnegative(
            "a larger margin only helps feasibility",
            r"$\varepsilon = 1/(e^t + K - 1)$ falls in $t$; so at $t = 0$, above the stationary point, the dual point is feasible too.",
            -sp.diff(wrong_probability(t), t),
        )
    )


def record_dual_value(record: StepRecorder, reduction: Reduction) -> None:
    """Record that the value of the dual point, the entropy of the predicted probabilities, is the predicted value."""
    x = positive("x")
    at_x = wrong_probability(sp.log(x))
    pull = at_x if reduction.alpha == 0 else positive("s")  # √(n λ_W λ_H): with α it makes up ε
    in_x = {feature_decay: pull**2 / (weight_decay * n), smoothing: K * (at_x - pull), t: sp.log(x)}
    record(
        Identity(
            "the entropy is the value when alive",
            "At the stationary point the tangent's constant term equals the loss.",
            entropy(at_x),
            reduction.objective.subs(in_x),
        )
    )
    record(
        Identity(
            "the entropy is the value when collapsed",
            "At margin zero both are log K.",
            entropy(wrong_probability(sp.Integer(0))),
            reduction.objective.subs(t, 0),
        )
    )


fit = sp.Symbol("f", real=True)
STATISTICS = (
    Statistic(
        fit,
        "mean cross-entropy",
        lambda xp, v, data, p: xp.total(xp.column_cross_entropy(logits(xp, v), data.Y)) / p[N],
    ),
    *OF_LOGITS,
)
"""What the bounds are written in."""


def chain(record: StepRecorder, problem: Problem, reduction: Reduction, minimum: Minimum, value: sp.Expr) -> Proof:
    """Bound the loss at any point from below by the value of the dual point."""
    alpha = reduction.alpha
    record_tangent_steps(record)
    record_dual_point(record, problem, minimum, alpha)
    record_dual_value(record, reduction)
    epsilon, nuclear = wrong_probability(minimum.margin), sp.Sum(s[k], (k, 1, K))
    bounds = (
        Bound(
            "nuclear-norm form",
            fit + alpha * (correct - every / K) / N + DECAY * nuclear,
            "Over all factorisations of $WH$ the decay terms are smallest when both factors share the singular values.",
            (NUCLEAR_NORM.name, *reduction.loss_steps),
        ),
        Bound(
            "tangent at the predicted probabilities",
            entropy(epsilon) + (epsilon - alpha / K) / N * (every - K * correct) + DECAY * nuclear,
            r"Each cross-entropy lies above its tangent at the predicted probabilities, by a Kullback–Leibler divergence.",
            (GIBBS.name, "the tangent of the cross-entropy", "logarithm below its tangent"),
        ),
        Bound(
            "dual bound",
            entropy(epsilon) + (DECAY - (K * epsilon - alpha) * sp.sqrt(n) / N) * nuclear,
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
            value,
            "The dual point is feasible: the factor of the nuclear norm is nonnegative.",
            (
                "the dual point is feasible when alive",
                "a larger margin only helps feasibility",
                "the entropy is the value when alive",
                "the entropy is the value when collapsed",
            ),
        ),
    )
    return Proof(tuple(record.steps), (NUCLEAR_NORM, GIBBS, NORM_DUALITY), STATISTICS, bounds)
