"""Linear VAE with learnable encoder variance: posterior collapse direction by direction.

Setting: encoder z|x ~ N(Wx, Σ) with any covariance Σ = S Sᵀ, decoder x|z ~ N(Uz, η_dec² I), prior N(0, η_enc² I), KL weight
β; minimise E‖x − Uz‖²/η_dec² + 2β E KL(q(z|x) ‖ p(z)). The data are zero-mean with covariance diag(θ_i²): its principal
axes are the coordinate axes, which a rotation of x brings about for any data.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on linear VAEs with learnable variance;
Lucas et al., "Don't Blame the ELBO!" (NeurIPS 2019).
"""

from __future__ import annotations

from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.learnable_variance import chain, minimise, predict, reduce
from theory.posterior_collapse.one_level import LinearVAE
from theory.problem import Problem, Variable
from theory.proof import StepRecorder
from theory.symbols import D, d, eta_enc, j, k, theta


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E‖x − Uz‖²/η_dec² + 2β KL, expectations taken in closed form; data.root is the square root of Cov(x)."""
    encoded = v.W @ data.root
    return vae.negative_elbo(xp, data.root, v.U @ encoded, encoded, v.U, v.S, p)


PROBLEM = Problem(
    parameters=(vae.deviations_parameter(), vae.latent_dim_parameter(), *vae.noise_parameters()),
    variables=(
        Variable("U", (D, d), theta[k] / eta_enc),
        Variable("W", (d, D), eta_enc / theta[j]),
        Variable("S", (d, d), eta_enc),
    ),
    loss=loss,
    invariants=(
        *vae.gram_invariants("U", "W", lambda v, data: v.S, theta[1] ** 2, tells="encoder_gram"),
        vae.variance_deficit(),
    ),
    sorted_parameter="theta",
    tied=theta,
    bind=vae.bind,
    data=lambda xp: Point(root=xp.diagonal(theta)),
    objective=vae.OBJECTIVE,
)


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to directions, minimise one, predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    model = LinearVAE(problem, decoder="U", encoder="W", deviation=theta[k])
    reduce(record, model)
    minimum = minimise(record)
    prediction = predict(model, minimum)
    return Derivation(chain(record, model, prediction.minimum, "$x$"), prediction)


CLAIM = Claim(
    id="vae-learnable-variance",
    title="Linear VAE with learnable encoder variance: which latent directions collapse",
    short_title="Linear VAE",
    chapter="one level",
    source=vae.VAE,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimum the latent directions pair with the principal axes of the data, $d$ largest first. "
        "With $m_k = {m}$ direction $k$ has the squared decoder singular value ${decoder}$, the squared whitened encoder singular value "
        "${encoder}$ and the posterior variance ${variance}$. It is collapsed, its posterior equal to the prior, iff "
        "$\\theta_k^2 \\le {critical}$, or $k > d$. Where $d$ cuts through a group of equal $\\theta_k$ this holds up to a rotation "
        "within the group."
    ),
    setting=vae.SETTING + " The covariance $\\Sigma = S S^T$ is learned through its root $S$.",
    idea=(
        "For a given decoder the best encoder is the exact posterior, and with it the loss is the marginal likelihood "
        "of the data under a Gaussian. The likelihood sees the decoder through its eigenvalues alone once these are "
        "paired with the principal axes in the best order, and it falls apart into one scalar problem for each "
        "direction. A direction collapses where the data vary less than the noise of the decoder, times the weight of "
        "the divergence."
    ),
    problem=PROBLEM,
    derive=derive,
)
