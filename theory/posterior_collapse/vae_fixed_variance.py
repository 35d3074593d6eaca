"""Linear VAE with given encoder variance: which latent directions carry information, and why that is not posterior collapse.

Setting: encoder z|x ~ N(Wx, Σ) with a given Σ = diag(σ_i²), decoder x|z ~ N(Uz, η_dec² I), prior N(0, η_enc² I), KL weight
β; minimise E‖x − Uz‖²/η_dec² + 2β E KL(q(z|x) ‖ p(z)). The data are zero-mean with covariance diag(θ_i²): its principal
axes are the coordinate axes, which a rotation of x brings about for any data. Renaming the latent directions changes
nothing, so σ is taken in ascending order.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on linear VAEs with unlearnable variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.lemmas import RIDGE, TRACE_INEQUALITY
from theory.problem import Parameter, PositivePerDimension, Problem, Variable
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
)
from theory.results import Decides, Letter
from theory.scalar import ScalarMinimum, minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import D, beta, d, eta_dec, eta_enc, indexed, j, k, positive, sigma, theta


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E‖x − Uz‖²/η_dec² + 2β KL, expectations taken in closed form; data.root and data.S are roots of Cov(x) and Σ."""
    encoded = v.W @ data.root
    return vae.negative_elbo(xp, data.root, v.U @ encoded, encoded, v.U, data.S, p)


def bind(values: Values) -> Bindings:
    """Return the values of the symbols, with σ in ascending order.

    A direction of the data without a latent one counts as a latent direction whose posterior is the prior.
    """
    given = sorted(values["sigma"])
    spare = [values["eta_enc"]] * (len(values["theta"]) - len(given))
    return {**vae.bind(values), sigma: (*given, *spare)}


def default_dimension(values: Values) -> int:
    """Return the latent dimension if none is given: the number of σ, or that of θ where one σ stands for all."""
    return len(values["sigma"]) if len(values["sigma"]) > 1 else len(values["theta"])


PROBLEM = Problem(
    parameters=(
        vae.deviations_parameter(),
        Parameter(
            "sigma", PositivePerDimension(), r"posterior standard deviations $\sigma_i$ of the latent directions"
        ),
        vae.latent_dim_parameter(default_dimension),
        *vae.noise_parameters(prior_meets="sigma"),
    ),
    # Latent direction i is measured in its own noise, whatever the prior's scale.
    variables=(Variable("U", (D, d), theta[k] / sigma[j]), Variable("W", (d, D), sigma[k] / theta[j])),
    loss=loss,
    # The spectrum of the decoder falls from direction to direction. That of the encoder need not, so the decoder tells directions apart.
    invariants=vae.gram_invariants("U", "W", lambda v, data: data.S, theta[1] ** 2, tells="decoder_gram"),
    sorted_parameter="theta",
    tied=theta,
    partner=sigma,
    bind=bind,
    data=lambda xp: Point(root=xp.diagonal(theta), S=xp.diagonal(sigma, d)),
    objective=vae.OBJECTIVE,
)


# One direction of the loss.
deviation, omega, noise = positive("theta"), positive("omega"), positive("sigma")
v, x = sp.Symbol("v", real=True), sp.Symbol("x", nonnegative=True)
HERE = {deviation: theta[k], noise: sigma[k]}
"""What the symbols of a direction stand for in direction k."""
KAPPA_SQUARED = beta * eta_dec**2 / eta_enc**2
"""κ²: what ω² has to be compared with."""
DIRECTION = (
    (deviation - deviation * omega * v) ** 2 + omega**2 * noise**2
) / eta_dec**2 + beta * v**2 * deviation**2 / eta_enc**2
"""What a direction costs in its entries ω of the decoder and v of the encoder."""
OWN_KL = beta * (noise**2 / eta_enc**2 - 1 + sp.log(eta_enc**2) - sp.log(noise**2))
"""What the given variance of a direction costs by itself."""
IN_SIZE = (KAPPA_SQUARED * deviation**2 / (x + KAPPA_SQUARED) + noise**2 * x) / eta_dec**2
"""What a direction costs at the best encoder, in x = ω²."""
FIXED_KL = sp.Sum(OWN_KL.subs(noise, sigma[j]), (j, 1, d))
"""What the given variances cost by themselves, all directions together."""


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to directions, minimise one, predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    reduce(record, problem)
    minimum = minimise(record)
    prediction = predict(problem, minimum)
    letters = (
        Letter(positive("kappa"), sp.sqrt(KAPPA_SQUARED), part=KAPPA_SQUARED, written=positive("kappa") ** 2),
        Letter(
            indexed("x", nonnegative=True)[k],
            prediction.named["decoder"].expression,
            says="the squared decoder singular value of direction $k$",
        ),
        Letter(positive("c"), FIXED_KL, says="what the given variances cost by themselves"),
    )
    return Derivation(chain(record, prediction.minimum), prediction, letters)


