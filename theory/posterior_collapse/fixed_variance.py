"""The derivation of linear VAEs with one level and a given variance: one direction of the loss, its minimum, and the chain.

In direction k let θ be the standard deviation of the data, ω the decoder's entry, v the encoder's and σ² the given posterior
variance. Renaming the latent directions changes nothing, so σ is taken in ascending order.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import sum_over
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.lemmas import RIDGE, TRACE_INEQUALITY
from theory.posterior_collapse.one_level import Diagonals, LinearVAE, deviation, omega, reduce_to_directions, v
from theory.problem import Parameter, PositivePerDimension
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
from theory.symbols import D, beta, d, eta_dec, eta_enc, indexed, j, k, positive, sigma

noise, x = positive("sigma"), sp.Symbol("x", nonnegative=True)

GIVEN = "The covariance $\\Sigma = S S^T$ is given; renaming the latent directions changes nothing, so $\\sigma$ is in ascending order."
"""What a given variance adds to the setting, in words."""
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


def bind(values: Values) -> Bindings:
    """Return the values of the symbols of a linear VAE, with σ in ascending order.

    A direction of the data without a latent one counts as a latent direction whose posterior is the prior.
    """
    given = sorted(values["sigma"])
    spare = [values["eta_enc"]] * (len(values["theta"]) - len(given))
    return {**vae.bind(values), sigma: (*given, *spare)}


def latent_parameters() -> tuple[Parameter, ...]:
    """Return the parameters σ, d, β, η_dec and η_enc; without a latent dimension σ gives it, or θ where one σ stands for all."""

    def default_dimension(values: Values) -> int:
        return len(values["sigma"]) if len(values["sigma"]) > 1 else len(values["theta"])

    deviations = r"posterior standard deviations $\sigma_i$ of the latent directions"
    return (
        Parameter("sigma", PositivePerDimension(), deviations),
        vae.latent_dim_parameter(default_dimension),
        *vae.noise_parameters(prior_meets="sigma"),
    )


def root_of_noise(xp: ArrayNamespace) -> Matrix:
    """Return the root diag(σ_1, …, σ_d) of the given posterior covariance."""
    return xp.diagonal(sigma, d)


def reduce(
    record: StepRecorder, model: LinearVAE, others: Diagonals | None = None, extra: sp.Expr = sp.Integer(0)
) -> None:
    """Prove that at diagonal variables the loss is the sum of ``DIRECTION`` and ``OWN_KL``, and ``extra`` each, over the directions.

    ``others`` are the variables besides decoder and encoder. They and ``extra`` are written in ω and v.
    """
    reduce_to_directions(record, model, (DIRECTION + OWN_KL).subs(noise, sigma[k]) + extra, others or {})


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


def predict(model: LinearVAE, minimum: Minimum) -> Prediction:
    """Predict the point: directions paired with the principal axes, the first d of them at the best x, and zero beyond."""
    here = {deviation: model.deviation, noise: sigma[k]}
    x_k, best_x, ratio = indexed("x", nonnegative=True), minimum.best.point.subs(here), minimum.ratio.subs(here)
    encoder = sp.simplify(minimum.encoder.subs({omega: sp.sqrt(x_k[k]), **here}))
    point = StructuredPoint(
        model.problem,
        model.xp,
        model.at(sp.sqrt(x_k[k]), encoder, model.others),
        {x_k: sp.Piecewise((best_x, k <= d), (0, True))},
    )
    whitened = sp.simplify(((deviation * minimum.encoder) ** 2).subs(omega, sp.sqrt(minimum.best.stationary)))
    prediction = point.predict(
        sum_over(IN_SIZE.subs({x: x_k[k], **here}), k, D) + FIXED_KL,
        Threshold(ratio, k, D, tuned="beta", within_rank=k <= d, of="z"),
        named={
            "decoder": vae.of_decoder(best_x, model.deviation**2),
            "encoder": vae.of_encoder(sp.Max(0, whitened.subs(here))),
            "critical": Decides(
                sp.simplify(model.deviation / sp.sqrt(ratio)), lambda critical: model.deviation / critical
            ),
        },
        levels=(
            vae.level(
                "z",
                (0,),
                d,
                lambda xp, v, data, p: v[model.encoder] @ data.root,
                lambda xp, v, data, p: data.S,
                keeps_prior=sp.Eq(sigma[k], eta_enc),
            ),
        ),
    )
    return model.without_others(prediction)


def notation(prediction: Prediction) -> tuple[Letter, ...]:
    """Return the letters for what recurs: κ, the squared decoder singular value, and what the given variances cost."""
    kappa = positive("kappa")
    return (
        Letter(kappa, sp.sqrt(KAPPA_SQUARED), part=KAPPA_SQUARED, written=kappa**2),
        Letter(
            indexed("x", nonnegative=True)[k],
            prediction.named["decoder"].expression,
            says="the squared decoder singular value of direction $k$",
        ),
        Letter(positive("c"), FIXED_KL, says="what the given variances cost by themselves"),
    )


def chain(record: StepRecorder, model: LinearVAE, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: best encoder, then one scalar problem for each eigenvalue of the decoder's Gram matrix."""
    mu = indexed("mu", nonnegative=True)
    fit, decoded = sp.symbols("f g", nonnegative=True)
    u = model.decoder
    summand = IN_SIZE.subs({deviation: model.deviation, noise: sigma[k]})
    statistics = (
        Statistic(
            fit,
            rf"$\mathrm{{tr}}(C M^{{-1}})$, $M = {u} {u}^T + \kappa^2 I$, $\kappa^2 = \beta\eta_{{dec}}^2/\eta_{{enc}}^2$",
            vae.explained(u, lambda p: 1.0, lambda xp, v, p: p[beta] * p[eta_dec] ** 2 / p[eta_enc] ** 2),
        ),
        Statistic(
            decoded,
            rf"$\mathrm{{tr}}(\Sigma {u}^T {u})$",
            lambda xp, v, data, p: xp.squared_norm(v[u] @ data.S),
        ),
        vae.eigenvalues_of_gram(mu, u),
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
            rf"The trace of $C M^{{-1}}$ is smallest when the eigenvalues are paired in order, that of $\Sigma {u}^T {u}$ when the "
            rf"largest eigenvalue of ${u}^T {u}$ meets the smallest $\sigma$; at most $d$ eigenvalues are nonzero.",
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
