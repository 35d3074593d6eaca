"""Cross-entropy with ReLU features, a last-layer bias and two classes of unequal size: the larger class collapses to zero.

Setting: minimise (1/N) Σ CE(W h_i + b, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (2 × d), H ≥ 0 (d × N) and b, which is not penalised,
with n_1 > n_2 samples of the two classes.
Source: Dang et al., "Neural Collapse for Cross-entropy Class-Imbalanced Learning with Unconstrained ReLU Features Model" (ICML 2024),
whose theorem is about the same problem without a bias. Value, structure and threshold with a bias are derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, Symbols
from theory.claim import Claim, Derivation, Verdict
from theory.namespace import Number
from theory.neural_collapse import features
from theory.neural_collapse.ce_imbalanced_relu import STATISTICS, correct, every, gram, h_norm, w_norm
from theory.neural_collapse.features import CEI, CROSS_ENTROPY, features_problem, margins
from theory.neural_collapse.lemmas import GIBBS
from theory.neural_collapse.softmax import record_class_means, record_tangent_steps
from theory.point import Point
from theory.problem import Problem, TwoUnequalCounts, Width
from theory.proof import (
    Bound,
    Identity,
    Nonnegative,
    Prediction,
    Proof,
    StepRecorder,
    StructuredPoint,
    SumOfSquares,
    Threshold,
)
from theory.results import Decides, Letter, Measured, Reading, Shown
from theory.scalar import minimise_on_half_line, stationary_point
from theory.symbols import K, N, feature_decay, k, n_k, positive, weight_decay

larger, smaller = n_k[1], n_k[2]
"""The samples of the two classes."""
BOTH = Symbols({N: larger + smaller})
OTHER = {1: smaller, 2: larger}
"""The samples of the class other than this one."""
OF_SMALLER = k - 1
"""1 for the smaller class and 0 for the larger one."""
PULL = sp.sqrt(weight_decay * feature_decay * smaller / 2)
RATIO = larger * sp.sqrt(2 * smaller) / (N**2 * sp.sqrt(weight_decay * feature_decay))
LARGEST = sp.Max(1, RATIO)
"""The larger of 1 and the ratio."""
m = positive("m")
"""The letter for it."""
ODDS = N * m / (N - n_k[k]) - 1
"""The odds of class k against the other one, for a sample of class k."""
WRONG = (N - n_k[k]) / (N * m)
"""The probability of the other class, for a sample of class k."""

p = positive("p")
"""What a unit of margin costs a class, as a share of its weight n_k/N."""
t = positive("t")
"""The margin that the features of the smaller class give: the sum of the margins of both classes."""
x, y = sp.Symbol("x", real=True), sp.Symbol("y", real=True)
"""The margins of the larger and of the smaller class."""
FIT = larger / N * sp.log(1 + sp.exp(-x)) + smaller / N * sp.log(1 + sp.exp(-y))
"""The cross-entropy at these margins."""


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to the margins of both classes, minimise it over them, predict the point, and bound the loss from below."""
    record = StepRecorder()
    mean_norm = reduce(record, problem)
    minimum = minimise(record)
    prediction = predict(problem, mean_norm)
    return Derivation(chain(record, minimum, prediction.minimum), prediction)


def at(problem: Problem, mean_norm: sp.Expr, minima: dict[sp.Symbol, sp.Expr]) -> StructuredPoint:
    """Return the point whose larger class has no features: the bias gives it the margin x, and the other class t − x.

    ``mean_norm`` is the squared norm of the mean of the smaller class.
    """
    h = sp.sqrt(mean_norm)
    v = Point[sp.Expr | SymbolicMatrix](
        W=SymbolicMatrix(sp.Integer(2), sp.Integer(0), ((2 * k - 3, OF_SMALLER * t / (2 * h)),)),
        H=SymbolicMatrix.diag(sp.Integer(2), OF_SMALLER * h),
        b=(3 - 2 * k) * x / 2,
    )
    return StructuredPoint(problem, SymbolicArrays(sp.Integer(2), n_k[k]), v, minima, BOTH)


