"""mse-target-scale: MSE with targets κ e_y instead of e_y, one linear layer, any class counts, no bias.

Setting: minimise (1/2N) ‖WH − κY‖² + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖² over W (K × d) and H (d × N), class k with n_k samples.
Larger targets are used to make the square loss compete with cross-entropy: Hui, Belkin, "Evaluation of Neural Architectures
Trained with Square Loss vs Cross-Entropy in Classification Tasks" (ICLR 2021).
"""

from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Claim, Derivation, Source, Verdict
from theory.neural_collapse.features import mean_features
from theory.neural_collapse.lemmas import MIRSKY, NUCLEAR_NORM
from theory.point import Point
from theory.problem import ClassCounts, Invariant, Parameter, PositiveReal, Problem, Variable, Width
from theory.proof import Bound, Identity, Piece, Proof, Separable, Statistic, StepRecorder, StructuredPoint, Threshold
from theory.results import Decides, Measured
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import K, N, d, feature_decay, k, n_k, positive, weight_decay

scale = positive("kappa")


# The problem: the loss, written once; parameters with their domains, variables with their shapes, and what is compared.
def loss(xp, v, data, p):
    """Return the loss at the point v; xp is the array namespace, and p gives the values of the parameters."""
    fit = xp.total(xp.column_squares(v.W @ v.H - xp.scale(data.Y, p[scale]))) / (2 * p[N])
    return fit + p[weight_decay] / 2 * xp.squared_norm(v.W) + p[feature_decay] / 2 * xp.total(xp.column_squares(v.H))


def bind(values):
    """Return the values of the symbols."""
    counts = values["class_counts"]
    decays = {weight_decay: values["weight_decay"], feature_decay: values["feature_decay"]}
    return {K: len(counts), d: values["widths"], N: sum(counts), n_k: counts, scale: values["target_scale"], **decays}


def mean_gram(xp, v, data, p):
    """Measure the Gram matrix of the class means."""
    return xp.transpose(mean_features(xp, v, data)) @ mean_features(xp, v, data)


def singular_values(reading):
    """Measure the singular values of WH at a trained point."""
    return reading.xp.singular_values(reading.v.W @ reading.v.H, reading.p[K])


PROBLEM = Problem(
    parameters=(
        Parameter("class_counts", ClassCounts(), "samples per class"),
        Parameter("widths", Width(), "feature dimension $d$", default=lambda values: len(values["class_counts"])),
        Parameter("weight_decay", PositiveReal(decay=True), r"weight decay $\lambda_W$"),
        Parameter("feature_decay", PositiveReal(decay=True), r"feature decay $\lambda_H$"),
        Parameter("target_scale", PositiveReal(), r"size $\kappa$ of the targets", default=1.0),
    ),
    variables=(Variable("W", (K, d), sp.sqrt(scale)), Variable("H", (d, N), sp.sqrt(scale))),
    loss=loss,
    invariants=(
        Invariant("classifier_gram", "$W W^T$", lambda xp, v, data, p: v.W @ xp.transpose(v.W), unit=scale),
        Invariant("mean_gram", r"$\bar H^T \bar H$", mean_gram, unit=scale, shows_collapse=True),
    ),
    sorted_parameter="class_counts",
    tied=n_k,
    bind=bind,
    data=lambda xp: Point(Y=xp.labels()),
)


# From the loss to its minimiser, in four parts. Every `record(…)` is a step that the checks decide.
def derive(problem):
    """Reduce the loss to one scalar problem a class, minimise it, predict the point, and bound the loss from below."""
    record = StepRecorder()
    reduction = reduce(record)
    minimum = minimise(record, reduction)
    prediction = predict(record, problem, reduction, minimum)
    return Derivation(chain(record, reduction, prediction.minimum), prediction)


# The first part: a class with n samples and the singular value q.
count, q = positive("n"), positive("q")


@dataclass(frozen=True)
class Reduction:
    """The scalar problem of a class: ``objective`` is what q costs, at the squared singular value ``w_squared`` of W."""

    w_squared: sp.Expr
    objective: sp.Expr


def reduce(record):
    """Share the decay between W and H at its best: only q is left of a class."""
    u = positive("u")
    split = weight_decay * u / 2 + feature_decay * q**2 / (2 * u)
    u_best = stationary_point(record, "the split between the layers", split, u)
    return Reduction(u_best, (q - scale * sp.sqrt(count)) ** 2 / (2 * N) + sp.simplify(split.subs(u, u_best)))


