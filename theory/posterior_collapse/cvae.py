"""Conditional linear VAE: what the condition explains is not encoded, the rest collapses direction by direction.

Setting: encoder z|x,y ~ N(W_1 x + W_2 y, Σ) with any covariance Σ = S Sᵀ, decoder y|x,z ~ N(U_1 z + U_2 x, η_dec² I), prior
N(0, η_enc² I), KL weight β; minimise E‖y − U_1 z − U_2 x‖²/η_dec² + 2β E KL(q(z|x,y) ‖ p(z)). The data are zero-mean. The
coordinates are those of the condition, whitened, and of the output along the eigenvectors of its residual covariance
E = Cov(y) − Cov(y,x) Cov(x)⁻¹ Cov(x,y) = diag(θ_i), which linear maps of x and a rotation of y bring about for any data: then
y = B x + diag(√θ) ε with white ε, and B is the regression of y on x.
Source: Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), section on conditional VAEs.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number
from theory.point import Point
from theory.posterior_collapse import learnable_variance as residual
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.learnable_variance import LinearVAE, minimise, predict
from theory.problem import Invariant, Parameter, PositiveReals, Problem, RealMatrix, Variable
from theory.proof import Bound, Identity, Proof, Statistic, StepRecorder
from theory.symbols import D, beta, condition_dim, d, eta_dec, eta_enc, indexed, j, k, regression, theta

DIAGONAL_B = indexed(regression.name, real=True)[k]
"""Entry k of a diagonal B: it is as good as any, because B drops out."""


def code(v: Point, data: Point) -> Matrix:
    """Return W_1 x + W_2 y, as a root of its covariance."""
    return v.W_1 @ data.A_x + v.W_2 @ data.A_y


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E‖y − U_1 z − U_2 x‖²/η_dec² + 2β KL; x = data.A_x s and y = data.A_y s with white s: any joint root of their covariance."""
    encoded = code(v, data)
    return vae.negative_elbo(xp, data.A_y, v.U_1 @ encoded + v.U_2 @ data.A_x, encoded, v.U_1, v.S, p)


def bind(values: Values) -> Bindings:
    """Return the values of the symbols: those of a linear VAE, B and the dimension of the condition."""
    rows = values["regression"]
    return {**vae.bind(values), condition_dim: len(rows[0]), regression: rows}


def canonical_data(xp: ArrayNamespace) -> Point:
    """Return roots of condition and output in the canonical coordinates, and the root of the residual covariance."""
    root = xp.diagonal_root(theta)
    condition = xp.beside(xp.eye(condition_dim), xp.zeros(condition_dim, D))
    return Point(A_x=condition, A_y=xp.beside(xp.given(regression), root), root=root)


PROBLEM = Problem(
    parameters=(
        Parameter(
            "theta",
            PositiveReals(),
            r"eigenvalues $\theta_i$, which are variances, of the residual covariance "
            r"$E = \mathrm{Cov}(y) - \mathrm{Cov}(y,x)\,\mathrm{Cov}(x)^{-1}\,\mathrm{Cov}(x,y)$",
        ),
        Parameter(
            "regression",
            RealMatrix(),
            "regression coefficients $B$ of the output on the whitened condition, in the eigenbasis of $E$",
            default=lambda values: ((0.0,),) * len(values["theta"]),
        ),
        vae.latent_dim_parameter(),
        *vae.noise_parameters(),
    ),
    variables=(
        Variable("U_1", (D, d), sp.sqrt(theta[k]) / eta_enc),
        Variable("U_2", (D, condition_dim), sp.sqrt(theta[k])),
        Variable("W_1", (d, condition_dim), eta_enc),
        Variable("W_2", (d, D), eta_enc / sp.sqrt(theta[j])),
        Variable("S", (d, d), eta_enc),
    ),
    loss=loss,
    invariants=(
        *vae.gram_invariants("U_1", "W_2", lambda v, data: v.S, theta[1], tells="encoder_gram"),
        vae.variance_deficit(),
        Invariant(
            "condition_in_code",
            r"$\|W_1 + W_2 B\|$: zero iff the code is uncorrelated with the condition",
            lambda xp, v, data, p: xp.norm(xp.cross(code(v, data), data.A_x)),
            kind="scalar",
            unit=eta_enc,
        ),
        Invariant(
            "regression_error",
            r"$\|U_2 - B\|$: zero iff the decoder's own use of the condition is the regression",
            lambda xp, v, data, p: xp.norm(xp.cross(v.U_2 @ data.A_x - data.A_y, data.A_x)),
            kind="scalar",
            unit=sp.sqrt(theta[1]),
        ),
    ),
    sorted_parameter="theta",
    tied=theta,
    bind=bind,
    data=canonical_data,
    data_view="conditional",
    objective=vae.OBJECTIVE,
)


def derive(problem: Problem) -> Derivation:
    """Reduce the problem to the linear VAE on the residual, minimise one direction of that, predict the point, and chain the bounds."""
    record = StepRecorder()
    model = LinearVAE(
        problem, "U_1", "W_2", sp.sqrt(theta[k]), lambda w, v: {"U_2": DIAGONAL_B, "W_1": -v * DIAGONAL_B}
    )
    reduce(record, model)
    minimum = minimise(record)
    prediction = predict(model, minimum)
    return Derivation(chain(record, model, prediction.minimum), prediction)