def reduce(record: StepRecorder, problem: Problem) -> sp.Expr:
    """Share the decay between the layers, and write the loss in the margins. Return the best squared norm of the mean at t."""
    u = positive("u")
    split = weight_decay * t**2 / (4 * u) + feature_decay * smaller * u / 2
    mean_norm = stationary_point(record, "the split between the layers", split, u)
    record(
        Identity(
            "reduction",
            r"At such a point a unit of $t$ costs $\sqrt{\lambda_W\lambda_H n_2/2}$, and the margin of the smaller class is $t - x$.",
            at(problem, mean_norm, {}).loss(),
            (FIT + PULL * t).subs(y, t - x).subs(N, BOTH[N]),
        )
    )
    return mean_norm


@dataclass(frozen=True)
class Minimum:
    """The minimisers: the ``margin`` of a class in its p while the smaller class lives, and the ``bias`` where all features vanish."""

    margin: sp.Expr
    bias: sp.Expr


def minimise(record: StepRecorder) -> Minimum:
    """Minimise over each margin by itself, and over the bias alone, and say where the features of the smaller class vanish."""
    of_class = sp.log(1 + sp.exp(-x)) + p * x
    margin = minimise_on_half_line(record, "the margin of a class", of_class, x, sp.Integer(0), True).stationary
    bias = minimise_on_half_line(record, "the bias alone", FIT.subs(y, -x), x, sp.Integer(0), True).stationary
    for i in (1, 2):
        record(
            Identity(
                f"the odds of class {i}",
                r"Its share of the pull is $p = N \sqrt{\lambda_W\lambda_H n_2/2}/n_k$, so that the odds are $N r/(N - n_k) - 1$.",
                sp.exp(margin).subs(p, N * PULL / n_k[i]),
                odds(i).subs(m, RATIO),
            )
        )
        record(
            Identity(
                f"the odds of class {i} when collapsed",
                "The bias alone gives the odds $N/(N - n_k) - 1$.",
                sp.exp(bias if i == 1 else -bias),
                odds(i).subs({m: 1, N: BOTH[N]}),
            )
        )
    record(
        Identity(
            "the probability of the wrong class",
            r"It is that of total collapse, divided by $m$, the larger of $1$ and $r$.",
            1 / (1 + ODDS),
            WRONG,
        )
    )
    record(
        Identity(
            "the features live",
            "$t = x + y$ is the logarithm of $(1 - p)(1 - q)/(p q)$ for the probabilities $p$ and $q$ of the wrong class, "
            "and positive iff $p + q = 1/r$ is below 1.",
            sp.Add(*(1 / (1 + odds(i)) for i in (1, 2))).subs(N, BOTH[N]),
            1 / m,
        )
    )
    return Minimum(margin, bias)


def odds(i: int) -> sp.Expr:
    """Return the odds of class 1 or 2, in which N − n_k is the size of the other class."""
    return ODDS.subs(k, i).subs(N - n_k[i], OTHER[i])


def predict(problem: Problem, mean_norm: sp.Expr) -> Prediction:
    """Predict the point with the best margins. Where the smaller class has collapsed, their sum is the logarithm of 1, without rounding."""
    largest = {m: LARGEST}
    of_larger = sp.log(odds(1)).subs(largest)
    excess = sp.factor((odds(1) * odds(2) - 1).subs(N, BOTH[N])).subs(BOTH[N], N)
    margin = sp.log(1 + excess).subs(largest)
    fitted = FIT.subs({x: sp.log(odds(1)), y: sp.log(odds(2))}).replace(sp.log, lambda e: sp.log(sp.cancel(e)))
    letter = Letter(m, LARGEST)
    return at(problem, mean_norm, {t: margin, x: of_larger}).predict(
        fitted.subs(largest) + PULL * margin,
        Threshold(RATIO, k, K, tuned="feature_decay", within_rank=k > 1),
        named={
            "ratio": Decides(RATIO, lambda ratio: ratio),
            "class_margin": Measured(sp.log(ODDS.subs(largest)), margins, ((k, K),), letters=(letter,)),
            "bias": Measured(of_larger, bias_difference, letters=(letter,)),
            "wrong": Shown(WRONG, "the probability of the wrong class"),
            "mean_norm": Measured(
                mean_norm.subs(t, margin),
                lambda reading: reading.diagonal("mean_gram")[..., 1],
                unit=sp.sqrt(weight_decay / feature_decay),
                letters=(Letter(t, margin),),
            ),
        },
    )


