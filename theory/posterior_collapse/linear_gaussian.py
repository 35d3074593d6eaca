"""What the claims on linear VAEs share: sources, named facts, the loss, and the direction with a learnable variance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Source
from theory.point import Point
from theory.problem import Invariant, Parameter, PositiveReal, PositiveReals, Problem, Width
from theory.proof import (
    Bound,
    Identity,
    Lemma,
    Piece,
    Prediction,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
)
from theory.results import Decides, Level, Measured
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import D, beta, d, eta_dec, eta_enc, k, positive, theta

VAE = Source(
    "Dang, Tran, Nguyen, Ho",
    "Beyond Vanilla Variational Autoencoders: Detecting Posterior Collapse in Conditional and Hierarchical Variational "
    "Autoencoders",
    "ICLR 2024",
    "2306.05023",
)
GAUSSIAN_POSTERIOR = Lemma(
    "Gibbs variational principle for Gaussians",
    r"$\min_q \mathbb{E}_q \|x - Uz\|^2/\eta_{dec}^2 + 2\beta\,\mathrm{KL}(q \,\|\, p) = \beta\,[x^T M^{-1} x + \log\det(M/(\beta\eta_{dec}^2))]$ "
    r"with $M = \beta\eta_{dec}^2 I + \eta_{enc}^2 U U^T$, attained by the exact posterior alone.",
    "Tipping, Bishop, Probabilistic Principal Component Analysis (1999)",
)
TRACE_INEQUALITY = Lemma(
    "von Neumann's trace inequality for positive matrices",
    r"$\mathrm{tr}(A B) \ge \sum_i a_i b_i$ with the spectrum of $A$ in descending and that of $B$ in ascending order, with equality iff "
    r"$A$ and $B$ share eigenvectors in that order. So $\mathrm{tr}(C M^{-1}) \ge \sum_i \theta_i^2 / m_i$ with both spectra descending.",
    "Marshall, Olkin, Arnold, Inequalities: Theory of Majorization, 9.H.1",
)

RIDGE = Lemma(
    "Completing the square",
    r"$\min_W \|C^{1/2} - U W C^{1/2}\|^2 + \kappa^2 \|W C^{1/2}\|^2 = \kappa^2\,\mathrm{tr}(C M^{-1})$ with $M = U U^T + \kappa^2 I$: "
    r"the difference is $\|A^{1/2} (W - A^{-1} U^T) C^{1/2}\|^2$ with $A = U^T U + \kappa^2 I$, because "
    r"$I - U A^{-1} U^T = \kappa^2 M^{-1}$. It is attained by $W = A^{-1} U^T$ alone.",
    "Horn, Johnson, Matrix Analysis, 0.7.4",
)


def noise_parameters(prior_meets: str | None = None) -> tuple[Parameter, ...]:
    """Return the parameters that every linear VAE has besides its data and its latent dimension.

    ``prior_meets`` names the parameter with given posterior deviations, where there is one.
    """
    return (
        Parameter("beta", PositiveReal(), r"KL weight $\beta$", default=1.0),
        Parameter("eta_dec", PositiveReal(), r"decoder noise $\eta_{dec}$", default=1.0),
        Parameter("eta_enc", PositiveReal(), r"prior scale $\eta_{enc}$", default=1.0, meets=prior_meets),
    )


def deviations_parameter() -> Parameter:
    """Return θ of an unconditional VAE."""
    return Parameter("theta", PositiveReals(), r"standard deviations $\theta_i$ of the data along its principal axes")


def latent_dim_parameter(default: Callable[[dict[str, Any]], int] = lambda values: len(values["theta"])) -> Parameter:
    return Parameter("latent_dim", Width(), "latent dimension $d$", default=default)


def bind(values: dict[str, Any]) -> dict[sp.Basic, Any]:
    """Return the bindings that every linear VAE has."""
    return {
        D: len(values["theta"]),
        d: values["latent_dim"],
        theta: values["theta"],
        beta: values["beta"],
        eta_dec: values["eta_dec"],
        eta_enc: values["eta_enc"],
    }


def misfit(xp: Any, output: Any, decoded: Any, decoder: Any, noise: Any) -> Any:
    """E‖output − decoded code‖² for a code with covariance noise noiseᵀ around its mean, whose root is decoded to ``decoded``."""
    return xp.squared_norm(output - decoded) + xp.squared_norm(decoder @ noise)


def twice_kl(xp: Any, encoded: Any, noise: Any, p: Any) -> Any:
    """2 E KL of the posterior, with a mean of covariance root ``encoded`` and covariance noise noiseᵀ, from the prior."""
    return (
        (xp.squared_norm(encoded) + xp.squared_norm(noise)) / p[eta_enc] ** 2
        - xp.rows(noise)
        - xp.logdet_of_gram(xp.scale(noise, 1 / p[eta_enc]))  # in one: two logarithms that cancel would leave rounding
    )


def level(
    name: str,
    thresholds: tuple[int, ...],
    latent: sp.Expr,
    means: Callable[[Any, Any, Any, Any], Any],
    noise: Callable[[Any, Any, Any, Any], Any],
    prior: sp.Expr = eta_enc,
    keeps_prior: sp.Basic = sp.true,
) -> Level:
    """Return the level of a latent variable with ``latent`` directions, whose prior is N(0, prior² I).

    ``means(xp, v, data, p)`` is a root of the covariance of its posterior mean, and ``noise(xp, v, data, p)`` one of its posterior
    covariance. ``thresholds`` and ``keeps_prior`` say which directions have collapsed.
    """

    def divergences(xp: Any, v: Any, data: Any, p: Any) -> Any:
        return xp.divergences(*(xp.scale(root(xp, v, data, p), 1 / p[prior]) for root in (means, noise)))

    return Level(name, thresholds, latent, divergences, keeps_prior)


def negative_elbo(xp: Any, output: Any, decoded: Any, encoded: Any, decoder: Any, noise: Any, p: Any) -> Any:
    """E‖output − decoded code‖²/η_dec² + 2β E KL, expectations taken in closed form from roots of the covariances."""
    return misfit(xp, output, decoded, decoder, noise) / p[eta_dec] ** 2 + p[beta] * twice_kl(xp, encoded, noise, p)


def gram_invariants(
    decoder: str,
    encoder: str,
    noise: Callable[[Any, Any], Any],
    variance: sp.Expr,
    tells: str,
    covariance: str = r"\Sigma",
    prior: sp.Expr = eta_enc,
    weight: sp.Expr = beta,
) -> tuple[Invariant, ...]:
    """Return the three matrices that fix decoder, whitened encoder and decoded noise up to rotations of the latent space.

    ``decoder`` and ``encoder`` name the variables, ``noise(v, data)`` is a root of Σ, ``variance`` the largest variance of
    the data, and ``tells`` names the matrix that shows the collapse. ``covariance`` writes Σ, ``prior`` is the scale of the
    code's prior and ``weight`` that of its divergence.
    """

    def decoder_gram(xp: Any, v: Any, data: Any, p: Any) -> Any:
        return v[decoder] @ xp.transpose(v[decoder])

    def encoder_gram(xp: Any, v: Any, data: Any, p: Any) -> Any:
        whitened = v[encoder] @ data.root
        return xp.transpose(whitened) @ whitened

    def decoded_noise(xp: Any, v: Any, data: Any, p: Any) -> Any:
        decoded = v[decoder] @ noise(v, data)
        return decoded @ xp.transpose(decoded)

    u, w = decoder, encoder
    return (
        Invariant(
            "decoder_gram",
            f"${u} {u}^T$",
            decoder_gram,
            unit=variance / prior**2,
            shows_collapse=tells == "decoder_gram",
        ),
        Invariant(
            "encoder_gram",
            f"$C^{{1/2}} {w}^T {w} C^{{1/2}}$, the whitened encoder",
            encoder_gram,
            unit=prior**2,
            shows_collapse=tells == "encoder_gram",
        ),
        Invariant("decoded_noise", rf"${u} {covariance} {u}^T$", decoded_noise, unit=weight * eta_dec**2),
    )


def of_decoder(formula: sp.Expr, variance: sp.Expr, prior: sp.Expr = eta_enc, within: sp.Basic = k <= d) -> Measured:
    """Return the squared decoder singular value of direction k, held against the diagonal of the decoder's Gram matrix."""
    return Measured(
        formula,
        lambda reading: reading.diagonal("decoder_gram"),
        ((k, D),),
        within,
        unit=(variance / prior**2).subs(k, 1),
    )


