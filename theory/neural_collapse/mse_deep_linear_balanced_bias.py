"""MSE, a deep linear network with a last-layer bias, balanced classes: a simplex ETF in every layer.

Setting: minimise (1/2N) ‖W_M ⋯ W_1 H + b 1ᵀ − Y‖² + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖² with n samples in each of K classes,
depth M, any widths d_1, …, d_M and any decays; the bias b is not regularised.
Source: Dang et al., "Neural Collapse in Deep Linear Networks" (ICML 2023), the theorems for balanced data with bias.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, Symbols, substitute_indexed
from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Formula
from theory.neural_collapse import deep_linear
from theory.neural_collapse.deep_directions import Directions, balanced_layers, count, minimised_directions, q
from theory.neural_collapse.deep_linear import deep_linear_problem
from theory.neural_collapse.features import DLN, MSE
from theory.neural_collapse.schatten_chain import centred_chain, record_best_bias
from theory.problem import ClassCounts, Problem
from theory.proof import ALIVE, Identity, Prediction, StepRecorder, StructuredPoint
from theory.results import Letter
from theory.symbols import K, N, R, j, k, n, positive

kept = sp.Symbol("S", integer=True, positive=True)
"""How many classes the rank limit keeps: R + 1."""


@dataclass(frozen=True)
class Reduction:
    """The ``point`` of the kept classes on one simplex ETF, the ``total`` loss of all K classes in q, and the ``best`` q."""

    point: StructuredPoint
    total: sp.Expr
    best: sp.Expr


def derive(problem: Problem) -> Derivation:
    """Derive the minimiser, a simplex ETF as far as the rank limit allows."""
    directions = minimised_directions()
    record = StepRecorder(directions.steps)
    reduction = reduce(record, problem, directions)
    prediction = predict(problem, reduction, directions)
    ratio = directions.best.ratio.subs(count, n)
    letters = (
        directions.singular_value(ratio > 1, n, sp.Symbol("q", nonnegative=True)),
        Letter(positive("r"), ratio, says="the ratio of the threshold, the same for all classes"),
    )
    return Derivation(centred_chain(record, directions, prediction.minimum), prediction, letters)


def reduce(record: StepRecorder, problem: Problem, directions: Directions) -> Reduction:
    """Put S = R + 1 classes on a simplex ETF, with b = 1/K: the loss is R scalar problems and a constant."""
    frame = SymbolicMatrix.identity(kept) - SymbolicMatrix.ones(kept) * (1 / kept)
    v = balanced_layers(q, frame, n).extended(b=1 / K)
    best = directions.minimum(n, sp.Integer(1)).xreplace({ALIVE[1]: ALIVE[k]})
    point = StructuredPoint(problem, SymbolicArrays(kept, n), v, {q: best}, Symbols({kept: R + 1}))
    total = R * directions.best.function.subs(count, n) + (K - 1 - R) * n / (2 * N)
    dropped = (K - kept) * n / (2 * N) * (1 - 1 / K)  # squared distances of the labels of dropped classes from 1/K
    unseen = (
        kept * n / (2 * N) * (K - kept) / K**2
    )  # what the bias leaves of kept classes at the outputs of dropped ones
    record(
        Identity(
            "reduction",
            "With $S = R + 1$ classes on a simplex ETF and $b = 1/K$ the loss is $R$ one-direction objectives and what "
            "$K - 1 - R$ empty directions cost.",
            point.loss() + dropped + unseen,
            total.subs(R, kept - 1),
        )
    )
    record_best_bias(record)
    return Reduction(point, total, best)


def predict(problem: Problem, reduction: Reduction, directions: Directions) -> Prediction:
    """Predict the value, and the invariants of the kept classes with zeros for the dropped ones; all live or all collapse."""
    at_kept = reduction.point.predict(sp.Integer(0), directions.threshold(R + 1), named=directions.named(K - 1))
    kinds = {invariant.name: invariant.kind for invariant in problem.invariants}
    branches = {name: of_all_classes(formula, kinds[name]) for name, formula in at_kept.branches.items()}
    alive = sp.Piecewise((1, directions.best.ratio.subs(count, n) > 1), (0, True))
    value = substitute_indexed(reduction.total.subs(q, reduction.best), ALIVE, alive)
    invariants = {
        name: formula.replace_expression(substitute_indexed(formula.number, ALIVE, alive))
        for name, formula in branches.items()
    }
    return dataclasses.replace(at_kept, value=Formula(value), invariants=invariants, branches=branches)


def of_all_classes(formula: Formula, kind: str) -> Formula:
    """Put the kept classes in the first R + 1 of K places, with zeros in all others."""
    expression = formula.number.subs(kept, R + 1)
    axes = tuple((index, K if length == kept else length) for index, length in formula.axes)
    if kind == "matrix":
        expression = sp.Piecewise((expression, sp.And(k <= R + 1, j <= R + 1)), (0, True))
    return Formula(expression, axes)


CLAIM = Claim(
    id="mse-deep-linear-balanced-bias",
    title="MSE, deep linear network with bias, balanced classes: a simplex ETF in every layer",
    short_title="Deep MSE, balanced, bias",
    chapter="depth",
    source=DLN,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimiser $b = 1/K$, features equal their class mean (NC1), and the Gram matrices of class means, layers "
        "and all partial products are proportional to $I_K - J_K/K$ (a simplex ETF), or, with a smallest width $R < K - 1$, to one "
        "and the same projection of rank $R$ on vectors that sum to zero; which one is free. The singular value $q$ of $W_M "
        "\\cdots W_1 H$ minimises ${objective}$ over $q \\ge 0$, and $\\lambda_j \\sigma^2 = {share}$ for the singular values "
        "$\\sigma$ of every layer. Everything collapses to zero iff $n < {critical_count}$ (for $M = 1$ read $0^0 = 1$); for "
        "$M \\ge 2$ it jumps there, from $q = {jump}\\sqrt{{n}}$, and each direction may be on either side of the jump."
    ),
    setting=deep_linear.SETTING + " The bias $b$ is not regularised.",
    idea=(
        "The best bias centres the residual, which removes the direction in which all classes agree. On the other "
        "directions the decays add up to a Schatten quasi-norm of the product, and the loss is at least a sum of "
        "equal scalar problems. Each of them is a parabola plus a concave power, whose minimiser is zero or lies "
        "beyond the fold of the curve; the directions together form a simplex."
    ),
    problem=deep_linear_problem(MSE, ClassCounts(balanced=True), with_bias=True),
    derive=derive,
)
