"""The derivations of two-level hierarchies: one direction of the loss, and the chain to its minimum.

In direction k let a = λ² + Σ_1 be the variance of the code, with λ a singular value of the whitened encoder W_1 C^{1/2}, and ω one of
U_2. Once U_1 and the posterior of z_2 are minimised out, a direction of the loss costs, up to a constant,

    θ²Σ_1/(a η_dec²) + β_1 κ² a/((ω² + κ²) η_dec²) + penalty(ω²)    with κ² = β_2 η_dec²/(β_1 η_enc²),

and only the penalty knows whether the variance of z_2 is learnable or given; Σ_1 is σ_1², or learnable in ``LearnableLevels``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Derivation
from theory.point import Point
from theory.posterior_collapse import linear_gaussian as shared
from theory.posterior_collapse.hierarchy import (
    KAPPA,
    OF_LEARNABLE_LEVELS,
    TOP_DECODER,
    beta_1,
    beta_2,
    d_1,
    d_2,
    explained_code,
    explained_data,
    given_noise,
    latent_levels,
    sigma_1,
    transported,
    whitened,
)
from theory.posterior_collapse.lemmas import RIDGE, TRACE_INEQUALITY
from theory.problem import Problem
from theory.proof import (
    Bound,
    Identity,
    Lemma,
    Nonnegative,
    Piece,
    Prediction,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    SumOfSquares,
    Threshold,
    Vanishes,
)
from theory.results import Decides, Measured, Reading, Result, Shown
from theory.scalar import ScalarMinimum, minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import D, eta_dec, eta_enc, j, k, positive, theta

STATEMENT = (
    "At every global minimum the singular directions of both levels pair with the principal axes of the data, largest first. "
    "Let $\\lambda_k$ be a singular value of the whitened encoder $W_1 C^{{1/2}}$, $\\omega_k$ one of $U_2$, and "
    "$a_k = \\lambda_k^2 + \\sigma_1^2$ the variance of the code. For $k \\le \\min(d_1, d_2)$ there are four regimes in all, "
    "$\\lambda_k^2 = {encoder}$ and $\\omega_k^2 = {top}$: with both positive $a_k = {code_with_top}$; with "
    "$\\omega_k = 0$ alone $a_k = {code_without_top}$; with $\\lambda_k = 0$ the code is noise, and $z_2$ may still describe it; "
    "or both are zero. $\\omega_k > 0$ iff ${top_ratio} > 1$, that is iff $a_k$ exceeds ${critical_code}$, where the two formulas "
    "for $a_k$ meet; $\\lambda_k > 0$ iff ${code_ratio} > 1$. For $d_2 < k \\le d_1$ there is no $z_2$ to help: $\\omega_k = 0$ and "
    "$\\lambda_k^2 = {encoder_alone}$. Directions beyond $d_1$ are not encoded; $d_1 \\le D$ is assumed. "
)
"""What both claims say of a direction, written in the named results of the derivation."""
ORBITS = (
    " Where $d_1$ or $d_2$ cuts through a group of equal $\\theta_k$ this holds up to a rotation within the group; where several "
    "$\\lambda_k$ vanish, the directions of $z_1$ that carry them are free, and of $U_2$ there only the singular values are fixed."
)


class Levels:
    """One direction of a hierarchy, minimised over everything but the variance a of the code, ω² and what is left of Σ_1.

    ``lower`` and ``variance``: Σ_1 and Σ_2 of a direction, symbols where they are learnable. ``penalty(y)``: what ω² = y costs
    besides the code, zero at y = 0. ``own``: what a direction of z_2 costs whatever the variables are.
    """

    def __init__(
        self,
        problem: Problem,
        variance: sp.Expr,
        penalty: Callable[[sp.Expr], sp.Expr],
        own: sp.Expr = sp.Integer(0),
        lower: sp.Expr = sigma_1**2,
    ) -> None:
        self.problem, self.penalty, self.own, self.lower = problem, penalty, own, lower
        self.record, self.xp = StepRecorder(), SymbolicArrays(D)
        self.std, self.code, self.w, self.variance = positive("theta"), positive("lambda"), positive("omega"), variance
        self.u, self.v = sp.symbols("u v", real=True)
        self.a, self.y = positive("a"), sp.Symbol("y", nonnegative=True)
        self.ell, self.b = sp.symbols("ell b", real=True)
        self.idle = -beta_1 * (1 + sp.log(lower / eta_dec**2))
        surprise = ((1 - self.w * self.v) ** 2 * self.a + self.w**2 * variance) / eta_dec**2 - 1
        divergence = (self.v**2 * self.a + variance) / eta_enc**2 - 1 + sp.log(eta_enc**2) - sp.log(variance)
        self.direction = (
            ((self.std - self.u * self.code) ** 2 + lower * self.u**2) / eta_dec**2
            + beta_1 * (sp.log(eta_dec**2 / lower) + surprise)
            + beta_2 * divergence
        )
        self.data_cost = self.std**2 * lower / (self.a * eta_dec**2)

    def code_cost(self, a: sp.Expr, y: sp.Expr) -> sp.Expr:
        """What the code of a direction costs: its surprise under the prior that z_2 makes, and the price of that prior."""
        return beta_1 * KAPPA**2 * a / ((y + KAPPA**2) * eta_dec**2) + self.penalty(y)

    @property
    def learnable(self) -> dict[str, sp.Symbol]:
        """The roots of covariances among the variables, with the variance of a direction."""
        return {name: s for name, s in (("S_1", self.lower), ("S_2", self.variance)) if s.is_Symbol}

    def diagonals(self, **entries: sp.Expr) -> Point:
        """Return diagonal variables; of the roots of covariances the square is given."""
        rooted = {name: sp.sqrt(e) if name in self.learnable else e for name, e in entries.items()}
        return Point({name: SymbolicMatrix.diag(D, entry) for name, entry in rooted.items()})

    def reduce(self) -> None:
        """Record the reduction to one direction, and minimise it over everything but a and ω²."""
        record, a = self.record, self.a
        at = {s: sp.IndexedBase(f"{s.name}_dir", positive=True)[k] for s in (self.code, self.w)}
        at |= {s: sp.IndexedBase(f"{s.name}_dir", real=True)[k] for s in (self.u, self.v)}
        at |= {s: sp.IndexedBase(f"{s.name}_dir", positive=True)[k] for s in self.learnable.values()}
        v = self.diagonals(
            U_1=at[self.u],
            W_1=at[self.code] / theta[k],
            U_2=at[self.w],
            W_2=at[self.v],
            **{name: at[s] for name, s in self.learnable.items()},
        )
        variance_of_code = self.code**2 + self.lower
        record(
            Identity(
                "reduction",
                r"With all matrices diagonal and $d_1 = d_2 = D$ the loss is the sum of one-direction objectives; "
                rf"$a = \lambda^2 + {sp.latex(self.lower)}$.",
                StructuredPoint(self.problem, self.xp, v, {}).loss(),
                sum_over(self.direction.subs(a, variance_of_code).subs({**at, self.std: theta[k]}), k, D),
            )
        )
        self.u_best = stationary_point(record, "the decoder of the data", self.direction, self.u)
        self.v_best = stationary_point(record, "the encoder of the code", self.direction, self.v)
        best = {self.u: self.u_best, self.v: self.v_best}
        reduced, own = self.direction.subs(best), self.own
        if "S_2" in self.learnable:
            self.variance_best = stationary_point(record, "the variance of the top code", reduced, self.variance)
            reduced = reduced.subs(self.variance, self.variance_best)
        record(
            Identity(
                "the two sizes",
                rf"Only $a = \lambda^2 + {sp.latex(self.lower)}$ and $\omega^2$ are left.",
                reduced.subs(a, variance_of_code),
                (self.data_cost + self.code_cost(a, self.w**2)).subs(a, variance_of_code) + self.idle + own,
            )
        )


class Hierarchy(Levels):
    """The derivation of a hierarchy with given Σ_1 = σ_1² I, up to what its model of z_2 says.

    ``top_noise(xp, v, p)`` is a root of Σ_2, and ``keeps_prior`` the condition under which z_2 keeps to its prior where ω is zero.
    """

    def __init__(
        self,
        problem: Problem,
        variance: sp.Expr,
        penalty: Callable[[sp.Expr], sp.Expr],
        own: sp.Expr,
        posterior: Lemma,
        top_noise: Callable[[Any, Any, Any], Any],
        keeps_prior: sp.Basic = sp.true,
    ) -> None:
        super().__init__(problem, variance, penalty, own)
        self.posterior, self.top_noise, self.keeps_prior = posterior, top_noise, keeps_prior

    def minimise(self) -> None:
        """Derive the minimiser of a direction over ω² ≥ 0 and a ≥ σ_1², with the sign of every derivative at the faces."""
        record, a, ell, b = self.record, self.a, self.ell, self.b
        floor = sp.log(sigma_1**2)
        joint = self.data_cost + self.code_cost(a, sp.exp(b) - KAPPA**2)
        joint = sp.expand(joint.subs(a, sp.exp(ell)))
        p, q = sp.symbols("p q", real=True)
        bending = sum(sp.diff(joint, s, t) * x * z for s, x in ((ell, p), (b, q)) for t, z in ((ell, p), (b, q)))
        weights = [sp.diff(joint, ell, 2) + sp.diff(joint, ell, b), -sp.diff(joint, ell, b)]
        weights.append(sp.diff(joint, b, 2) + sp.diff(joint, ell, b))
        record(
            SumOfSquares(
                "convex in logarithms",
                r"The second derivative along $(p, q)$ in $\ell = \log a$ and $b = \log(\omega^2 + \kappa^2)$: a direction is a sum of "
                "exponentials of linear forms with positive weights and a linear term, strictly convex; the minimiser is unique.",
                bending,
                tuple((sp.simplify(w), base) for w, base in zip(weights, (p, p - q, q), strict=True)),
            )
        )
        top = minimise_on_half_line(
            record,
            "the log decoder of the code",
            self.code_cost(a, sp.exp(b) - KAPPA**2),
            b,
            sp.log(KAPPA**2),
            exponential=True,
        )
        self.top = sp.simplify(sp.exp(top.stationary))  # ω² + κ² where z_2 is alive
        self.code_critical = sp.simplify(a / threshold_ratio(record, "the code variance", top, a))
        self.off = self.data_cost + self.code_cost(a, sp.Integer(0))
        self.on = self.data_cost + sp.expand(sp.simplify(self.code_cost(a, self.top - KAPPA**2)))
        self.codes: list[sp.Expr] = []
        self.ratios: list[sp.Expr] = []
        for name, function in (("without the top code", self.off), ("with the top code", self.on)):
            best: ScalarMinimum = minimise_on_half_line(
                record, f"the log code variance {name}", function.subs(a, sp.exp(ell)), ell, floor, exponential=True
            )
            threshold_ratio(record, f"the data deviation {name}", best, self.std)
            self.codes.append(sp.exp(best.stationary))
        self._join()

    def _join(self) -> None:
        """Record how the two functions of a, z_2 collapsed and z_2 alive, make one."""
        a, t = self.a, sp.Symbol("t", nonnegative=True)
        critical = self.code_critical
        record = self.record
        record(
            Vanishes(
                "the two regimes meet",
                "Where $z_2$ comes alive, a direction costs the same with it and without.",
                sp.simplify(self.off - self.on),
                a,
                critical,
            )
        )
        # The data cost is the same in both, and so drops out.
        steeper = sp.simplify(a * sp.diff(self.off - self.on, a))
        record(Vanishes("the slopes meet", "So do the slopes: the two make one smooth function.", steeper, a, critical))
        says = (
            "{} that variance the slope in $\\log a$ {} with $z_2$. So the slope of a direction is the smaller of two increasing "
            "functions: it increases, and its zero is the larger of theirs."
        )
        for name, side, relation, at in (
            ("the slopes above", "Above", "without $z_2$ is the larger: the direction costs what it costs", 1 + t),
            (
                "the slopes below",
                "Below",
                "without $z_2$ is the smaller: there the direction does without it, not",
                1 / (1 + t),
            ),
        ):
            difference = steeper.subs(a, critical * at**2)
            sign = 1 if side == "Above" else -1
            record(Nonnegative(name, says.format(side, relation), sp.simplify(sign * difference)))

    @property
    def both_levels(self) -> sp.Basic:
        """Whether direction k has a partner in z_1 and in z_2."""
        return sp.And(k <= d_1, k <= d_2)

    def predict(self) -> Prediction:
        """Return the prediction: a = max(σ_1², both stationary points), ω² from it, directions paired in order."""
        here = {self.std: theta[k]}
        off, on = (code.subs(here) for code in self.codes)
        floor, kappa_squared = sigma_1**2, KAPPA**2
        # Where z_2 is alive a is max(σ_1², on), and where it is not that lies below the critical value as a does.
        tops = [sp.expand(self.top.subs(self.a, code)) for code in (floor, on)]
        excess = {
            "encoder": sp.Max(0, off - floor, on - floor),
            "encoder_alone": sp.Max(0, off - floor),
            "top": sp.Max(0, *(top - kappa_squared for top in tops)),
        }
        code, code_alone, top = sp.Max(floor, off, on), sp.Max(floor, off), sp.Max(kappa_squared, *tops)
        x, y, a = (sp.IndexedBase(name, nonnegative=True) for name in "xya")
        unknowns = {
            x: sp.Piecewise((excess["encoder"], self.both_levels), (excess["encoder_alone"], k <= d_1), (0, True)),
            y: sp.Piecewise((excess["top"], self.both_levels), (0, True)),
            # The decoder of the data is zero unless λ > 0, where a lies above its floor.
            a: sp.Piecewise((sp.Max(off, on), k <= d_2), (off, True)),
        }
        sizes = {self.code: sp.sqrt(x[k]), self.w: sp.sqrt(y[k]), **here}

        def entry(expression: sp.Expr) -> sp.Expr:
            return expression.subs(self.code**2 + floor, a[k]).subs(sizes)

        best = {"U_1": self.u_best, "W_1": self.code / self.std, "U_2": self.w, "W_2": self.v_best}
        if "S_2" in self.learnable:
            best["S_2"] = self.variance_best
        point = StructuredPoint(
            self.problem, self.xp, self.diagonals(**{name: entry(e) for name, e in best.items()}), unknowns
        )
        everywhere = sp.Piecewise((code, self.both_levels), (code_alone, k <= d_1), (floor, True))
        within = {
            self.a: sp.Piecewise((code, k <= d_2), (code_alone, True)),
            self.y: sp.Piecewise((top, k <= d_2), (kappa_squared, True)) - kappa_squared,
        }
        value = (
            sum_over(self.data_cost.subs(here).subs(self.a, everywhere), k, D)
            + sum_over(self.code_cost(self.a, self.y).subs(within), k, d_1)
            + d_1 * self.idle
            + d_2 * self.own
        )
        top_ratio = sp.Max(*(sp.simplify(c / self.code_critical) for c in (floor, on)))
        code_ratio = sp.Max(*(sp.simplify(c / floor) for c in (off, on)))
        top_lives = Threshold(
            top_ratio, k, D, tuned="beta2", within_rank=self.both_levels, of="z_2", telling="top_decoder_spectrum"
        )
        code_lives = Threshold(
            sp.Piecewise((code_ratio, k <= d_2), (sp.simplify(off / floor), True)),
            k,
            D,
            tuned="theta",
            within_rank=k <= d_1,
            of="z_1",
        )
        prediction = point.predict(
            value,
            top_lives,
            code_lives,
            named=self._named(off, on, excess, code_ratio, top_ratio),
            levels=latent_levels(
                (0,),
                (0, 1),
                lambda xp, v, p: given_noise(xp, p),
                self.top_noise,
                self.keeps_prior,
                sp.Eq(sigma_1, eta_dec),
            ),
        )
        # Both sizes are positive only where ``on`` is the code: above its floor, and above the critical value.
        both = {
            x: sp.Piecewise((sp.Max(0, on - floor), self.both_levels), (0, True)),
            y: sp.Max(0, tops[1] - kappa_squared),
        }
        seen = dataclasses.replace(point, unknowns=both).fill_in(sp.simplify(point.measure(transported).entry(k, j)))
        invariants = dict(prediction.invariants)
        invariants["transported_top_gram"] = invariants["transported_top_gram"].replace_expression(seen)
        return dataclasses.replace(prediction, invariants=invariants)

    def _named(
        self, off: sp.Expr, on: sp.Expr, excess: dict[str, sp.Expr], code_ratio: sp.Expr, top_ratio: sp.Expr
    ) -> dict[str, Result]:
        """Return what the statement names; ``off`` and ``on`` are the variance of the code without z_2 and with it."""
        both, alone = self.both_levels, sp.And(k > d_2, k <= d_1)
        code_lives, top_lives = sp.And(both, code_ratio > 1), top_ratio > 1
        code = sp.IndexedBase("a", nonnegative=True)

        def codes(reading: Reading) -> Any:
            return reading.diagonal("encoder_gram") + reading.p[sigma_1][..., None] ** 2

        def of_code(formula: sp.Expr, where: sp.Basic) -> Measured:
            return Measured(formula, codes, ((k, D),), where, unit=sigma_1**2)

        return {
            "code_with_top": of_code(on, sp.And(code_lives, top_lives)),
            "code_without_top": of_code(off, sp.And(code_lives, sp.Not(top_lives))),
            "critical_code": Decides(
                self.code_critical, lambda critical: code[k] / critical, where=both, given={code: codes}
            ),
            "encoder": shared.of_encoder(excess["encoder"], sigma_1, both),
            "encoder_alone": shared.of_encoder(excess["encoder_alone"], sigma_1, alone),
            "top": Measured(
                excess["top"],
                lambda reading: reading.invariants["top_decoder_spectrum"],
                ((k, D),),
                both,
                unit=KAPPA**2,
            ),
            "code_ratio": Decides(code_ratio, lambda ratio: ratio, threshold=1, where=both),
            "top_ratio": Decides(top_ratio, lambda ratio: ratio),
        }

    def derive(self) -> Derivation:
        """Return proof and prediction."""
        self.reduce()
        self.minimise()
        prediction = self.predict()
        x, y = sp.IndexedBase("x", nonnegative=True), TOP_DECODER.symbol
        fit, code_fit = sp.symbols("f g", nonnegative=True)
        statistics = (
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
        a_k = x[k] + sigma_1**2
        constant = d_1 * self.idle + d_2 * self.own
        of_data = self.data_cost.subs({self.std: theta[k]})
        separable = self._separable(of_data, constant, a_k)
        bounds = (
            Bound(
                "minimum over the lower decoder and the upper posterior",
                sigma_1**2 * fit / eta_dec**2
                + beta_1 * KAPPA**2 * code_fit / eta_dec**2
                + sum_over(self.penalty(y[k]), k, d_1)
                + constant,
                "For a given code the loss is a square in $U_1$; for given $U_2$ the best posterior of $z_2$ is known.",
                (RIDGE.name, *dict.fromkeys([self.posterior.name]), "the decoder of the data is stationary"),
            ),
            Bound(
                "sum over singular values",
                sum_over(of_data.subs(self.a, a_k), k, D) + sum_over(self.code_cost(a_k, y[k]), k, d_1) + constant,
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
                prediction.value.expression,
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
        lemmas = tuple(dict.fromkeys((RIDGE, self.posterior, TRACE_INEQUALITY)))
        proof = Proof(tuple(self.record.steps), lemmas, statistics, bounds, separable)
        return Derivation(proof, prediction)

    def _separable(self, of_data: sp.Expr, constant: sp.Expr, a_k: sp.Expr) -> Separable:
        """The minimum over ω² as a function of log a, in two convex pieces: z_2 collapsed, and alive."""
        in_log = {self.a: sp.exp(self.ell)}
        off = sp.expand((self.off - self.data_cost).subs(in_log))
        on = sp.expand((self.on - self.data_cost).subs(in_log))
        floor = sp.log(sigma_1**2)
        meeting = sp.log(self.code_critical)
        # What does not depend on the point each direction carries an equal share of: the data that are not encoded, too.
        beyond = sp.Sum(theta[j] ** 2 / eta_dec**2, (j, d_1 + 1, D))
        base = of_data.subs(in_log) + (constant + beyond) / d_1
        # Where already the floor lies above the meeting point there is no first piece.
        pieces = (
            Piece(base + off, floor, meeting),
            Piece(base + sp.Piecewise((on, k <= d_2), (off, True)), sp.Max(floor, meeting)),
        )
        return Separable(pieces, self.ell, k, d_1, free=sp.true, reading=sp.log(a_k))


class LearnableLevels(Levels):
    """Learnable Σ_1 and Σ_2: with m = a/Σ_1 a direction costs something of the data, in m, and something of the code, in a and ω²."""

    def __init__(self, problem: Problem) -> None:
        lower, variance = positive("Sigma_1"), positive("Sigma")
        super().__init__(problem, variance, lambda y: beta_2 * sp.log(1 + y / KAPPA**2), lower=lower)
        self.m = positive("m")
        self.of_data = self.data_cost.subs(lower, self.a / self.m) + beta_1 * sp.log(self.m)
        self.of_code = self.code_cost(self.a, self.y) - beta_1 * (1 + sp.log(self.a / eta_dec**2))
        self.left = (beta_2 - beta_1) * sp.log(1 + self.y / KAPPA**2)
        self.gain = OF_LEARNABLE_LEVELS[1].symbol
        self.of_direction = self.of_data.subs({self.m: 1 + self.gain[k], self.std: theta[k]})

    def minimise(self) -> None:
        """Minimise the cost of the code over a, and that of the data over m ≥ 1."""
        record, whole = self.record, self.data_cost + self.code_cost(self.a, self.y) + self.idle
        says = r"With $m = a/\Sigma_1$ the data and the code have their own costs."
        record(
            Identity("the costs fall apart", says, whole.subs(self.lower, self.a / self.m), self.of_data + self.of_code)
        )
        self.code_best = stationary_point(record, "the code variance", self.of_code, self.a)
        says = r"At that variance of the code only the decoder of $z_2$ is left, $y = \omega^2$."
        record(Identity("what is left of the code", says, self.of_code.subs(self.a, self.code_best), self.left))
        excess = self.left.subs(beta_2, beta_1 + positive("delta"))
        record(
            Nonnegative(
                "the upper level costs",
                r"With $\beta_2 = \beta_1 + \delta$ it is zero at $y = 0$ and positive elsewhere.",
                excess,
            )
        )
        in_log = self.of_data.subs(self.m, sp.exp(self.ell))
        self.best = minimise_on_half_line(record, "the log of m", in_log, self.ell, sp.Integer(0), exponential=True)
        self.ratio = threshold_ratio(record, "the data deviation", self.best, self.std) ** 2

    def at(self, gain: sp.Expr, size: sp.Expr) -> dict[str, sp.Expr]:
        """Return the entries of the best diagonal variables at m = 1 + ``gain`` and ω² = κ²(e^``size`` − 1).

        Of the roots of covariances the squares are returned.
        """
        square = KAPPA**2 * (sp.exp(size) - 1)
        code = sp.simplify(self.code_best.subs(self.y, square))
        here = {self.lower: code / (1 + gain), self.code: sp.sqrt(code) * sp.sqrt(gain / (1 + gain))}
        here |= {self.w: sp.sqrt(square), self.a: code, self.std: theta[k]}
        best = {"U_1": self.u_best, "W_1": self.code / self.std, "S_1": self.lower}
        best |= {"U_2": self.w, "W_2": self.v_best, "S_2": self.variance_best}
        return {name: sp.simplify(entry.subs(here, simultaneous=True)) for name, entry in best.items()}

    def follow(self) -> None:
        """Record the loss along the curve of these points, and what it comes to where β_2 does not exceed β_1."""
        size = sp.IndexedBase("s", nonnegative=True)
        point = StructuredPoint(self.problem, self.xp, self.diagonals(**self.at(self.gain[k], size[k])), {})
        rise, drop, delta = (beta_2 - beta_1) * size[k], positive("c"), positive("delta")
        says = "The loss along a curve: the best variables at $\\omega_k^2 = \\kappa^2(e^{s_k} - 1)$, $s_k \\ge 0$."
        self.record(
            Identity("along the curve", says, point.loss(), sum_over(self.of_direction, k, D) + sum_over(rise, k, D))
        )
        says = "At $\\beta_1 = \\beta_2$ the loss is the same all along it: $z_2$ is arbitrary."
        self.record(Vanishes("equal weights", says, rise, beta_2, beta_1))
        says = "At $\\beta_1 = \\beta_2 + \\delta$ one direction takes it down by any $c > 0$, with $s_k = c/\\delta$: no lower bound."
        fallen = rise.subs(beta_1, beta_2 + delta).subs(size[k], drop / delta)
        self.record(Identity("a larger lower weight", says, fallen, -drop))

    def predict(self) -> Prediction:
        """Derive all steps and return the prediction for β_1 < β_2: the start of the curve, with the best m for the data."""
        self.reduce()
        self.minimise()
        self.follow()
        alive = sp.simplify(sp.exp(self.best.point).subs(self.std, theta[k]) - 1)
        entries = self.at(self.gain[k], sp.Integer(0))
        best = {self.gain: sp.Piecewise((alive, k <= d_1), (0, True))}
        ratio = self.ratio.subs(self.std, theta[k])
        encoder, decoder, variance = (
            e.subs(self.gain[k], alive)
            for e in (
                sp.simplify((theta[k] * entries["W_1"]) ** 2),
                sp.simplify(entries["U_1"] ** 2),
                entries["S_1"],
            )
        )
        threshold = Threshold(ratio, k, D, tuned="eta_dec", within_rank=k <= d_1, of="z_1")
        named = {
            "encoder": shared.of_encoder(encoder, eta_dec, k <= d_1),
            "decoder": shared.of_decoder(decoder, theta[k] ** 2, eta_dec, k <= d_1),
            "variance": Measured(
                variance,
                lambda reading: reading.xp.smallest_first(reading.v.S_1, reading.p[D]) ** 2,
                ((k, D),),
                k <= d_1,
                unit=eta_dec**2,
            ),
            "critical": Decides(sp.simplify(theta[k] ** 2 / ratio), lambda critical: theta[k] ** 2 / critical),
            "code": Measured(
                self.code_best.subs(self.y, 0),
                lambda reading: (
                    reading.xp.singular_values(
                        reading.xp.beside(whitened(reading.v, reading.data), reading.v.S_1), reading.p[d_1]
                    )
                    ** 2
                ),
                ((k, d_1),),
                unit=eta_dec**2,
            ),
            "code_for_top": Shown(self.code_best, "the code variance is stationary"),
            "left": Shown(self.left, "what is left of the code"),
        }
        code, top = (lambda xp, v, p: v.S_1), (lambda xp, v, p: v.S_2)
        of_top, of_code = latent_levels((), (0,), code, top)
        return StructuredPoint(self.problem, self.xp, self.diagonals(**entries), best).predict(
            sum_over(self.of_direction, k, D), threshold, named=named, levels=(of_code, of_top)
        )
