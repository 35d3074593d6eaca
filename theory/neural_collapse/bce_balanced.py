"""Binary cross-entropy on every logit, balanced classes, no bias: features and classifier oppose each other along the ones.

Setting: minimise (1/N) Σ_i Σ_k BCE(⟨w_k, h_i⟩, [y_i = k]) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H (d × N), with n samples
in each of K ≥ 5 classes and a width d ≥ K.
Source: Li, Xiao, Shen, "BCE vs. CE in Deep Feature Learning" (ICML 2025), study this loss with classifier biases. Value, logits and
thresholds without a bias are derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, Symbols
from theory.claim import Claim, Derivation, Source, Verdict
from theory.namespace import Matrix, Row
from theory.neural_collapse.features import features_problem, logits, mean_logits
from theory.neural_collapse.lemmas import GIBBS, NORM_DUALITY, NUCLEAR_NORM
from theory.neural_collapse.logit_statistics import OF_LOGITS, correct, every, s
from theory.point import Point
from theory.problem import BINARY_CROSS_ENTROPY, ClassCounts, Problem, Width
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
)
from theory.results import Decides, Measured, Reading
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, feature_decay, j, k, n, positive, weight_decay

FEWEST = 5
"""With two or three classes the common logit vanishes at some decays below the threshold, where these formulas do not hold. With four
a and e are equal, which the formulas show as a cancellation alone."""
BALANCED = Symbols({N: K * n})
DECAY = sp.sqrt(weight_decay * feature_decay)
PULL = sp.sqrt(n * weight_decay * feature_decay)
AVERAGE = SymbolicMatrix.ones(K) * (1 / K)
CENTRING = SymbolicMatrix.identity(K) - AVERAGE

pull = positive("r")
"""√(n λ_W λ_H): what a unit of a singular value of the class means of WH costs."""
a, e = positive("a"), positive("e")
"""The singular values of the class means of WH: K − 1 centred ones, and that of the ones, where it has the other sign."""
x, tau = sp.Symbol("x", real=True), sp.Symbol("tau", real=True)
"""The correct logit, and minus a wrong one."""
ALIVE = K * PULL < 1
CORRECT = sp.log(1 + sp.exp(-x)) + (K - 2) * pull * x
"""What the correct logit costs."""
WRONG = (K - 1) * (sp.log(1 + sp.exp(-tau)) + 2 * pull * tau)
"""What the wrong logits −τ cost."""
COMMON = sp.log(1 + sp.exp(tau)) + (K - 1) * sp.log(1 + sp.exp(-tau)) + K * pull * tau
"""What the logits cost where all of them are −τ."""


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to logits, minimise it over them, predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    square = reduce(record, problem)
    minimum = minimise(record)
    prediction = predict(problem, square, minimum)
    return Derivation(chain(record, minimum, prediction.minimum), prediction)


def at(problem: Problem, square: sp.Expr, minima: dict[sp.Symbol, sp.Expr]) -> StructuredPoint:
    """Return W = w C + w' J/K, H = h C − h' J/K with w h = a, w' h' = e and C = I − J/K; ``square`` is w² at the singular value a."""
    w, common_w = sp.sqrt(square), sp.sqrt(square.subs(a, e))
    v = Point(
        W=CENTRING * w + AVERAGE * common_w,
        H=CENTRING * sp.simplify(a / w) - AVERAGE * sp.simplify(e / common_w),
    )
    return StructuredPoint(problem, SymbolicArrays(K, n), v, minima, BALANCED)


def reduce(record: StepRecorder, problem: Problem) -> sp.Expr:
    """Share the decay between the layers, and write the loss in the correct and the wrong logits. Return the best w² at a."""
    u = positive("u")
    split = weight_decay * u / 2 + n * feature_decay * a**2 / (2 * u)
    square = stationary_point(record, "the split between the layers", split, u)
    correct, wrong = ((K - 1) * a - e) / K, -(a + e) / K
    fit = sp.log(1 + sp.exp(-correct)) + (K - 1) * sp.log(1 + sp.exp(wrong))
    record(
        Identity(
            "reduction",
            "At such a point the loss is the fit of two logits and the decay of the singular values.",
            at(problem, square, {}).loss(),
            fit + PULL * ((K - 1) * a + e),
        )
    )
    here = {a: x + tau, e: (K - 1) * tau - x}
    record(
        Identity(
            "the logits apart",
            r"In the correct logit $x = ((K-1)a - e)/K$ and the wrong ones $-\tau = -(a + e)/K$ the loss is a sum.",
            (fit + pull * ((K - 1) * a + e)).subs(here, simultaneous=True),
            CORRECT + WRONG,
        )
    )
    return square


@dataclass(frozen=True)
class Minimum:
    """The minimisers, in ``pull``: the logits while the classes live, and minus the common logit when they have collapsed.

    ``ratio`` exceeds 1 where the common logit is not zero.
    """

    correct: sp.Expr
    wrong: sp.Expr
    common: sp.Expr
    stationary: sp.Expr
    ratio: sp.Expr


def minimise(record: StepRecorder) -> Minimum:
    """Minimise over each logit by itself, and over a common one, and say where the first minimiser is one of the problem."""
    correct = minimise_on_half_line(record, "the correct logit", CORRECT, x, sp.Integer(0), True).stationary
    wrong = minimise_on_half_line(record, "the wrong logits", WRONG, tau, sp.Integer(0), True).stationary
    common = minimise_on_half_line(record, "the common logit", COMMON, tau, sp.Integer(0), True)
    ratio = threshold_ratio(record, "the pull", common, pull)
    record(
        Identity(
            "the classes live",
            r"$a = x + \tau$ is the logarithm of $(1 - p)(1 - q)/(p q)$ for $p = (K-2)r$ and $q = 2r$, and positive iff $p + q = K r < 1$.",
            (1 - (K - 2) * pull) * (1 - 2 * pull) - (K - 2) * pull * 2 * pull,
            1 - K * pull,
        )
    )
    more, beyond = sp.Symbol("kappa", nonnegative=True), positive("u")
    q_odds, p_odds = (FEWEST + more + beyond - 2) / 2, (beyond + 2) / (FEWEST + more - 2)
    record(
        Nonnegative(
            "wrong logits are not positive",
            r"With $K = 5 + \kappa$ and $r = 1/(K + u)$ the odds $(1-q)/q$ are at least 1 …",
            q_odds - 1,
        )
    )
    record(
        Nonnegative(
            "the common logit is not positive",
            r"… and at least $(1-p)/p$. So is their power $K - 1$, whose logarithm exceeds that of $(1-p)/p$ by $e \ge 0$.",
            sp.together(q_odds - p_odds),
        )
    )
    return Minimum(correct, wrong, common.point, common.stationary, ratio)


def predict(problem: Problem, square: sp.Expr, minimum: Minimum) -> Prediction:
    """Predict the point with the best logits while the classes live, and with the best common logit beyond."""
    here = {pull: PULL}
    correct, wrong, common = (m.subs(here) for m in (minimum.correct, minimum.wrong, minimum.common))
    minima = {
        a: sp.Piecewise((correct + wrong, ALIVE), (sp.Integer(0), True)),
        e: sp.Piecewise(((K - 1) * wrong - correct, ALIVE), (K * common, True)),
    }
    value = sp.Piecewise(
        ((CORRECT.subs(x, minimum.correct) + WRONG.subs(tau, minimum.wrong)).subs(here), ALIVE),
        (COMMON.subs(tau, minimum.common).subs(here), True),
    )
    return at(problem, square, minima).predict(
        value,
        Threshold(minimum.ratio.subs(here), k, K, tuned="feature_decay"),
        Threshold(
            1 / (K * PULL), k, K, tuned="feature_decay", of="differences of the classes", telling="centred_logits"
        ),
        named={
            "correct_logit": Measured(
                sp.Piecewise((correct, ALIVE), (-common, True)),
                lambda reading: reading.xp.diagonal_of(z_of(reading)),
                ((k, K),),
            ),
            "wrong_logit": Measured(sp.Piecewise((-wrong, ALIVE), (-common, True)), wrong_logits, ((k, K),)),
            "ratio": Decides(1 / (K * PULL), lambda ratio: ratio, threshold=1),
        },
    )


def z_of(reading: Reading) -> Matrix:
    """Measure the class means of the logits."""
    return mean_logits(reading.xp, reading.v, reading.data, reading.p)


def wrong_logits(reading: Reading) -> Row:
    """Measure the mean of the wrong logits of each class."""
    z = z_of(reading)
    return (reading.xp.column_sums(z) - reading.xp.diagonal_of(z)) / (reading.p[K] - 1)


def entropy(p: sp.Expr) -> sp.Expr:
    """Return the entropy of a coin."""
    return -p * sp.log(p) - (1 - p) * sp.log(1 - p)


def record_tangent(record: StepRecorder) -> None:
    """Record that the binary cross-entropy lies above its tangents."""
    z, odds = sp.Symbol("z", real=True), positive("o")
    q = 1 / (1 + odds)
    share = sp.exp(z) / (1 + sp.exp(z))
    record(
        Identity(
            "the tangent of the binary cross-entropy",
            r"$\log(1 + e^z)$ less its tangent $h(q) + q z$, $h$ the entropy of a coin, is the Kullback–Leibler divergence from the "
            r"sigmoid of $z$ to $q = 1/(1 + o)$.",
            sp.log(1 + sp.exp(z)) - entropy(q) - q * z,
            q * (sp.log(q) - sp.log(share)) + (1 - q) * (sp.log(1 - q) - sp.log(1 - share)),
        )
    )


def record_dual_point(record: StepRecorder) -> None:
    """Record the gradient at the predicted probabilities, and that it is feasible."""
    p, q = positive("p"), positive("q")
    one_hot, ones = SymbolicMatrix.identity(K), SymbolicMatrix.ones(K)
    record(
        Identity(
            "the gradient",
            "With probabilities $1 - p$ of the own class and $q$ of the others $P - Y$ has the singular values $(p + q)\\sqrt n$ and "
            "$|(K-1)q - p|\\sqrt n$, in the centred and in the common direction.",
            (one_hot * (1 - p - q) + ones * q - one_hot).entry(k, j),
            (CENTRING * -(p + q) + AVERAGE * ((K - 1) * q - p)).entry(k, j),
        )
    )
    for name, left in (("centred", (K - 2) * pull + 2 * pull), ("common", (K - 1) * 2 * pull - (K - 2) * pull)):
        record(
            Identity(
                f"the {name} part is feasible when alive", "There it has the largest size allowed.", left, K * pull
            )
        )
    record(
        Identity(
            "the common part is feasible when collapsed",
            r"There $p + q = 1 \le K r$, and $(K-1)q - p = K q - 1$ is at most $K r$, since $q \le r + 1/K$.",
            K * (pull + 1 / K) - 1,
            K * pull,
        )
    )


def record_dual_value(record: StepRecorder, minimum: Minimum) -> None:
    """Record that the entropies of the predicted probabilities are the predicted value."""
    more, beyond = sp.Symbol("kappa", nonnegative=True), positive("u")
    alive = {pull: 1 / (K + beyond)}
    record(
        Identity(
            "the entropies are the value when alive",
            "At the stationary logits, with $r = 1/(K + u)$ and $K = 5 + \\kappa$.",
            (entropy((K - 2) * pull) + (K - 1) * entropy(2 * pull)).subs(alive).subs(K, FEWEST + more),
            (CORRECT.subs(x, minimum.correct) + WRONG.subs(tau, minimum.wrong)).subs(alive).subs(K, FEWEST + more),
        )
    )
    q = 1 / (2 + beyond)
    record(
        Identity(
            "the entropies are the value when collapsed",
            "At the stationary common logit, with $q = r + 1/K = 1/(2 + u)$.",
            entropy(1 - q) + (K - 1) * entropy(q),
            COMMON.subs(tau, minimum.stationary).subs(pull, q - 1 / K),
        )
    )
    record(
        Identity(
            "the entropies are the value at zero",
            "At logits zero both are $K \\log 2$.",
            K * entropy(sp.Rational(1, 2)),
            COMMON.subs(tau, 0),
        )
    )


fit = sp.Symbol("f", real=True)
STATISTICS = (
    Statistic(
        fit,
        "mean binary cross-entropy",
        lambda xp, v, data, p: xp.total(xp.column_binary_cross_entropy(logits(xp, v), data.Y)) / p[N],
    ),
    *OF_LOGITS,
)
"""What the bounds are written in."""


def chain(record: StepRecorder, minimum: Minimum, value: sp.Expr) -> Proof:
    """Bound the loss at any point from below by the value of the dual point."""
    record_tangent(record)
    record_dual_point(record)
    record_dual_value(record, minimum)
    one = sp.Min(PULL + 1 / K, sp.Rational(1, 2))  # the only probability where the classes have become one
    q, both = sp.Piecewise((2 * PULL, ALIVE), (one, True)), sp.Piecewise((K * PULL, ALIVE), (sp.Integer(1), True))
    alive = entropy((K - 2) * PULL) + (K - 1) * entropy(2 * PULL)
    entropies = sp.Piecewise((alive, ALIVE), (K * entropy(one), True))
    largest = sp.Piecewise((K * PULL, ALIVE), (sp.Max(1, K * one - 1), True))
    nuclear = sp.Sum(s[k], (k, 1, K))
    bounds = (
        Bound(
            "nuclear-norm form",
            fit + DECAY * nuclear,
            "Over all factorisations of $WH$ the decay terms are smallest when both factors share the singular values.",
            (NUCLEAR_NORM.name,),
        ),
        Bound(
            "tangents at the predicted probabilities",
            entropies + (q * every - both * correct) / N + DECAY * nuclear,
            "Each binary cross-entropy lies above its tangent at the predicted probability.",
            (GIBBS.name, "the tangent of the binary cross-entropy"),
        ),
        Bound(
            "dual bound",
            entropies + (DECAY - largest * sp.sqrt(n) / N) * nuclear,
            r"$\langle P - Y, WH\rangle \ge -\|P - Y\|_{op}\|WH\|_*$.",
            (NORM_DUALITY.name, "the gradient"),
        ),
        Bound(
            "predicted value",
            value,
            "The dual point is feasible: the factor of the nuclear norm is not negative.",
            (
                "the centred part is feasible when alive",
                "the common part is feasible when alive",
                "the common part is feasible when collapsed",
                "the entropies are the value when alive",
                "the entropies are the value when collapsed",
                "the entropies are the value at zero",
            ),
        ),
    )
    return Proof(tuple(record.steps), (NUCLEAR_NORM, GIBBS, NORM_DUALITY), STATISTICS, bounds)


CLAIM = Claim(
    id="bce-balanced",
    title="Binary cross-entropy with balanced classes: features and classifier oppose each other along the ones",
    short_title="Binary cross-entropy, balanced",
    chapter="cross-entropy",
    source=Source("Li, Xiao, Shen", "BCE vs. CE in Deep Feature Learning", "ICML 2025", "2505.05813"),
    verdict=Verdict.HOLDS,
    statement=(
        "Every global minimiser has within-class features equal to their mean (NC1). The correct logit of every class is "
        "${correct_logit}$, and every other logit is ${wrong_logit}$. If ${ratio} > 1$, the logits of a sample have a negative sum: the "
        "class means of $WH$ are $a(I - J/K) - (e/K) J$ with $a, e > 0$, and $W W^T$ and $\\bar H^T \\bar H$ are multiples of "
        "$a(I - J/K) + (e/K) J$. So neither is a simplex ETF, and features and classifier are not parallel (NC3 fails): along the ones "
        "they point against each other. If ${ratio} \\le 1$, the classes have become one, with equal logits."
    ),
    setting=(
        "$N = K n$ samples carry the labels $y_i$ of $K$ classes, $n$ in each class, as the one-hot columns of $Y$. The features $H$ are "
        "variables themselves, as if the layers before the last one could produce any features, and there is no bias. Every logit has a "
        "binary cross-entropy of its own, $\\mathrm{BCE}(z, y) = \\sum_k \\log(1 + e^{\\mp z_k})$, with the minus sign for the class of "
        "the sample."
    ),
    idea=(
        "The decays add up to a nuclear norm of the logits, and what is left is a convex problem in the logits alone, whose minimiser has "
        "one correct logit and one wrong logit for all classes. Most labels are zero, so the logits of a sample want a negative sum, and "
        "without a bias only the features and the classifier together can give it: they turn against each other along the ones. The "
        "tangents of the binary cross-entropies at the predicted probabilities are a feasible dual point with the predicted value."
    ),
    problem=features_problem(BINARY_CROSS_ENTROPY, ClassCounts(balanced=True, least=FEWEST), Width(K)),
    derive=derive,
)
