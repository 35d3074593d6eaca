"""Linear VAE with learnable encoder variance: posterior collapse direction by direction.

Setting: encoder z|x ~ N(Wx, Σ) with any covariance Σ = S Sᵀ, decoder x|z ~ N(Uz, η_dec² I), prior N(0, η_enc² I), KL weight
β; minimise E‖x − Uz‖²/η_dec² + 2β E KL(q(z|x) ‖ p(z)). The data are zero-mean with covariance diag(θ_i²): its principal
axes are the coordinate axes, which a rotation of x brings about for any data.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on linear VAEs with learnable variance;
Lucas et al., "Don't Blame the ELBO!" (NeurIPS 2019).
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.posterior_collapse.linear_gaussian import GAUSSIAN_POSTERIOR, TRACE_INEQUALITY, VAE
from theory.problem import Invariant, Parameter, PositiveReal, PositiveReals, Problem, Variable, Width
from theory.proof import Bound, Identity, Piece, Proof, Separable, Statistic, StepRecorder, StructuredPoint, Threshold
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import D, beta, d, eta_dec, eta_enc, k, positive, theta


def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
    """E‖x − Uz‖²/η_dec² + 2β KL, expectations taken in closed form; data.root is the square root of Cov(x)."""
    encoded = v.W @ data.root
    reconstruction = xp.squared_norm(data.root - v.U @ encoded) + xp.squared_norm(v.U @ v.S)
    latents = xp.rows(v.S)
    twice_kl = (
        (xp.squared_norm(encoded) + xp.squared_norm(v.S)) / p[eta_enc] ** 2
        - latents
        + latents * xp.log(p[eta_enc] ** 2)
        - xp.logdet_of_gram(v.S)
    )
    return reconstruction / p[eta_dec] ** 2 + p[beta] * twice_kl


def bind(values: dict[str, Any]) -> dict[sp.Basic, Any]:
    return {
        D: len(values["theta"]),
        d: values["latent_dim"],
        theta: values["theta"],
        beta: values["beta"],
        eta_dec: values["eta_dec"],
        eta_enc: values["eta_enc"],
    }


PROBLEM = Problem(
    parameters=(
        Parameter("theta", PositiveReals(), r"standard deviations $\theta_i$ of the data along its principal axes"),
        Parameter("latent_dim", Width(), "latent dimension $d$", default=lambda values: len(values["theta"])),
        Parameter("beta", PositiveReal(), r"KL weight $\beta$", default=1.0),
        Parameter("eta_dec", PositiveReal(), r"decoder noise $\eta_{dec}$", default=1.0),
        Parameter("eta_enc", PositiveReal(), r"prior scale $\eta_{enc}$", default=1.0),
    ),
    variables=(
        Variable("U", (D, d), theta[k] / eta_enc),
        Variable("W", (d, D), eta_enc / theta[sp.Symbol("j", integer=True, positive=True)]),
        Variable("S", (d, d), eta_enc),
    ),
    loss=loss,
    invariants=(
        Invariant(
            "decoder_gram", "$U U^T$", lambda xp, v, data, p: v.U @ xp.transpose(v.U), unit=(theta[1] / eta_enc) ** 2
        ),
        Invariant(
            "encoder_gram",
            r"$C^{1/2} W^T W C^{1/2}$, the whitened encoder",
            lambda xp, v, data, p: xp.transpose(v.W @ data.root) @ (v.W @ data.root),
            unit=eta_enc**2,
            shows_collapse=True,
        ),
        Invariant(
            "decoded_noise",
            r"$U \Sigma U^T$",
            lambda xp, v, data, p: (v.U @ v.S) @ xp.transpose(v.U @ v.S),
            unit=beta * eta_dec**2,
        ),
        Invariant(
            "encoder_variance_deficit",
            r"$\mathrm{tr}(\eta_{enc}^2 I - \Sigma)$: zero iff every posterior variance is the prior's",
            lambda xp, v, data, p: xp.rows(v.S) * p[eta_enc] ** 2 - xp.squared_norm(v.S),
            kind="scalar",
            unit=eta_enc**2,
        ),
    ),
    sorted_parameter="theta",
    tied=theta,
    bind=bind,
    data=lambda xp: SimpleNamespace(root=xp.diagonal(theta)),
)


def derive(problem: Problem) -> Derivation:
    record = StepRecorder()
    std, w, variance, m = positive("theta"), positive("omega"), positive("Sigma"), positive("m")
    slope, log_m = sp.Symbol("v", real=True), sp.Symbol("ell", real=True)

    # One direction of the loss itself, at diagonal U = ω, W = v, Σ = σ².
    indexed = {s: sp.IndexedBase(f"{s.name}_dir", positive=True) for s in (w, variance)}
    v_dir = sp.IndexedBase("v_dir", real=True)
    xp = SymbolicArrays(D)
    trial = StructuredPoint(
        problem,
        xp,
        SimpleNamespace(
            U=SymbolicMatrix.diag(D, indexed[w][k]),
            W=SymbolicMatrix.diag(D, v_dir[k]),
            S=SymbolicMatrix.diag(D, sp.sqrt(indexed[variance][k])),
        ),
        {},
    )
    direction = ((std - std * w * slope) ** 2 + w**2 * variance) / eta_dec**2 + beta * (
        (slope**2 * std**2 + variance) / eta_enc**2 - 1 + sp.log(eta_enc**2) - sp.log(variance)
    )
    here = {std: theta[k], w: indexed[w][k], variance: indexed[variance][k], slope: v_dir[k]}
    record(
        Identity(
            "reduction",
            "At diagonal $U$, $W$, $\\Sigma$ the loss is the sum of one-direction objectives.",
            trial.loss(),
            sum_over(direction.subs(here), k, D),
        )
    )

    v_best = stationary_point(record, "the encoder weight", direction, slope)
    variance_best = stationary_point(record, "the encoder variance", direction.subs(slope, v_best), variance)
    reduced = direction.subs({slope: v_best, variance: variance_best})
    in_m = beta * (std**2 / m + sp.log(m / (beta * eta_dec**2)))
    record(
        Identity(
            "the marginal variance",
            r"With $m = \beta\eta_{dec}^2 + \eta_{enc}^2\omega^2$ only $m$ is left.",
            reduced,
            in_m.subs(m, beta * eta_dec**2 + eta_enc**2 * w**2),
        )
    )
    floor = beta * eta_dec**2
    best = minimise_on_half_line(
        record, "the log marginal variance", in_m.subs(m, sp.exp(log_m)), log_m, sp.log(floor), exponential=True
    )
    ratio = threshold_ratio(record, "the data variance", best, std) ** 2

    m_best = sp.Piecewise((sp.exp(best.point).subs(std, theta[k]), k <= d), (floor, True))
    m_k = sp.IndexedBase("m", positive=True)
    w_of_m = sp.sqrt((m_k[k] - floor) / eta_enc**2)
    back = {w: w_of_m, std: theta[k]}
    point = StructuredPoint(
        problem,
        xp,
        SimpleNamespace(
            U=SymbolicMatrix.diag(D, w_of_m),
            W=SymbolicMatrix.diag(D, sp.simplify(v_best.subs(back))),
            S=SymbolicMatrix.diag(D, sp.sqrt(sp.simplify(variance_best.subs(back)))),
        ),
        {m_k: m_best},
    )
    per_direction = in_m.subs({m: m_k[k], std: theta[k]})
    alive = {m_k[k]: sp.exp(best.point).subs(std, theta[k])}
    prediction = point.predict(
        sum_over(per_direction, k, D),
        Threshold(ratio.subs(std, theta[k]), k, D, tuned=beta, within_rank=k <= d),
        named={
            "marginal": sp.exp(best.point).subs(std, theta[k]),
            "decoder": sp.simplify(w_of_m**2).subs(alive),
            "encoder": sp.simplify((theta[k] * v_best.subs(back)) ** 2).subs(alive),
            "variance": sp.simplify(variance_best.subs(back)).subs(alive),
            "critical": floor,
        },
    )

    s, fit = sp.IndexedBase("mu", nonnegative=True), sp.Symbol("f", nonnegative=True)

    def explained(xp: Any, v: Any, data: Any, p: Any) -> Any:
        """tr(C M⁻¹) with M = β η_dec² I + η_enc² U Uᵀ."""
        gram = xp.scale(v.U @ xp.transpose(v.U), p[eta_enc] ** 2)
        shifted = gram + xp.scale(xp.identity(gram), p[beta] * p[eta_dec] ** 2)
        return xp.inner(data.root, xp.solve(shifted, data.root))

    statistics = (
        Statistic(fit, r"$\mathrm{tr}(C M^{-1})$, $M = \beta\eta_{dec}^2 I + \eta_{enc}^2 U U^T$", explained),
        Statistic(
            s, "eigenvalues of $U U^T$", lambda xp, v, data, p: xp.singular_values(v.U, data.root.shape[-1]) ** 2
        ),
    )
    marginal = floor + eta_enc**2 * s[k]
    log_terms = sp.Sum(sp.log(marginal / floor), (k, 1, D))
    summand = in_m.subs({m: sp.exp(log_m), std: theta[k]})
    bounds = (
        Bound(
            "minimum over the encoder",
            beta * (fit + log_terms),
            "For a given decoder the exact posterior is the best encoder; what is left is the marginal likelihood of $x$.",
            (GAUSSIAN_POSTERIOR.name, "the encoder weight is stationary", "the encoder variance is stationary"),
        ),
        Bound(
            "sum over eigenvalues",
            beta * (sp.Sum(theta[k] ** 2 / marginal, (k, 1, D)) + log_terms),
            "The trace of $C M^{-1}$ is smallest when the eigenvalues are paired in order.",
            (TRACE_INEQUALITY.name,),
        ),
        Bound(
            "predicted value",
            prediction.value.expression,
            "Each summand is at least its minimum; at most $d$ eigenvalues of $U U^T$ are nonzero.",
            ("the log marginal variance is convex", "the log marginal variance is stationary"),
        ),
    )
    separable = Separable((Piece(summand, sp.log(floor)),), log_m, k, D, free=k <= d, reading=sp.log(marginal))
    proof = Proof(tuple(record.steps), (GAUSSIAN_POSTERIOR, TRACE_INEQUALITY), statistics, bounds, separable)
    return Derivation(proof, prediction)


CLAIM = Claim(
    id="vae-learnable-variance",
    title="Linear VAE with learnable encoder variance: which latent directions collapse",
    source=VAE,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimum the latent directions pair with the principal axes of the data, $d$ largest first. "
        "Direction $k$ has the squared decoder singular value ${decoder}$, the squared whitened encoder singular value "
        "${encoder}$ and the posterior variance ${variance}$. It is collapsed, its posterior equal to the prior, iff "
        "$\\theta_k^2 \\le {critical}$, or $k > d$. Where $d$ cuts through a group of equal $\\theta_k$ this holds up to a rotation "
        "within the group."
    ),
    problem=PROBLEM,
    derive=derive,
)
