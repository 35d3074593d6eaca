"""Two-level linear VAE with learnable top variance: which directions of either level carry information.

Setting: Markov hierarchy x → z_1 → z_2 with encoders z_1|x ~ N(W_1 x, σ_1² I), σ_1 given, and z_2|z_1 ~ N(W_2 z_1, Σ_2) with any
covariance Σ_2 = S_2 S_2ᵀ; decoders z_1|z_2 ~ N(U_2 z_2, η_dec² I) and x|z_1 ~ N(U_1 z_1, η_dec² I); prior z_2 ~ N(0, η_enc² I).
Minimise E‖x − U_1 z_1‖²/η_dec² + 2β_1 E[log q(z_1|x) − log p(z_1|z_2)] + 2β_2 E KL(q(z_2|z_1) ‖ p(z_2)). The data are zero-mean
with covariance diag(θ_i²): its principal axes are the coordinate axes, which a rotation of x brings about for any data.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on hierarchical VAEs with learnable Σ_2.
"""

from __future__ import annotations

import sympy as sp

from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse.hierarchy import (
    GIVEN_NOISE,
    INVARIANTS,
    KAPPA,
    SETTING,
    beta_2,
    d_2,
    given_noise,
    hierarchical_loss,
    hierarchy,
    parameters,
    sigma_1,
    variables,
)
from theory.posterior_collapse.hierarchy_chain import chain
from theory.posterior_collapse.hierarchy_direction import Direction, TopPosterior, reduce
from theory.posterior_collapse.hierarchy_prediction import ORBITS, STATEMENT, predict
from theory.posterior_collapse.hierarchy_regimes import minimise
from theory.posterior_collapse.lemmas import GAUSSIAN_POSTERIOR
from theory.posterior_collapse.linear_gaussian import VAE
from theory.problem import Invariant, Problem, Variable
from theory.proof import StepRecorder
from theory.symbols import eta_dec, eta_enc, positive


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the loss of the hierarchy with Σ_2 = S_2 S_2ᵀ."""
    return hierarchical_loss(xp, v, data, p, given_noise(xp, p), v.S_2)


PROBLEM = hierarchy(
    loss,
    parameters=parameters(GIVEN_NOISE),
    variables=(
        *variables(
            alive_code=lambda deviation: sigma_1**2 * deviation**2 / (beta_2 * eta_dec**2),
            alive_top=lambda code: sp.sqrt(code) / eta_enc,
        ),
        Variable("S_2", (d_2, d_2), eta_enc),
    ),
    invariants=(
        *INVARIANTS,
        Invariant(
            "top_variance_deficit",
            r"$\mathrm{tr}(\eta_{enc}^2 I - \Sigma_2)$: zero iff every posterior variance of $z_2$ is the prior's",
            lambda xp, v, data, p: xp.rows(v.S_2) * p[eta_enc] ** 2 - xp.squared_norm(v.S_2),
            kind="scalar",
            unit=eta_enc**2,
        ),
    ),
)


DIRECTION = Direction(
    TopPosterior(
        variance=positive("Sigma"),
        root=lambda xp, v, p: v.S_2,
        penalty=lambda y: beta_2 * sp.log((y + KAPPA**2) / KAPPA**2),
        lemma=GAUSSIAN_POSTERIOR,
    )
)


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to two sizes a direction, minimise over them, predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    reduction = reduce(record, problem, DIRECTION)
    regimes = minimise(record, DIRECTION)
    prediction = predict(problem, reduction, regimes)
    return Derivation(chain(record, DIRECTION, regimes, prediction.minimum), prediction, DIRECTION.letters)


CLAIM = Claim(
    id="hvae-learnable-top-variance",
    title="Two-level linear VAE with learnable top variance: four regimes of a direction",
    short_title="Two levels, learnable top variance",
    chapter="two levels",
    source=VAE,
    verdict=Verdict.HOLDS,
    statement=(
        STATEMENT
        + "Where $\\omega_k = 0$ direction $k$ of $z_2$ has collapsed: its posterior equals the prior. A larger $\\beta_1$ or a smaller "
        "$\\beta_2$ keeps it alive." + ORBITS
    ),
    setting=SETTING
    + " The lower covariance $\\Sigma_1 = \\sigma_1^2 I$ is given, the upper one $\\Sigma_2 = S_2 S_2^T$ is learned.",
    idea=(
        "For a given code the best decoder of the data and the best posterior of the upper level, now with its "
        "variance, are known, and what is left depends on singular values alone. In logarithms each direction is a "
        "convex problem on either side of the place where the upper level starts to be used. The two sides meet with "
        "ordered slopes, so the better one can be read off; an unused direction now also has the variance of its "
        "prior, and so it has collapsed."
    ),
    problem=PROBLEM,
    derive=derive,
)