def reduce(record: StepRecorder, problem: Problem) -> None:
    """Prove that at diagonal variables the loss is the sum of ``DIRECTION`` and ``OWN_KL`` over the directions."""
    w_k, v_k = indexed("omega_dir", positive=True)[k], indexed("v_dir", real=True)[k]
    trial = Point(U=SymbolicMatrix.diag(D, w_k), W=SymbolicMatrix.diag(D, v_k))
    record(
        Identity(
            "reduction",
            "With all matrices diagonal the loss is the sum of one-direction objectives and of the divergences that the given "
            "variances cost by themselves.",
            StructuredPoint(problem, SymbolicArrays(D), trial, {}).loss(),
            sum_over((DIRECTION + OWN_KL).subs({**HERE, omega: w_k, v: v_k}), k, D),
        )
    )


@dataclass(frozen=True)
class Minimum:
    """The minimum of a direction.

    ``encoder`` is the best v for a given ω, ``best`` the minimum over x = ω², and ``ratio`` is the square of θ over the value that it
    has to exceed for the direction to be used.
    """

    encoder: sp.Expr
    best: ScalarMinimum
    ratio: sp.Expr


def minimise(record: StepRecorder) -> Minimum:
    """Minimise a direction over v, which leaves ``IN_SIZE``, and that over x ≥ 0."""
    encoder = stationary_point(record, "the encoder weight", DIRECTION, v)
    record(
        Identity(
            "the squared decoder weight",
            r"With $x = \omega^2$ only $x$ is left.",
            DIRECTION.subs(v, encoder),
            IN_SIZE.subs(x, omega**2),
        )
    )
    best = minimise_on_half_line(record, "the squared decoder size", IN_SIZE, x, sp.Integer(0))
    # A ratio of variances, so that far from its threshold means the same conditioning as with a learnable variance.
    return Minimum(encoder, best, threshold_ratio(record, "the data deviation", best, deviation) ** 2)


def predict(problem: Problem, minimum: Minimum) -> Prediction:
    """Predict the point: directions paired with the principal axes, the first d of them at the best x, and zero beyond."""
    x_k, best_x, ratio = indexed("x", nonnegative=True), minimum.best.point.subs(HERE), minimum.ratio.subs(HERE)
    encoder = sp.simplify(minimum.encoder.subs({omega: sp.sqrt(x_k[k]), **HERE}))
    point = StructuredPoint(
        problem,
        SymbolicArrays(D),
        Point(U=SymbolicMatrix.diag(D, sp.sqrt(x_k[k])), W=SymbolicMatrix.diag(D, encoder)),
        {x_k: sp.Piecewise((best_x, k <= d), (0, True))},
    )
    whitened = sp.simplify(((deviation * minimum.encoder) ** 2).subs(omega, sp.sqrt(minimum.best.stationary)))
    return point.predict(
        sum_over(IN_SIZE.subs({x: x_k[k], **HERE}), k, D) + FIXED_KL,
        Threshold(ratio, k, D, tuned="beta", within_rank=k <= d, of="z"),
        named={
            "decoder": vae.of_decoder(best_x, theta[k] ** 2),
            "encoder": vae.of_encoder(sp.Max(0, whitened.subs(HERE))),
            "critical": Decides(sp.simplify(theta[k] / sp.sqrt(ratio)), lambda critical: theta[k] / critical),
        },
        levels=(
            vae.level(
                "z",
                (0,),
                d,
                lambda xp, v, data, p: v.W @ data.root,
                lambda xp, v, data, p: data.S,
                keeps_prior=sp.Eq(sigma[k], eta_enc),
            ),
        ),
    )