def bias_difference(reading: Reading) -> Number:
    """Measure b_1 − b_2."""
    entries = reading.xp.entries(reading.v.b)
    return entries[..., 0] - entries[..., 1]


def entropy(p: sp.Expr) -> sp.Expr:
    """Return the entropy of a coin."""
    return -p * sp.log(p) - (1 - p) * sp.log(1 - p)


SHARE = 1 / LARGEST
"""The predicted probabilities of the wrong class, as a share of those at total collapse, which are n_2/N and n_1/N."""
PUSH = larger * smaller * SHARE / N**2
"""What the tangents gain by a unit of either margin."""


def record_elimination(record: StepRecorder) -> None:
    """Record how the tangent becomes a quadratic form in the class means: without the bias, by their mean, and by the best W."""
    share = positive("rho")
    record(
        Identity(
            "the bias drops out",
            r"With the probabilities $\rho n_2/N$ and $\rho n_1/N$ of the wrong class both classes pull at the bias with the same force.",
            larger / N * (share * smaller / N),
            smaller / N * (share * larger / N),
        )
    )
    record_class_means(
        record,
        "Replacing the features of a class by their mean removes a sum of squares (three samples, one coordinate shown).",
    )
    first, second, push = sp.symbols("w_1 w_2 g", real=True)
    record(
        SumOfSquares(
            "completing the square in W",
            r"$\tfrac{\lambda_W}{2}(w_1^2 + w_2^2) - g (w_1 - w_2) \ge -g^2/\lambda_W$, coordinate by coordinate.",
            weight_decay / 2 * (first**2 + second**2) - push * (first - second) + push**2 / weight_decay,
            (
                (weight_decay / 2, first - push / weight_decay),
                (weight_decay / 2, second + push / weight_decay),
            ),
        )
    )


def record_signs(record: StepRecorder) -> None:
    """Record that no coefficient of the form in the class means is negative."""
    excess, share = sp.Symbol("e", nonnegative=True), sp.Symbol("rho", positive=True)
    at_ratio = (PUSH.subs(SHARE, 1 / RATIO)) ** 2 / weight_decay
    record(
        Identity(
            "the smaller class costs nothing when alive",
            r"At $\rho = 1/r$ the coefficient of $\|\bar h_2\|^2$ vanishes.",
            feature_decay * smaller / 2 - at_ratio,
            sp.Integer(0),
        )
    )
    record(
        Nonnegative(
            "the larger class costs more",
            r"Where $n_1 = n_2 + e$, the coefficient of $\|\bar h_1\|^2$ exceeds that of $\|\bar h_2\|^2$.",
            sp.expand(feature_decay * (smaller + excess) / 2 - feature_decay * smaller / 2),
        )
    )
    record(
        Nonnegative(
            "a smaller push only helps",
            r"When collapsed, $\rho = 1$ is at most $1/r$; the coefficients fall as $\rho$ grows.",
            sp.diff((larger * smaller * share / N**2) ** 2 / weight_decay, share),
        )
    )


def record_values(record: StepRecorder, minimum: Minimum) -> None:
    """Record that the constant terms of the tangents, the entropies of the predicted probabilities, are the predicted value."""
    beyond = positive("u")
    record(
        Identity(
            "the entropies are the value when alive",
            "For each class, with $p = 1/(1 + u)$.",
            entropy(p).subs(p, 1 / (1 + beyond)),
            (sp.log(1 + sp.exp(-x)) + p * x).subs(x, minimum.margin).subs(p, 1 / (1 + beyond)),
        )
    )
    record(
        Identity(
            "the entropies are the value when collapsed",
            "Both are the entropy of the frequencies of the classes.",
            (larger / N * entropy(smaller / N) + smaller / N * entropy(larger / N)).subs(N, BOTH[N]),
            FIT.subs(y, -x).subs(x, minimum.bias).subs(N, BOTH[N]),
        )
    )


