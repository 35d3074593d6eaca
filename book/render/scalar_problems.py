"""The scalar problem that each claim ends with, in one form: what one direction or class costs, as a function of one number."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from book.contents import all_claims
from book.render.thresholds import crossing, shown, with_slashes
from theory.bounds import Piece
from theory.claim import Claim
from theory.latex import latex

LOGARITHM_OF = sp.Symbol("m", positive=True)
"""What a variable that occurs through its exponential is the logarithm of."""


@dataclass(frozen=True)
class ScalarProblem:
    """The scalar problem of a claim: ``costs`` as LaTeX, one for each interval, the ``ratios`` that decide, and what happens there."""

    claim: Claim
    costs: tuple[str, ...]
    ratios: tuple[str, ...]
    crossings: tuple[str, ...]


def scalar_problems() -> dict[str, list[ScalarProblem]]:
    """Return the scalar problems by mechanism: water-filling, jumps and margins.

    A claim belongs to the jumps where its minimiser can jump at a threshold, and to the margins where its bound is no sum of scalar
    problems: then the number that decides is the first named result. Claims without a threshold are left out.
    """
    found: dict[str, list[ScalarProblem]] = {"water-filling": [], "jumps": [], "margins": []}
    for claim in all_claims():
        if claim.prediction.thresholds:
            found[mechanism(claim)].append(scalar_problem(claim))
    return found


def mechanism(claim: Claim) -> str:
    """Return the mechanism of a claim with a threshold."""
    if claim.proof.separable is None:
        return "margins"
    return "water-filling" if all(t.jump == sp.false for t in claim.prediction.thresholds) else "jumps"


def scalar_problem(claim: Claim) -> ScalarProblem:
    """Return the scalar problem of a claim with a threshold."""
    separable, prediction = claim.proof.separable, claim.prediction
    if separable is None:
        costs = (f"${latex(next(iter(prediction.named.values())).expression)}$",)
    else:
        costs = tuple(cost(piece, separable.variable) for piece in separable.pieces)
    thresholds = prediction.thresholds
    return ScalarProblem(
        claim, costs, tuple(shown(t.ratio) for t in thresholds), tuple(dict.fromkeys(crossing(t) for t in thresholds))
    )


def cost(piece: Piece, variable: sp.Symbol) -> str:
    """Return what a piece costs, without what does not depend on the variable, and its interval."""
    function, lower, upper = piece.function, piece.lower, piece.upper
    if function.has(sp.exp(variable)) or function.has(sp.exp(-variable)):
        function, lower, upper = function.subs(variable, sp.log(LOGARITHM_OF)), exponential(lower), exponential(upper)
        variable = LOGARITHM_OF
    depends = varying(sp.expand_mul(function, deep=False), variable)
    interval = rf"{written(lower)} \le {latex(variable)}" + ("" if upper == sp.oo else rf" \le {written(upper)}")
    return rf"$\displaystyle {written(depends)}$ for ${interval}$"


def varying(function: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """Return a sum without the terms, also within cases, that do not depend on the variable."""
    if isinstance(function, sp.Piecewise):
        return sp.Piecewise(*((varying(sp.sympify(value), variable), where) for value, where in function.args))
    _, depends = function.as_independent(variable, as_Add=True)
    return sp.Add(
        *(varying(term, variable) if isinstance(term, sp.Piecewise) else term for term in sp.Add.make_args(depends))
    )


def exponential(bound: sp.Expr) -> sp.Expr:
    """Return exp of an end of an interval; the exponential of a maximum is the maximum of the exponentials."""
    return sp.Max(*map(exponential, bound.args)) if isinstance(bound, sp.Max) else sp.simplify(sp.exp(bound))


def written(expression: sp.Expr) -> str:
    """Return an expression as LaTeX, with fractions in exponents on one line."""
    return with_slashes(latex(expression, fold_frac_powers=True))
