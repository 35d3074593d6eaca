"""Linear VAE with given encoder variance: which latent directions carry information, and why that is not posterior collapse.

Setting: encoder z|x ~ N(Wx, Σ) with a given Σ = diag(σ_i²), decoder x|z ~ N(Uz, η_dec² I), prior N(0, η_enc² I), KL weight
β; minimise E‖x − Uz‖²/η_dec² + 2β E KL(q(z|x) ‖ p(z)). The data are zero-mean with covariance diag(θ_i²): its principal
axes are the coordinate axes, which a rotation of x brings about for any data. Renaming the latent directions changes
nothing, so σ is taken in ascending order.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on linear VAEs with unlearnable variance.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.point import Point
from theory.posterior_collapse import linear_gaussian as shared
from theory.problem import Parameter, PositivePerDimension, Problem, Variable
from theory.proof import (
    Bound,
    Identity,
    Piece,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
)
from theory.results import Decides
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import D, beta, d, eta_dec, eta_enc, j, k, positive, sigma, theta


def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
    """E‖x − Uz‖²/η_dec² + 2β KL, expectations taken in closed form; data.root and data.S are roots of Cov(x) and Σ."""
    encoded = v.W @ data.root
    return shared.negative_elbo(xp, data.root, v.U @ encoded, encoded, v.U, data.S, p)


def bind(values: dict[str, Any]) -> dict[sp.Basic, Any]:
    """Sort σ; a direction of the data without a latent one counts as a latent direction that keeps to the prior."""
    given = sorted(values["sigma"])
    spare = [values["eta_enc"]] * (len(values["theta"]) - len(given))
    return {**shared.bind(values), sigma: (*given, *spare)}


def default_dimension(values: dict[str, Any]) -> int:
    return len(values["sigma"]) if len(values["sigma"]) > 1 else len(values["theta"])


PROBLEM = Problem(
    parameters=(
        shared.deviations_parameter(),
        Parameter(
            "sigma", PositivePerDimension(), r"posterior standard deviations $\sigma_i$ of the latent directions"
        ),
        shared.latent_dim_parameter(default_dimension),
        *shared.noise_parameters(prior_meets="sigma"),
    ),
    # Latent direction i is measured in its own noise, whatever the prior's scale.
    variables=(Variable("U", (D, d), theta[k] / sigma[j]), Variable("W", (d, D), sigma[k] / theta[j])),
    loss=loss,
    # The decoder's spectrum falls from direction to direction; the encoder's need not, so only the former tells them apart.
    invariants=shared.gram_invariants("U", "W", lambda v, data: data.S, theta[1] ** 2, tells="decoder_gram"),
    sorted_parameter="theta",
    tied=theta,
    partner=sigma,
    bind=bind,
    data=lambda xp: Point(root=xp.diagonal(theta), S=xp.diagonal(sigma, d)),
)


def derive(problem: Problem) -> Derivation:
    record = StepRecorder()
    std, w, scale, size = positive("theta"), positive("omega"), positive("sigma"), sp.Symbol("x", nonnegative=True)
    slope = sp.Symbol("v", real=True)
    kappa = sp.sqrt(beta) * eta_dec / eta_enc
    here = {std: theta[k], scale: sigma[k]}

    # One direction of the loss itself, at diagonal U = ω, W = v.
    xp = SymbolicArrays(D)
    w_dir, v_dir = sp.IndexedBase("omega_dir", positive=True), sp.IndexedBase("v_dir", real=True)
    trial = Point(U=SymbolicMatrix.diag(D, w_dir[k]), W=SymbolicMatrix.diag(D, v_dir[k]))
    direction = ((std - std * w * slope) ** 2 + w**2 * scale**2) / eta_dec**2 + beta * slope**2 * std**2 / eta_enc**2
    own_kl = beta * (scale**2 / eta_enc**2 - 1 + sp.log(eta_enc**2) - sp.log(scale**2))
    record(
        Identity(
            "reduction",
            "With all matrices diagonal the loss is the sum of one-direction objectives and of the divergences that the given "
            "variances cost by themselves.",
            StructuredPoint(problem, xp, trial, {}).loss(),
            sum_over((direction + own_kl).subs({**here, w: w_dir[k], slope: v_dir[k]}), k, D),
        )
    )
    v_best = stationary_point(record, "the encoder weight", direction, slope)
    in_size = (kappa**2 * std**2 / (size + kappa**2) + scale**2 * size) / eta_dec**2
    record(
        Identity(
            "the squared decoder weight",
            r"With $x = \omega^2$ only $x$ is left.",
            direction.subs(slope, v_best),
            in_size.subs(size, w**2),
        )
    )
    best = minimise_on_half_line(record, "the squared decoder size", in_size, size, sp.Integer(0))
    # A ratio of variances, so that far from its threshold means the same conditioning as with a learnable variance.
    ratio = (threshold_ratio(record, "the data deviation", best, std) ** 2).subs(here)

    x_k = sp.IndexedBase("x", nonnegative=True)
    x_alive = best.point.subs(here)
    back = {w: sp.sqrt(x_k[k]), **here}
    point = StructuredPoint(
        problem,
        xp,
        Point(U=SymbolicMatrix.diag(D, sp.sqrt(x_k[k])), W=SymbolicMatrix.diag(D, sp.simplify(v_best.subs(back)))),
        {x_k: sp.Piecewise((x_alive, k <= d), (0, True))},
    )
    fixed_kl = sp.Sum(own_kl.subs(scale, sigma[j]), (j, 1, d))
    threshold = Threshold(ratio, k, D, tuned="beta", within_rank=k <= d, of="z")
    per_direction = in_size.subs({size: x_k[k], **here})
    prediction = point.predict(
        sum_over(per_direction, k, D) + fixed_kl,
        threshold,
        named={
            "decoder": shared.of_decoder(x_alive, theta[k] ** 2),
            "encoder": shared.of_encoder(
                sp.Max(0, sp.simplify(((std * v_best) ** 2).subs(w, sp.sqrt(best.stationary))).subs(here))
            ),
            "critical": Decides(sp.simplify(theta[k] / sp.sqrt(ratio)), lambda critical: theta[k] / critical),
        },
        levels=(
            shared.level(
                "z",
                (0,),
                d,
                lambda xp, v, data, p: v.W @ data.root,
                lambda xp, v, data, p: data.S,
                keeps_prior=sp.Eq(sigma[k], eta_enc),
            ),
        ),
    )

    s = sp.IndexedBase("mu", nonnegative=True)
    fit, noise = sp.symbols("f g", nonnegative=True)
    statistics = (
        Statistic(
            fit,
            r"$\mathrm{tr}(C M^{-1})$, $M = U U^T + \kappa^2 I$, $\kappa^2 = \beta\eta_{dec}^2/\eta_{enc}^2$",
            shared.explained("U", lambda p: 1.0, lambda p: p[beta] * p[eta_dec] ** 2 / p[eta_enc] ** 2),
        ),
        Statistic(noise, r"$\mathrm{tr}(\Sigma U^T U)$", lambda xp, v, data, p: xp.squared_norm(v.U @ data.S)),
        shared.eigenvalues_of_gram(s, "U"),
    )
    summand = in_size.subs(here)
    bounds = (
        Bound(
            "minimum over the encoder",
            (kappa**2 * fit + noise) / eta_dec**2 + fixed_kl,
            "For a given decoder the loss is a square in the encoder's mean; Σ is given.",
            (shared.RIDGE.name, "the encoder weight is stationary"),
        ),
        Bound(
            "sum over eigenvalues",
            sp.Sum(summand.subs(size, s[k]), (k, 1, D)) + fixed_kl,
            r"The trace of $C M^{-1}$ is smallest when the eigenvalues are paired in order, that of $\Sigma U^T U$ when the largest "
            r"eigenvalue of $U^T U$ meets the smallest $\sigma$; at most $d$ eigenvalues are nonzero.",
            (shared.TRACE_INEQUALITY.name,),
        ),
        Bound(
            "predicted value",
            prediction.value.expression,
            "Each summand is at least its minimum.",
            ("the squared decoder size is convex", "the squared decoder size is stationary"),
        ),
    )
    # What the given variances cost by themselves does not depend on the point: each direction carries an equal share.
    separable = Separable((Piece(summand + fixed_kl / D, sp.Integer(0)),), size, k, D, free=k <= d, reading=s[k])
    proof = Proof(tuple(record.steps), (shared.RIDGE, shared.TRACE_INEQUALITY), statistics, bounds, separable)
    return Derivation(proof, prediction)


CLAIM = Claim(
    id="vae-fixed-variance",
    title="Linear VAE with given encoder variance: which latent directions carry information",
    source=shared.VAE,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimum the latent directions pair with the principal axes of the data, $d$ largest first, and the largest "
        "$\\theta$ takes the smallest $\\sigma$. Direction $k$ has the squared decoder singular value ${decoder}$ and the squared "
        "whitened encoder singular value ${encoder}$; both are zero iff $\\theta_k \\le {critical}$, or $k > d$. A zero direction is "
        "*not* posterior collapse unless $\\sigma_k = \\eta_{{enc}}$: with any other given variance its posterior differs from the "
        "prior. Where $d$ cuts through a group of equal $\\theta_k$, or different $\\sigma$ meet one, this holds up to a rotation "
        "within the group."
    ),
    problem=PROBLEM,
    derive=derive,
)
