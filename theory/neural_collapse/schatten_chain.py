"""The chains of bounds of deep linear networks: from the decay terms of all layers to sums over singular values."""

from __future__ import annotations

import sympy as sp

from theory.expressions import Bindings
from theory.latex import latex
from theory.namespace import ArrayNamespace, Matrix, Number, Row
from theory.neural_collapse.deep_directions import Directions, count, q
from theory.neural_collapse.layers import logits, product
from theory.neural_collapse.lemmas import MIRSKY, PROJECTION, SCHATTEN
from theory.point import Point
from theory.proof import Bound, Lemma, Piece, Proof, Separable, Statistic, StepRecorder, SumOfSquares
from theory.symbols import K, N, R, indexed, k

residual, centred = sp.Symbol("rho", nonnegative=True), sp.Symbol("rho_c", nonnegative=True)
s, s_centred = indexed("sigma", nonnegative=True), indexed("tau", nonnegative=True)


def _singular_values(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    return xp.singular_values(product(xp, v), data.Y.shape[-2])


def _over_samples(xp: ArrayNamespace, a: Matrix) -> Matrix:
    """Subtract from each row the mean of its entries."""
    return xp.transpose(xp.centre(xp.transpose(a)))


def _centred_residual(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    return xp.squared_norm(_over_samples(xp, product(xp, v) - data.Y))


def _centred_singular_values(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
    return xp.singular_values(_over_samples(xp, product(xp, v)), data.Y.shape[-2])


SINGULAR_VALUES = Statistic(s, "singular values of $Z$", _singular_values)
WITHOUT_BIAS = (
    Statistic(
        residual,
        r"$\|Z - Y\|^2$, $Z = W_M \cdots W_1 H$",
        lambda xp, v, data, p: xp.squared_norm(product(xp, v) - data.Y),
    ),
    SINGULAR_VALUES,
)
"""What the bounds are written in without a bias."""
WITH_BIAS = (
    Statistic(
        residual,
        r"$\|Z + b 1^T - Y\|^2$, $Z = W_M \cdots W_1 H$",
        lambda xp, v, data, p: xp.squared_norm(logits(xp, v) - data.Y),
    ),
    Statistic(centred, r"$\|(Z - Y)(I - J/N)\|^2$", _centred_residual),
    SINGULAR_VALUES,
    Statistic(s_centred, "singular values of $Z (I - J/N)$", _centred_singular_values),
)
"""What the bounds are written in with a bias."""


def schatten_form(expression: sp.Expr) -> Bound:
    """Return the bound that replaces the decay terms of all factors by those of their product."""
    return Bound(
        "Schatten form",
        expression,
        "Over all factorisations of the product $Z$ the decay terms are smallest when all factors share its singular "
        "directions and their sizes are balanced.",
        (SCHATTEN.name, "balanced factors"),
    )


def chain(record: StepRecorder, directions: Directions, value: sp.Expr) -> Proof:
    """Bound the loss without a bias from below: by its Schatten form, by the scalar problems, and by the sum of their minima."""
    form = schatten_form(residual / (2 * N) + directions.penalties(s[k]))
    bounds, separable = scalar_bounds(directions, K, s, value)
    return Proof(tuple(record.steps), (SCHATTEN, MIRSKY), WITHOUT_BIAS, (form, *bounds), separable)


def centred_chain(
    record: StepRecorder,
    directions: Directions,
    value: sp.Expr,
    lemmas: tuple[Lemma, ...] = (),
    number: sp.Expr = K - 1,
) -> Proof:
    """Bound the loss with a bias from below, as without one.

    The best bias leaves a residual that is centred over the samples, and ``number`` directions: one fewer than there are classes.
    """
    penalties = directions.penalties(s[k])
    first = (
        schatten_form(residual / (2 * N) + penalties),
        Bound(
            "best bias",
            centred / (2 * N) + penalties,
            "The best bias makes the rows of the residual sum to zero.",
            ("the best bias",),
        ),
        Bound(
            "centred product",
            centred / (2 * N) + directions.penalties(s_centred[k]),
            "Centring the samples is a projection, which enlarges no singular value.",
            (PROJECTION.name,),
        ),
    )
    bounds, separable = scalar_bounds(directions, number, s_centred, value)
    known = (SCHATTEN, MIRSKY, PROJECTION, *lemmas)
    return Proof(tuple(record.steps), known, WITH_BIAS, (*first, *bounds), separable)


def scalar_bounds(
    directions: Directions, number: sp.Expr, singular_values: sp.IndexedBase, value: sp.Expr
) -> tuple[tuple[Bound, Bound], Separable]:
    """Return the last two bounds, the scalar problems of so many directions and their minima, and that they are scalar problems."""
    size = sp.sqrt(directions.counts[k])
    bounds = (
        Bound(
            "sum over singular values",
            sp.Sum(directions.objective(singular_values[k]), (k, 1, number)),
            r"$\|Z - Y\|^2$ is at least the sum of the squared differences of singular values; those of $Y$, centred with a bias, are "
            f"${latex(size)}$.",
            (MIRSKY.name,),
        ),
        Bound(
            "predicted value",
            value,
            "Each summand is at least its minimum; at most $R$ singular values of $Z$ are nonzero.",
            ("beyond the fold", "a minimum", "beyond the jump", "the jump lies beyond the fold"),
        ),
    )
    piece = Piece(
        convex=directions.best.quadratic.subs(count, directions.counts[k]),
        concave=directions.best.penalty,
        lower=sp.Integer(0),
        upper=size,
    )
    return bounds, Separable((piece,), q, k, number, free=k <= R, reading=singular_values[k])


def record_best_bias(record: StepRecorder) -> None:
    """Record why the best bias is the mean residual."""
    average = sp.Symbol("c", real=True)
    others = sp.symbols("y_1:4", real=True)
    mean = sum(others) / 3
    record(
        SumOfSquares(
            "the best bias",
            "The mean is the best constant: what any other one costs more is a square (three samples, one output shown).",
            sp.Add(*((sample - average) ** 2 - (sample - mean) ** 2 for sample in others)),
            ((sp.Integer(3), mean - average),),
        )
    )
