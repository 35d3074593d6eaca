"""MSE with balanced classes and a last-layer bias that is penalised like the weights: the common direction counts for less.

Setting: minimise (1/2N) ‖WH + b 1ᵀ − Y‖² + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² + (λ_b/2) ‖b‖² over W (K × d), H (d × N) and b, with n
samples in each of K classes and a width d ≥ K.
Source: Massion, Makhlouf, Massart, "The role of class encoding in neural collapse" (arXiv 2606.00344), whose abstract states the
transition from a simplex ETF to an orthogonal frame; value, sizes and threshold are derived here. Without a penalty the bias takes
the mean of the labels on itself; without a bias the features have to: λ_b = 0 and λ_b = ∞ of Dang et al. (ICML 2023), at one layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, Symbols
from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number, Row
from theory.neural_collapse.features import BALANCE, logits, mean_features, mean_gram, within_class_scatter
from theory.neural_collapse.lemmas import MIRSKY, NUCLEAR_NORM
from theory.point import Point
from theory.problem import ClassCounts, Invariant, Parameter, PositiveReal, Problem, Variable, Width
from theory.proof import (
    Bound,
    Identity,
    Lemma,
    Piece,
    Prediction,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    SumOfSquares,
    Threshold,
)
from theory.results import Decides, Letter, Measured, Reading
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, d, feature_decay, indexed, k, n, n_k, positive, weight_decay

bias_decay = positive("lambda_b")
mu_k = indexed("mu", positive=True)
"""The weights of the singular directions of the labels: 1 for the K − 1 that sum to zero, less for the common one."""


def common_weight(decay: Number) -> Number:
    """Return the weight of the direction that the bias reaches: the share of the fit that the best bias leaves."""
    return decay / (1 + decay)


# The problem: a bias is one more variable with its own decay, and each direction has a weight.
def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the loss at the point v; xp is the array namespace, and p gives the values of the parameters."""
    fit = xp.total(xp.column_squares(logits(xp, v) - data.Y)) / (2 * p[N])
    weights = p[weight_decay] / 2 * xp.squared_norm(v.W) + p[bias_decay] / 2 * xp.squared_norm(v.b)
    return fit + weights + p[feature_decay] / 2 * xp.total(xp.column_squares(v.H))


def bind(values: Values) -> Bindings:
    """Return the values of the symbols, the weights of the directions among them."""
    counts = values["class_counts"]
    decays = {s: values[name] for s, name in DECAYS.items()}
    weights = (1,) * (len(counts) - 1) + (common_weight(values["bias_decay"]),)
    return {K: len(counts), d: values["widths"], N: sum(counts), n: counts[0], n_k: counts, mu_k: weights, **decays}


