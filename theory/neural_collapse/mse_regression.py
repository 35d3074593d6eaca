"""MSE, a deep linear network with a last-layer bias, targets of any kind: neural regression collapse.

Setting: minimise (1/2N) ‖W_M ⋯ W_1 H + b 1ᵀ − Y‖² + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖² over all layers, the features H (d_1 × N)
and the bias b, for N samples of K targets, depth M, any widths d_1, …, d_M and any decays. θ_1 ≥ … ≥ θ_K are the standard deviations
of the targets along their principal axes. The coordinates of the targets are these axes, with the mean as origin, and those of the
samples are such that target k is θ_k times a fixed vector of mean zero and variance one. A rotation of the targets, one of the samples
that keeps the all-ones vector, and a shift of the bias bring this about for any targets.
Source: Andriopoulos et al., "The Prevalence of Neural Collapse in Neural Multivariate Regression" (NeurIPS 2024), at one layer;
Rangamani, Unal, "Deep Neural Regression Collapse" (CPAL 2026) observes it below the last layer. Value, sizes and thresholds are
derived here, at every depth. One-hot labels are the special case θ_k² = ν_k/N with their effective class counts ν_k.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import sympy as sp

from theory.algebra import ConcreteArrays, SymbolicArrays, SymbolicMatrix, Symbols, substitute_indexed, sum_over
from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Formula, Values
from theory.namespace import ArrayNamespace, Matrix, Number
from theory.neural_collapse.deep_directions import Directions, balanced_layers, minimised_directions
from theory.neural_collapse.deep_linear import (
    natural_size,
    network_bindings,
    network_loss,
    network_parameters,
    network_variables,
)
from theory.neural_collapse.features import MSE
from theory.neural_collapse.layer_invariants import along_axes
from theory.neural_collapse.lemmas import TURNING
from theory.neural_collapse.schatten_chain import centred_chain, record_best_bias
from theory.point import Point
from theory.problem import Invariant, Parameter, PositiveReals, Problem, Width
from theory.proof import Identity, Prediction, StepRecorder, StructuredPoint
from theory.symbols import (
    K,
    M,
    N,
    R,
    decay_product,
    feature_decay,
    indexed,
    k,
    layer_decay,
    layer_width,
    nu_k,
    positive,
    theta,
)

REGRESSION = Source(
    "Andriopoulos, Dong, Guo, Zhao, Ross",
    "The Prevalence of Neural Collapse in Neural Multivariate Regression",
    "NeurIPS 2024",
    "2409.04180",
)


def bind(values: Values) -> Bindings:
    """Return the values of the symbols. The squared singular values of the centred targets are N θ_k²."""
    deviations, samples = values["theta"], values["sample_size"]
    targets = len(deviations)
    return {
        **network_bindings(values, targets, targets),
        N: samples,
        theta: deviations,
        nu_k: tuple(samples * deviation * deviation for deviation in deviations),
    }


def targets(xp: ArrayNamespace) -> Point:
    """Return the targets Y, and the same with standard deviations of one, S."""
    standard = xp.standard_rows(K, N)
    return Point(Y=xp.diagonal(theta) @ standard, standard=standard)


def target_axes(xp: ArrayNamespace, data: Point, p: Bindings) -> tuple[Matrix, Matrix]:
    """Return U and V: the axes of the targets, and what takes a matrix over the samples to its coefficients on the standard targets."""
    return xp.eye(K), xp.scale(xp.transpose(data.standard), 1 / p[N])


def outside_the_targets(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """The squared norm of what the features have outside the span of the targets, their mean included."""
    _, right = target_axes(xp, data, p)
    return xp.squared_norm(v.H - v.H @ right @ data.standard)


SIZE = natural_size(nu_k)
OUTSIDE = Invariant(
    "features_outside",
    r"$\|H - H V S\|^2$, what the features have outside the span of the targets",
    outside_the_targets,
    kind="scalar",
    unit=SIZE**2 / feature_decay,
)
PROBLEM = Problem(
    parameters=(
        Parameter(
            "theta", PositiveReals(), r"standard deviations $\theta_i$ of the targets along their principal axes"
        ),
        Parameter(
            "sample_size",
            Width(K + 1),
            "number $N$ of samples",
            default=lambda values: 2 * len(values["theta"]),
        ),
        *network_parameters(lambda values: len(values["theta"])),
    ),
    variables=network_variables(SIZE, theta[1]),
    loss=network_loss(MSE),
    invariants=along_axes(SIZE, target_axes, OUTSIDE, bias=theta[1], square=1 / N),
    sorted_parameter="theta",
    tied=nu_k,
    bind=bind,
    data=targets,
    objective="MSE, several linear layers",
    labelled=(K, layer_width[M + 1]),
    # From two layers on zero is a local minimum: moving one factor alone changes no output.
    ramped=lambda values: (layer_decay, feature_decay) if values["depth"] > 1 else (),
)


@dataclass(frozen=True)
class Reduction:
    """The ``point`` along the axes of the targets, and the loss there as a sum of scalar problems."""

    point: StructuredPoint
    summed: sp.Expr


def derive(problem: Problem) -> Derivation:
    """Derive the minimiser along the axes of the targets, one scalar problem for each."""
    directions = minimised_directions(nu_k)
    record = StepRecorder(directions.steps)
    record_best_bias(record)
    reduction = reduce(record, problem, directions)
    record_small_case(record, problem, directions)
    prediction = predict(reduction, directions)
    letter = directions.singular_value(prediction.threshold.alive, nu_k[k], indexed("q", nonnegative=True)[k])
    return Derivation(centred_chain(record, directions, prediction.minimum, (TURNING,), K), prediction, (letter,))


def reduce(record: StepRecorder, problem: Problem, directions: Directions) -> Reduction:
    """Put all layers along the axes of the targets: the loss is the sum of the scalar problems."""
    q_k = indexed("q", positive=True)
    v = balanced_layers(q_k[k], SymbolicMatrix.identity(K), sp.Integer(1))
    point = StructuredPoint(problem, SymbolicArrays(K), v, {q_k: directions.minimum(nu_k[k], k)})
    summed = sum_over(directions.objective(q_k[k]), k, K)
    says = (
        "With all layers along the axes of the targets the loss is the sum of the one-direction objectives, at the squared singular "
        r"values $\nu_k = N\theta_k^2$ of the targets."
    )
    record(Identity("reduction", says, point.loss(), substitute_indexed(summed, nu_k, N * theta[k] ** 2)))
    return Reduction(point, summed)


def record_small_case(record: StepRecorder, problem: Problem, directions: Directions) -> None:
    """Put the point into the loss in the coordinates of the samples: two targets, three samples, two layers."""
    deviations = tuple(positive(f"theta_{i}") for i in (1, 2))
    xp = ConcreteArrays(len(deviations), (0, 1, 1), deviations)
    data, q = problem.given(xp), [positive(f"q_{i}") for i in (1, 2)]
    decays = (layer_decay[1], layer_decay[2], feature_decay)
    shares = [sp.prod(decays) ** sp.Rational(1, 3) * x ** sp.Rational(2, 3) for x in q]
    lower, upper, h = (sp.diag(*(sp.sqrt(mu / decay) for mu in shares)) for decay in decays)
    v = Point(layers=(lower, upper), H=h * data.standard / sp.sqrt(3), b=sp.zeros(2, 1))
    found = problem.loss(xp, v, data, Symbols({N: 3}))
    here = {M: 2, N: 3, decay_product: sp.prod(decays)}
    each = (directions.objective(x).subs(nu_k[k], 3 * size**2) for x, size in zip(q, deviations, strict=True))
    expected = sum((objective.subs(here) for objective in each), sp.Integer(0))
    says = "The same in the coordinates of the samples, for two targets, three samples and two layers."
    record(Identity("reduction, three samples", says, found, expected))


def predict(reduction: Reduction, directions: Directions) -> Prediction:
    """Predict the value and the invariants at the minimisers of the scalar problems, and that the bias is the mean of the targets."""
    point = dataclasses.replace(reduction.point, v=reduction.point.v.extended(b=sp.Integer(0)))
    threshold = dataclasses.replace(directions.threshold(R), of="targets")
    found = point.predict(reduction.summed, threshold, named=directions.named())
    mean = {"bias": Formula(sp.Integer(0), ((k, K),))}  # the coordinates have the mean of the targets as origin
    return dataclasses.replace(found, invariants={**found.invariants, **mean}, branches={**found.branches, **mean})


CLAIM = Claim(
    id="mse-regression",
    title="MSE, deep linear network with bias, targets of any kind: collapse of a regression onto the axes of its targets",
    short_title="Deep MSE regression",
    chapter="depth",
    source=REGRESSION,
    verdict=Verdict.HOLDS,
    statement=(
        "Let $\\theta_1 \\ge \\dots \\ge \\theta_K$ be the standard deviations of the targets along their principal axes. At every global "
        "minimiser the bias is the mean of the targets, the features have mean zero and lie in the span of $K$ directions, one for each "
        "principal axis, and all layers share these directions. Direction $k$ of the product $W_M \\cdots W_1 H$ has the singular value "
        "$q_k$ that minimises ${objective}$ over $q \\ge 0$, where $\\nu_k = N \\theta_k^2$, and $\\lambda_j \\sigma^2 = {share}$ for the "
        "singular value $\\sigma$ of every layer there. It collapses to zero iff $\\nu_k < {critical_count}$ (for $M = 1$ read $0^0 = "
        "1$); for $M \\ge 2$ it jumps there, from $q_k = {jump}\\sqrt{{\\nu_k}}$, and both are global. With a smallest width $R < K$ the "
        "$R$ largest survive, up to a rotation within a group of equal ones."
    ),
    setting=(
        "The columns of $Y$ are $K$ targets of $N$ samples, with standard deviations $\\theta_1 \\ge \\ldots \\ge "
        "\\theta_K$ along their principal axes and $\\nu_k = N \\theta_k^2$. The coordinates are these axes, with the "
        "mean as origin, so that $Y$ is a diagonal matrix times a matrix $S$ with uncorrelated rows of mean zero and "
        "deviation one; rotations and a shift of the bias bring this about for any targets. The features $H$ are "
        "variables themselves, and the bias $b$ is not regularised."
    ),
    idea=(
        "The best bias takes the mean of the targets on itself. On what is left the decays add up to a Schatten "
        "quasi-norm of the product, so the loss is at least a sum of scalar problems, one for each principal axis of "
        "the targets. Each of them is a parabola plus a concave power: an axis along which the targets vary too "
        "little is dropped, and from two layers on it is dropped in a jump."
    ),
    problem=PROBLEM,
    derive=derive,
)
