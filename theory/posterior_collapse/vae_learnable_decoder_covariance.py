"""Linear VAE that learns the whole covariance of its decoder: a weight above 1 collapses every latent direction, whatever the data.

Setting: encoder z|x ~ N(Wx, Σ) with any covariance Σ = S Sᵀ, decoder x|z ~ N(Uz, P) with any covariance P = L Lᵀ, prior
N(0, η_enc² I), KL weight β > 1; minimise E (x − Uz)ᵀ P⁻¹ (x − Uz) + log det P + 2β E KL(q(z|x) ‖ p(z)). The data are zero-mean with
covariance diag(θ_i²): its principal axes are the coordinate axes, which a rotation of x brings about for any data. At β = 1 every
amount of information has the same loss, and for β < 1 the loss is unbounded below, whatever the latent dimension.
Source: Vu, Wan and Wei, "Mutual Information Collapse Explains Disentanglement Failure in β-VAEs" (2026), whose abstract states the
collapse for β > 1 and names no noise of the decoder; the setting in which it is so, and the minimum, are derived here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from theory.algebra import sum_over
from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Matrix, Number
from theory.point import Point
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.learnable_variance import variance
from theory.posterior_collapse.lemmas import BEST_DECODER, STEIN_LOSS
from theory.posterior_collapse.one_level import LinearVAE, deviation, omega, reduce_to_directions, v
from theory.problem import Invariant, Parameter, Problem, RealAbove, Variable
from theory.proof import (
    Bound,
    Identity,
    Piece,
    Prediction,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
    Vanishes,
)
from theory.results import Measured, Shown
from theory.scalar import ScalarMinimum, stationary_point, threshold_ratio
from theory.symbols import D, beta, d, eta_enc, indexed, j, k, positive, theta

VU = Source(
    "Vu, Wan, Wei",
    "Mutual Information Collapse Explains Disentanglement Failure in β-VAEs",
    "2026",
    "2602.09277",
)


def residuals(v: Point, data: Point) -> tuple[Matrix, Matrix]:
    """Return two roots whose squares sum to R = E (x − Uz)(x − Uz)ᵀ: of the means, and of the noise in the code."""
    return data.root - v.U @ (v.W @ data.root), v.U @ v.S


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return tr(P⁻¹ R) + log det P + 2β KL, expectations taken in closed form; data.root is the square root of Cov(x)."""
    of_means, of_noise = residuals(v, data)
    misfit = xp.squared_norm(xp.solve(v.L, of_means)) + xp.squared_norm(xp.solve(v.L, of_noise))
    return misfit + xp.logdet_of_gram(v.L) + p[beta] * vae.twice_kl(xp, v.W @ data.root, v.S, p)