# The second part: the minimiser of the scalar problem.
@dataclass(frozen=True)
class Minimum:
    """The minimiser: q is ``size``, and positive iff ``ratio`` exceeds 1."""

    size: sp.Expr
    ratio: sp.Expr


def minimise(record, reduction):
    """Minimise the scalar problem over q ≥ 0, and find the class count at which the minimiser leaves zero."""
    best = minimise_on_half_line(record, "the singular value", reduction.objective, q, sp.Integer(0))
    ratio = threshold_ratio(record, "the class count", best, count)
    size = best.point
    return Minimum(size, ratio)


# The third part: the point, and what it predicts.
def predict(record, problem, reduction, minimum):
    """Prove that at diagonal W and H the loss is the sum over classes, and predict from the first d at their minimum."""
    q_k = sp.IndexedBase("q", positive=True)
    w = sp.sqrt(reduction.w_squared.subs(q, q_k[k]))
    h = sp.simplify(q_k[k] / (sp.sqrt(n_k[k]) * w))
    v = Point(W=SymbolicMatrix.diag(K, w), H=SymbolicMatrix.diag(K, h))
    size, ratio = (formula.subs(count, n_k[k]) for formula in (minimum.size, minimum.ratio))
    point = StructuredPoint(problem, SymbolicArrays(K, n_k[k]), v, {q_k: sp.Piecewise((size, k <= d), (0, True))})
    summed = sum_over(reduction.objective.subs({q: q_k[k], count: n_k[k]}), k, K)
    record(Identity("reduction", "Along the axes of the classes the loss is a sum over classes.", point.loss(), summed))
    threshold = Threshold(ratio, k, K, tuned="feature_decay", within_rank=k <= d)
    # What the statement may name, each with what it is held against at trained points.
    named = {
        "singular_value": Measured(size, singular_values, ((k, K),), where=k <= d, unit=scale),
        "critical_count": Decides(sp.simplify(count / minimum.ratio), lambda critical: n_k[k] / critical),
    }
    return point.predict(summed, threshold, named=named)


# The fourth part, the chain: each bound lies below the one before it, at every point, and says what that rests on.
def chain(record, reduction, value):
    """Prove that no point lies below ``value``: best factorisation of Z = WH, then one problem a singular value."""
    s, residual = sp.IndexedBase("sigma", nonnegative=True), sp.Symbol("R", nonnegative=True)
    statistics = (
        Statistic(
            residual,
            r"$\|WH - \kappa Y\|^2$",
            lambda xp, v, data, p: xp.squared_norm(v.W @ v.H - xp.scale(data.Y, p[scale])),
        ),
        Statistic(s, "singular values of $WH$", lambda xp, v, data, p: xp.singular_values(v.W @ v.H, data.Y.shape[-2])),
    )
    summand = reduction.objective.subs(count, n_k[k])
    nuclear = sp.sqrt(weight_decay * feature_decay) * sp.Sum(s[k], (k, 1, K))
    bounds = (
        Bound(
            "nuclear-norm form",
            residual / (2 * N) + nuclear,
            "The best factorisation of $Z = WH$.",
            (NUCLEAR_NORM.name,),
        ),
        Bound(
            "sum over singular values",
            sp.Sum(summand.subs(q, s[k]), (k, 1, K)),
            r"The singular values of $\kappa Y$ are $\kappa\sqrt{n_k}$.",
            (MIRSKY.name,),
        ),
        Bound("predicted value", value, "Each summand is at least its minimum.", ("the singular value is convex",)),
    )
    separable = Separable((Piece(summand, sp.Integer(0)),), q, k, K, free=k <= d, reading=s[k])
    return Proof(tuple(record.steps), (NUCLEAR_NORM, MIRSKY), statistics, bounds, separable)


CLAIM = Claim(
    id="mse-target-scale",
    title="MSE with scaled targets: larger targets keep smaller classes alive",
    source=Source("The Collapse Atlas", "Tutorial", "this book", "none"),
    verdict=Verdict.HOLDS,
    statement=(
        "The class means of every global minimiser are mutually orthogonal; class $k$ has the singular value "
        "$q_k = {singular_value}$ and collapses to zero iff $n_k \\le {critical_count}$, or $k > d$."
    ),
    problem=PROBLEM,
    derive=derive,
)
