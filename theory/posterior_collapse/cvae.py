"""Conditional linear VAE: what the condition explains is not encoded, the rest collapses direction by direction.

Setting: encoder z|x,y ~ N(W_1 x + W_2 y, Σ) with any covariance Σ = S Sᵀ, decoder y|x,z ~ N(U_1 z + U_2 x, η_dec² I), prior
N(0, η_enc² I), KL weight β; minimise E‖y − U_1 z − U_2 x‖²/η_dec² + 2β E KL(q(z|x,y) ‖ p(z)). The data are zero-mean. The
coordinates are those of the condition, whitened, and of the output along the eigenvectors of its residual covariance
E = Cov(y) − Cov(y,x) Cov(x)⁻¹ Cov(x,y) = diag(θ_i), which linear maps of x and a rotation of y bring about for any data: then
y = B x + diag(√θ) ε with white ε, and B is the regression of y on x.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on conditional VAEs.
"""

from __future__ import annotations

from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse import conditional, learnable_variance
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.conditional import canonical_data, chain_from_residual, residual_model
from theory.posterior_collapse.learnable_variance import minimise, predict
from theory.problem import Problem, Variable
from theory.proof import StepRecorder
from theory.symbols import d, eta_enc, theta


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E‖y − U_1 z − U_2 x‖²/η_dec² + 2β KL, expectations taken in closed form."""
    return conditional.loss(xp, v, data, v.S, p)


PROBLEM = Problem(
    parameters=(*conditional.data_parameters(), vae.latent_dim_parameter(), *vae.noise_parameters()),
    variables=(*conditional.variables(lambda i: eta_enc), Variable("S", (d, d), eta_enc)),
    loss=loss,
    invariants=(
        *vae.gram_invariants("U_1", "W_2", lambda v, data: v.S, theta[1], tells="encoder_gram"),
        vae.variance_deficit(),
        *conditional.condition_invariants(),
    ),
    sorted_parameter="theta",
    tied=theta,
    bind=lambda values: {**vae.bind(values), **conditional.bind(values)},
    data=canonical_data,
    data_view="conditional",
    objective=vae.OBJECTIVE,
)


def derive(problem: Problem) -> Derivation:
    """Reduce the problem to the linear VAE on the residual, minimise one direction of that, predict the point, and chain the bounds."""
    record = StepRecorder()
    model = residual_model(problem)
    conditional.reduce(record, model, learnable_variance.reduce)
    minimum = minimise(record)
    prediction = predict(model, minimum)
    proof = learnable_variance.chain(record, model, prediction.minimum, "the residual")
    return Derivation(chain_from_residual(proof, lambda v, data: v.S), prediction)


CLAIM = Claim(
    id="cvae",
    title="Conditional linear VAE: latent directions encode the residual of the regression on the condition",
    short_title="Conditional linear VAE",
    chapter="one level",
    source=vae.VAE,
    verdict=Verdict.HOLDS,
    statement=(
        "At every global minimum the code is uncorrelated with the condition, $W_1 = -W_2 B$, and the decoder's own use of the "
        "condition is the regression, $U_2 = B$; the rest is the linear VAE on the residual. With $\\theta_k$ the eigenvalues of "
        "the residual covariance, $d$ largest first, and $m_k = {m}$, latent direction $k$ has the squared decoder singular "
        "value ${decoder}$, the squared whitened encoder singular value ${encoder}$ and the posterior variance ${variance}$. It is "
        "collapsed, its posterior equal to the prior, iff $\\theta_k \\le {critical}$, or $k > d$. So the better the condition "
        "explains the output, the more collapses. Where $d$ cuts through a group of equal $\\theta_k$ this holds up to a rotation "
        "within the group."
    ),
    setting=conditional.SETTING + " The covariance $\\Sigma = S S^T$ is learned.",
    idea=(
        "What the condition says about the output can be given to the decoder for free, so the best decoder uses the "
        "regression on the condition and the code carries none of it. What is left is the linear VAE on the residual "
        "of the regression. Its directions collapse where the residual varies less than the noise of the decoder, "
        "times the weight of the divergence: the better the condition explains the output, the more of them."
    ),
    problem=PROBLEM,
    derive=derive,
)
