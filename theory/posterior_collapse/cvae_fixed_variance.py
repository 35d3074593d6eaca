"""Conditional linear VAE with given encoder variance: what the condition explains is not encoded, and which directions carry the rest.

Setting: encoder z|x,y ~ N(W_1 x + W_2 y, Σ) with a given Σ = diag(σ_i²), decoder y|x,z ~ N(U_1 z + U_2 x, η_dec² I), prior
N(0, η_enc² I), KL weight β; minimise E‖y − U_1 z − U_2 x‖²/η_dec² + 2β E KL(q(z|x,y) ‖ p(z)). The data are zero-mean, in the
coordinates of ``conditional``: x is whitened, and the residual of the regression of y on x has the covariance diag(θ_i).
Renaming the latent directions changes nothing, so σ is taken in ascending order.
Source: derived here. The setting is modelled on Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), who treat the
conditional VAE with a learnable variance, and a given variance without a condition.
"""

from __future__ import annotations

from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse import conditional, fixed_variance
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.conditional import canonical_data, chain_from_residual, residual_model
from theory.posterior_collapse.fixed_variance import latent_parameters, minimise, notation, predict, root_of_noise
from theory.problem import Problem
from theory.proof import StepRecorder
from theory.symbols import sigma, theta


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E‖y − U_1 z − U_2 x‖²/η_dec² + 2β KL, expectations taken in closed form."""
    return conditional.loss(xp, v, data, data.S, p)


PROBLEM = Problem(
    parameters=(*conditional.data_parameters(), *latent_parameters()),
    # Latent direction i is measured in its own noise, whatever the prior's scale.
    variables=conditional.variables(lambda i: sigma[i]),
    loss=loss,
    # The spectrum of the decoder falls from direction to direction. That of the encoder need not, so the decoder tells directions apart.
    invariants=(
        *vae.gram_invariants("U_1", "W_2", lambda v, data: data.S, theta[1], tells="decoder_gram"),
        *conditional.condition_invariants(),
    ),
    sorted_parameter="theta",
    tied=theta,
    partner=sigma,
    bind=lambda values: {**fixed_variance.bind(values), **conditional.bind(values)},
    data=lambda xp: Point(S=root_of_noise(xp), **canonical_data(xp)),
    data_view="conditional",
    objective=vae.OBJECTIVE,
)


def derive(problem: Problem) -> Derivation:
    """Reduce the problem to the linear VAE on the residual, minimise one direction of that, predict the point, and chain the bounds."""
    record = StepRecorder()
    model = residual_model(problem)
    conditional.reduce(record, model, fixed_variance.reduce)
    minimum = minimise(record)
    prediction = predict(model, minimum)
    proof = fixed_variance.chain(record, model, prediction.minimum)
    return Derivation(chain_from_residual(proof, lambda v, data: data.S), prediction, notation(prediction))


CLAIM = Claim(
    id="cvae-fixed-variance",
    short_title="Conditional, given variance",
    chapter="one level",
    title="Conditional linear VAE with given encoder variance: which latent directions carry the residual",
    source=vae.VAE,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimum the code is uncorrelated with the condition, $W_1 = -W_2 B$, and the decoder's own use of the "
        "condition is the regression, $U_2 = B$; the rest is the linear VAE with the given variance on the residual. Its latent "
        "directions pair with the eigenvectors of the residual covariance, $d$ largest first, and the largest eigenvalue "
        "$\\theta$ takes the smallest $\\sigma$. Direction $k$ has the squared decoder singular value ${decoder}$ and the squared "
        "whitened encoder singular value ${encoder}$; both are zero iff $\\sqrt{{\\theta_k}} \\le {critical}$, or $k > d$. So the "
        "better the condition explains the output, the fewer directions carry information. A zero direction is *not* posterior "
        "collapse unless $\\sigma_k = \\eta_{{enc}}$: with any other given variance its posterior differs from the prior. Where $d$ "
        "cuts through a group of equal $\\theta_k$, or different $\\sigma$ meet one, this holds up to a rotation within the group. "
        "(Derived here; the paper treats the conditional VAE with a learnable variance, and a given variance without a condition.)"
    ),
    setting=f"{conditional.SETTING} {fixed_variance.GIVEN}",
    idea=(
        "What the condition says about the output can be given to the decoder for free, so the best decoder uses the regression on the "
        "condition and the code carries none of it. What is left is the linear VAE with the given variance on the residual of the "
        "regression, whose best encoder is known and whose loss falls apart into one convex scalar problem for each direction. A direction "
        "is dropped where the residual varies too little to pay for the given noise."
    ),
    problem=PROBLEM,
    derive=derive,
)
