"""Linear VAE with given encoder variance: which latent directions carry information, and why that is not posterior collapse.

Setting: encoder z|x ~ N(Wx, Σ) with a given Σ = diag(σ_i²), decoder x|z ~ N(Uz, η_dec² I), prior N(0, η_enc² I), KL weight
β; minimise E‖x − Uz‖²/η_dec² + 2β E KL(q(z|x) ‖ p(z)). The data are zero-mean with covariance diag(θ_i²): its principal
axes are the coordinate axes, which a rotation of x brings about for any data. Renaming the latent directions changes
nothing, so σ is taken in ascending order.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on linear VAEs with unlearnable variance.
"""

from __future__ import annotations

from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse import fixed_variance as given
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.fixed_variance import chain, minimise, notation, predict, reduce
from theory.posterior_collapse.one_level import LinearVAE
from theory.problem import Problem, Variable
from theory.proof import StepRecorder
from theory.symbols import D, d, j, k, sigma, theta


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E‖x − Uz‖²/η_dec² + 2β KL, expectations taken in closed form; data.root and data.S are roots of Cov(x) and Σ."""
    encoded = v.W @ data.root
    return vae.negative_elbo(xp, data.root, v.U @ encoded, encoded, v.U, data.S, p)


PROBLEM = Problem(
    parameters=(vae.deviations_parameter(), *given.latent_parameters()),
    # Latent direction i is measured in its own noise, whatever the prior's scale.
    variables=(Variable("U", (D, d), theta[k] / sigma[j]), Variable("W", (d, D), sigma[k] / theta[j])),
    loss=loss,
    # The spectrum of the decoder falls from direction to direction. That of the encoder need not, so the decoder tells directions apart.
    invariants=vae.gram_invariants("U", "W", lambda v, data: data.S, theta[1] ** 2, tells="decoder_gram"),
    sorted_parameter="theta",
    tied=theta,
    partner=sigma,
    bind=given.bind,
    data=lambda xp: Point(root=xp.diagonal(theta), S=given.root_of_noise(xp)),
    objective=vae.OBJECTIVE,
)


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to directions, minimise one, predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    model = LinearVAE(problem, decoder="U", encoder="W", deviation=theta[k])
    reduce(record, model)
    minimum = minimise(record)
    prediction = predict(model, minimum)
    return Derivation(chain(record, model, prediction.minimum), prediction, notation(prediction))


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
    setting=f"{vae.SETTING} {given.GIVEN}",
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
