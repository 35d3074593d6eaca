"""Steps of a derivation evaluated in balls at random parameters: a second opinion on SymPy's simplifications.

Derivatives come from power series, not from SymPy. A step is contradicted when an enclosure excludes its statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import flint
import sympy as sp

from numerics.backends.ball_evaluation import evaluate_in_balls, function_in_balls
from numerics.backends.balls import Ball, Undecided
from theory.expressions import Formula
from theory.proof import Convex, Identity, Nonnegative, Stationary, Step, SumOfSquares, Vanishes
from theory.symbols import BETWEEN, LEAST

TRIES = 400
"""Most sets of random parameters that are drawn for a step."""
ENOUGH = 8
"""Number of sets of parameters at which a step has to be confirmed. A set at which its expressions are not real does not count."""
SHARP = 1e-30
"""Largest radius of an enclosure of zero, relative to the terms of the enclosed difference, that confirms an identity."""
LONGEST = 6
"""Length of a random list, which exceeds every size that is drawn."""
SIDE = 3
"""Number of rows and columns of the matrices that stand for noncommutative symbols."""


class NotProbed(Exception):
    """A step could not be evaluated at enough parameters."""


def contradiction(step: Step, seed: int = 0) -> str | None:
    """Return how balls contradict a step, or None where they confirm the step at ENOUGH random parameters.

    Raises NotProbed where the step could not be evaluated that often, and NotImplementedError for an unknown kind of
    step.
    """
    generator = Random(f"{seed} {step.name}")
    confirmed = 0
    for _ in range(TRIES):
        bindings: dict[sp.Basic, Any] = {}
        try:
            wrong = _wrong_at(step, lambda e, given=bindings: _bind(e, given, generator))
        except (Undecided, ZeroDivisionError, ValueError):
            continue
        if wrong is None:
            continue
        if wrong:
            shown = ", ".join(f"{s} = {float(v):.6g}" for s, v in bindings.items() if isinstance(v, (int, Ball)))
            return f"{wrong} at {shown}"
        confirmed += 1
        if confirmed == ENOUGH:
            return None
    raise NotProbed(f"step {step.name!r} could be evaluated at {confirmed} of {TRIES} random parameters only")


Binder = Callable[[sp.Basic], dict[sp.Basic, Any]]


def _wrong_at(step: Step, bind: Binder) -> str | None:
    """Return "" where a step holds at drawn parameters, the contradiction where it does not, and None where balls decide nothing."""
    match step:
        case Identity():
            left, right = (_evaluate(e, bind) for e in (step.left, step.right))
            return _differs(left, right)
        case SumOfSquares():
            total = Ball(0)
            for weight, base in step.squares:
                factor = _evaluate(weight, bind)
                if factor < 0:
                    return f"the weight {weight} is {factor.str(5)}"
                total += factor * _evaluate(base, bind) ** 2
            return _differs(_evaluate(step.expression, bind), total)
        case Nonnegative():
            value = _evaluate(step.expression, bind)
            return f"the expression is {value.str(5)}" if value < 0 else "" if value.is_finite() else None
        case Convex():
            bent = 2 * _series(step, bind, _point(step.variable, bind), 3)[2]
            return f"the second derivative is {bent.str(5)}" if bent <= 0 else "" if bent > 0 else None
        case Stationary():
            at = _evaluate(step.point, bind)
            series = _series(step, bind, at, 2)
            # The slopes nearby are the unit of a rounding error, because the slope itself is zero.
            aside = _series(step, bind, at * Ball("1.01") + Ball("0.01"), 2)[1]
            return _vanishes(series[1], abs(aside) + abs(series[0]), "the slope")
        case Vanishes():
            at = _evaluate(step.point, bind)
            series = _series(step, bind, at, 2)
            aside = _series(step, bind, at * Ball("1.01") + Ball("0.01"), 2)[0]
            return _vanishes(series[0], abs(aside) + abs(series[1]), "the function")
    raise NotImplementedError(f"steps of kind {type(step).__name__} are not probed")


def _differs(left: Any, right: Any) -> str | None:
    differences = [
        (a - b, abs(a) + abs(b) + Ball("1e-6")) for a, b in zip(_entries(left), _entries(right), strict=True)
    ]
    for difference, size in differences:
        found = _vanishes(difference, size, "the difference of the sides")
        if found != "":
            return found
    return ""


def _vanishes(value: Ball, size: Ball, what: str) -> str | None:
    if not (value.is_finite() and size.is_finite()):
        return None
    if not value.contains(0):
        return f"{what} is {value.str(5)}"
    return "" if value.rad() <= SHARP * size.upper() else None


def _entries(value: Any) -> list[Ball]:
    return value.entries() if isinstance(value, flint.arb_mat) else [value]


def _evaluate(expression: sp.Expr, bind: Binder) -> Any:
    expression = sp.sympify(expression)
    return evaluate_in_balls(Formula(expression), bind(expression))


def _point(variable: sp.Symbol, bind: Binder) -> Ball:
    return Ball(bind(variable)[variable])


def _series(step: Any, bind: Binder, at: Ball, terms: int) -> Any:
    """Return the Taylor coefficients of a step's function at a number."""
    function = function_in_balls(step.function, step.variable, bind(step.function), {})
    series = function(flint.arb_series([at, 1], prec=terms))
    return series if isinstance(series, flint.arb_series) else flint.arb_series([series], prec=terms)


def _bind(expression: sp.Basic, bindings: dict[sp.Basic, Any], generator: Random) -> dict[sp.Basic, Any]:
    """Add a random number to the bindings for every unbound symbol of an expression, as the symbol's assumptions allow."""
    for base in sorted(expression.atoms(sp.IndexedBase), key=str):
        if base not in bindings:
            drawn = [_draw(base.label, generator) for _ in range(LONGEST)]
            bindings[base] = sorted(drawn, key=float, reverse=True)
    for symbol in sorted(expression.atoms(sp.Symbol), key=sp.default_sort_key):
        if symbol not in bindings:
            bindings[symbol] = _draw(symbol, generator)
    return bindings


def _draw(symbol: sp.Symbol, generator: Random) -> Any:
    if not symbol.is_commutative:
        return flint.arb_mat(SIDE, SIDE, [Ball(generator.gauss(0, 1)) for _ in range(SIDE**2)])
    if symbol.is_integer:
        least = LEAST.get(symbol, 1)
        return generator.randint(least, least + 2)
    if symbol in BETWEEN:
        return Ball(generator.uniform(*BETWEEN[symbol]))
    magnitude = Ball(10 ** generator.uniform(-1, 1))
    return magnitude if symbol.is_nonnegative else magnitude * generator.choice((-1, 1))


def contradictions(steps: Sequence[Step], seed: int = 0) -> Iterator[str]:
    """Yield a line for each of these steps that balls contradict."""
    for step in steps:
        found = contradiction(step, seed)
        if found is not None:
            yield f"step {step.name!r}: {found}"