def reduce(record: StepRecorder, model: LinearVAE) -> None:
    """Prove that the loss is that of a linear VAE on the residual, and at diagonal variables a sum over its directions."""
    _reduce_to_residual(record)
    _reduce_to_directions(record, model)


def _reduce_to_residual(record: StepRecorder) -> None:
    """Prove, for matrices of any size, that the loss is that of a linear VAE on the residual and a sum of squares of P and Q.

    The steps are on the blocks of y − U_1 z − U_2 x and of the code against the roots of x and of the residual.
    """
    names = ("B", "U_1", "U_2", "W_1", "W_2", "E^{1/2}")
    b, u_1, u_2, w_1, w_2, root = (sp.Symbol(name, commutative=False) for name in names)
    rest, correlated = sp.Symbol("P", commutative=False), sp.Symbol("Q", commutative=False)
    new = {u_2: b - rest, w_1: correlated - w_2 * b}
    on_condition, on_residual = w_1 + w_2 * b, w_2 * root
    record(
        Identity(
            "the code, reparametrised",
            r"With $Q = W_1 + W_2 B$ in place of $W_1$ and $P = B - U_2$ in place of $U_2$, a bijection, the code has the root "
            r"$[Q, W_2 E^{1/2}]$.",
            # W_1 + W_2 B with the new W_1: reduced before it is recorded, it would be Q itself.
            sp.Add(new[w_1], w_2 * b, evaluate=False),
            correlated,
        )
    )
    record(
        Identity(
            "the part of the error along the condition",
            "$B$ has dropped out: whatever the regression, the problem is the same.",
            (b - u_1 * on_condition - u_2).subs(new, simultaneous=True),
            rest - u_1 * correlated,
        )
    )
    record(
        Identity(
            "the part of the error along the residual",
            "The rest is the error of a linear VAE on the residual.",
            root - u_1 * on_residual,
            (1 - u_1 * w_2) * root,
        )
    )


def _reduce_to_directions(record: StepRecorder, model: LinearVAE) -> None:
    """Prove the same on the loss itself, at diagonal matrices: a direction of a linear VAE, and the squares that P and Q cost."""
    p, q = indexed("P_dir", real=True)[k], indexed("Q_dir", real=True)[k]
    others = {"U_2": DIAGONAL_B - p, "W_1": q - residual.v * DIAGONAL_B}
    left_out = (p - residual.omega * q) ** 2 / eta_dec**2 + beta * q**2 / eta_enc**2
    residual.reduce(record, model, others, left_out)


def chain(record: StepRecorder, model: LinearVAE, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: leave out the squares of P and Q, then bound the linear VAE on the residual."""
    proof = residual.chain(record, model, value, "the residual")
    error, divergence = sp.symbols("e h", nonnegative=True)
    statistics = (
        Statistic(
            error,
            r"$\|E^{1/2} - U_1 W_2 E^{1/2}\|^2 + \mathrm{tr}(U_1 \Sigma U_1^T)$",
            lambda xp, v, data, p: vae.misfit(xp, data.root, v.U_1 @ (v.W_2 @ data.root), v.U_1, v.S),
        ),
        Statistic(
            divergence,
            r"$2\,\mathbb{E}\,\mathrm{KL}$ of the posterior $N(W_2 \cdot, \Sigma)$ on the residual",
            lambda xp, v, data, p: vae.twice_kl(xp, v.W_2 @ data.root, v.S, p),
        ),
    )
    first = Bound(
        "linear VAE on the residual",
        error / eta_dec**2 + beta * divergence,
        r"What is left out, $\|P - U_1 Q\|^2/\eta_{dec}^2 + \beta \|Q\|^2/\eta_{enc}^2$, is a sum of squares.",
        (
            "the code, reparametrised",
            "the part of the error along the condition",
            "the part of the error along the residual",
        ),
    )
    return replace(proof, statistics=(*statistics, *proof.statistics), bounds=(first, *proof.bounds))


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
    setting=(
        "The data are pairs of a condition $x$ and an output $y$, both with mean zero. The encoder is $z|x,y \\sim "
        "N(W_1 x + W_2 y, \\Sigma)$ with $\\Sigma = S S^T$, the decoder $y|x,z \\sim N(U_1 z + U_2 x, \\eta_{dec}^2 I)$ "
        "and the prior $z \\sim N(0, \\eta_{enc}^2 I)$. Linear maps of $x$ and a rotation of $y$ make the condition "
        "white and the residual covariance of the output diagonal: then $y = B x + \\mathrm{diag}(\\sqrt{\\theta_1}, "
        "\\ldots, \\sqrt{\\theta_D})\\, \\varepsilon$ with white $\\varepsilon$, and $B$ is the regression of $y$ on $x$. "
        "The loss is the negative evidence lower bound in closed form."
    ),
    idea=(
        "What the condition says about the output can be given to the decoder for free, so the best decoder uses the "
        "regression on the condition and the code carries none of it. What is left is the linear VAE on the residual "
        "of the regression. Its directions collapse where the residual varies less than the noise of the decoder, "
        "times the weight of the divergence: the better the condition explains the output, the more of them."
    ),
    problem=PROBLEM,
    derive=derive,
)
