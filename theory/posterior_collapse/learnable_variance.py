"""The derivation of linear VAEs with one level and a learnable variance: one direction of the loss, its minimum, and the chain.

In direction k let θ be the standard deviation of the data, ω the decoder's entry, v the encoder's and Σ the posterior variance.
At the best encoder a direction depends on ω only through the marginal variance m = βη_dec² + η_enc²ω² that the decoder gives the
data, and costs β(θ²/m + log(m/(βη_dec²))).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import sum_over
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.lemmas import GAUSSIAN_POSTERIOR, TRACE_INEQUALITY
from theory.posterior_collapse.one_level import Diagonals, LinearVAE, deviation, omega, reduce_to_directions, v
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
from theory.results import Decides, Letter, Result, with_letters
from theory.scalar import ScalarMinimum, minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import D, beta, d, eta_dec, eta_enc, indexed, k, positive

variance, m = positive("Sigma"), positive("m")
log_m = sp.Symbol("ell", real=True)

FLOOR = beta * eta_dec**2
"""The marginal variance of a direction that the decoder does not use."""
DIRECTION = ((deviation - deviation * omega * v) ** 2 + omega**2 * variance) / eta_dec**2 + beta * (
    (v**2 * deviation**2 + variance) / eta_enc**2 - 1 + sp.log(eta_enc**2) - sp.log(variance)
)
"""What a direction costs, in ω, v and Σ."""
IN_MARGINAL = beta * (deviation**2 / m + sp.log(m / FLOOR))
"""What a direction costs at the best encoder, in m."""


@dataclass(frozen=True)
class Minimum:
    """The minimum of a direction.

    ``encoder`` and ``variance`` are the best v and Σ for a given ω, ``best`` the minimum over log m, and ``ratio`` is θ² over the
    value that it has to exceed for the direction to live.
    """

    encoder: sp.Expr
    variance: sp.Expr
    best: ScalarMinimum
    ratio: sp.Expr


def reduce(
    record: StepRecorder, model: LinearVAE, others: Diagonals | None = None, extra: sp.Expr = sp.Integer(0)
) -> None:
    """Prove that at diagonal variables the loss is the sum of ``DIRECTION``, and ``extra`` each, over the directions.

    ``others`` are the variables besides decoder, encoder and S. They and ``extra`` are written in ω and v.
    """
    own = indexed("Sigma_dir", positive=True)[k]
    reduce_to_directions(record, model, DIRECTION.subs(variance, own) + extra, {"S": sp.sqrt(own), **(others or {})})


def minimise(record: StepRecorder) -> Minimum:
    """Minimise a direction over v and Σ, which leaves ``IN_MARGINAL``, and that over m ≥ ``FLOOR``."""
    encoder = stationary_point(record, "the encoder weight", DIRECTION, v)
    best_variance = stationary_point(record, "the encoder variance", DIRECTION.subs(v, encoder), variance)
    record(
        Identity(
            "the marginal variance",
            r"With $m = \beta\eta_{dec}^2 + \eta_{enc}^2\omega^2$ only $m$ is left.",
            DIRECTION.subs({v: encoder, variance: best_variance}),
            IN_MARGINAL.subs(m, FLOOR + eta_enc**2 * omega**2),
        )
    )
    best = minimise_on_half_line(
        record,
        "the log marginal variance",
        IN_MARGINAL.subs(m, sp.exp(log_m)),
        log_m,
        sp.log(FLOOR),
        exponential=True,
    )
    return Minimum(encoder, best_variance, best, threshold_ratio(record, "the data variance", best, deviation) ** 2)


def predict(model: LinearVAE, minimum: Minimum) -> Prediction:
    """Predict the point: directions paired with the principal axes, at the best m of the first d, and at ``FLOOR`` beyond."""
    size = sp.sqrt((m - FLOOR) / eta_enc**2)
    back = {omega: size, deviation: model.deviation}
    encoder, best_variance = (sp.simplify(best.subs(back)) for best in (minimum.encoder, minimum.variance))
    # The squared singular values of decoder and whitened encoder, and the posterior variance.
    sizes = (sp.simplify(size**2), sp.simplify((model.deviation * minimum.encoder.subs(back)) ** 2), best_variance)
    return predict_at(model, minimum, (size, encoder), sizes)


def predict_at(
    model: LinearVAE,
    minimum: Minimum,
    weights: tuple[sp.Expr, sp.Expr],
    sizes: tuple[sp.Expr, sp.Expr, sp.Expr],
    weight: sp.Symbol = beta,
) -> Prediction:
    """Predict the point whose directions have the entries ``weights`` of decoder and encoder.

    ``sizes`` are the squared singular values of decoder and whitened encoder, and the posterior variance. All are written in m,
    and ``weight`` stands in the place of β.
    """
    here = {deviation: model.deviation}
    floor, in_marginal = (sp.sympify(e).xreplace({beta: weight}) for e in (FLOOR, IN_MARGINAL))
    best_m = sp.exp(minimum.best.point).subs(here)
    m_k = indexed("m", positive=True)
    (size, encoder), squares = ([e.subs(m, m_k[k]) for e in part] for part in (weights, sizes))
    point = StructuredPoint(
        model.problem,
        model.xp,
        model.at(size, encoder, {"S": sp.sqrt(squares[-1]), **model.others}),
        {m_k: sp.Piecewise((best_m, k <= d), (floor, True))},
    )
    named = _named(model, floor, *(square.subs(m_k[k], best_m) for square in squares))
    prediction = point.predict(
        sum_over(in_marginal.subs({m: m_k[k], **here}), k, D),
        Threshold(sp.simplify(minimum.ratio.subs(here)), k, D, tuned=weight.name, within_rank=k <= d, of="z"),
        named=with_letters(named, Letter(m_k[k], best_m)),
        levels=(
            vae.level("z", (0,), d, lambda xp, v, data, p: v[model.encoder] @ data.root, lambda xp, v, data, p: v.S),
        ),
    )
    return model.without_others(prediction)


def _named(
    model: LinearVAE, floor: sp.Expr, decoder: sp.Expr, encoder: sp.Expr, best_variance: sp.Expr
) -> dict[str, Result]:
    """Return what the statements name; ``floor`` is the marginal variance of a direction that the decoder does not use."""
    return {
        "decoder": vae.of_decoder(decoder, model.deviation**2),
        "encoder": vae.of_encoder(encoder),
        "variance": vae.of_variance(best_variance, "S"),
        "critical": Decides(floor, lambda critical: model.deviation**2 / critical),
    }


def chain(record: StepRecorder, model: LinearVAE, value: sp.Expr, output: str) -> Proof:
    """Prove that no point lies below ``value``: best encoder, then one scalar problem for each eigenvalue of the decoder's Gram matrix.

    ``output`` is what the VAE decodes, in words for the reader.
    """
    mu, fit = indexed("mu", nonnegative=True), sp.Symbol("f", nonnegative=True)
    u = model.decoder
    marginal = FLOOR + eta_enc**2 * mu[k]
    log_terms = sp.Sum(sp.log(marginal / FLOOR), (k, 1, D))
    statistics = (
        Statistic(
            fit,
            rf"$\mathrm{{tr}}(C M^{{-1}})$, $M = \beta\eta_{{dec}}^2 I + \eta_{{enc}}^2 {u} {u}^T$",
            vae.explained(u, lambda p: p[eta_enc] ** 2, lambda xp, v, p: p[beta] * model.decoder_variance(xp, v, p)),
        ),
        vae.eigenvalues_of_gram(mu, u),
    )
    bounds = (
        Bound(
            "minimum over the encoder",
            beta * (fit + log_terms),
            f"For a given decoder the exact posterior is the best encoder; what is left is the marginal likelihood of {output}.",
            (GAUSSIAN_POSTERIOR.name, "the encoder weight is stationary", "the encoder variance is stationary"),
        ),
        Bound(
            "sum over eigenvalues",
            beta * (sp.Sum(model.deviation**2 / marginal, (k, 1, D)) + log_terms),
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
    summand = IN_MARGINAL.subs({m: sp.exp(log_m), deviation: model.deviation})
    separable = Separable((Piece(summand, sp.log(FLOOR)),), log_m, k, D, free=k <= d, reading=sp.log(marginal))
    return Proof(tuple(record.steps), (GAUSSIAN_POSTERIOR, TRACE_INEQUALITY), statistics, bounds, separable)
