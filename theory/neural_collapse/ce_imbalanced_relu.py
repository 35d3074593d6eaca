"""Cross-entropy with ReLU features and any class counts: orthogonal class means of unequal length.

Setting: minimise (1/N) Σ CE(W h_i, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H ≥ 0 (d × N), d ≥ K, class k
with n_k samples.
Source: Dang et al., "Neural Collapse for Cross-entropy Class-Imbalanced Learning with Unconstrained ReLU Features Model"
(ICML 2024), the main theorem.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.namespace import Row
from theory.neural_collapse import features
from theory.neural_collapse.features import (
    BALANCE,
    CEI,
    CROSS_ENTROPY,
    features_problem,
    margins,
    mean_features,
    mean_gram,
    mean_logits,
)
from theory.neural_collapse.lemmas import GIBBS
from theory.neural_collapse.softmax import entropy, record_class_means, record_tangent_steps, wrong_probability
from theory.point import Point
from theory.problem import ClassCounts, Problem, Width
from theory.proof import (
    Bound,
    Identity,
    Nonnegative,
    Prediction,
    Proof,
    Statistic,
    StepRecorder,
    StructuredPoint,
    SumOfSquares,
    Threshold,
    Vanishes,
)
from theory.results import Decides, Letter, Measured, Reading, Result
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, feature_decay, indexed, j, k, n_k, positive, weight_decay

count, t = positive("n"), positive("t")
"""Samples of one class, and its margin: by how much its correct logit exceeds every other."""


@dataclass(frozen=True)
class Reduction:
    """The scalar problem of one class.

    ``objective`` is the least that a class of margin t costs, attained where the squared norm of its mean is ``mean_norm``.
    """

    objective: sp.Expr
    mean_norm: sp.Expr


@dataclass(frozen=True)
class Minimum:
    """The minimiser of the scalar problem, for a class of n samples.

    ``margin`` is zero unless ``ratio`` > 1, and ``stationary`` where it is not zero.
    """

    margin: sp.Expr
    stationary: sp.Expr
    ratio: sp.Expr

    @property
    def margin_k(self) -> sp.Expr:
        """The margin of class k."""
        return self.margin.subs(count, n_k[k])

    @property
    def critical(self) -> sp.Expr:
        """The class count at which a class begins to live."""
        return sp.simplify(count / self.ratio)


def derive(problem: Problem) -> Derivation:
    """Derive the minimiser and its value, and the chain of bounds that proves it."""
    return derive_orthogonal_means(problem, StepRecorder())


def derive_orthogonal_means(problem: Problem, record: StepRecorder) -> Derivation:
    """Derive the minimiser of this problem, whose bias, if it has one, is zero.

    ``record`` holds the steps that say why the bias drops out, if there is one.
    """
    bias_steps = tuple(step.name for step in record.steps)
    reduction = reduce(record)
    minimum = minimise(record, reduction)
    prediction = predict(record, problem, reduction, minimum)
    wrong = Letter(
        indexed("varepsilon", positive=True)[k],
        wrong_probability(minimum.margin_k),
        says="the predicted probability of each wrong class, for a sample of class $k$",
    )
    uncertainty = Letter(
        indexed("S", positive=True)[k],
        entropy(wrong.meaning),
        says="the entropy of the predicted probabilities, for a sample of class $k$",
    )
    proof = chain(record, reduction, minimum, prediction.minimum, bias_steps)
    return Derivation(proof, prediction, (wrong, uncertainty))


def reduce(record: StepRecorder) -> Reduction:
    """Reduce one class, its mean along an axis of its own, to a problem in the margin: one length has the smallest decay terms.

    With W = (I − J/K) diag(t_k/√u_k) and class means of squared length u_k the logits are W h_k = t_k (e_k − 1/K).
    """
    u = positive("u")  # the squared length of the class mean
    decays = weight_decay / 2 * (1 - 1 / K) * t**2 / u + feature_decay * count * u / 2
    mean_norm = stationary_point(record, "the split between the layers", decays, u)
    fit = count / N * sp.log(1 + (K - 1) * sp.exp(-t))
    return Reduction(fit + sp.simplify(decays.subs(u, mean_norm)), mean_norm)


def minimise(record: StepRecorder, reduction: Reduction) -> Minimum:
    """Minimise the convex scalar problem over t ≥ 0, and find the class count above which its minimiser is not zero."""
    best = minimise_on_half_line(record, "the margin", reduction.objective, t, sp.Integer(0), exponential=True)
    ratio = threshold_ratio(record, "the class count", best, count, weight=1 / sp.sqrt(count))
    return Minimum(best.point, best.stationary, ratio)


def predict(record: StepRecorder, problem: Problem, reduction: Reduction, minimum: Minimum) -> Prediction:
    """Put the mean of every class on an axis of its own: the loss is the sum of the scalar problems."""
    t_k = indexed("t", positive=True)
    of_class_k = {t: t_k[k], count: n_k[k]}
    mean_norm, margin = reduction.mean_norm.subs(of_class_k), minimum.margin_k
    length = sp.sqrt(mean_norm)
    centring = SymbolicMatrix.identity(K) - SymbolicMatrix.ones(K) * (1 / K)
    v = Point[sp.Expr | SymbolicMatrix](
        W=centring @ SymbolicMatrix.diag(K, sp.simplify(t_k[k] / length)), H=SymbolicMatrix.diag(K, length)
    )
    if any(variable.name == "b" for variable in problem.variables):
        v = v.extended(b=sp.Integer(0))
    point = StructuredPoint(problem, SymbolicArrays(K, n_k[k]), v, {t_k: margin})
    summed = sum_over(reduction.objective.subs(of_class_k), k, K)
    threshold = Threshold(minimum.ratio.subs(count, n_k[k]), k, K, tuned="feature_decay")
    record(
        Identity(
            "reduction",
            "With orthogonal class means the loss is the sum of the one-class objectives.",
            point.loss(),
            summed,
        )
    )
    return point.predict(summed, threshold, named=named_results(reduction, minimum, threshold.ratio))


def named_results(reduction: Reduction, minimum: Minimum, ratio: sp.Expr) -> dict[str, Result]:
    """Return the formulas of the statement, in a ratio r_k that decides whether class k lives, and its margin t_k."""
    r, t_k, y = (indexed(name, positive=True) for name in "rty")
    r_k = Letter(r[k], ratio, part=n_k[k], written=r[k] * minimum.critical)
    mean_norm = reduction.mean_norm.subs({t: minimum.margin_k, count: n_k[k]})
    slope = sp.simplify(t / (sp.sqrt(count) * reduction.mean_norm))  # of a classifier row in the weighted class means
    return {
        "margin": Measured(minimum.margin_k, margins, ((k, K),), letters=(r_k,)),
        "mean_norm": Measured(
            mean_norm,
            lambda reading: reading.diagonal("mean_gram"),
            ((k, K),),
            unit=sp.sqrt(weight_decay / feature_decay),
            letters=(Letter(t_k[k], minimum.margin_k, says="the margin of class $k$"),),
        ),
        "critical_count": Decides(minimum.critical, lambda critical: n_k[k] / critical),
        "classifier_row": Measured(
            slope * y[k],
            classifier_norms,
            ((k, K),),
            # Where not even the largest class lives, both sides vanish, which the invariants check. Their ratio says nothing there.
            where=ratio.subs(k, 1) > 1,
            unit=BALANCE,
            given={y: centred_mean_norms},
        ),
    }


def classifier_norms(reading: Reading) -> Row:
    """The length of each classifier row."""
    return reading.xp.column_squares(reading.xp.transpose(reading.v.W)) ** 0.5


def centred_mean_norms(reading: Reading) -> Row:
    """The length of y_k = √n_k h_k − (1/K) Σ_m √n_m h_m for each class."""
    xp = reading.xp
    weighted = mean_features(xp, reading.v, reading.data) * reading.p[n_k][..., None, :] ** 0.5
    return xp.column_squares(xp.transpose(xp.centre(xp.transpose(weighted)))) ** 0.5


def coupling(n_a: sp.Expr, n_b: sp.Expr, e_a: sp.Expr, e_b: sp.Expr, same: sp.Expr) -> sp.Expr:
    """(n_a n_b / (N² λ_W)) ⟨e_a − p_a, e_b − p_b⟩ for classes with wrong-class probabilities e; ``same`` is δ_ab."""
    return n_a * n_b * K * e_a * e_b * (K * same - 1) / (N**2 * weight_decay)


def record_elimination(record: StepRecorder) -> None:
    """Record how the tangent becomes a quadratic form in the class means: by their mean over a class, and by the best W."""
    residuals = SymbolicMatrix.identity(K) * K - SymbolicMatrix.ones(K)
    record(
        Identity(
            "inner products of the residuals",
            r"With $e_k - p_k = \varepsilon_k (K e_k - 1)$ these are $K\varepsilon_k\varepsilon_l (K\delta_{kl} - 1)$.",
            (residuals.T @ residuals).entry(k, j),
            (residuals * K).entry(k, j),
        )
    )
    record_class_means(
        record,
        "Replacing the features of a class by their mean removes a sum of squares (three samples, one coordinate shown).",
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


def record_signs(record: StepRecorder, minimum: Minimum) -> None:
    """Record that no entry of the form Q_kl = λ_H n_k δ_kl − ``coupling`` is negative at the predicted probabilities."""
    other, e, e_other = positive("n_l"), positive("epsilon"), positive("epsilon_l")
    on_diagonal = feature_decay * count - coupling(count, count, e, e, same=sp.Integer(1))
    record(
        Vanishes(
            "diagonal at the stationary margin",
            "$Q_{kk} = 0$ at the stationary margin.",
            on_diagonal,
            e,
            sp.simplify(1 / (sp.exp(minimum.stationary) + K - 1)),
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


def record_values(record: StepRecorder, reduction: Reduction) -> None:
    """Record that the constant terms of the tangents, the entropies of the predicted probabilities, are the scalar minima."""
    x = positive("x")
    in_x = {feature_decay: count * K * (K - 1) / ((x + K - 1) ** 2 * N**2 * weight_decay), t: sp.log(x)}
    record(
        Identity(
            "the entropy is the value when alive",
            "At the stationary margin the tangent's constant term equals the one-class objective.",
            count / N * entropy(wrong_probability(sp.log(x))),
            reduction.objective.subs(in_x),
        )
    )
    record(
        Identity(
            "the entropy is the value when collapsed",
            "At margin zero both are log K.",
            count / N * entropy(wrong_probability(sp.Integer(0))),
            reduction.objective.subs(t, 0),
        )
    )


gram = indexed("G", real=True)
correct, every = indexed("a", real=True), indexed("c", real=True)
w_norm, h_norm = sp.symbols("omega chi", nonnegative=True)
STATISTICS = (
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
    Statistic(gram, r"$\langle \bar h_k, \bar h_l\rangle$", mean_gram),
)
"""What the bounds are written in."""


def chain(
    record: StepRecorder, reduction: Reduction, minimum: Minimum, value: sp.Expr, bias_steps: tuple[str, ...]
) -> Proof:
    """Bound the loss at any point from below: by its tangent, by a quadratic form in the class means, and that by zero."""
    record_tangent_steps(record)
    record_elimination(record)
    record_signs(record, minimum)
    record_values(record, reduction)
    epsilon = wrong_probability(minimum.margin_k)
    constant = sp.Sum(n_k[k] / N * entropy(epsilon), (k, 1, K))
    linear = sp.Sum(n_k[k] / N * epsilon * (every[k] - K * correct[k]), (k, 1, K))
    tangent = constant + linear + weight_decay / 2 * w_norm
    of_means = feature_decay / 2 * sp.Sum(n_k[k] * gram[k, k], (k, 1, K))
    pairs = coupling(n_k[k], n_k[j], epsilon, epsilon.subs(k, j), same=sp.KroneckerDelta(k, j)) * gram[k, j]
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
            "minimum over the classifier",
            constant + of_means - sp.Sum(pairs / 2, (k, 1, K), (j, 1, K)),
            r"What is left is $\tfrac12 \sum_{kl} Q_{kl} \langle \bar h_k, \bar h_l\rangle$.",
            (*bias_steps, "completing the square in W", "inner products of the residuals"),
        ),
        Bound(
            "predicted value",
            value,
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
    return Proof(tuple(record.steps), (GIBBS,), STATISTICS, bounds)


CLAIM = Claim(
    id="ce-imbalanced-relu",
    title="Cross-entropy with ReLU features: orthogonal means and minority collapse",
    short_title="Cross-entropy, ReLU features",
    chapter="imbalance",
    source=CEI,
    verdict=Verdict.HOLDS,
    statement=(
        "Let $r_k = {r}$ and $t_k = {margin}$. At every global minimiser the features of class $k$ equal their mean $h_k$ (NC1). "
        "The class means are mutually orthogonal, with $\\|h_k\\|^2 = {mean_norm}$ (NC2). The rows of the classifier are $w_k = "
        "{classifier_row}$ with $y_k = \\sqrt{{n_k}} h_k - \\frac{{1}}{{K}} \\sum_m \\sqrt{{n_m}} h_m$, so that they sum to zero and "
        "the logits of class $k$ are $W h_k = t_k (e_k - 1/K)$, of margin $t_k$ (NC3). Class $k$ collapses to zero (minority "
        "collapse) iff $r_k \\le 1$, that is iff $n_k \\le {critical_count}$. With equal class counts the means form an orthogonal "
        "frame and the classifier a simplex ETF."
    ),
    setting=features.SETTING,
    idea=(
        "The cross-entropy lies above its tangent at the predicted probabilities, and the tangent sees the features "
        "only through their class means. Eliminating the classifier leaves a quadratic form in the class means with "
        "no negative coefficient. Nonnegative features have nonnegative inner products, so the form is never "
        "negative, and it vanishes where the means of living classes are orthogonal."
    ),
    problem=features_problem(CROSS_ENTROPY, ClassCounts(), Width(K), nonnegative_features=True),
    derive=derive,
)