def spectrum(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    """Measure the singular values of the mean logits without the bias."""
    means = v.W @ mean_features(xp, v, data)
    return xp.singular_values(means, xp.rows(means))


DECAYS = {weight_decay: "weight_decay", feature_decay: "feature_decay", bias_decay: "bias_decay"}
PROBLEM = Problem(
    parameters=(
        Parameter("class_counts", ClassCounts(balanced=True), "samples per class, all equal"),
        Parameter("widths", Width(K), "feature dimension $d$", default=lambda values: len(values["class_counts"])),
        Parameter("weight_decay", PositiveReal(decay=True), r"weight decay $\lambda_W$"),
        Parameter("feature_decay", PositiveReal(decay=True), r"feature decay $\lambda_H$"),
        Parameter("bias_decay", PositiveReal(decay=True), r"bias decay $\lambda_b$"),
    ),
    variables=(
        Variable("W", (K, d), BALANCE),
        Variable("H", (d, N), 1 / BALANCE),
        Variable("b", (K, sp.Integer(1)), 1 / K, offset=True),
    ),
    loss=loss,
    invariants=(
        Invariant(
            "spectrum",
            r"singular values of $W \bar H$",
            spectrum,
            kind="spectrum",
            shows_collapse=True,
            symbol=r"\sigma_k(W \bar H)",
        ),
        Invariant("classifier_gram", "$W W^T$", lambda xp, v, data, p: v.W @ xp.transpose(v.W), unit=BALANCE**2),
        Invariant("mean_gram", r"$\bar H^T \bar H$", mean_gram, unit=BALANCE**-2),
        Invariant(
            "within_class_scatter", r"$\sum_i \|h_i - \bar h_{y_i}\|^2$", within_class_scatter, "scalar", BALANCE**-2
        ),
        Invariant(
            "bias_mean",
            "mean entry of $b$",
            lambda xp, v, data, p: xp.mean_entry(v.b),
            "scalar",
            1 / K,
            symbol=r"\bar b",
        ),
        Invariant("bias_spread", r"$\sum_k (b_k - \bar b)^2$", lambda xp, v, data, p: xp.spread(v.b), "scalar", 1 / K),
    ),
    objective="MSE with a penalised bias, one linear layer",
    sorted_parameter="class_counts",
    tied=mu_k,
    bind=bind,
    data=lambda xp: Point(Y=xp.labels()),
)


# From the loss to its minimiser: two kinds of directions, the centred ones and the common one.
def derive(problem: Problem) -> Derivation:
    """Reduce the loss to weighted directions, minimise one, predict the point, and bound the loss from below."""
    record = StepRecorder()
    reduction = reduce(record)
    minimum = minimise(record, reduction)
    candidate = place_directions(record, problem, reduction, minimum)
    prediction = predict(candidate, minimum)
    bound_bias(record)
    letters = (
        Letter(p, minimum.size.subs({count: n, mu: 1}), says="the singular value of a direction that sums to zero"),
        Letter(r, minimum.size.subs({count: n, mu: gamma}), says="the singular value of the common direction"),
    )
    return Derivation(chain(record, reduction, prediction.minimum), prediction, letters)


# The first part: a direction with the singular value q and the weight μ, of classes with n samples each.
count, q, mu = positive("n"), positive("q"), positive("mu")
gamma: sp.Expr = common_weight(bias_decay)


@dataclass(frozen=True)
class Reduction:
    """The scalar problem of a direction: ``objective`` is what q costs, at the squared singular value ``w_squared`` of W."""

    w_squared: sp.Expr
    objective: sp.Expr


def reduce(record: StepRecorder) -> Reduction:
    """Share the decay between W and H at its best: only q is left of a direction."""
    u = positive("u")
    split = weight_decay * u / 2 + feature_decay * q**2 / (2 * u)
    u_best = stationary_point(record, "the split between the layers", split, u)
    return Reduction(u_best, mu * (q - sp.sqrt(count)) ** 2 / (2 * N) + sp.simplify(split.subs(u, u_best)))


# The second part: the minimiser of the scalar problem, for a weight that is a symbol.
@dataclass(frozen=True)
class Minimum:
    """The minimiser: q is ``size``, and positive iff ``ratio`` exceeds 1."""

    size: sp.Expr
    ratio: sp.Expr


def minimise(record: StepRecorder, reduction: Reduction) -> Minimum:
    """Minimise the scalar problem over q ≥ 0, and find the class count at which the minimiser leaves zero."""
    best = minimise_on_half_line(record, "the singular value", reduction.objective, q, sp.Integer(0))
    return Minimum(best.point, threshold_ratio(record, "the class count", best, count))


# The third part: the point, and what it predicts.
p, r, b = positive("p"), positive("r"), sp.Symbol("b", real=True)


@dataclass(frozen=True)
class Candidate:
    """The ``point`` with the best ``bias``, and its loss ``summed`` over the directions."""

    point: StructuredPoint
    bias: sp.Expr
    summed: sp.Expr


def place_directions(record: StepRecorder, problem: Problem, reduction: Reduction, minimum: Minimum) -> Candidate:
    """Find the best bias at W = w (I − J/K) + w' J/K and H likewise, and prove that the loss is a sum over directions.

    The singular value is p in all directions that sum to zero, and r in that of the ones.
    """
    ones = SymbolicMatrix.ones(K) * (1 / K)
    centring = SymbolicMatrix.identity(K) - ones
    w, common_w = (sp.sqrt(reduction.w_squared.subs(q, x)) for x in (p, r))
    v = Point[sp.Expr | SymbolicMatrix](
        W=centring * w + ones * common_w,
        H=centring * (p / (sp.sqrt(n) * w)) + ones * (r / (sp.sqrt(n) * common_w)),
        b=b,
    )
    minima = {x: minimum.size.subs({count: n, mu: weight}) for x, weight in ((p, 1), (r, gamma))}
    balanced = Symbols({N: K * n})
    in_bias = StructuredPoint(problem, SymbolicArrays(K, n), v, minima, balanced)
    b_best = stationary_point(record, "the bias", sp.expand(sp.simplify(in_bias.loss())), b)
    point = StructuredPoint(problem, SymbolicArrays(K, n), v.extended(b=b_best), minima, balanced)
    objective = reduction.objective.subs(count, n)
    summed = (K - 1) * objective.subs({q: p, mu: 1}) + objective.subs({q: r, mu: gamma})
    record(
        Identity(
            "reduction",
            r"At the best bias the loss is $K - 1$ centred directions of weight 1 and the common one of weight $\lambda_b/(1 + "
            r"\lambda_b)$.",
            point.loss(),
            summed.subs(N, K * n),
        )
    )
    return Candidate(point, b_best, summed)


def predict(candidate: Candidate, minimum: Minimum) -> Prediction:
    """Predict from the point with all directions at their minimum, and say what of it the statement may name."""
    here, ratio = {count: n, mu: mu_k[k]}, minimum.ratio
    # Each named result comes with what it is held against at trained points.
    named = {
        "singular_value": Measured(minimum.size.subs(here), sizes, ((k, K),), unit=sp.sqrt(n)),
        "common_weight": Measured(gamma, left_by_the_bias),
        "critical_count": Decides(sp.simplify(count / ratio).subs(here), lambda critical: n / critical),
        "bias": Measured(
            sp.simplify(candidate.bias),
            lambda reading: reading.xp.mean_entry(reading.v.b),
            given={r: lambda reading: sizes(reading)[..., -1]},
        ),
    }
    threshold = Threshold(ratio.subs(here), k, K, tuned="feature_decay")
    return candidate.point.predict(candidate.summed, threshold, named=named)


def sizes(reading: Reading) -> Row:
    """Measure the singular values, that of the common direction last."""
    return reading.invariants["spectrum"] * reading.p[n] ** 0.5


def left_by_the_bias(reading: Reading) -> Number:
    """Measure the share of the mean residual without a bias that is left with it."""
    xp, v = reading.xp, reading.v
    mean = xp.sum_of_entries(v.W @ v.H - reading.data.Y) / (reading.p[K] * reading.p[N])
    return (mean + xp.mean_entry(v.b)) / mean


# The fourth part, the chain: what is left of the fit at the best bias, and then each direction by itself.
def bound_bias(record: StepRecorder) -> None:
    """Prove that whatever the bias, a mean of a row costs at least the weight of the common direction."""
    mean = sp.Symbol("m", real=True)
    record(
        SumOfSquares(
            "the best bias",
            r"A mean $m$ of a row over the samples costs at least $\lambda_b/(1 + \lambda_b)$ of $m^2/2$, whatever the bias.",
            (mean + b) ** 2 / 2 + bias_decay * b**2 / 2 - gamma * mean**2 / 2,
            (((1 + bias_decay) / 2, b + mean / (1 + bias_decay)),),
        )
    )


def over_samples(xp: ArrayNamespace, a: Matrix) -> Matrix:
    """Subtract from each row its mean over the samples."""
    return xp.transpose(xp.centre(xp.transpose(a)))


PINCHING = Lemma(
    "pinching",
    r"$\|A\|_* \ge \|P A Q\|_* + \|(I - P) A (I - Q)\|_*$ and the same of squared Frobenius norms, for orthogonal projections $P$, $Q$.",
    "Bhatia, Matrix Analysis, Section IV.2",
)
centred, common, c = sp.symbols("R_1 R_2 c", nonnegative=True)
s, t = indexed("sigma", nonnegative=True), indexed("t", nonnegative=True)
STATISTICS = (
    Statistic(
        centred,
        r"$\|(WH - Y)(I - J/N)\|^2$",
        lambda xp, v, data, p: xp.squared_norm(over_samples(xp, v.W @ v.H - data.Y)),
    ),
    Statistic(
        common,
        r"$\|(WH - Y) J/N\|^2$",
        lambda xp, v, data, p: xp.squared_norm(v.W @ v.H - data.Y - over_samples(xp, v.W @ v.H - data.Y)),
    ),
    Statistic(s, "singular values of $WH$", lambda xp, v, data, p: xp.singular_values(v.W @ v.H, p[K])),
    Statistic(
        t,
        "singular values of $(I - J/K) WH (I - J/N)$",
        lambda xp, v, data, p: xp.singular_values(xp.centre(over_samples(xp, v.W @ v.H)), p[K]),
    ),
    Statistic(
        c,
        r"$|1^T WH 1| / \sqrt{KN}$",
        lambda xp, v, data, p: abs(xp.sum_of_entries(v.W @ v.H)) / (p[K] * p[N]) ** 0.5,
    ),
)


def chain(record: StepRecorder, reduction: Reduction, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: best bias and factorisation, then one scalar problem for each direction."""
    summand = reduction.objective.subs({count: n, mu: mu_k[k]})
    reading = sp.Piecewise((t[k], k < K), (c, True))
    nuclear = sp.sqrt(weight_decay * feature_decay) * sp.Sum(s[k], (k, 1, K))
    bounds = (
        Bound(
            "best bias, nuclear-norm form",
            (centred + gamma * common) / (2 * N) + nuclear,
            "The best bias for $Z = WH$, and the best factorisation of $Z$.",
            ("the best bias", NUCLEAR_NORM.name),
        ),
        Bound(
            "sum over directions",
            sp.Sum(summand.subs(q, reading), (k, 1, K)),
            r"Fit and nuclear norm are at least those of the centred block and of the common direction; in both the singular "
            r"values of $Y$ are $\sqrt n$.",
            (PINCHING.name, MIRSKY.name),
        ),
        Bound(
            "predicted value",
            value,
            "Each summand is at least its minimum.",
            ("the singular value is convex", "the singular value is stationary"),
        ),
    )
    separable = Separable((Piece(summand, sp.Integer(0)),), q, k, K, free=sp.true, reading=reading)
    lemmas = (NUCLEAR_NORM, PINCHING, MIRSKY)
    return Proof(tuple(record.steps), lemmas, STATISTICS, bounds, separable)


CLAIM = Claim(
    id="mse-regularised-bias",
    title="MSE with a penalised bias: the common direction counts for less",
    short_title="MSE, penalised bias",
    chapter="MSE",
    source=Source("Massion, Makhlouf, Massart", "The role of class encoding in neural collapse", "2026", "2606.00344"),
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser features equal their class mean (NC1). Of the $K$ singular directions of the labels the "
        "$K - 1$ that sum to zero have the weight $\\mu_k = 1$, and the common one, along the ones, has $\\mu_K = {common_weight}$: what "
        "the bias leaves of it. Direction $k$ has the singular value $q_k = {singular_value}$ and collapses to zero iff "
        "$n \\le {critical_count}$; the common one is the first to go, which leaves a simplex ETF. All entries of the "
        "bias are ${bias}$ with the $r = q_K$ of the common direction."
    ),
    setting=(
        "The columns $y_i$ of $Y$ are the one-hot labels of $N$ samples, $n$ of them from each of $K$ classes. The "
        "features $H$ are variables themselves, and the bias $b$ has a decay of its own."
    ),
    idea=(
        "The best bias takes a part of the common direction of the labels on itself, and its decay says how large a "
        "part; what it leaves has a weight below one. The decays of the two factors add up to a nuclear norm, so the "
        "loss is at least a sum of scalar problems: one for each direction that sums to zero, and one of smaller "
        "weight for the common direction. Each is a parabola plus a straight line, so the common direction is the "
        "first to be dropped."
    ),
    problem=PROBLEM,
    derive=derive,
)
