"""The chain of a hierarchy with given Σ_1 = σ_1² I: from the loss at any point down to the predicted value."""

from __future__ import annotations

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.algebra import sum_over
from theory.posterior_collapse.hierarchy import (
    KAPPA,
    TOP_DECODER,
    beta_1,
    d_1,
    d_2,
    explained_code,
    explained_data,
    given_noise,
    sigma_1,
    top_squares,
    whitened,
)
from theory.posterior_collapse.hierarchy_direction import Direction, a
from theory.posterior_collapse.hierarchy_regimes import Regimes, log_a
from theory.posterior_collapse.lemmas import RIDGE, TRACE_INEQUALITY
from theory.proof import Bound, Piece, Proof, Separable, Statistic, StepRecorder
from theory.symbols import D, eta_dec, indexed, j, k, theta

fit, code_fit = sp.symbols("f g", nonnegative=True)
x, y = indexed("x", nonnegative=True), top_squares
CODE = x[k] + sigma_1**2
"""The variance of the code in direction k, read at a point."""

STATISTICS = (
    Statistic(
        fit,
        r"$\mathrm{tr}(C (C^{1/2} W_1^T W_1 C^{1/2} + \sigma_1^2 I)^{-1})$",
        explained_data,
    ),
    explained_code(lambda xp, v, p: given_noise(xp, p), code_fit, r"\sigma_1^2 I"),
    Statistic(
        x,
        "eigenvalues of $C^{1/2} W_1^T W_1 C^{1/2}$",
        lambda xp, v, data, p: xp.singular_values(whitened(v, data), data.root.shape[-1]) ** 2,
    ),
    TOP_DECODER,
)
"""What the bounds are written in, measured at a point."""


def chain(record: StepRecorder, direction: Direction, regimes: Regimes, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: best U_1 and posterior of z_2, then singular values alone, then best ω² for each code."""
    constant = direction.all_idle + d_2 * direction.top.own
    of_data = direction.data_cost.subs(direction.here)
    separable = separable_bound(direction, regimes, constant, CODE, k <= d_2)
    bounds = (
        Bound(
            "minimum over the lower decoder and the upper posterior",
            sigma_1**2 * fit / eta_dec**2
            + beta_1 * KAPPA**2 * code_fit / eta_dec**2
            + sum_over(direction.top.penalty(y[k]), k, d_1)
            + constant,
            "For a given code the loss is a square in $U_1$; for given $U_2$ the best posterior of $z_2$ is known.",
            tuple(dict.fromkeys((RIDGE.name, direction.top.lemma.name, "the decoder of the data is stationary"))),
        ),
        Bound(
            "sum over singular values",
            sum_over(of_data.subs(a, CODE), k, D) + sum_over(direction.code_cost(CODE, y[k]), k, d_1) + constant,
            "Both traces are smallest when the eigenvalues are paired in order; at most $d_1$ of either matrix are not zero.",
            (TRACE_INEQUALITY.name, "the two sizes"),
        ),
        Bound(
            "minimum over the upper decoder",
            separable.total(),
            r"Each $\omega^2$ is at its minimum for the code it is paired with; at most $\min(d_1, d_2)$ are not zero, and beyond "
            "$d_1$ there is no code.",
            (
                "the log decoder of the code is convex",
                "the log decoder of the code is stationary",
                "the code variance is monotone",
            ),
        ),
        Bound(
            "predicted value",
            value,
            "Each summand is at least its minimum; at most $d_1$ singular values of the encoder are not zero.",
            (
                *(
                    f"the log code variance {name} the top code is {what}"
                    for name in ("without", "with")
                    for what in ("convex", "stationary")
                ),
                "the slopes above",
                "the slopes below",
            ),
        ),
    )
    lemmas = tuple(dict.fromkeys((RIDGE, direction.top.lemma, TRACE_INEQUALITY)))
    return Proof(tuple(record.steps), lemmas, STATISTICS, bounds, separable)


def separable_bound(
    direction: Direction, regimes: Regimes, constant: sp.Expr, code: sp.Expr, described: Boolean
) -> Separable:
    """Return the minimum over ω² as a function of log a, in two convex pieces: z_2 collapsed, and alive.

    ``code`` is the variance a of direction k, read at a point, and ``constant`` is what does not depend on the point. Direction k
    of the code has a partner in z_2 where it is ``described``.
    """
    in_log = {a: sp.exp(log_a)}
    off, on = (sp.expand((r.cost - direction.data_cost).subs(in_log)) for r in (regimes.off, regimes.on))
    floor, meeting = sp.log(direction.lower.subs(direction.here)), sp.log(regimes.top.critical)
    # What does not depend on the point is shared equally by the d_1 directions; so is the cost of data that are not encoded.
    beyond = sp.Sum(theta[j] ** 2 / eta_dec**2, (j, d_1 + 1, D))
    base = direction.data_cost.subs(direction.here).subs(in_log) + (constant + beyond) / d_1
    # Where already the floor lies above the meeting point there is no first piece.
    pieces = (
        Piece(base + off, floor, meeting),
        Piece(base + sp.Piecewise((on, described), (off, True)), sp.Max(floor, meeting)),
    )
    return Separable(pieces, log_a, k, d_1, free=sp.true, reading=sp.log(code))
