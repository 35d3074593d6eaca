"""Two-level linear VAE with given variances: which directions of either level carry information.

Setting: Markov hierarchy x → z_1 → z_2 with encoders z_1|x ~ N(W_1 x, σ_1² I) and z_2|z_1 ~ N(W_2 z_1, σ_2² I), σ_1 and σ_2 given;
decoders z_1|z_2 ~ N(U_2 z_2, η_dec² I) and x|z_1 ~ N(U_1 z_1, η_dec² I); prior z_2 ~ N(0, η_enc² I). Minimise
E‖x − U_1 z_1‖²/η_dec² + 2β_1 E[log q(z_1|x) − log p(z_1|z_2)] + 2β_2 E KL(q(z_2|z_1) ‖ p(z_2)). The data are zero-mean with
covariance diag(θ_i²): its principal axes are the coordinate axes, which a rotation of x brings about for any data.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on hierarchical VAEs with unlearnable variances.
"""

from __future__ import annotations

import sympy as sp

from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Matrix, Number
from theory.point import Point
from theory.posterior_collapse.hierarchy import (
    GIVEN_NOISE,
    INVARIANTS,
    KAPPA,
    SETTING,
    beta_1,
    beta_2,
    bind,
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
from theory.posterior_collapse.lemmas import RIDGE
from theory.posterior_collapse.linear_gaussian import VAE
from theory.problem import Parameter, PositiveReal, Problem
from theory.proof import StepRecorder
from theory.symbols import eta_dec, eta_enc, positive

sigma_2 = positive("sigma_2")


def top_noise(xp: ArrayNamespace, v: Point, p: Bindings) -> Matrix:
    """Return the root σ_2 I of Σ_2."""
    return xp.scale(xp.eye(d_2), p[sigma_2])


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the loss of the hierarchy with Σ_2 = σ_2² I."""
    return hierarchical_loss(xp, v, data, p, given_noise(xp, p), top_noise(xp, v, p))


GIVEN_TOP_NOISE = Parameter(
    "sigma2",
    PositiveReal(),
    r"standard deviation $\sigma_2$ of $z_2$ given $z_1$",
    default=1.0,
    meets="eta_enc",
)


def alive_code(deviation: sp.Expr) -> sp.Expr:
    """Return the squared size of the encoder in a direction with z_2 alive."""
    return (sigma_1**2 * deviation**2 / (beta_1 * KAPPA * sigma_2)) ** sp.Rational(2, 3)


def alive_top(code: sp.Expr) -> sp.Expr:
    """Return the size of the decoder of z_2 for a code of this variance."""
    return sp.sqrt(KAPPA * sp.sqrt(code) / sigma_2)


PROBLEM = hierarchy(
    loss,
    parameters=parameters(GIVEN_NOISE, GIVEN_TOP_NOISE),
    variables=variables(alive_code, alive_top),
    invariants=INVARIANTS,
    binding=lambda values: {**bind(values), sigma_2: values["sigma2"]},
)


TOP = TopPosterior(
    variance=sigma_2**2,
    root=top_noise,
    penalty=lambda y: beta_1 * sigma_2**2 * y / eta_dec**2,
    lemma=RIDGE,
    own=beta_2 * (sigma_2**2 / eta_enc**2 - 1 + sp.log(eta_enc**2 / sigma_2**2)),
    keeps_prior=sp.Eq(sigma_2, eta_enc),
)
DIRECTION = Direction(TOP)


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to two sizes a direction, minimise over them, predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    reduction = reduce(record, problem, DIRECTION)
    regimes = minimise(record, DIRECTION)
    prediction = predict(problem, reduction, regimes)
    return Derivation(chain(record, DIRECTION, regimes, prediction.minimum), prediction, DIRECTION.letters)


CLAIM = Claim(
    id="hvae-fixed-variances",
    title="Two-level linear VAE with given variances: four regimes of a direction",
    short_title="Two levels, given variances",
    chapter="two levels",
    source=VAE,
    verdict=Verdict.HOLDS,
    statement=(
        STATEMENT
        + "A zero $\\omega_k$ is *not* posterior collapse of $z_2$ unless $\\sigma_2 = \\eta_{{enc}}$: with any other given variance the "
        "posterior differs from the prior." + ORBITS
    ),
    setting=SETTING + " Both covariances are given: $\\Sigma_1 = \\sigma_1^2 I$ and $\\Sigma_2 = \\sigma_2^2 I$.",
    idea=(
        "For a given code the best decoder of the data and the best posterior of the upper level are known, and what "
        "is left depends on singular values alone once these are paired with the principal axes in the best order. In "
        "logarithms each direction is a convex problem on either side of the place where the upper level starts to be "
        "used. The two sides meet with ordered slopes, so the better one can be read off, and four regimes are "
        "possible."
    ),
    problem=PROBLEM,
    derive=derive,
)
