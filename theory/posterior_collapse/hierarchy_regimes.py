"""The minimum of a direction of a hierarchy with given Σ_1 = σ_1² I: two functions of the code, z_2 collapsed and alive, make one.

The symbols are those of ``hierarchy_direction``: a is the variance of the code, ω a singular value of U_2, and
κ² = β_2 η_dec²/(β_1 η_enc²).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.posterior_collapse.hierarchy import KAPPA, sigma_1
from theory.posterior_collapse.hierarchy_direction import Direction, a, deviation
from theory.proof import Nonnegative, StepRecorder, SumOfSquares, Vanishes
from theory.scalar import minimise_on_half_line, threshold_ratio

log_a, log_top = sp.symbols("ell b", real=True)
"""log a, and log(ω² + κ²)."""


@dataclass(frozen=True)
class Top:
    """The best decoder of z_2 for a code of variance a: ω² + κ² = ``size`` where a exceeds ``critical``, and ω = 0 elsewhere."""

    size: sp.Expr
    critical: sp.Expr


@dataclass(frozen=True)
class Regime:
    """A direction with z_2 collapsed, or with z_2 alive: its ``cost`` in a, and the stationary point ``code`` of that cost."""

    cost: sp.Expr
    code: sp.Expr


@dataclass(frozen=True)
class Regimes:
    """The minimum of a direction over ω² ≥ 0 and a ≥ σ_1².

    ``off`` is the direction with z_2 collapsed, ``on`` with z_2 alive. The minimiser is a = max(σ_1², off.code, on.code), with ω²
    from ``top``.
    """

    top: Top
    off: Regime
    on: Regime


def minimise(record: StepRecorder, direction: Direction) -> Regimes:
    """Minimise a direction over ω² ≥ 0, then each of the two regimes over a ≥ σ_1², and prove that the two make one smooth function."""
    _prove_convex(record, direction)
    top = _minimise_over_top(record, direction)
    off = direction.data_cost + direction.code_cost(a, sp.Integer(0))
    on = direction.data_cost + sp.expand(sp.simplify(direction.code_cost(a, top.size - KAPPA**2)))
    regimes = Regimes(
        top,
        _minimise_over_code(record, "without the top code", off),
        _minimise_over_code(record, "with the top code", on),
    )
    _join(record, regimes)
    return regimes


def _prove_convex(record: StepRecorder, direction: Direction) -> None:
    """Prove that a direction is strictly convex in log a and log(ω² + κ²), so that it has one minimiser."""
    joint = direction.data_cost + direction.code_cost(a, sp.exp(log_top) - KAPPA**2)
    joint = sp.expand(joint.subs(a, sp.exp(log_a)))
    p, q = sp.symbols("p q", real=True)
    along = ((log_a, p), (log_top, q))
    bending = sp.Add(*(sp.diff(joint, s, t) * x * z for s, x in along for t, z in along))
    mixed = sp.diff(joint, log_a, log_top)
    weights = (sp.diff(joint, log_a, 2) + mixed, -mixed, sp.diff(joint, log_top, 2) + mixed)
    record(
        SumOfSquares(
            "convex in logarithms",
            r"The second derivative along $(p, q)$ in $\ell = \log a$ and $b = \log(\omega^2 + \kappa^2)$: a direction is a sum of "
            "exponentials of linear forms with positive weights and a linear term, strictly convex; the minimiser is unique.",
            bending,
            tuple((sp.simplify(weight), base) for weight, base in zip(weights, (p, p - q, q), strict=True)),
        )
    )


def _minimise_over_top(record: StepRecorder, direction: Direction) -> Top:
    """Minimise a direction over ω² ≥ 0 for a given code, and prove at which a the decoder of z_2 leaves zero."""
    best = minimise_on_half_line(
        record,
        "the log decoder of the code",
        direction.code_cost(a, sp.exp(log_top) - KAPPA**2),
        log_top,
        sp.log(KAPPA**2),
        exponential=True,
    )
    critical = sp.simplify(a / threshold_ratio(record, "the code variance", best, a))
    return Top(sp.simplify(sp.exp(best.stationary)), critical)


def _minimise_over_code(record: StepRecorder, name: str, cost: sp.Expr) -> Regime:
    """Minimise one regime over a ≥ σ_1², and prove that a rises above it once, as the deviation of the data grows."""
    best = minimise_on_half_line(
        record,
        f"the log code variance {name}",
        cost.subs(a, sp.exp(log_a)),
        log_a,
        sp.log(sigma_1**2),
        exponential=True,
    )
    threshold_ratio(record, f"the data deviation {name}", best, deviation)
    return Regime(cost, sp.exp(best.stationary))


def _join(record: StepRecorder, regimes: Regimes) -> None:
    """Prove that the two regimes meet with one slope where z_2 comes alive, and that a direction has the smaller of the two slopes."""
    t, critical = sp.Symbol("t", nonnegative=True), regimes.top.critical
    difference = regimes.off.cost - regimes.on.cost
    record(
        Vanishes(
            "the two regimes meet",
            "Where $z_2$ comes alive, a direction costs the same with it and without.",
            sp.simplify(difference),
            a,
            critical,
        )
    )
    # The data cost is the same in both, and so drops out.
    steeper = sp.simplify(a * sp.diff(difference, a))
    record(Vanishes("the slopes meet", "So do the slopes: the two make one smooth function.", steeper, a, critical))
    says = (
        "{} that variance the slope in $\\log a$ without $z_2$ is the {} with $z_2$. So the slope of a direction is the smaller of two "
        "increasing functions: it increases, and its zero is the larger of theirs."
    )
    for name, where, sign, at in (
        ("the slopes above", ("Above", "larger: the direction costs what it costs"), 1, 1 + t),
        ("the slopes below", ("Below", "smaller: there the direction does without it, not"), -1, 1 / (1 + t)),
    ):
        there = steeper.subs(a, critical * at**2)
        record(Nonnegative(name, says.format(*where), sp.simplify(sign * there)))
