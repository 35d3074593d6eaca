"""Ordinal regression by a cumulative link model with fixed thresholds: features on one line, and total collapse at a closed-form decay.

Setting: minimise (1/N) Σ −log P(y_i | z_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (1 × d) and H (d × N), with the latent values z = W H
and P(y ≤ k | z) = 1/(1 + exp(z − b_k)) for K ordered classes and fixed thresholds b_1 < … < b_{K−1}, which enter as the odds
o_k = exp(−b_k). Class k has n_k samples.
Source: Ma, Obuchi, Tanaka, "Neural Collapse in Cumulative Link Models for Ordinal Regression: An Analysis with Unconstrained Feature
Model" (NeurIPS 2025), whose abstract states collapse within classes, the line, and the order. The threshold and the equation of the latent
values are derived here, for the logistic link.
"""

from __future__ import annotations

import sympy as sp

from theory.algebra import ConcreteArrays, Symbols
from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Formula, Values
from theory.namespace import ArrayNamespace, Number, Row
from theory.neural_collapse.features import BALANCE, MEAN_GRAM, SCATTER, mean_features
from theory.neural_collapse.softmax import record_class_means
from theory.point import Point
from theory.problem import (
    CumulativeForm,
    DifferentPositiveReals,
    Invariant,
    OrderedClassCounts,
    Parameter,
    PositiveReal,
    Problem,
    Variable,
    Width,
)
from theory.proof import (
    Bound,
    Convex,
    Identity,
    Nonnegative,
    Prediction,
    Proof,
    Statistic,
    StepRecorder,
    SumOfSquares,
    Threshold,
    Vanishes,
)
from theory.results import Measured, Read, Shown, TotalCollapse
from theory.scalar import ScalarMinimum, threshold_ratio
from theory.symbols import K, N, d, feature_decay, indexed, k, n, n_k, positive, weight_decay

odds = indexed("o", positive=True)
"""Odds of a class above k at the latent value 0, o_k = exp(−b_k), in descending order."""
DECAY = sp.sqrt(weight_decay * feature_decay)
z = sp.Symbol("z", real=True)
exceeding, short = indexed("c", nonnegative=True), indexed("a", nonnegative=True)
"""Odds that class k is exceeded and that it is not reached, at the latent value 0: c_k = o_k with c_K = 0, a_k = 1/o_{k−1} with a_1 = 0."""
c, a = positive("c"), positive("a")
"""The same for one class between two thresholds."""
high, low = c * sp.exp(z) / (1 + c * sp.exp(z)), a * sp.exp(-z) / (1 + a * sp.exp(-z))
"""The probabilities P(y > k) that the class is exceeded, and P(y < k) that it is not reached, at the latent value z."""
SLOPE = high - low
"""The derivative of the loss of a class."""
PARTS = sp.log(1 + c * sp.exp(z)) + sp.log(1 + a * sp.exp(-z))
"""The loss of a class but for its constant."""
AT_ZERO = (c - a) / ((1 + a) * (1 + c))
"""The slope at the latent value 0."""
MIDDLE = sp.log(a / c) / 2
"""Where the slope of a class between two thresholds vanishes: in the middle of them."""


def latent(xp: ArrayNamespace, v: Point) -> Row:
    """Return W H as a row."""
    return xp.column_sums(v.W @ v.H)