def of_encoder(formula: sp.Expr, prior: sp.Expr = eta_enc, within: sp.Basic = k <= d) -> Measured:
    """Return the squared whitened encoder singular value of direction k, held against the diagonal of its Gram matrix."""
    return Measured(formula, lambda reading: reading.diagonal("encoder_gram"), ((k, D),), within, unit=prior**2)


def variance_deficit() -> Invariant:
    """Return the invariant that tells how far a learnable variance S Sᵀ stays below the prior's."""
    return Invariant(
        "encoder_variance_deficit",
        r"$\mathrm{tr}(\eta_{enc}^2 I - \Sigma)$: zero iff every posterior variance is the prior's",
        lambda xp, v, data, p: xp.rows(v.S) * p[eta_enc] ** 2 - xp.squared_norm(v.S),
        kind="scalar",
        unit=eta_enc**2,
    )


def eigenvalues_of_gram(symbol: sp.IndexedBase, decoder: str) -> Statistic:
    """Return the statistic that ``symbol`` stands for: the spectrum of the decoder's Gram matrix, descending."""
    return Statistic(
        symbol,
        f"eigenvalues of ${decoder} {decoder}^T$",
        lambda xp, v, data, p: xp.singular_values(v[decoder], data.root.shape[-1]) ** 2,
    )