def decoder_covariance(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """Return P = L Lᵀ."""
    return v.L @ xp.transpose(v.L)


PROBLEM = Problem(
    parameters=(
        vae.deviations_parameter(),
        vae.latent_dim_parameter(),
        Parameter(
            "beta",
            RealAbove(1, "at 1 every amount of information has the same loss, below 1 the loss is unbounded below"),
            r"KL weight $\beta$",
        ),
        vae.prior_parameter(),
    ),
    variables=(
        Variable("U", (D, d), theta[k] / eta_enc),
        Variable("W", (d, D), eta_enc / theta[j]),
        Variable("S", (d, d), eta_enc),
        Variable("L", (D, D), theta[k]),
    ),
    loss=loss,
    invariants=(
        *vae.gram_invariants(
            "U", "W", lambda v, data: v.S, theta[1] ** 2, tells="encoder_gram", noise_unit=theta[1] ** 2
        ),
        vae.variance_deficit(),
        Invariant("decoder_covariance", "$L L^T$", decoder_covariance, unit=theta[1] ** 2),
    ),
    sorted_parameter="theta",
    tied=theta,
    bind=vae.bind_without_decoder_noise,
    data=lambda xp: Point(root=xp.diagonal(theta)),
    objective="negative ELBO of a linear VAE with a learned decoder covariance",
)


# One direction of the loss, in the variance a = v²θ² + Σ of the code, in u = a/η_enc², in the log decoder variance t, and in the
# information ι that the direction carries, in nats, at which the share Σ/a of noise in the code is exp(−2ι).
a, u, residual = positive("a"), positive("u"), positive("rho")
t, iota = sp.Symbol("t", real=True), sp.Symbol("iota", nonnegative=True)
RESIDUAL = (deviation - deviation * omega * v) ** 2 + omega**2 * variance
"""What the decoder leaves of a direction."""
FIT = residual * sp.exp(-t) + t
"""What a direction costs besides its divergence, in what the decoder leaves of it."""
OWN = beta * (u - 1 - sp.log(u))
"""What it costs that a direction of the code has another variance than the prior."""
COST = 1 + 2 * sp.log(deviation) + 2 * iota * (beta - 1)
"""What a direction costs at its best decoder, decoder variance and code variance, in what it knows of the data."""


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to directions, minimise one, predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    model = LinearVAE(problem, decoder="U", encoder="W", deviation=theta[k])
    reduce(record, model)
    best = minimise(record)
    prediction = predict(model, best)
    return Derivation(chain(record, prediction.minimum), prediction)


def reduce(record: StepRecorder, model: LinearVAE) -> None:
    """Prove that at diagonal variables the loss is a sum over the directions, in ω, v, the posterior variance and τ²."""
    own, tau = indexed("Sigma_dir", positive=True)[k], indexed("tau_dir", positive=True)[k]
    divergence = (v**2 * deviation**2 + own) / eta_enc**2 - 1 + sp.log(eta_enc**2) - sp.log(own)
    direction = FIT.subs({residual: RESIDUAL.subs(variance, own), t: sp.log(tau**2)}) + beta * divergence
    reduce_to_directions(record, model, direction, {"S": sp.sqrt(own), "L": tau})


@dataclass(frozen=True)
class Best:
    """The best entries of a direction: of decoder and encoder, the posterior variance and the decoder's variance.

    ``information`` is what the direction knows there, and ``critical`` the weight at which information costs nothing.
    """

    information: sp.Expr
    decoder: sp.Expr
    encoder: sp.Expr
    variance: sp.Expr
    noise: sp.Expr
    critical: sp.Expr


def minimise(record: StepRecorder) -> Best:
    """Minimise a direction over its decoder variance, over ω and over the variance of the code; what is left rises with ι."""
    log_noise = stationary_point(record, "the log decoder variance", FIT, t)
    decoder = stationary_point(record, "the decoder weight", RESIDUAL, omega)
    share = sp.exp(-2 * iota)
    split = {v: sp.sqrt(a * (1 - share)) / deviation, variance: a * share}
    left = sp.simplify(RESIDUAL.subs(omega, decoder).subs(split))
    divergence = a / eta_enc**2 - 1 - sp.log(a / eta_enc**2) + 2 * iota
    record(
        Identity(
            "the divergence of a direction",
            r"With $a = v^2\theta^2 + \Sigma$ and $\Sigma = a e^{-2\iota}$ the divergence is that of $a$ from the prior, and $\iota$ nats.",
            sp.expand_log((v**2 * deviation**2 + variance) / eta_enc**2 - 1 - sp.log(variance / eta_enc**2)).subs(
                split
            ),
            sp.expand_log(divergence),
        )
    )
    best_u = stationary_point(record, "the code variance", OWN, u)
    record(
        Vanishes("the code variance costs nothing", "At the prior's variance nothing is left of it.", OWN, u, best_u)
    )
    record(
        Identity(
            "the price of information",
            r"With the best decoder and its best variance only $\iota$ is left: information lowers the residual and costs $\beta$ times as much.",
            FIT.subs(t, log_noise).subs(residual, left) + beta * divergence.subs(a, best_u * eta_enc**2),
            COST,
        )
    )
    slope = ScalarMinimum(sp.Integer(0), sp.Integer(0), sp.diff(COST, iota))
    critical = beta * threshold_ratio(record, "the weight", slope, beta)
    silent = {iota: slope.point, a: best_u * eta_enc**2}
    encoder, best_variance = (split[part].subs(silent) for part in (v, variance))
    weight = decoder.subs({v: encoder, variance: best_variance})
    noise = sp.exp(log_noise).subs(residual, left).subs(silent)
    return Best(slope.point, weight, encoder, best_variance, noise, critical)


def predict(model: LinearVAE, best: Best) -> Prediction:
    """Predict the point: nothing is decoded, every posterior is the prior, and the decoder has the covariance of the data.

    No direction lives at any weight. The yardstick only sees to it that priors narrower and wider than the data are drawn.
    """
    here = {deviation: model.deviation}
    decoder, encoder, noise = (sp.simplify(e.subs(here)) for e in (best.decoder, best.encoder, best.noise))
    variables = model.at(decoder, encoder, {"S": sp.sqrt(best.variance), "L": sp.sqrt(noise)})
    prediction = StructuredPoint(model.problem, model.xp, variables, {}).predict(
        sum_over(COST.subs({iota: best.information, **here}), k, D),
        named={
            "noise": Measured(
                noise, lambda reading: reading.diagonal("decoder_covariance"), ((k, D),), unit=theta[1] ** 2
            ),
            "variance": vae.of_variance(best.variance, "S"),
            "cost": Shown(COST, by="the price of information"),
            "critical_weight": Shown(best.critical, by="the weight is critical"),
        },
        levels=(vae.level("z", (), d, lambda xp, v, data, p: v.W @ data.root, lambda xp, v, data, p: v.S),),
    )
    yardstick = Threshold(model.deviation**2 / eta_enc**2, k, D, tuned=eta_enc.name)
    return replace(prediction, yardstick=yardstick)


g = indexed("g", nonnegative=True)
log_residual, divergence = sp.Symbol("l", real=True), sp.Symbol("kappa", nonnegative=True)


def log_of_residual(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return log det R."""
    return xp.logdet_of_gram(xp.beside(*residuals(v, data)))


STATISTICS = (
    Statistic(log_residual, r"$\log\det R$ with $R = \mathrm{E}(x - Uz)(x - Uz)^T$", log_of_residual),
    Statistic(
        divergence,
        r"$2\,\mathrm{E}\,\mathrm{KL}$",
        lambda xp, v, data, p: vae.twice_kl(xp, v.W @ data.root, v.S, p),
    ),
    Statistic(
        g,
        "eigenvalues of $F F^T$ with $F = S^{-1} W C^{1/2}$",
        lambda xp, v, data, p: xp.singular_values(xp.solve(v.S, v.W @ data.root), data.root.shape[-1]) ** 2,
    ),
)
"""What the bounds are written in."""


def chain(record: StepRecorder, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: best decoder covariance, best decoder, best code, and no information."""
    knows = sp.Sum(sp.log(1 + g[k]), (k, 1, D))
    summand = COST.subs(deviation, theta[k])
    reading = sp.log(1 + g[k]) / 2
    bounds = (
        Bound(
            "minimum over the decoder's covariance",
            D + log_residual + beta * divergence,
            "The best covariance of the decoder is $R$ itself.",
            (STEIN_LOSS.name, "the log decoder variance is convex", "the log decoder variance is stationary"),
        ),
        Bound(
            "minimum over the decoder",
            D + 2 * sp.Sum(sp.log(theta[k]), (k, 1, D)) - knows + beta * divergence,
            "For a given encoder the best decoder leaves the covariance of $x$ given $z$, whose determinant information divides.",
            (BEST_DECODER.name, "the decoder weight is convex", "the decoder weight is stationary"),
        ),
        Bound(
            "mutual information alone",
            sp.Sum(summand.subs(iota, reading), (k, 1, D)),
            r"The divergence is the mutual information and that of the code's covariance $A$ from the prior's, which vanishes where "
            r"$A = \eta_{enc}^2 I$ alone.",
            (
                STEIN_LOSS.name,
                "the divergence of a direction",
                "the code variance is convex",
                "the code variance is stationary",
                "the code variance costs nothing",
            ),
        ),
        Bound(
            "predicted value",
            value,
            "Above the critical weight each summand rises with the information that its direction carries.",
            ("the price of information", "the weight is critical", "the weight is monotone"),
        ),
    )
    separable = Separable((Piece(summand, sp.Integer(0)),), iota, k, D, free=k <= d, reading=reading)
    return Proof(tuple(record.steps), (STEIN_LOSS, BEST_DECODER), STATISTICS, bounds, separable)


CLAIM = Claim(
    id="vae-learnable-decoder-covariance",
    title="Linear VAE that learns the covariance of its decoder: a weight above 1 collapses every direction",
    short_title="Linear VAE, decoder covariance",
    chapter="one level",
    source=VU,
    verdict=Verdict.HOLDS,
    statement=(
        "The whole covariance $P = L L^T$ of the decoder is learned, and $\\beta > {critical_weight}$. At every global minimum all latent "
        "directions have collapsed, whatever the data and the latent dimension $d$: $W = 0$ and $U = 0$, every posterior variance is "
        "${variance}$, that of the prior, and the decoder has the covariance of the data, with the variance ${noise}$ along axis $k$. "
        "A direction of the data with standard deviation $\\theta$ costs at least ${cost}$ if $\\iota$ nats of it are known. "
        "So at $\\beta = {critical_weight}$ information costs nothing: every amount of it is optimal. For $\\beta < {critical_weight}$ the loss "
        "is unbounded below, with a single latent direction already. (The abstract of the paper states the collapse for $\\beta > 1$ and names "
        "no noise of the decoder. With one learned variance in place of a covariance the spectrum of the data decides.)"
    ),
    setting=vae.SETTING.replace("$x|z \\sim N(U z, \\eta_{dec}^2 I)$", "$x|z \\sim N(U z, L L^T)$")
    + " The covariance $\\Sigma = S S^T$ is learned, and so is that of the decoder, whose normaliser $\\log\\det(L L^T)$ belongs to the "
    "loss then.",
    idea=(
        "A decoder that learns its covariance pays for the logarithm of what it leaves unexplained, axis by axis. One nat of information about "
        "an axis lowers this by two, whatever the variance of the axis, and costs $2\\beta$ in the divergence. So no axis is worth more than "
        "another, and the weight alone decides for all of them at once."
    ),
    problem=PROBLEM,
    derive=derive,
)
