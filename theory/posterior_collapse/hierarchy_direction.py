"""One direction of a two-level hierarchy: what it costs, and the best variables for a given code and decoder of z_2.

In direction k let λ be a singular value of the whitened encoder W_1 C^{1/2}, a = λ² + Σ_1 the variance of the code, and ω a singular
value of U_2. Once U_1 and the posterior of z_2 are minimised out, a direction of the loss costs, up to a constant,

    θ²Σ_1/(a η_dec²) + β_1 κ² a/((ω² + κ²) η_dec²) + penalty(ω²)    with κ² = β_2 η_dec²/(β_1 η_enc²).

Only the penalty depends on whether the variance of z_2 is learnable or given; Σ_1 is σ_1² where it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Matrix
from theory.point import Point
from theory.posterior_collapse.hierarchy import KAPPA, beta_1, beta_2, d_1, d_2, sigma_1
from theory.problem import Problem
from theory.proof import Identity, Lemma, StepRecorder, StructuredPoint
from theory.results import Letter
from theory.scalar import stationary_point
from theory.symbols import D, eta_dec, eta_enc, indexed, j, k, positive, theta

deviation, code, omega = positive("theta"), positive("lambda"), positive("omega")
u, v = sp.symbols("u v", real=True)
a, y = positive("a"), sp.Symbol("y", nonnegative=True)


@dataclass(frozen=True)
class TopPosterior:
    """The posterior of z_2, whose variance is given or learnable.

    ``variance`` is Σ_2 of a direction, a symbol where it is learnable, and ``root(xp, v, p)`` a root of Σ_2. ``penalty(y)`` is what
    ω² = y costs besides the code, zero at y = 0, and ``own`` what a direction of z_2 costs whatever the variables are. ``lemma`` says
    what the best posterior is. ``keeps_prior`` is the condition under which it is the prior where ω is zero.
    """

    variance: sp.Expr
    root: Callable[[ArrayNamespace, Point, Bindings], Matrix]
    penalty: Callable[[sp.Expr], sp.Expr]
    lemma: Lemma
    own: sp.Expr = sp.Integer(0)
    keeps_prior: Boolean = sp.true


@dataclass(frozen=True)
class Direction:
    """One direction of a hierarchy; ``lower`` is its Σ_1, a symbol where it is learnable, and ``top`` the posterior of z_2.

    Where each latent direction has its own σ_1, ``noise`` is the list of them.
    """

    top: TopPosterior
    lower: sp.Expr = sigma_1**2
    noise: sp.IndexedBase | None = None

    @property
    def here(self) -> dict[sp.Symbol, sp.Indexed]:
        """What the symbols of a direction are in direction k."""
        return {deviation: theta[k]} | ({} if self.noise is None else {sigma_1: self.noise[k]})

    @property
    def objective(self) -> sp.Expr:
        """What a direction costs in its entries u of U_1, λ/θ of W_1, ω of U_2 and v of W_2, and in a."""
        surprise = ((1 - omega * v) ** 2 * a + omega**2 * self.top.variance) / eta_dec**2 - 1
        divergence = (v**2 * a + self.top.variance) / eta_enc**2 - 1 + sp.log(eta_enc**2) - sp.log(self.top.variance)
        return (
            ((deviation - u * code) ** 2 + self.lower * u**2) / eta_dec**2
            + beta_1 * (sp.log(eta_dec**2 / self.lower) + surprise)
            + beta_2 * divergence
        )

    @property
    def data_cost(self) -> sp.Expr:
        """What the data of a direction cost at the best decoder, in a."""
        return deviation**2 * self.lower / (a * eta_dec**2)

    def code_cost(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """Return what the code of a direction costs at ω² = y: its surprise under the prior that z_2 makes, and the penalty."""
        return beta_1 * KAPPA**2 * a / ((y + KAPPA**2) * eta_dec**2) + self.top.penalty(y)

    @property
    def idle(self) -> sp.Expr:
        """What a direction of z_1 costs besides data and code."""
        return -beta_1 * (1 + sp.log(self.lower / eta_dec**2))

    @property
    def all_idle(self) -> sp.Expr:
        """What all directions of z_1 cost besides data and code."""
        if self.noise is None:
            return d_1 * self.idle
        return sp.Sum(self.idle.subs(sigma_1, self.noise[j]), (j, 1, d_1))

    @property
    def letters(self) -> tuple[Letter, ...]:
        """The letters for the unit of ω, and for what the directions of z_1 and of z_2 cost whatever the variables are."""
        kappa = Letter(
            positive("kappa"), KAPPA, part=KAPPA**2, written=positive("kappa") ** 2, says=r"the unit of $\omega$"
        )
        costs = (
            Letter(positive("c_1"), self.all_idle, says="what the directions of $z_1$ cost whatever the variables are"),
            Letter(
                positive("c_2"), d_2 * self.top.own, says="what the directions of $z_2$ cost whatever the variables are"
            ),
        )
        return (kappa, *(cost for cost in costs if cost.meaning != 0))

    @property
    def learnable(self) -> dict[str, sp.Symbol]:
        """The roots of covariances among the variables, with the variance of a direction."""
        variances = {"S_1": self.lower, "S_2": self.top.variance}
        return {name: variance for name, variance in variances.items() if isinstance(variance, sp.Symbol)}

    def diagonals(self, entries: Mapping[str, sp.Expr]) -> Point:
        """Return the point with diagonal matrices of these entries; for a root of a covariance the entry is its square."""
        rooted = {name: sp.sqrt(e) if name in self.learnable else e for name, e in entries.items()}
        return Point({name: SymbolicMatrix.diag(D, entry) for name, entry in rooted.items()})


@dataclass(frozen=True)
class Reduction:
    """A direction with everything but λ, Σ_1 and ω at its best.

    ``best`` gives the entries of the diagonal variables by name, written in θ, λ, Σ_1, a and ω; for a root of a covariance its square.
    """

    direction: Direction
    best: Mapping[str, sp.Expr]


def reduce(record: StepRecorder, problem: Problem, direction: Direction) -> Reduction:
    """Prove that at diagonal variables the loss is a sum over directions, and that at the best ones only a and ω² are left of each."""
    _reduce_to_directions(record, problem, direction)
    objective, learnable = direction.objective, direction.learnable
    best_u = stationary_point(record, "the decoder of the data", objective, u)
    best_v = stationary_point(record, "the encoder of the code", objective, v)
    best = {"U_1": best_u, "W_1": code / deviation, "U_2": omega, "W_2": best_v}
    best |= {name: variance for name, variance in learnable.items() if name == "S_1"}
    reduced = objective.subs({u: best_u, v: best_v})
    if (variance := learnable.get("S_2")) is not None:
        best["S_2"] = stationary_point(record, "the variance of the top code", reduced, variance)
        reduced = reduced.subs(variance, best["S_2"])
    of_code = code**2 + direction.lower
    record(
        Identity(
            "the two sizes",
            rf"Only $a = \lambda^2 + {sp.latex(direction.lower)}$ and $\omega^2$ are left.",
            reduced.subs(a, of_code),
            (direction.data_cost + direction.code_cost(a, omega**2)).subs(a, of_code)
            + direction.idle
            + direction.top.own,
        )
    )
    return Reduction(direction, best)


def _reduce_to_directions(record: StepRecorder, problem: Problem, direction: Direction) -> None:
    """Prove that at diagonal variables the loss is the sum of the objective over the directions."""
    learnable = direction.learnable
    at = {s: indexed(f"{s.name}_dir", positive=True)[k] for s in (code, omega, *learnable.values())}
    at |= {s: indexed(f"{s.name}_dir", real=True)[k] for s in (u, v)}
    trial = {"U_1": at[u], "W_1": at[code] / theta[k], "U_2": at[omega], "W_2": at[v]}
    trial |= {name: at[s] for name, s in learnable.items()}
    record(
        Identity(
            "reduction",
            r"With all matrices diagonal and $d_1 = d_2 = D$ the loss is the sum of one-direction objectives; "
            rf"$a = \lambda^2 + {sp.latex(direction.lower)}$.",
            StructuredPoint(problem, SymbolicArrays(D), direction.diagonals(trial), {}).loss(),
            sum_over(direction.objective.subs(a, code**2 + direction.lower).subs({**at, **direction.here}), k, D),
        )
    )
