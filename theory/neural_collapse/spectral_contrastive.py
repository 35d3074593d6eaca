"""Spectral contrastive loss, linear features: directions along which a pair differs more than it agrees collapse.

Setting: f(x) = F x with F (d × D). A positive pair (x, x⁺) has mean zero, is exchangeable, and x' is an independent copy of x. Minimise
−2 E f(x)ᵀf(x⁺) + E (f(x)ᵀf(x'))² + D. With C = Cov(x) and A the symmetrised covariance of x with x⁺ the first two terms are
−2 tr(F A Fᵀ) + ‖F C Fᵀ‖². The constant D makes the loss E ‖f(x) − f(x⁺)‖² + ‖G − I‖² with G = C^{1/2} Fᵀ F C^{1/2}, in which nothing
cancels. The mean (x + x⁺)/2 of a pair has the covariance (C + A)/2, and half the difference has (C − A)/2. The coordinates are those in
which the first is diag(θ_i²) and the second η_diff² I, which a linear map of x brings about where the second is positive definite.
Source: HaoChen et al., "Provable Guarantees for Self-Supervised Deep Learning with Spectral Contrastive Loss" (NeurIPS 2021), whose
loss this is and who write it as a matrix factorisation, for features of any kind. The linear model is that of Ziyin et al., "What
Shapes the Loss Landscape of Self-Supervised Learning?" (ICLR 2023). Minimiser, threshold and minimum for pairs that agree or oppose are
derived here.
"""

from __future__ import annotations

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, substitute_indexed, sum_over
from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number
from theory.neural_collapse.lemmas import HOFFMAN_WIELANDT
from theory.point import Point
from theory.problem import Invariant, Parameter, PositiveReal, PositiveReals, Problem, Variable, Width
from theory.proof import (
    Bound,
    Identity,
    Piece,
    Prediction,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
)
from theory.results import Decides, Letter, Measured, with_letters
from theory.scalar import ScalarMinimum, minimise_on_half_line, threshold_ratio
from theory.symbols import D, d, indexed, j, k, positive, theta

eta_diff = positive("eta_diff")
"""Standard deviation of half the difference of a pair, along every axis."""
variance = indexed("s", positive=True)
"""Variances of the data along the axes, θ_k² + η_diff²."""
deviation, g = positive("theta"), sp.Symbol("g", nonnegative=True)
"""The standard deviation of the mean of a pair along one axis, and the variance of the features along it."""
CORRELATION = (deviation**2 - eta_diff**2) / (deviation**2 + eta_diff**2)
"""The correlation of the two members of a pair along one axis."""
REST = 4 * deviation**2 * eta_diff**2 / (deviation**2 + eta_diff**2) ** 2
"""One less the square of the correlation."""
DIRECTION = 4 * eta_diff**2 * g / (deviation**2 + eta_diff**2) + (g - 1) ** 2
"""What a direction costs, in g."""


def white(v: Point, data: Point) -> Matrix:
    """Return F C^{1/2}, a root of the covariance of the features."""
    return v.F @ data.root


