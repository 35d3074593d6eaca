"""Linear VAE with learnable encoder variance: posterior collapse direction by direction.

Setting: encoder z|x ~ N(Wx, Σ) with any covariance Σ = S Sᵀ, decoder x|z ~ N(Uz, η_dec² I), prior N(0, η_enc² I), KL weight
β; minimise E‖x − Uz‖²/η_dec² + 2β E KL(q(z|x) ‖ p(z)). The data are zero-mean with covariance diag(θ_i²): its principal
axes are the coordinate axes, which a rotation of x brings about for any data.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on linear VAEs with learnable variance;
Lucas et al., "Don't Blame the ELBO!" (NeurIPS 2019).
"""

from __future__ import annotations

from typing import Any

from theory.claim import Claim, Derivation, Verdict
from theory.point import Point
from theory.posterior_collapse.linear_gaussian import (
    GAUSSIAN_POSTERIOR,
    TRACE_INEQUALITY,
    VAE,
    LearnableVariance,
    bind,
    deviations_parameter,
    gram_invariants,
    latent_dim_parameter,
    negative_elbo,
    noise_parameters,
    variance_deficit,
)
from theory.problem import Problem, Variable
from theory.proof import Proof, StepRecorder
from theory.symbols import D, d, eta_enc, j, k, theta


def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
    """E‖x − Uz‖²/η_dec² + 2β KL, expectations taken in closed form; data.root is the square root of Cov(x)."""
    encoded = v.W @ data.root
    return negative_elbo(xp, data.root, v.U @ encoded, encoded, v.U, v.S, p)


PROBLEM = Problem(
    parameters=(deviations_parameter(), latent_dim_parameter(), *noise_parameters()),
    variables=(
        Variable("U", (D, d), theta[k] / eta_enc),
        Variable("W", (d, D), eta_enc / theta[j]),
        Variable("S", (d, d), eta_enc),
    ),
    loss=loss,
    invariants=(
        *gram_invariants("U", "W", lambda v, data: v.S, theta[1] ** 2, tells="encoder_gram"),
        variance_deficit(),
    ),
    sorted_parameter="theta",
    tied=theta,
    bind=bind,
    data=lambda xp: Point(root=xp.diagonal(theta)),
)


def derive(problem: Problem) -> Derivation:
    record = StepRecorder()
    direction = LearnableVariance(record, problem, theta[k], "U", "W")
    direction.reduce({})
    direction.minimise()
    prediction = direction.predict(lambda w, v: {})
    statistics, bounds, separable = direction.chain(prediction.value.expression, "$x$")
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
