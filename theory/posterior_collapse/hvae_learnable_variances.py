"""Two-level linear VAE with both encoder variances learnable: z_2 collapses, or is arbitrary, or there is no minimum.

Setting: Markov hierarchy x → z_1 → z_2 with encoders z_1|x ~ N(W_1 x, Σ_1) and z_2|z_1 ~ N(W_2 z_1, Σ_2) with any covariances
Σ_1 = S_1 S_1ᵀ and Σ_2 = S_2 S_2ᵀ; decoders z_1|z_2 ~ N(U_2 z_2, η_dec² I) and x|z_1 ~ N(U_1 z_1, η_dec² I); prior z_2 ~ N(0, η_enc² I).
Minimise E‖x − U_1 z_1‖²/η_dec² + 2β_1 E[log q(z_1|x) − log p(z_1|z_2)] + 2β_2 E KL(q(z_2|z_1) ‖ p(z_2)). The data are zero-mean
with covariance diag(θ_i²): its principal axes are the coordinate axes, which a rotation of x brings about for any data.
Source: the model is that of Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), who keep Σ_1 fixed.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from theory.algebra import sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.posterior_collapse import hierarchy as two
from theory.posterior_collapse.hierarchy import KAPPA, beta_1, d_1, d_2
from theory.posterior_collapse.lemmas import GAUSSIAN_POSTERIOR, RIDGE, TRACE_INEQUALITY
from theory.posterior_collapse.levels import LearnableLevels
from theory.posterior_collapse.linear_gaussian import VAE, gram_invariants
from theory.problem import GreaterThan, Parameter, Problem, Variable
from theory.proof import Bound, Piece, Proof, Separable
from theory.symbols import D, eta_dec, eta_enc, j, k, theta

ABOVE = GreaterThan("beta1", "at equal weights z_2 is arbitrary, at a smaller beta2 the objective is unbounded below")


def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
    """The hierarchy's loss with Σ_1 = S_1 S_1ᵀ and Σ_2 = S_2 S_2ᵀ."""
    return two.hierarchical_loss(xp, v, data, p, v.S_1, v.S_2)


PROBLEM = two.hierarchy(
    loss,
    two.parameters(
        top_weight=Parameter("beta2", ABOVE, two.TOP_WEIGHT.means, default=lambda values: 2 * values["beta1"])
    ),
    variables=(
        Variable("U_1", (D, d_1), theta[k] / eta_dec),
        Variable("W_1", (d_1, D), eta_dec / theta[j]),
        Variable("S_1", (d_1, d_1), eta_dec),
        Variable("U_2", (d_1, d_2), eta_dec / eta_enc),
        Variable("W_2", (d_2, d_1), 1 / KAPPA),
        Variable("S_2", (d_2, d_2), eta_enc),
    ),
    invariants=(
        *gram_invariants(
            "U_1", "W_1", lambda v, data: v.S_1, theta[1] ** 2, "encoder_gram", r"\Sigma_1", eta_dec, beta_1
        ),
        two.CODE_MISMATCH,
        two.TOP_DECODER_SPECTRUM,
        two.TOP_DIVERGENCE,
    ),
)


def derive(problem: Problem) -> Derivation:
    levels = LearnableLevels(problem)
    prediction = levels.predict()
    fit, gain, code_fit, log_det, y = (statistic.symbol for statistic in two.OF_LEARNABLE_LEVELS)
    data = fit / eta_dec**2 + beta_1 * sp.Sum(sp.log(1 + gain[k]), (k, 1, D))
    code = beta_1 * (KAPPA**2 * code_fit / eta_dec**2 - log_det + d_1 * sp.log(eta_dec**2) - d_1)
    in_log = levels.of_direction.subs(gain[k], sp.exp(levels.ell) - 1)
    separable = Separable((Piece(in_log, sp.Integer(0)),), levels.ell, k, D, free=k <= d_1, reading=sp.log(1 + gain[k]))
    bounds = (
        Bound(
            "minimum over the lower decoder and the upper posterior",
            data + code + sp.Sum(levels.penalty(y[k]), (k, 1, d_1)),
            r"For a given code the loss is a square in $U_1$; for given $U_2$ the best posterior of $z_2$ is known; "
            r"$\det A = \det\Sigma_1 \det(I + G)$.",
            (RIDGE.name, GAUSSIAN_POSTERIOR.name, "the two sizes", "the costs fall apart"),
        ),
        Bound(
            "minimum over the code",
            data + sp.Sum(levels.left.subs(levels.y, y[k]), (k, 1, d_1)),
            r"Each eigenvalue of $(U_2 U_2^T + \kappa^2 I)^{-1} A$ is at its minimum, and nothing else of $A$ counts.",
            ("the code variance is convex", "the code variance is stationary", "what is left of the code"),
        ),
        Bound(
            "no upper level",
            data,
            r"As $\beta_1 < \beta_2$, each $\omega^2$ costs more than none.",
            ("the upper level costs",),
        ),
        Bound(
            "sum over eigenvalues",
            sum_over(levels.of_direction, k, D),
            "The trace is smallest when the eigenvalues are paired in order.",
            (TRACE_INEQUALITY.name,),
        ),
        Bound(
            "predicted value",
            prediction.value.expression,
            "Each summand is at least its minimum; at most $d_1$ eigenvalues of $G$ are nonzero.",
            ("the log of m is convex", "the log of m is stationary"),
        ),
    )
    steps, lemmas = tuple(levels.record.steps), (RIDGE, GAUSSIAN_POSTERIOR, TRACE_INEQUALITY)
    return Derivation(Proof(steps, lemmas, two.OF_LEARNABLE_LEVELS, bounds, separable), prediction)


CLAIM = Claim(
    id="hvae-learnable-variances",
    title="Two-level linear VAE with both variances learnable: the top level collapses",
    source=VAE,
    verdict=Verdict.HOLDS,
    statement=(
        "For $\\beta_1 < \\beta_2$, assumed from here on, $z_2$ has collapsed at every global minimum, in every direction and whatever the "
        "data: $U_2 = 0$, $W_2 = 0$ and $\\Sigma_2 = \\eta_{{enc}}^2 I$. The code $z_1$ has covariance ${code} I$, and its directions pair "
        "with the principal axes of the data, $d_1$ largest first: direction $k$ has the squared decoder singular value ${decoder}$, "
        "the squared whitened encoder singular value ${encoder}$ and the posterior variance ${variance}$. It is collapsed, too, iff "
        "$\\theta_k^2 \\le {critical}$, or $k > d_1$. Where $d_1$ cuts through a group of equal $\\theta_k$ this holds up to a rotation "
        "within the group.\n\nWith the best code for an eigenvalue $y$ of $U_2 U_2^T$, of variance ${code_for_top}$, the loss exceeds its "
        "value at $U_2 = 0$ by ${left}$, $\\kappa^2 = \\beta_2\\eta_{{dec}}^2/(\\beta_1\\eta_{{enc}}^2)$. So for $\\beta_1 = \\beta_2$ every "
        "$U_2$ attains the minimum, with $z_2$ used or not; and for $\\beta_1 > \\beta_2$ there is none: the loss is unbounded below."
    ),
    problem=PROBLEM,
    derive=derive,
)