def pair_distance(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E ‖f(x) − f(x⁺)‖²."""
    return 4 * p[eta_diff] ** 2 * xp.squared_norm(v.F)


def feature_gram(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """Return C^{1/2} Fᵀ F C^{1/2}."""
    return xp.transpose(white(v, data)) @ white(v, data)


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E ‖f(x) − f(x⁺)‖² + ‖G − I‖², expectations taken in closed form."""
    return pair_distance(xp, v, data, p) + xp.squared_norm(feature_gram(xp, v, data, p) - xp.eye(D))


def correlations(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """Return M = C^{−1/2} A C^{−1/2}."""
    covariance = xp.cross(data.root, data.root) - xp.scale(xp.eye(D), 2 * p[eta_diff] ** 2)
    return xp.solve(data.root, xp.transpose(xp.solve(data.root, covariance)))


def bind(values: Values) -> Bindings:
    deviations, half_difference = values["theta"], values["eta_diff"]
    return {
        D: len(deviations),
        d: values["latent_dim"],
        theta: deviations,
        eta_diff: half_difference,
        variance: tuple(deviation**2 + half_difference**2 for deviation in deviations),
    }


PROBLEM = Problem(
    parameters=(
        Parameter(
            "theta",
            PositiveReals(),
            r"standard deviations $\theta_i$ of the mean of a pair along its axes",
        ),
        Parameter("latent_dim", Width(), "dimension $d$ of the features", default=lambda values: len(values["theta"])),
        Parameter(
            "eta_diff",
            PositiveReal(),
            r"deviation $\eta_{diff}$ of half the difference of a pair",
            default=1.0,
        ),
    ),
    variables=(Variable("F", (d, D), 1 / sp.sqrt(variance[j])),),
    loss=loss,
    invariants=(
        Invariant("feature_gram", r"$C^{1/2} F^T F\, C^{1/2}$", feature_gram, shows_collapse=True),
        Invariant("pair_distance", r"$\mathrm{E} \|f(x) - f(x^+)\|^2$", pair_distance, kind="scalar"),
    ),
    sorted_parameter="theta",
    tied=theta,
    bind=bind,
    data=lambda xp: Point(root=xp.diagonal_root(variance)),
    objective="spectral contrastive loss",
)


def derive(problem: Problem) -> Derivation:
    """Write the loss as a matrix factorisation, minimise one direction, predict the point, and bound the loss by its value."""
    record = StepRecorder()
    record_factorisation(record)
    g_k = indexed("g", positive=True)
    point = reduce(record, problem, g_k)
    best = minimise_on_half_line(record, "the variance of a direction", DIRECTION, g, sp.Integer(0))
    record(
        Identity(
            "what a direction gains",
            "Where a direction does not vary it costs 1, and at its best variance less by the square of that variance, the correlation.",
            DIRECTION.subs(g, 0) - DIRECTION.subs(g, best.stationary),
            CORRELATION**2,
        )
    )
    record(
        Identity(
            "what a direction costs",
            "So much is left of a direction at its best variance.",
            DIRECTION.subs(g, best.stationary),
            REST,
        )
    )
    ratio = threshold_ratio(record, "the deviation of the mean", best, deviation)
    prediction = predict(point, g_k, best, ratio**2)
    return Derivation(chain(record, prediction.minimum), prediction)


def record_factorisation(record: StepRecorder) -> None:
    """Prove, for matrices of any size, that the loss is ‖G − M‖² − ‖M‖² + D."""
    m, h, m_t, h_t = (sp.Symbol(name, commutative=False) for name in ("m", "h", "m^T", "h^T"))
    record(
        Identity(
            "the covariance of a pair",
            "With the mean $m$ and half the difference $h$ of a pair, $x = m + h$ and $x^+ = m - h$: their covariance, made symmetric, is "
            "the difference of those of $m$ and $h$.",
            (m + h) * (m_t - h_t) + (m - h) * (m_t + h_t),
            2 * m * m_t - 2 * h * h_t,
        )
    )
    q, root, correlation, q_t, gram = (sp.Symbol(name, commutative=False) for name in ("Q", "R", "M", "Q^T", "G"))
    record(
        Identity(
            "white coordinates",
            r"With $R = C^{1/2}$, $A = R M R$ and $F = Q R^{-1}$ only $Q$ and $M$ are left, and $G = Q^T Q$.",
            (q * root**-1) * (root * correlation * root) * (root**-1 * q_t),
            q * correlation * q_t,
        )
    )
    record(
        Identity(
            "the constant",
            r"$\mathrm{E} \|f(x) - f(x^+)\|^2$ is twice the trace of $G - G M$: the loss is $\mathrm{tr}\, G^2 - 2\, \mathrm{tr}(G M)$, which is "
            "$-2\\, \\mathrm{E} f(x)^T f(x^+) + \\mathrm{E} (f(x)^T f(x'))^2$, and the constant $D$.",
            2 * gram - gram * correlation - correlation * gram + (gram - 1) ** 2,
            gram**2 - gram * correlation - correlation * gram + 1,
        )
    )
    record(
        Identity(
            "matrix factorisation",
            "Completing the square: the traces of $G M$ and $M G$ are the same.",
            (gram - correlation) ** 2 - correlation**2,
            gram**2 - gram * correlation - correlation * gram,
        )
    )


def reduce(record: StepRecorder, problem: Problem, g_k: sp.IndexedBase) -> StructuredPoint:
    """Prove that the loss of a diagonal F, whose direction k has the variance g_k, is a sum over the directions. Return the point."""
    xp = SymbolicArrays(D)
    point = StructuredPoint(problem, xp, Point(F=SymbolicMatrix.diag(D, sp.sqrt(g_k[k] / variance[k]))), {})
    record(
        Identity(
            "reduction",
            "With features along the axes the loss is a sum of one-direction objectives.",
            in_deviations(point.loss()),
            sum_over(DIRECTION.subs({g: g_k[k], deviation: theta[k]}), k, D),
        )
    )
    return point


def in_deviations(expression: sp.Expr) -> sp.Expr:
    """Write the variances of the data by θ and η_diff."""
    return substitute_indexed(expression, variance, theta[k] ** 2 + eta_diff**2)


def predict(point: StructuredPoint, g_k: sp.IndexedBase, best: ScalarMinimum, ratio: sp.Expr) -> Prediction:
    """Predict the point: the first d axes with the best variance each, and no other."""
    here = {deviation: theta[k]}
    correlation, size = CORRELATION.subs(here), best.point.subs(here)
    minimised = {g_k: sp.Piecewise((size, k <= d), (0, True))}
    of_data = Measured(
        correlation,
        lambda reading: reading.xp.diagonal_of(correlations(reading.xp, reading.v, reading.data, reading.p)),
        ((k, D),),
    )
    named = {
        "size": Measured(size, lambda reading: reading.diagonal("feature_gram"), ((k, D),), k <= d),
        "critical": Decides(eta_diff, lambda critical: theta[k] ** 2 / critical**2),
    }
    letter = Letter(indexed("a", real=True)[k], correlation)
    found = StructuredPoint(point.problem, point.xp, point.v, minimised).predict(
        sum_over(DIRECTION.subs({g: g_k[k], **here}), k, D),
        Threshold(ratio.subs(here), k, D, tuned=eta_diff.name, within_rank=k <= d, of="features"),
        named={"correlation": of_data, **with_letters(named, letter)},
    )
    invariants = {name: f.replace_expression(in_deviations(f.number)) for name, f in found.invariants.items()}
    return Prediction(found.value, invariants, found.thresholds, found.named, point=found.point)


g_dir, error = indexed("g", nonnegative=True), sp.Symbol("e", nonnegative=True)


def factorisation_error(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return ‖G − M‖²."""
    return xp.squared_norm(feature_gram(xp, v, data, p) - correlations(xp, v, data, p))


STATISTICS = (
    Statistic(
        error,
        r"$\|G - M\|^2$ with $G = C^{1/2} F^T F\, C^{1/2}$ and $M = C^{-1/2} A\, C^{-1/2}$",
        factorisation_error,
    ),
    Statistic(
        g_dir,
        "eigenvalues of $G$",
        lambda xp, v, data, p: xp.singular_values(white(v, data), p[D]) ** 2,
    ),
)
"""What the bounds are written in."""


def chain(record: StepRecorder, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: matrix factorisation, one scalar problem for each eigenvalue, and their minima."""
    summand = DIRECTION.subs(deviation, theta[k])
    bounds = (
        Bound(
            "matrix factorisation",
            error + sp.Sum(REST.subs(deviation, theta[k]), (k, 1, D)),
            "The two are equal: the sum is $D$ less the squares of the entries of $M$, whatever the features.",
            (
                "the covariance of a pair",
                "white coordinates",
                "the constant",
                "matrix factorisation",
                "what a direction costs",
            ),
        ),
        Bound(
            "sum over eigenvalues",
            sp.Sum(summand.subs(g, g_dir[k]), (k, 1, D)),
            r"The eigenvalues of $G$ and $M$, both in descending order, are no further apart than the matrices.",
            (HOFFMAN_WIELANDT.name,),
        ),
        Bound(
            "predicted value",
            value,
            "Each summand is at least its minimum; at most $d$ eigenvalues of $G$ are nonzero.",
            (
                "the variance of a direction is convex",
                "the variance of a direction is stationary",
                "what a direction gains",
                "reduction",
            ),
        ),
    )
    separable = Separable((Piece(summand, sp.Integer(0)),), g, k, D, free=k <= d, reading=g_dir[k])
    return Proof(tuple(record.steps), (HOFFMAN_WIELANDT,), STATISTICS, bounds, separable)


CLAIM = Claim(
    id="spectral-contrastive",
    title="Spectral contrastive loss, linear features: the directions along which pairs agree survive, the others collapse",
    short_title="Spectral contrastive loss",
    chapter="dimensional collapse",
    source=Source(
        "HaoChen, Wei, Gaidon, Ma",
        "Provable Guarantees for Self-Supervised Deep Learning with Spectral Contrastive Loss",
        "NeurIPS 2021",
        "2106.04156",
    ),
    verdict=Verdict.HOLDS,
    statement=(
        "Along axis $k$ the two members of a pair have the correlation $a_k = {correlation}$. At every global minimiser $C^{{1/2}} "
        "F^T F\\, C^{{1/2}}$ is diagonal, with the entry ${size}$ for each of the $d$ largest $\\theta_k$ and 0 for the others: the "
        "features vary along an axis as much as a pair is correlated there. Direction $k$ collapses, so that no feature depends on it, iff "
        "$\\theta_k \\le {critical}$, where the pair differs at least as much as it agrees, or $k > d$. The minimum is $D$ less the sum of "
        "the squares of these entries. Where $d$ cuts through a group of equal $\\theta_k$ this holds up to a rotation within the group."
    ),
    setting=(
        "A positive pair $(x, x^+)$ is two views of one sample. It has mean zero, and its members can be exchanged; $x'$ is an independent "
        "copy of $x$. The features $f(x) = F x$ are linear, $C$ is the covariance of $x$ and $A$ that of $x$ with $x^+$, made "
        "symmetric. The loss is $-2\\, \\mathrm{E} f(x)^T f(x^+) + \\mathrm{E} (f(x)^T f(x'))^2 + D$, whose constant makes it $\\mathrm{E} "
        "\\|f(x) - f(x^+)\\|^2 + \\|G - I\\|^2$ with $G = C^{1/2} F^T F\\, C^{1/2}$, in closed form. The coordinates are those in "
        "which the mean of a pair, $(x + x^+)/2$, has the covariance $\\mathrm{diag}(\\theta_1^2, \\ldots, \\theta_D^2)$ and half its "
        "difference, $(x - x^+)/2$, has $\\eta_{diff}^2 I$. Then $C$ is diagonal with the entries $s_k = \\theta_k^2 + \\eta_{diff}^2$, and $A = "
        "\\mathrm{diag}(\\theta_k^2 - \\eta_{diff}^2)$. A linear map of $x$ brings this about for all data whose pairs differ in every "
        "direction."
    ),
    idea=(
        "In white coordinates the loss is, but for a constant, the squared distance between the Gram matrix of the features and the "
        "correlations of the pairs. A Gram matrix has no negative eigenvalue and at most $d$ positive ones, so the nearest one keeps the "
        "$d$ largest positive correlations and gives up all the rest. Width does not help a direction along which the pairs oppose."
    ),
    problem=PROBLEM,
    derive=derive,
)