def explained(decoder: str, of_prior: Callable[[Any], Any], of_noise: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return what measures tr(C M⁻¹) for M = of_prior(p) U Uᵀ + of_noise(p) I."""

    def measure(xp: Any, v: Any, data: Any, p: Any) -> Any:
        u = v[decoder]
        gram = xp.scale(u @ xp.transpose(u), of_prior(p))
        shifted = gram + xp.scale(xp.identity(gram), of_noise(p))
        return xp.inner(data.root, xp.solve(shifted, data.root))

    return measure


class LearnableVariance:
    """One latent direction of a linear VAE with learnable variance, minimised by calculus, and what follows for all of them.

    ``deviation`` is the standard deviation θ of the data along direction k, written in the problem's parameters.
    """

    def __init__(self, record: StepRecorder, problem: Problem, deviation: sp.Expr, decoder: str, encoder: str) -> None:
        self.record, self.problem, self.deviation = record, problem, deviation
        self.decoder, self.encoder = decoder, encoder
        self.std, self.w, self.variance, self.m = positive("theta"), positive("omega"), positive("Sigma"), positive("m")
        self.slope, self.log_m = sp.Symbol("v", real=True), sp.Symbol("ell", real=True)
        self.xp = SymbolicArrays(D)
        self.floor = beta * eta_dec**2
        self.direction = (
            (self.std - self.std * self.w * self.slope) ** 2 + self.w**2 * self.variance
        ) / eta_dec**2 + beta * (
            (self.slope**2 * self.std**2 + self.variance) / eta_enc**2 - 1 + sp.log(eta_enc**2) - sp.log(self.variance)
        )

    def _at(self, decoder: sp.Expr, encoder: sp.Expr, variance: sp.Expr, others: dict[str, sp.Expr]) -> Point:
        entries = {self.decoder: decoder, self.encoder: encoder, "S": sp.sqrt(variance), **others}
        return Point({name: SymbolicMatrix.diag(D, entry) for name, entry in entries.items()})

    def reduce(self, others: dict[str, sp.Expr], extra: sp.Expr = sp.Integer(0)) -> None:
        """Record that the loss is the sum of one-direction objectives, and ``extra`` each, at diagonal variables.

        ``others`` gives the diagonals of further variables; in ``extra`` and there the decoder's entry is ω, the encoder's v.
        """
        indexed = {s: sp.IndexedBase(f"{s.name}_dir", positive=True) for s in (self.w, self.variance)}
        slopes = sp.IndexedBase("v_dir", real=True)
        here = {
            self.std: self.deviation,
            self.w: indexed[self.w][k],
            self.variance: indexed[self.variance][k],
            self.slope: slopes[k],
        }
        there = {name: entry.subs(here) for name, entry in others.items()}
        v = self._at(here[self.w], here[self.slope], here[self.variance], there)
        self.record(
            Identity(
                "reduction",
                "With all matrices diagonal the loss is the sum of one-direction objectives.",
                StructuredPoint(self.problem, self.xp, v, {}).loss(),
                sum_over((self.direction + extra).subs(here), k, D),
            )
        )

    def minimise(self) -> None:
        """Derive the minimiser of a direction and the ratio of θ² to its critical value."""
        record, std, w, m = self.record, self.std, self.w, self.m
        self.v_best = stationary_point(record, "the encoder weight", self.direction, self.slope)
        self.variance_best = stationary_point(
            record, "the encoder variance", self.direction.subs(self.slope, self.v_best), self.variance
        )
        reduced = self.direction.subs({self.slope: self.v_best, self.variance: self.variance_best})
        self.in_m = beta * (std**2 / m + sp.log(m / self.floor))
        record(
            Identity(
                "the marginal variance",
                r"With $m = \beta\eta_{dec}^2 + \eta_{enc}^2\omega^2$ only $m$ is left.",
                reduced,
                self.in_m.subs(m, self.floor + eta_enc**2 * w**2),
            )
        )
        self.best = minimise_on_half_line(
            record,
            "the log marginal variance",
            self.in_m.subs(m, sp.exp(self.log_m)),
            self.log_m,
            sp.log(self.floor),
            exponential=True,
        )
        self.ratio = threshold_ratio(record, "the data variance", self.best, std) ** 2

    def means(self, xp: Any, v: Any, data: Any, p: Any) -> Any:
        """The whitened encoder: a root of the covariance of the posterior mean."""
        return v[self.encoder] @ data.root

    def predict(self, others: Callable[[sp.Expr, sp.Expr], dict[str, sp.Expr]]) -> Prediction:
        """Return the prediction; ``others(ω, v)`` gives the diagonals of further variables at the minimiser."""
        here = {self.std: self.deviation}
        m_alive = sp.exp(self.best.point).subs(here)
        threshold = Threshold(sp.simplify(self.ratio.subs(here)), k, D, tuned="beta", within_rank=k <= d, of="z")
        m_k = sp.IndexedBase("m", positive=True)
        w_of_m = sp.sqrt((m_k[k] - self.floor) / eta_enc**2)
        back = {self.w: w_of_m, **here}
        v_of_m = sp.simplify(self.v_best.subs(back))
        variance_of_m = sp.simplify(self.variance_best.subs(back))
        point = StructuredPoint(
            self.problem,
            self.xp,
            self._at(w_of_m, v_of_m, variance_of_m, others(w_of_m, v_of_m)),
            {m_k: sp.Piecewise((m_alive, k <= d), (self.floor, True))},
        )
        alive = {m_k[k]: m_alive}
        return point.predict(
            sum_over(self.in_m.subs({self.m: m_k[k], **here}), k, D),
            threshold,
            named={
                "decoder": of_decoder(sp.simplify(w_of_m**2).subs(alive), self.deviation**2),
                "encoder": of_encoder(sp.simplify((self.deviation * self.v_best.subs(back)) ** 2).subs(alive)),
                "variance": Measured(
                    variance_of_m.subs(alive),
                    lambda reading: reading.xp.smallest_first(reading.v.S, reading.p[D]) ** 2,
                    ((k, D),),
                    where=k <= d,
                    unit=eta_enc**2,
                ),
                "critical": Decides(self.floor, lambda critical: self.deviation**2 / critical),
            },
            levels=(level("z", (0,), d, self.means, lambda xp, v, data, p: v.S),),
        )

    def chain(self, value: sp.Expr, output: str) -> tuple[tuple[Statistic, ...], tuple[Bound, ...], Separable]:
        """Return statistics, bounds and the separable end of the chain from the VAE's loss down to ``value``."""
        s, fit = sp.IndexedBase("mu", nonnegative=True), sp.Symbol("f", nonnegative=True)
        u = self.decoder
        statistics = (
            Statistic(
                fit,
                rf"$\mathrm{{tr}}(C M^{{-1}})$, $M = \beta\eta_{{dec}}^2 I + \eta_{{enc}}^2 {u} {u}^T$",
                explained(u, lambda p: p[eta_enc] ** 2, lambda p: p[beta] * p[eta_dec] ** 2),
            ),
            eigenvalues_of_gram(s, u),
        )
        marginal = self.floor + eta_enc**2 * s[k]
        log_terms = sp.Sum(sp.log(marginal / self.floor), (k, 1, D))
        bounds = (
            Bound(
                "minimum over the encoder",
                beta * (fit + log_terms),
                f"For a given decoder the exact posterior is the best encoder; what is left is the marginal likelihood of {output}.",
                (GAUSSIAN_POSTERIOR.name, "the encoder weight is stationary", "the encoder variance is stationary"),
            ),
            Bound(
                "sum over eigenvalues",
                beta * (sp.Sum(self.deviation**2 / marginal, (k, 1, D)) + log_terms),
                "The trace of $C M^{-1}$ is smallest when the eigenvalues are paired in order.",
                (TRACE_INEQUALITY.name,),
            ),
            Bound(
                "predicted value",
                value,
                f"Each summand is at least its minimum; at most $d$ eigenvalues of ${u} {u}^T$ are nonzero.",
                ("the log marginal variance is convex", "the log marginal variance is stationary"),
            ),
        )
        summand = self.in_m.subs({self.m: sp.exp(self.log_m), self.std: self.deviation})
        separable = Separable(
            (Piece(summand, sp.log(self.floor)),), self.log_m, k, D, free=k <= d, reading=sp.log(marginal)
        )
        return statistics, bounds, separable