def mean_latent(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    """Return the mean latent value of each class."""
    return xp.column_sums(v.W @ mean_features(xp, v, data))


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the loss."""
    return (
        xp.total(xp.column_cumulative_link(latent(xp, v), data.Y, odds)) / p[N]
        + p[weight_decay] / 2 * xp.squared_norm(v.W)
        + p[feature_decay] / 2 * xp.total(xp.column_squares(v.H))
    )


def latent_size(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the norm of the latent values of all samples where each is that of its class."""
    return xp.squared_norm(v.W @ mean_features(xp, v, data) @ data.Y) ** 0.5


def off_the_line(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return ‖λ_W WᵀW − λ_H H Hᵀ‖², which is zero only where all features lie on the line of W."""
    of_w, of_h = xp.scale(xp.transpose(v.W) @ v.W, p[weight_decay]), xp.scale(xp.cross(v.H, v.H), p[feature_decay])
    return xp.squared_norm(of_w - of_h)


def bind(values: Values) -> Bindings:
    counts = values["class_counts"]
    return {
        K: len(counts),
        d: values["widths"],
        N: sum(counts),
        n_k: counts,
        odds: values["odds"],
        exceeding: (*values["odds"], 0),
        short: (0, *(1 / o for o in values["odds"])),
        weight_decay: values["weight_decay"],
        feature_decay: values["feature_decay"],
    }


PROBLEM = Problem(
    parameters=(
        Parameter("odds", DifferentPositiveReals(), "odds $o_k = e^{-b_k}$ of a class above $k$ at the latent value 0"),
        Parameter("class_counts", OrderedClassCounts("odds"), "samples per class, $n_1, …, n_K$, in order"),
        Parameter("widths", Width(), "feature dimension $d$", default=lambda values: len(values["class_counts"])),
        Parameter("weight_decay", PositiveReal(decay=True), r"weight decay $\lambda_W$"),
        Parameter("feature_decay", PositiveReal(decay=True), r"feature decay $\lambda_H$"),
    ),
    variables=(Variable("W", (sp.Integer(1), d), BALANCE), Variable("H", (d, N), 1 / BALANCE)),
    loss=loss,
    invariants=(
        MEAN_GRAM,
        Invariant("mean_latent", r"$W \bar H$, the latent values of the class means", mean_latent, kind="list"),
        SCATTER,
        Invariant(
            "off_the_line", r"$\|\lambda_W W^T W - \lambda_H H H^T\|^2$", off_the_line, kind="scalar", unit=DECAY**2
        ),
    ),
    sorted_parameter="odds",
    tied=n_k,
    bind=bind,
    data=lambda xp: Point(Y=xp.labels()),
    spectral=True,
    cumulative_form=CumulativeForm(latent, lambda xp, p: xp.labels(), odds, (weight_decay, feature_decay)),
    objective="cumulative link, one linear layer",
)


def of_class(expression: sp.Expr, value: sp.Expr) -> sp.Expr:
    """Return an expression of one class for class k, at a latent value."""
    return expression.xreplace({c: exceeding[k], a: short[k], z: value})


def derive(problem: Problem) -> Derivation:
    """Prove collapse to a line and the order of the classes, find the decay of total collapse, and bound the loss on a line."""
    record = StepRecorder()
    record_class_loss(record, problem)
    record_order(record)
    ratio = record_threshold(record)
    return Derivation(chain(record), predict(ratio))


def record_class_loss(record: StepRecorder, problem: Problem) -> None:
    """Record the loss of a class as two softplus terms and a constant, from the loss itself, with its slope and its convexity."""
    point = Point(W=sp.Matrix([[z]]), H=sp.Matrix([[1]]))
    p = Symbols({N: sp.Integer(1), weight_decay: sp.Integer(0), feature_decay: sp.Integer(0)})
    up_to, from_it = 1 / (1 + c * sp.exp(z)), 1 / (1 + a * sp.exp(-z))
    between = "Between two thresholds, here as second of three classes, the loss has two parts and a constant, shown in exponentials."
    for name, says, position, listed, probability in (
        ("the loss of a class", between, 1, (1 / a, c), (1 - a * c) * up_to * from_it),
        ("the loss of the lowest class", "The lowest class lacks one part: $a = 0$.", 0, (c, c / 2), up_to),
        ("the loss of the highest class", "The highest class lacks the other: $c = 0$.", 2, (2 / a, 1 / a), from_it),
    ):
        xp = ConcreteArrays(3, (position,), listed)
        own = problem.loss(xp, point, Point(Y=xp.labels()), p)
        record(Identity(name, says, sp.together(sp.exp(-own)), probability))
    record(Identity("the slope of a class", "Its derivative in the latent value.", sp.diff(PARTS, z), SLOPE))
    says = "Each part, here the first, is convex: the loss of a class lies above its tangents."
    record(Convex("the loss of a class is convex", says, PARTS.subs(a, 0), z))


def record_order(record: StepRecorder) -> None:
    """Record the equation of a latent value, that its slope falls from class to class, and where it vanishes without a penalty."""
    size = sp.sqrt(positive("r") + n * z**2)
    pulled = sp.diff(n * PARTS / N + DECAY * size, z)
    rising, falling = sp.simplify(sp.diff(SLOPE, c)), sp.simplify(-sp.diff(SLOPE, a))
    balance = (
        r"At a minimum of $\frac1N \sum_k n_k f_k + \sqrt{\lambda_W \lambda_H}\,\rho$ away from zero the slope of $\rho$ balances that of a class "
        "(the other classes add $r$ to $\\rho^2$)."
    )
    order = (
        "… and falls with $a$. From class to class $c$ falls and $a$ rises, so at every latent value a higher class has the smaller slope, and "
        "its penalised minimum lies higher."
    )
    middle = "Without a penalty a class between two thresholds has its latent value in the middle of them."
    for step in (
        Identity("the pull on a class", balance, pulled, n / N * (SLOPE + N * DECAY / size * z)),
        Nonnegative("the slope rises with the odds of exceeding", "At a latent value it grows with $c$ …", rising),
        Nonnegative("the slope falls with the odds of falling short", order, falling),
        Vanishes("the middle of a class", middle, SLOPE, z, MIDDLE),
    ):
        record(step)


def record_threshold(record: StepRecorder) -> sp.Expr:
    """Record where zero stops being optimal. Return the ratio that exceeds 1 where the latent values live."""
    size, t, own = positive("G"), sp.Symbol("t", real=True), sp.Symbol("g", real=True)
    at_zero = SLOPE.subs(z, 0)
    descent = (
        "Along $z_k = -t g_k$, with the slopes $g_k$ at zero and $G^2 = \\sum_k n_k g_k^2$, the fit falls by $t G^2/N$ to first order, and "
        "$\\rho = t G$ for $t > 0$."
    )
    steepest = sp.diff(PARTS.subs(z, -t * own), t).subs(t, 0).subs(own, at_zero)
    record(Identity("the slope at zero", "The slope of a class at the latent value zero.", at_zero, AT_ZERO))
    record(Identity("the steepest descent from zero", descent, steepest, -(at_zero**2)))
    # So this is the slope of the loss at t = 0, over G. By convexity zero is optimal where it is not negative.
    slope = ScalarMinimum(sp.Integer(0), sp.Integer(0), DECAY - size / N)
    ratio = threshold_ratio(record, "the feature decay", slope, feature_decay)
    return ratio.subs(size, sp.sqrt(sp.Sum(n_k[k] * of_class(SLOPE, sp.Integer(0)) ** 2, (k, 1, K))))


def predict(ratio: sp.Expr) -> Prediction:
    """Predict what vanishes, and equations for the rest. Instances are drawn at total collapse, and on either side of it."""
    size, value = positive("rho"), indexed("zeta", real=True)
    at: dict[sp.Basic, Read] = {
        size: lambda r: latent_size(r.xp, r.v, r.data, r.p),
        value: lambda r: r.invariants["mean_latent"],
    }
    pulled, balanced = -size / (N * DECAY) * of_class(SLOPE, value[k]), sp.sqrt(feature_decay / weight_decay) * size
    norm = sp.sqrt(sp.Sum(n_k[k] * of_class(SLOPE, value[k]) ** 2, (k, 1, K)))
    named = {
        "latent": Measured(pulled, at[value], ((k, K),), given=at),
        "classifier": Measured(balanced, lambda r: r.xp.squared_norm(r.v.W), unit=BALANCE**2, given=at),
        "norm": Measured(
            norm, lambda r: r.p[N] * (r.p[weight_decay] * r.p[feature_decay]) ** 0.5, where=ratio > 1, given=at
        ),
        "ratio": TotalCollapse(ratio, at[size], tuned="feature_decay"),
        "slope": Shown(AT_ZERO, by="the slope at zero"),
        "middle": Shown(MIDDLE, by="the middle of a class"),
    }
    zero = Formula(sp.Integer(0))
    yardstick = Threshold(ratio, k, sp.Integer(1), tuned="feature_decay")
    return Prediction(None, {"within_class_scatter": zero, "off_the_line": zero}, (), named, yardstick=yardstick)


def class_losses(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    """Return the loss of each class at its mean latent value."""
    return xp.column_cumulative_link(mean_latent(xp, v, data, p), xp.class_means(data.Y, data.Y), odds)


fit = indexed("f", nonnegative=True)
w_square, h_square, rho = (sp.Symbol(name, nonnegative=True) for name in ("omega", "chi", "rho"))
STATISTICS = (
    Statistic(fit, r"loss of class $k$ at its mean latent value", class_losses),
    Statistic(w_square, r"$\|W\|^2$", lambda xp, v, data, p: xp.squared_norm(v.W)),
    Statistic(
        h_square,
        r"$\sum_k n_k \|\bar h_k\|^2$",
        lambda xp, v, data, p: xp.squared_norm(mean_features(xp, v, data) @ data.Y),
    ),
    Statistic(rho, r"$\sqrt{\sum_k n_k \zeta_k^2}$", latent_size),
)
"""What the bounds are written in."""


def record_chain_steps(record: StepRecorder) -> None:
    """Record the steps of the chain beside those of the class losses."""
    means = "Replacing the features of a class by their mean removes a sum of squares (three samples, one coordinate shown)."
    record_class_means(record, means)
    w, h = sp.symbols("w h", nonnegative=True)
    u, v, p = sp.Symbol("u", real=True), sp.Symbol("v", real=True), positive("p")
    u_1, u_2, v_1, v_2 = sp.symbols("u_1 u_2 v_1 v_2", real=True)
    softplus = sp.log(1 + sp.exp(u))
    tangent = softplus.subs(u, v) + sp.diff(softplus, u).subs(u, v) * (u - v)
    lowest = sp.log(1 + p) + p / (1 + p) * (u - sp.log(p))
    cauchy = "Two vectors (two entries shown) have an inner product of at most the product of their norms, with equality on one line alone."
    slopes = (
        "… of every slope between 0 and 1, here with the odds $p$: they are the entropy of the slope and $u$ times the slope. The dual bound "
        "of the certificates takes such tangents of both parts of the loss of a class."
    )
    for step in (
        SumOfSquares(
            "the split between the layers",
            r"A classifier of norm $w$ and features of norm $h$ cost at least $\sqrt{\lambda_W\lambda_H}\,w h$.",
            weight_decay / 2 * w**2 + feature_decay / 2 * h**2 - DECAY * w * h,
            ((sp.Rational(1, 2), sp.sqrt(weight_decay) * w - sp.sqrt(feature_decay) * h),),
        ),
        SumOfSquares(
            "the Cauchy-Schwarz inequality",
            cauchy,
            (u_1**2 + u_2**2) * (v_1**2 + v_2**2) - (u_1 * v_1 + u_2 * v_2) ** 2,
            ((sp.Integer(1), u_1 * v_2 - u_2 * v_1),),
        ),
        Convex("softplus is convex", r"$\log(1 + e^u)$ lies above its tangents …", softplus, u),
        Identity("conjugate of the softplus", slopes, tangent.subs(v, sp.log(p)), lowest),
    ):
        record(step)


def chain(record: StepRecorder) -> Proof:
    """Bound the loss from below at any point: by class means, and by a convex function of their latent values."""
    record_chain_steps(record)
    fitted = sp.Sum(n_k[k] / N * fit[k], (k, 1, K))
    bounds = (
        Bound(
            "class means",
            fitted + weight_decay / 2 * w_square + feature_decay / 2 * h_square,
            "The loss of a sample lies above its tangent at the mean latent value of its class, whose linear part vanishes on average.",
            (
                "the loss of a class",
                "the loss of the lowest class",
                "the loss of the highest class",
                "the slope of a class",
                "the loss of a class is convex",
                "class means suffice",
            ),
        ),
        Bound(
            "balanced layers",
            fitted + DECAY * sp.sqrt(w_square * h_square),
            "The decay is split best where both parts are equal.",
            ("the split between the layers",),
        ),
        Bound(
            "one line",
            fitted + DECAY * rho,
            "A latent value is at most the product of two norms, and equal to it only on the "
            "line of the classifier. What is left is strictly convex in the latent values of the classes, whose minimiser is unique. "
            "Its dual, to which the conjugate of the softplus leads, certifies each trained point.",
            ("the Cauchy-Schwarz inequality",),
        ),
    )
    return Proof(tuple(record.steps), (), STATISTICS, bounds)


CLAIM = Claim(
    id="ordinal-cumulative-link",
    title="Ordinal regression with fixed thresholds: features on a line in the order of the classes, or none",
    short_title="Ordinal regression",
    chapter="imbalance",
    source=Source(
        "Ma, Obuchi, Tanaka",
        "Neural Collapse in Cumulative Link Models for Ordinal Regression: An Analysis with Unconstrained Feature Model",
        "NeurIPS 2025",
        "2506.05801",
    ),
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser the features of class $k$ equal their mean (NC1), and all features lie on the line of the classifier $W$, "
        "with $\\lambda_W W^T W = \\lambda_H H H^T$. The latent values $\\zeta_k = W h_k$ of the classes are unique. They have no closed form, "
        "but obey $\\zeta_k = {latent}$ with $\\rho^2 = \\sum_k n_k \\zeta_k^2$, and $\\|W\\|^2 = {classifier}$. They rise with the class: "
        "$\\zeta_1 < \\ldots < \\zeta_K$ unless all are zero. Everything collapses to zero iff ${ratio} "
        "\\le 1$: the slope of the loss of class $k$ at the latent value 0 is ${slope}$ at $a = a_k$, $c = c_k$. Elsewhere "
        "$\\rho$ is such that the slopes at $\\zeta_k$ have the norm ${norm} = N \\sqrt{{\\lambda_W \\lambda_H}}$. As the decays fall to zero, the "
        "latent value of a class between two thresholds tends to ${middle}$ at $a = a_k$, $c = c_k$, the middle of the two. The minimum has no "
        "closed form: each trained optimum comes with a dual bound that meets it."
    ),
    setting=(
        "The columns $y_i$ of $Y$ are the one-hot labels of $N$ samples of $K$ ordered classes, $n_k$ of them from class $k$. The features $H$, "
        "one column for each sample, are variables themselves. A sample has one latent value $z_i = W h_i$, and $P(y \\le k \\mid z) = 1/(1 + "
        "e^{z - b_k})$ with fixed thresholds $b_1 < \\ldots < b_{K-1}$. They enter as the odds $o_k = e^{-b_k}$ of a class above $k$ at the "
        "latent value 0. Written with $c_k = o_k$ and $a_k = 1/o_{k-1}$, the odds at 0 that class $k$ is exceeded and that it is not reached "
        "($c_K = a_1 = 0$), the loss of class $k$ is $\\log(1 + c_k e^z) + \\log(1 + a_k e^{-z}) - \\log(1 - a_k c_k)$."
    ),
    idea=(
        "Only one number of each feature matters to the loss, its latent value, and the penalty charges for the norm of the feature: so "
        "features have no part outside the line of the classifier. The loss of a class is convex in the latent value. What is left is a convex "
        "problem in one number for each class, in which a penalty on their common norm pulls all of them to zero at once. The slopes at zero "
        "decide whether they leave it. At any latent value a higher class has a smaller slope, which keeps the classes in order."
    ),
    problem=PROBLEM,
    derive=derive,
)
