"""The one-direction problem every proof reduces to: its minimiser and threshold, by calculus."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.expressions import provably_nonnegative
from theory.proof import Convex, Nonnegative, Stationary, StepFailed, StepRecorder, Vanishes


@dataclass(frozen=True)
class ScalarMinimum:
    """The minimiser of a convex function on a half line.

    ``point`` = max(lower, stationary); ``slope`` is the derivative at ``lower``: the minimiser sits there iff slope ≥ 0.
    """

    point: sp.Expr
    stationary: sp.Expr
    slope: sp.Expr


def stationary_point(record: StepRecorder, name: str, function: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """Return the only stationary point of a convex function of a positive variable and record why it is a minimum.

    Raises StepFailed when calculus finds none, or more than one.
    """
    record(
        Convex(f"{name} is convex", f"The objective is strictly convex in ${sp.latex(variable)}$.", function, variable)
    )
    roots = sp.solve(sp.diff(function, variable), variable)
    if len(roots) != 1:
        raise StepFailed(f"{name}: expected one stationary point in {variable}, found {roots}")
    point = sp.simplify(roots[0])
    record(
        Stationary(
            f"{name} is stationary",
            f"The derivative in ${sp.latex(variable)}$ vanishes there.",
            function,
            variable,
            point,
        )
    )
    return point


def minimise_on_half_line(
    record: StepRecorder,
    name: str,
    function: sp.Expr,
    variable: sp.Symbol,
    lower: sp.Expr,
    exponential: bool = False,
) -> ScalarMinimum:
    """Minimise a convex function over ``variable`` ≥ ``lower``.

    With ``exponential`` the stationarity equation is solved for e^variable, which is where it is algebraic. The
    minimiser of a convex function on a half line is the larger of the bound and the stationary point.
    """
    if exponential:
        x = sp.Symbol("x", positive=True)
        record(
            Convex(
                f"{name} is convex", f"The objective is strictly convex in ${sp.latex(variable)}$.", function, variable
            )
        )
        slope = sp.diff(function, variable)
        roots = sp.solve(sp.simplify(slope.subs(variable, sp.log(x))), x)
        if len(roots) != 1:
            raise StepFailed(f"{name}: expected one stationary point in exp({variable}), found {roots}")
        root = sp.simplify(roots[0])
        stationary = sp.log(root)
        point = sp.log(sp.Max(sp.simplify(sp.exp(lower)), root))
        record(
            Stationary(
                f"{name} is stationary",
                f"The derivative in ${sp.latex(variable)}$ vanishes there.",
                function,
                variable,
                stationary,
            )
        )
    else:
        stationary = stationary_point(record, name, function, variable)
        point = sp.Max(lower, stationary)
    slope = sp.simplify(sp.diff(function, variable).subs(variable, lower))
    return ScalarMinimum(point, stationary, slope)


def threshold_ratio(
    record: StepRecorder, name: str, minimum: ScalarMinimum, quantity: sp.Symbol, weight: sp.Expr = sp.Integer(1)
) -> sp.Expr:
    """Return the ratio that exceeds 1 exactly when the minimiser leaves its bound.

    Solves slope = 0 for ``quantity`` (a class count, a variance, a decay) and records that the slope, times a positive
    ``weight`` if need be, is monotone in it; so the ratio is quantity / critical value, or its inverse where the slope rises.
    Raises StepFailed when the critical value is not unique or monotonicity is not proved.
    """
    slope = sp.simplify(minimum.slope * weight)
    roots = sp.solve(slope, quantity)
    if len(roots) != 1:
        raise StepFailed(f"{name}: expected one critical value of {quantity}, found {roots}")
    critical = sp.simplify(roots[0])
    record(Vanishes(f"{name} is critical", "The slope at the bound vanishes there.", slope, quantity, critical))
    falling = sp.simplify(-sp.diff(slope, quantity))
    ratio = quantity / critical if provably_nonnegative(falling) else critical / quantity
    record(
        Nonnegative(
            f"{name} is monotone",
            f"The slope at the bound changes sign only once as ${sp.latex(quantity)}$ grows.",
            falling if ratio.equals(quantity / critical) else sp.simplify(-falling),
        )
    )
    return sp.simplify(ratio)