def chain(record: StepRecorder, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: best encoder, then one scalar problem for each eigenvalue of the decoder's Gram matrix."""
    mu = indexed("mu", nonnegative=True)
    fit, decoded = sp.symbols("f g", nonnegative=True)
    summand = IN_SIZE.subs(HERE)
    statistics = (
        Statistic(
            fit,
            r"$\mathrm{tr}(C M^{-1})$, $M = U U^T + \kappa^2 I$, $\kappa^2 = \beta\eta_{dec}^2/\eta_{enc}^2$",
            vae.explained("U", lambda p: 1.0, lambda p: p[beta] * p[eta_dec] ** 2 / p[eta_enc] ** 2),
        ),
        Statistic(decoded, r"$\mathrm{tr}(\Sigma U^T U)$", lambda xp, v, data, p: xp.squared_norm(v.U @ data.S)),
        vae.eigenvalues_of_gram(mu, "U"),
    )
    bounds = (
        Bound(
            "minimum over the encoder",
            (KAPPA_SQUARED * fit + decoded) / eta_dec**2 + FIXED_KL,
            "For a given decoder the loss is a square in the encoder's mean; Σ is given.",
            (RIDGE.name, "the encoder weight is stationary"),
        ),
        Bound(
            "sum over eigenvalues",
            sp.Sum(summand.subs(x, mu[k]), (k, 1, D)) + FIXED_KL,
            r"The trace of $C M^{-1}$ is smallest when the eigenvalues are paired in order, that of $\Sigma U^T U$ when the largest "
            r"eigenvalue of $U^T U$ meets the smallest $\sigma$; at most $d$ eigenvalues are nonzero.",
            (TRACE_INEQUALITY.name,),
        ),
        Bound(
            "predicted value",
            value,
            "Each summand is at least its minimum.",
            ("the squared decoder size is convex", "the squared decoder size is stationary"),
        ),
    )
    # What the given variances cost by themselves does not depend on the point: each direction carries an equal share.
    separable = Separable((Piece(summand + FIXED_KL / D, sp.Integer(0)),), x, k, D, free=k <= d, reading=mu[k])
    return Proof(tuple(record.steps), (RIDGE, TRACE_INEQUALITY), statistics, bounds, separable)


CLAIM = Claim(
    id="vae-fixed-variance",
    title="Linear VAE with given encoder variance: which latent directions carry information",
    short_title="Linear VAE, given variance",
    chapter="one level",
    source=vae.VAE,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimum the latent directions pair with the principal axes of the data, $d$ largest first, and the largest "
        "$\\theta$ takes the smallest $\\sigma$. Direction $k$ has the squared decoder singular value ${decoder}$ and the squared "
        "whitened encoder singular value ${encoder}$; both are zero iff $\\theta_k \\le {critical}$, or $k > d$. A zero direction is "
        "*not* posterior collapse unless $\\sigma_k = \\eta_{{enc}}$: with any other given variance its posterior differs from the "
        "prior. Where $d$ cuts through a group of equal $\\theta_k$, or different $\\sigma$ meet one, this holds up to a rotation "
        "within the group."
    ),
    setting=vae.SETTING
    + " The covariance $\\Sigma = S S^T$ is given; renaming the latent directions changes nothing, so $\\sigma$ is in ascending order.",
    idea=(
        "For a given decoder the loss is a square in the encoder, so the best encoder is known. What is left depends "
        "on the decoder through its eigenvalues alone once these are paired with the principal axes in the best "
        "order, and it falls apart into one convex scalar problem for each direction. A direction is dropped where "
        "the data vary too little to pay for the given noise; its posterior still has the given variance, which is "
        "why a dropped direction is not a collapsed one."
    ),
    problem=PROBLEM,
    derive=derive,
)
