"""MSE, a deep linear network with a last-layer bias, any class counts: the frame of the centred labels in every layer.

Setting: minimise (1/2N) ‖W_M ⋯ W_1 H + b 1ᵀ − Y‖² + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖² with class k of n_k samples, depth M,
any widths d_1, …, d_M and any decays; the bias b is not regularised.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), treats imbalanced classes without a bias and balanced
ones with it; this claim says what becomes of the frame where both come together.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import sympy as sp

from theory.algebra import ConcreteArrays, SymbolicArrays, SymbolicMatrix, Symbols, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Formula
from theory.neural_collapse import deep_linear
from theory.neural_collapse.deep_directions import Directions, balanced_layers, minimised_directions
from theory.neural_collapse.deep_linear import deep_linear_problem
from theory.neural_collapse.features import DLN, MSE
from theory.neural_collapse.lemmas import TURNING
from theory.neural_collapse.schatten_chain import centred_chain, record_best_bias
from theory.point import Point
from theory.problem import ClassCounts, Problem
from theory.proof import Identity, Prediction, StepRecorder, StructuredPoint, Vanishes
from theory.results import Measured
from theory.secular import centred_spectrum
from theory.symbols import K, M, N, R, decay_product, feature_decay, indexed, j, k, layer_decay, n_k, nu_k, positive

SMALL_COUNTS = (2, 1, 1)
"""Samples of the classes of the small case that is written in the coordinates of classes and samples."""


@dataclass(frozen=True)
class Reduction:
    """The ``point`` along the singular vectors of the centred labels, and the loss there as a sum of scalar problems."""

    point: StructuredPoint
    summed: sp.Expr


def derive(problem: Problem) -> Derivation:
    """Derive the minimiser along the singular directions of the centred labels."""
    directions = minimised_directions(nu_k)
    record = StepRecorder(directions.steps)
    bias = best_bias(record)
    reduction = reduce(record, problem, directions)
    record_small_case(record, problem, directions, bias)
    prediction = predict(reduction, directions, bias)
    letter = directions.singular_value(prediction.threshold.alive, nu_k[k], indexed("q", nonnegative=True)[k])
    return Derivation(centred_chain(record, directions, prediction.minimum, (TURNING,)), prediction, (letter,))


def best_bias(record: StepRecorder) -> sp.Expr:
    """Return the mean of the labels over the samples, and record the singular values of the labels without it."""
    record_best_bias(record)
    # One column for each class, in units of the square root of its size: there the mean over the samples is a projection.
    labels, root = SymbolicMatrix.diag(K, sp.sqrt(n_k[k])), sp.sqrt(n_k[k])
    mean = labels @ SymbolicMatrix(K, sp.Integer(0), ((root, root / N),))
    gram = ((labels - mean) @ (labels - mean).T).entry()
    expected = (SymbolicMatrix.diag(K, n_k[k]) - SymbolicMatrix(K, sp.Integer(0), ((n_k[k], n_k[k] / N),))).entry()
    says = (
        r"The Gram matrix of the labels less their mean is $\mathrm{diag}(n) - n n^T/N$, since the counts sum to $N$."
    )
    (total,) = gram.atoms(sp.Sum)
    record(Vanishes("centred labels", says, gram - expected, N, total))
    record_effective_counts(record)
    return sp.simplify(mean.entry(k, j) / sp.sqrt(n_k[j]))


def record_effective_counts(record: StepRecorder) -> None:
    """Record the equation whose roots are the eigenvalues of diag(n) − n nᵀ/N."""
    x, counts = sp.Symbol("nu", real=True), sp.symbols("n_1:4", positive=True)
    matrix = x * sp.eye(3) - sp.diag(*counts) + sp.Matrix(counts) * sp.Matrix([counts]) / sum(counts)
    secular = x / sum(counts) * sum(n * sp.prod([x - m for m in counts if m != n]) for n in counts)
    says = r"Its eigenvalues are zero and those $\nu$ with $\sum_k n_k \prod_{m \ne k} (\nu - n_m) = 0$ (three classes shown)."
    record(Identity("effective class counts", says, matrix.det(), secular))


def reduce(record: StepRecorder, problem: Problem, directions: Directions) -> Reduction:
    """Put all layers along the singular vectors of the centred labels, which are a diagonal there: the loss is a sum."""
    q_k = indexed("q", positive=True)
    v = balanced_layers(q_k[k], SymbolicMatrix.identity(K - 1), sp.Integer(1))
    xp = SymbolicArrays(K - 1, label=sp.sqrt(nu_k[k]))
    point = StructuredPoint(problem, xp, v, {q_k: directions.minimum(nu_k[k], k)})
    summed = sum_over(directions.objective(q_k[k]), k, K - 1)
    says = "With all layers along the singular vectors of the centred labels the loss is the sum of the one-direction objectives."
    record(Identity("reduction", says, point.loss(), summed))
    return Reduction(point, summed)


def record_small_case(record: StepRecorder, problem: Problem, directions: Directions, bias: sp.Expr) -> None:
    """Put the point into the loss in the coordinates of classes and samples: three classes, two layers, all entries exact."""
    xp = ConcreteArrays(len(SMALL_COUNTS), tuple(c for c, n in enumerate(SMALL_COUNTS) for _ in range(n)))
    q, sizes = [positive(f"q_{i}") for i in range(1, len(SMALL_COUNTS))], centred_spectrum(SMALL_COUNTS)
    decays, total = (layer_decay[1], layer_decay[2], feature_decay), sum(SMALL_COUNTS)
    left, right = label_axes(problem.given(xp).Y, sizes)
    shares = [sp.prod(decays) ** sp.Rational(1, 3) * x ** sp.Rational(2, 3) for x in q]
    lower, upper, h = (sp.diag(*(sp.sqrt(mu / decay) for mu in shares)) for decay in decays)
    b = sp.Matrix([bias.subs({n_k[k]: n, N: total}) for n in SMALL_COUNTS])
    v = Point(layers=(lower, left * upper), H=h * right, b=b)
    found = problem.loss(xp, v, problem.given(xp), Symbols({N: total}))
    here = {M: 2, N: total, decay_product: sp.prod(decays)}
    each = (directions.objective(x).subs(nu_k[k], size) for x, size in zip(q, sizes, strict=True))
    expected = sum((objective.subs(here) for objective in each), sp.Integer(0))
    says = (
        f"The same in the coordinates of classes and samples, for classes of ${SMALL_COUNTS}$ samples and two layers."
    )
    record(Identity("reduction, three classes", says, found, expected))


def label_axes(y: sp.Matrix, sizes: tuple[sp.Expr, ...]) -> tuple[sp.Matrix, sp.Matrix]:
    """Return the left and right singular vectors of the centred labels, by columns and by rows, of these squared sizes."""
    centred = y - y * sp.ones(y.cols, y.cols) / y.cols
    pairs = [(value, vector) for value, _, (vector,) in (centred * centred.T).eigenvects() if value != 0]
    pairs.sort(key=lambda pair: float(pair[0]), reverse=True)
    u = sp.Matrix.hstack(*(vector.normalized() for _, vector in pairs))
    return u, sp.diag(*(1 / sp.sqrt(size) for size in sizes)) * u.T * centred


def predict(reduction: Reduction, directions: Directions, bias: sp.Expr) -> Prediction:
    """Predict the value and the invariants at the minimisers of the scalar problems, and the bias, class by class."""
    point = dataclasses.replace(reduction.point, v=reduction.point.v.extended(b=bias))
    of_bias = Measured(bias, lambda reading: reading.invariants["bias"], ((k, K),), unit=1 / K)
    named = {**directions.named(K - 1), "bias": of_bias}
    found = point.predict(reduction.summed, directions.threshold(R, K - 1), named=named)
    of_classes = {"bias": Formula(bias, ((k, K),))}  # the point has K − 1 directions, and the bias K entries
    return dataclasses.replace(
        found, invariants={**found.invariants, **of_classes}, branches={**found.branches, **of_classes}
    )


CLAIM = Claim(
    id="mse-deep-linear-imbalanced-bias",
    title="MSE, deep linear network with bias, imbalanced classes: the frame of the centred labels in every layer",
    short_title="Deep MSE, imbalanced, bias",
    chapter="imbalance",
    source=DLN,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser $b_k = {bias}$, features equal their class mean (NC1), and the product $Z = W_M \\cdots W_1 H$ "
        "and all layers share the singular directions $U$, $V$ of the centred labels $Y (I - J/N)$: not one for each class, but "
        "$K - 1$ that mix the classes. Direction $k$ has an effective class count $\\nu_k$, an eigenvalue of "
        "$\\mathrm{{diag}}(n) - n n^T/N$: a count $n_k$ once less often than it occurs, or the one root of $\\sum_k n_k/(\\nu - n_k)$ "
        "between two neighbouring counts. Its singular value $q_k$ minimises ${objective}$ over $q \\ge 0$, and "
        "$\\lambda_j \\sigma^2 = {share}$ for the singular value $\\sigma$ of every layer there. It collapses to zero iff $\\nu_k < "
        "{critical_count}$ (for $M = 1$ read $0^0 = 1$); for $M \\ge 2$ it jumps there, from $q_k = {jump}\\sqrt{{\\nu_k}}$, and both "
        "are global. With a smallest width $R < K - 1$ the $R$ largest survive, up to a rotation within a group of equal ones. For "
        "equal classes all $\\nu_k$ are $n$, and this is a simplex ETF."
    ),
    setting=deep_linear.SETTING + " The bias $b$ is not regularised.",
    idea=(
        "The best bias centres the labels, and the centred labels have one direction fewer than there are classes; "
        "each of these directions mixes the classes. Along each of them the decays add up to a Schatten quasi-norm, "
        "so the loss is at least a sum of scalar problems, one for each direction. The minimiser is zero, or beyond "
        "the fold of the curve where the effective class count of the direction is large enough."
    ),
    problem=deep_linear_problem(MSE, ClassCounts(), with_bias=True),
    derive=derive,
)
