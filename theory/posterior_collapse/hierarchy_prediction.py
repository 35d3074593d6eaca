"""The global minimiser of a hierarchy with given Σ_1 = σ_1² I, as its minimised direction predicts it, and how the claims state it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.algebra import SymbolicArrays, sum_over
from theory.namespace import Row
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.hierarchy import (
    KAPPA,
    d_1,
    d_2,
    given_noise,
    latent_levels,
    sigma_1,
    transported,
)
from theory.posterior_collapse.hierarchy_direction import Direction, Reduction, a, code, deviation, omega, y
from theory.posterior_collapse.hierarchy_regimes import Regimes
from theory.problem import Problem
from theory.proof import Prediction, StructuredPoint, Threshold
from theory.results import Decides, Letter, Measured, Reading, Result, with_letters
from theory.symbols import D, eta_dec, indexed, j, k, theta

STATEMENT = (
    "At every global minimum the singular directions of both levels pair with the principal axes of the data, largest first. Let "
    "$\\lambda_k$ be a singular value of the whitened encoder $W_1 C^{{1/2}}$, $\\omega_k$ one of $U_2$, and $a_k = \\lambda_k^2 + "
    "\\sigma_1^2$ the variance of the code. Write $a_k^- = {a^-}$ and $a_k^+ = {a^+}$ for its stationary values with $z_2$ collapsed "
    "and alive. For $k \\le \\min(d_1, d_2)$ there are four regimes in all, $\\lambda_k^2 = {encoder}$ and $\\omega_k^2 = {top}$: "
    "with both positive $a_k = {code_with_top}$; with $\\omega_k = 0$ alone $a_k = {code_without_top}$; with $\\lambda_k = 0$ the "
    "code is noise, and $z_2$ may still describe it; or both are zero. $\\omega_k > 0$ iff ${top_ratio} > 1$, that is iff $a_k$ "
    "exceeds ${critical_code}$, where $a_k^-$ and $a_k^+$ meet; $\\lambda_k > 0$ iff $\\max(a_k^-, a_k^+) > \\sigma_1^2$, that is "
    "iff ${code_ratio} > 1$. For $d_2 < k \\le d_1$ there is no $z_2$ to help: $\\omega_k = 0$ and $\\lambda_k^2 = "
    "{encoder_alone}$. Directions beyond $d_1$ are not encoded; $d_1 \\le D$ is assumed. "
)
"""What both claims say of a direction, written in the named results of the derivation."""
ORBITS = (
    " Where $d_1$ or $d_2$ cuts through a group of equal $\\theta_k$ this holds up to a rotation within the group; where several "
    "$\\lambda_k$ vanish, the directions of $z_1$ that carry them are free, and of $U_2$ there only the singular values are fixed."
)
"""What both claims say of minimisers that are not unique."""

FLOOR = sigma_1**2
"""The variance of a code that is noise alone."""
BOTH_LEVELS = sp.And(k <= d_1, k <= d_2)
"""Whether direction k has a partner in z_1 and in z_2."""
HERE = {deviation: theta[k]}


@dataclass(frozen=True)
class Minimiser:
    """The minimiser of direction k, written in the parameters of the problem.

    ``floor`` is σ_1², ``off`` and ``on`` are the stationary variances of the code with z_2 collapsed and alive, ``tops`` the values of
    ω² + κ² at a code of noise alone and at ``on``, and ``critical`` is the variance of the code that z_2 needs to live.
    """

    off: sp.Expr
    on: sp.Expr
    tops: tuple[sp.Expr, sp.Expr]
    critical: sp.Expr
    floor: sp.Expr = FLOOR

    @property
    def code(self) -> sp.Expr:
        """a where direction k has a partner in z_2."""
        return sp.Max(self.floor, self.off, self.on)

    @property
    def code_alone(self) -> sp.Expr:
        """a where direction k has no partner in z_2."""
        return sp.Max(self.floor, self.off)

    @property
    def encoder(self) -> sp.Expr:
        """λ² = a − σ_1² where direction k has a partner in z_2."""
        return sp.Max(0, self.off - self.floor, self.on - self.floor)

    @property
    def encoder_alone(self) -> sp.Expr:
        """λ² where direction k has no partner in z_2."""
        return sp.Max(0, self.off - self.floor)

    @property
    def top(self) -> sp.Expr:
        """ω²."""
        return sp.Max(0, *(top - KAPPA**2 for top in self.tops))

    @property
    def code_ratio(self) -> sp.Expr:
        """What exceeds 1 iff λ > 0, where direction k has a partner in z_2."""
        return sp.Max(*(sp.simplify(code / self.floor) for code in (self.off, self.on)))

    @property
    def top_ratio(self) -> sp.Expr:
        """What exceeds 1 iff ω > 0."""
        return sp.Max(*(sp.simplify(code / self.critical) for code in (self.floor, self.on)))


def minimiser(direction: Direction, regimes: Regimes) -> Minimiser:
    """Return the minimiser of direction k.

    Where z_2 is alive a is max(σ_1², on). Where it is not, that lies below the critical value as a does, so ω² + κ² needs no other case.
    """
    off, on = (regime.code.subs(direction.here) for regime in (regimes.off, regimes.on))
    floor = direction.lower.subs(direction.here)
    at_floor, at_on = (sp.expand(regimes.top.size.subs(a, code)) for code in (floor, on))
    return Minimiser(off, on, (at_floor, at_on), regimes.top.critical, floor)


def predict(problem: Problem, reduction: Reduction, regimes: Regimes) -> Prediction:
    """Predict the point: directions of both levels paired with the principal axes, each at its minimiser, and zero beyond d_1 and d_2."""
    direction, best = reduction.direction, minimiser(reduction.direction, regimes)
    x_k, y_k, a_k = (indexed(name, nonnegative=True) for name in "xya")
    unknowns = {
        x_k: sp.Piecewise((best.encoder, BOTH_LEVELS), (best.encoder_alone, k <= d_1), (0, True)),
        y_k: sp.Piecewise((best.top, BOTH_LEVELS), (0, True)),
        # The decoder of the data is zero unless λ > 0, where a lies above its floor.
        a_k: sp.Piecewise((sp.Max(best.off, best.on), k <= d_2), (best.off, True)),
    }
    sizes = {code: sp.sqrt(x_k[k]), omega: sp.sqrt(y_k[k]), **HERE}
    entries = {name: entry.subs(code**2 + FLOOR, a_k[k]).subs(sizes) for name, entry in reduction.best.items()}
    point = StructuredPoint(problem, SymbolicArrays(D), direction.diagonals(entries), unknowns)
    top = direction.top
    levels = latent_levels(
        (0,), (0, 1), lambda xp, v, p: given_noise(xp, p), top.root, top.keeps_prior, sp.Eq(sigma_1, eta_dec)
    )
    value, named = _value(direction, best), _named(best)
    prediction = point.predict(value, *_thresholds(best), named=named, levels=levels)
    # Both sizes are positive only where ``on`` is the code: above its floor, and above the critical value.
    both = {
        x_k: sp.Piecewise((sp.Max(0, best.on - FLOOR), BOTH_LEVELS), (0, True)),
        y_k: sp.Max(0, best.tops[1] - KAPPA**2),
    }
    seen = replace(point, unknowns=both).fill_in(sp.simplify(point.measure(transported).entry(k, j)))
    invariants = dict(prediction.invariants)
    invariants["transported_top_gram"] = invariants["transported_top_gram"].replace_expression(seen)
    return replace(prediction, invariants=invariants)


def _value(direction: Direction, best: Minimiser) -> sp.Expr:
    """Return the predicted value: the data of all D directions, the code of d_1, and what z_1 and z_2 cost by themselves."""
    everywhere = sp.Piecewise((best.code, BOTH_LEVELS), (best.code_alone, k <= d_1), (FLOOR, True))
    within = {
        a: sp.Piecewise((best.code, k <= d_2), (best.code_alone, True)),
        y: sp.Piecewise((sp.Max(KAPPA**2, *best.tops), k <= d_2), (KAPPA**2, True)) - KAPPA**2,
    }
    return (
        sum_over(direction.data_cost.subs(HERE).subs(a, everywhere), k, D)
        + sum_over(direction.code_cost(a, y).subs(within), k, d_1)
        + d_1 * direction.idle
        + d_2 * direction.top.own
    )


def _thresholds(best: Minimiser) -> tuple[Threshold, Threshold]:
    """Return where a direction of z_2 is used, and where one of z_1 is."""
    alone = sp.simplify(best.off / FLOOR)
    return (
        Threshold(
            best.top_ratio, k, D, tuned="beta2", within_rank=BOTH_LEVELS, of="z_2", telling="top_decoder_spectrum"
        ),
        Threshold(
            sp.Piecewise((best.code_ratio, k <= d_2), (alone, True)),
            k,
            D,
            tuned="theta",
            within_rank=k <= d_1,
            of="z_1",
        ),
    )


def _codes(reading: Reading) -> Row:
    """Measure the variances of the code."""
    return reading.diagonal("encoder_gram") + reading.p[sigma_1][..., None] ** 2


def _of_code(formula: sp.Expr, where: Boolean) -> Measured:
    """Return the variance of the code in direction k, where ``where`` holds."""
    return Measured(formula, _codes, ((k, D),), where, unit=FLOOR)


def _named(best: Minimiser) -> dict[str, Result]:
    """Return what the statement names."""
    code_lives, top_lives = sp.And(BOTH_LEVELS, best.code_ratio > 1), best.top_ratio > 1
    a_k = indexed("a", nonnegative=True)
    results: dict[str, Result] = {
        "code_with_top": _of_code(best.on, sp.And(code_lives, top_lives)),
        "code_without_top": _of_code(best.off, sp.And(code_lives, sp.Not(top_lives))),
        "critical_code": Decides(
            best.critical, lambda critical: a_k[k] / critical, where=BOTH_LEVELS, given={a_k: _codes}
        ),
        "encoder": vae.of_encoder(best.encoder, sigma_1, BOTH_LEVELS),
        "encoder_alone": vae.of_encoder(best.encoder_alone, sigma_1, sp.And(k > d_2, k <= d_1)),
        "top": Measured(
            best.top,
            lambda reading: reading.invariants["top_decoder_spectrum"],
            ((k, D),),
            BOTH_LEVELS,
            unit=KAPPA**2,
        ),
        "code_ratio": Decides(best.code_ratio, lambda ratio: ratio, threshold=1, where=BOTH_LEVELS),
        "top_ratio": Decides(best.top_ratio, lambda ratio: ratio),
    }
    return with_letters(results, Letter(indexed("a^-")[k], best.off), Letter(indexed("a^+")[k], best.on))
