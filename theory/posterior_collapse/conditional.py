"""Conditional linear VAEs: the loss in closed form, what is measured, and the reduction to a linear VAE on the residual.

The encoder is z|x,y ~ N(W_1 x + W_2 y, Σ), the decoder y|x,z ~ N(U_1 z + U_2 x, η_dec² I). The coordinates are those of the
condition, whitened, and of the output along the eigenvectors of its residual covariance
E = Cov(y) − Cov(y,x) Cov(x)⁻¹ Cov(x,y) = diag(θ_i), which linear maps of x and a rotation of y bring about for any data: then
y = B x + diag(√θ) ε with white ε, and B is the regression of y on x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sympy as sp

from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number
from theory.point import Point
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.one_level import Diagonals, LinearVAE, omega, v
from theory.problem import Invariant, Parameter, PositiveReals, Problem, RealMatrix, Variable
from theory.proof import Bound, Identity, Proof, Statistic, StepRecorder
from theory.symbols import D, beta, condition_dim, d, eta_dec, eta_enc, indexed, j, k, regression, theta

DIAGONAL_B = indexed(regression.name, real=True)[k]
"""Entry k of a diagonal B: it is as good as any, because B drops out."""


SETTING = (
    "The data are pairs of a condition $x$ and an output $y$, both with mean zero. The encoder is $z|x,y \\sim "
    "N(W_1 x + W_2 y, \\Sigma)$, the decoder $y|x,z \\sim N(U_1 z + U_2 x, \\eta_{dec}^2 I)$ "
    "and the prior $z \\sim N(0, \\eta_{enc}^2 I)$. Linear maps of $x$ and a rotation of $y$ make the condition "
    "white and the residual covariance of the output diagonal: then $y = B x + \\mathrm{diag}(\\sqrt{\\theta_1}, "
    "\\ldots, \\sqrt{\\theta_D})\\, \\varepsilon$ with white $\\varepsilon$, and $B$ is the regression of $y$ on $x$. "
    "The loss is the negative evidence lower bound in closed form."
)
"""What the conditional claims model, in words for the book."""


def residual_model(problem: Problem) -> LinearVAE:
    """Return the linear VAE on the residual."""
    others = {"U_2": DIAGONAL_B, "W_1": -v * DIAGONAL_B}
    return LinearVAE(problem, decoder="U_1", encoder="W_2", deviation=sp.sqrt(theta[k]), others=others)


def code(v: Point, data: Point) -> Matrix:
    """Return W_1 x + W_2 y, as a root of its covariance."""
    return v.W_1 @ data.A_x + v.W_2 @ data.A_y


def loss(xp: ArrayNamespace, v: Point, data: Point, noise: Matrix, p: Bindings) -> Number:
    """Return E‖y − U_1 z − U_2 x‖²/η_dec² + 2β KL.

    x = data.A_x s and y = data.A_y s with white s: any joint root of their covariance. ``noise`` is a root of Σ.
    """
    encoded = code(v, data)
    return vae.negative_elbo(xp, data.A_y, v.U_1 @ encoded + v.U_2 @ data.A_x, encoded, v.U_1, noise, p)


def bind(values: Values) -> Bindings:
    """Return the values of B and of the dimension of the condition."""
    rows = values["regression"]
    return {condition_dim: len(rows[0]), regression: rows}


def canonical_data(xp: ArrayNamespace) -> Point:
    """Return roots of condition and output in the canonical coordinates, and the root of the residual covariance."""
    root = xp.diagonal_root(theta)
    condition = xp.beside(xp.eye(condition_dim), xp.zeros(condition_dim, D))
    return Point(A_x=condition, A_y=xp.beside(xp.given(regression), root), root=root)


def data_parameters() -> tuple[Parameter, ...]:
    """Return the parameters θ and B."""
    return (
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
    )


def variables(unit: Callable[[sp.Symbol], sp.Expr]) -> tuple[Variable, ...]:
    """Return decoder and encoder; ``unit(i)`` is the scale of latent direction i."""
    return (
        Variable("U_1", (D, d), sp.sqrt(theta[k]) / unit(j)),
        Variable("U_2", (D, condition_dim), sp.sqrt(theta[k])),
        Variable("W_1", (d, condition_dim), unit(k)),
        Variable("W_2", (d, D), unit(k) / sp.sqrt(theta[j])),
    )


def condition_invariants() -> tuple[Invariant, ...]:
    """Return what is measured of the condition: its share of the code, and the error of the decoder's regression."""
    return (
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
    )


ReduceToDirections = Callable[[StepRecorder, LinearVAE, Diagonals, sp.Expr], None]
"""``reduce`` of a linear VAE: further variables, and what they cost in each direction, are written in ω and v."""


def reduce(record: StepRecorder, model: LinearVAE, to_directions: ReduceToDirections) -> None:
    """Prove that the loss is that of a linear VAE on the residual, and at diagonal variables a sum over its directions."""
    _reduce_to_residual(record)
    p, q = indexed("P_dir", real=True)[k], indexed("Q_dir", real=True)[k]
    left_out = (p - omega * q) ** 2 / eta_dec**2 + beta * q**2 / eta_enc**2
    to_directions(record, model, {"U_2": DIAGONAL_B - p, "W_1": q - v * DIAGONAL_B}, left_out)


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


def chain_from_residual(proof: Proof, noise: Callable[[Point, Point], Matrix]) -> Proof:
    """Put in front of the chain of the residual's VAE the bound that leaves out the squares of P and Q.

    ``noise(v, data)`` is a root of Σ.
    """
    error, divergence = sp.symbols("e h", nonnegative=True)
    statistics = (
        Statistic(
            error,
            r"$\|E^{1/2} - U_1 W_2 E^{1/2}\|^2 + \mathrm{tr}(U_1 \Sigma U_1^T)$",
            lambda xp, v, data, p: vae.misfit(xp, data.root, v.U_1 @ (v.W_2 @ data.root), v.U_1, noise(v, data)),
        ),
        Statistic(
            divergence,
            r"$2\,\mathbb{E}\,\mathrm{KL}$ of the posterior $N(W_2 \cdot, \Sigma)$ on the residual",
            lambda xp, v, data, p: vae.twice_kl(xp, v.W_2 @ data.root, noise(v, data), p),
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