def chain(record: StepRecorder, minimum: Minimum, value: sp.Expr) -> Proof:
    """Bound the loss at any point from below: by its tangent, by a quadratic form in the class means, and that by zero."""
    record_tangent_steps(record)
    record_elimination(record)
    record_signs(record)
    record_values(record, minimum)
    entropies = {i: sp.Add.make_args(entropy(SHARE * OTHER[i] / N)) for i in (1, 2)}
    constant = sp.Add(*(n_k[i] / N * term for i, terms in entropies.items() for term in terms))
    tangent = constant - PUSH * sp.Add(*(2 * correct[i] - every[i] for i in (1, 2))) + weight_decay / 2 * w_norm
    of_means = feature_decay / 2 * (larger * gram[1, 1] + smaller * gram[2, 2])
    bounds = (
        Bound(
            "tangent at the predicted probabilities",
            tangent + feature_decay / 2 * h_norm,
            "Each cross-entropy lies above its tangent at the predicted probabilities, by a Kullback–Leibler divergence.",
            (GIBBS.name, "the tangent of the cross-entropy", "logarithm below its tangent"),
        ),
        Bound(
            "class means",
            tangent + of_means,
            "The tangent sees the features of a class only through their mean.",
            ("class means suffice",),
        ),
        Bound(
            "minimum over classifier and bias",
            constant + of_means - PUSH**2 / weight_decay * (gram[1, 1] + gram[2, 2] - 2 * gram[1, 2]),
            "The bias has no effect on the tangent, and the best classifier follows the difference of the class means.",
            ("the bias drops out", "completing the square in W"),
        ),
        Bound(
            "predicted value",
            value,
            "No coefficient of the form is negative, and nonnegative features have nonnegative inner products.",
            (
                "the smaller class costs nothing when alive",
                "the larger class costs more",
                "a smaller push only helps",
                "the entropies are the value when alive",
                "the entropies are the value when collapsed",
            ),
        ),
    )
    return Proof(tuple(record.steps), (GIBBS,), STATISTICS, bounds)


CLAIM = Claim(
    id="ce-relu-bias-two-classes",
    title="Cross-entropy with ReLU features and a bias, two classes: the majority collapses",
    short_title="Cross-entropy, ReLU, bias, 2 classes",
    chapter="imbalance",
    source=CEI,
    verdict=Verdict.HOLDS,
    statement=(
        "Let $r = {ratio}$. At every global minimiser the features of class $k$ equal their mean $h_k$ (NC1), and the larger class "
        "collapses: $h_1 = 0$, whatever the decays. If $r > 1$, the smaller class lives: $\\|h_2\\|^2 = {mean_norm}$ with the sum $t$ of "
        "both margins, and the rows of the classifier, $w_2 = -w_1$, are parallel to $h_2$. The bias alone gives the larger class its "
        "margin, $b_1 - b_2 = {bias}$ with $m = \\max(1, r)$. If $r \\le 1$, all features vanish. In either case the margin of class $k$ is "
        "${class_margin}$, and the probability of the wrong class is ${wrong}$: that of total collapse, divided by $m$."
    ),
    setting=features.SETTING + " There are two classes, and the classifier has a bias $b$, which is not penalised.",
    idea=(
        "A margin can come from the features of the first class, from those of the second one, or from the bias, which is free but gives "
        "one class what it takes from the other. Features cost the less, the fewer samples have them. So the bias gives the larger "
        "class all of its margin, and only the smaller class has features. The tangents at the predicted probabilities leave a quadratic "
        "form in the class means, from which the bias drops out and which is copositive."
    ),
    problem=features_problem(CROSS_ENTROPY, TwoUnequalCounts(), Width(), nonnegative_features=True, always_biased=True),
    derive=derive,
)
