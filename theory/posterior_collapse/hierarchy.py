"""The problem of two-level hierarchies x → z_1 → z_2: parameters, variables, the loss in closed form, and what is measured at a point.

Encoders are z_1|x ~ N(W_1 x, Σ_1) and z_2|z_1 ~ N(W_2 z_1, Σ_2), decoders z_1|z_2 ~ N(U_2 z_2, η_dec² I) and
x|z_1 ~ N(U_1 z_1, η_dec² I), and the prior of z_2 is N(0, η_enc² I). C is the covariance of the data, and A that of the code z_1.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number
from theory.point import Point
from theory.posterior_collapse import linear_gaussian as vae
from theory.problem import Invariant, Parameter, PositiveReal, Problem, Variable, WidthPair
from theory.proof import Statistic
from theory.results import Level
from theory.symbols import D, eta_dec, eta_enc, indexed, j, k, positive, theta

SETTING = (
    "The data $x$ have mean zero and covariance $C = \\mathrm{diag}(\\theta_1^2, \\ldots, \\theta_D^2)$: a rotation "
    "of $x$ makes the principal axes the coordinate axes. The hierarchy is $x \\to z_1 \\to z_2$ with encoders "
    "$z_1|x \\sim N(W_1 x, \\Sigma_1)$ and $z_2|z_1 \\sim N(W_2 z_1, \\Sigma_2)$, decoders $z_1|z_2 \\sim N(U_2 z_2, "
    "\\eta_{dec}^2 I)$ and $x|z_1 \\sim N(U_1 z_1, \\eta_{dec}^2 I)$, and the prior $z_2 \\sim N(0, \\eta_{enc}^2 I)$; "
    "the loss is the negative evidence lower bound in closed form, with weights $\\beta_1$ and $\\beta_2$ for the "
    "divergences of the two levels."
)
"""What the problem of a hierarchy models, in words."""

d_1 = sp.Symbol("d_1", integer=True, positive=True)
d_2 = sp.Symbol("d_2", integer=True, positive=True)
beta_1, beta_2 = positive("beta_1"), positive("beta_2")
sigma_1 = positive("sigma_1")
KAPPA = sp.sqrt(beta_2) * eta_dec / (sp.sqrt(beta_1) * eta_enc)
"""κ: the unit in which a singular value ω of U_2 is measured."""


def hierarchical_loss(
    xp: ArrayNamespace, v: Point, data: Point, p: Bindings, noise: Matrix, top_noise: Matrix
) -> Number:
    """Return E‖x − U_1 z_1‖²/η_dec² + 2β_1 E[log q(z_1|x) − log p(z_1|z_2)] + 2β_2 E KL(q(z_2|z_1) ‖ p(z_2)), in closed form.

    data.root is the square root of C, ``noise`` a root of Σ_1 and ``top_noise`` one of Σ_2.
    """
    encoded = v.W_1 @ data.root
    code = xp.beside(encoded, noise)  # a root of Cov(z_1)
    reconstruction = vae.misfit(xp, data.root, v.U_1 @ encoded, v.U_1, noise)
    surprise = (
        vae.misfit(xp, code, (v.U_2 @ v.W_2) @ code, v.U_2, top_noise) / p[eta_dec] ** 2
        - xp.rows(noise)
        - xp.logdet_of_gram(xp.scale(noise, 1 / p[eta_dec]))
    )
    return (
        reconstruction / p[eta_dec] ** 2
        + p[beta_1] * surprise
        + p[beta_2] * vae.twice_kl(xp, v.W_2 @ code, top_noise, p)
    )


def given_noise(xp: ArrayNamespace, p: Bindings) -> Matrix:
    """Return the root σ_1 I of a given Σ_1."""
    return xp.scale(xp.eye(d_1), p[sigma_1])


LATENT_DIM = Parameter(
    "latent_dim",
    WidthPair(),
    "latent dimensions $d_1, d_2$ of $z_1$ and $z_2$",
    default=lambda values: (len(values["theta"]), len(values["theta"])),
)
GIVEN_NOISE = Parameter(
    "sigma1", PositiveReal(), r"standard deviation $\sigma_1$ of $z_1$ given $x$", default=1.0, meets="eta_dec"
)
TOP_WEIGHT = Parameter(
    "beta2", PositiveReal(), r"weight $\beta_2$ of the divergence of $z_2$", default=1.0, meets="beta1"
)


def parameters(
    *further: Parameter,
    top_weight: Parameter = TOP_WEIGHT,
    latent: tuple[Parameter, ...] = (LATENT_DIM,),
    decoder_meets: str | None = None,
) -> tuple[Parameter, ...]:
    """Return the parameters of a hierarchy, with ``top_weight`` for β_2 and the ``further`` ones last.

    ``latent`` has the latent dimensions and what decides them. Instances are drawn with η_dec equal to ``decoder_meets``.
    """
    return (
        vae.deviations_parameter(),
        *latent,
        Parameter("beta1", PositiveReal(), r"weight $\beta_1$ of the divergence of $z_1$", default=1.0),
        top_weight,
        Parameter("eta_dec", PositiveReal(), r"noise $\eta_{dec}$ of both decoders", default=1.0, meets=decoder_meets),
        Parameter("eta_enc", PositiveReal(), r"prior scale $\eta_{enc}$ of $z_2$", default=1.0),
        *further,
    )


def bind(values: Values) -> Bindings:
    """Return the values of the symbols that all hierarchies share, and of σ_1 where it is one number."""
    noise = {} if isinstance(values.get("sigma1", ()), tuple) else {sigma_1: values["sigma1"]}
    return {
        D: len(values["theta"]),
        d_1: values["latent_dim"][0],
        d_2: values["latent_dim"][1],
        theta: values["theta"],
        beta_1: values["beta1"],
        beta_2: values["beta2"],
        eta_dec: values["eta_dec"],
        eta_enc: values["eta_enc"],
        **noise,
    }


def variables(
    alive_code: Callable[[sp.Expr], sp.Expr],
    alive_top: Callable[[sp.Expr], sp.Expr],
    noise: sp.IndexedBase | None = None,
) -> tuple[Variable, ...]:
    """Return the variables of both levels with their natural units, for a given Σ_1.

    The unit of the encoder in a direction with deviation θ is the size at which data and code cost the same: the larger of the sizes
    with z_2 collapsed and with z_2 alive. ``alive_code(θ)`` is the square of the latter. The unit of U_2 is κ, or ``alive_top(a)`` at
    the largest variance a of the code where that is more. Without the sizes of a living z_2 the minimiser would lie decades away from
    the starts, at the end of a narrow valley. Where each latent direction has its own σ_1, ``noise`` is the list of them.
    """

    def code(deviation: sp.Expr, latent: sp.Symbol) -> sp.Expr:
        size = sp.sqrt(sp.Max(sigma_1 * deviation / sp.sqrt(beta_1), alive_code(deviation)))
        return size if noise is None else size.subs(sigma_1, noise[latent])

    def top(latent: sp.Symbol) -> sp.Expr:
        return sp.Max(KAPPA, alive_top(code(theta[1], latent) ** 2))

    return (
        Variable("U_1", (D, d_1), theta[k] / code(theta[k], j)),
        Variable("W_1", (d_1, D), code(theta[j], k) / theta[j]),
        Variable("U_2", (d_1, d_2), top(k)),
        Variable("W_2", (d_2, d_1), 1 / top(j)),
    )


def whitened(v: Point, data: Point) -> Matrix:
    """Return the whitened encoder W_1 C^{1/2} of z_1."""
    return v.W_1 @ data.root


def latent_levels(
    top: tuple[int, ...],
    code: tuple[int, ...],
    noise: Callable[[ArrayNamespace, Point, Bindings], Matrix],
    top_noise: Callable[[ArrayNamespace, Point, Bindings], Matrix],
    top_keeps_prior: Boolean = sp.true,
    code_keeps_prior: Boolean = sp.true,
) -> tuple[Level, Level]:
    """Return the levels z_2 and z_1, each with its thresholds; ``noise(xp, v, p)`` is a root of Σ_1 and ``top_noise`` one of Σ_2.

    The prior of z_1 is N(U_2 z_2, η_dec² I). The posterior equals it for all x and z_2 only where U_2 adds nothing, so the divergence
    is taken with x and z_2 drawn independently.
    """

    def code_for_top(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
        return v.W_2 @ xp.beside(whitened(v, data), noise(xp, v, p))

    def apart(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
        return xp.beside(whitened(v, data), xp.scale(v.U_2, p[eta_enc]))

    return (
        vae.level("z_2", top, d_2, code_for_top, lambda xp, v, data, p: top_noise(xp, v, p), eta_enc, top_keeps_prior),
        vae.level("z_1", code, d_1, apart, lambda xp, v, data, p: noise(xp, v, p), eta_dec, code_keeps_prior),
    )


TOP_DECODER_SPECTRUM = Invariant(
    "top_decoder_spectrum",
    "eigenvalues of $U_2 U_2^T$",
    lambda xp, v, data, p: xp.singular_values(v.U_2, xp.rows(data.root)) ** 2,
    kind="spectrum",
    symbol=r"\mu_k(U_2 U_2^T)",
    unit=KAPPA**2,
)
top_squares = indexed("y", nonnegative=True)
"""Eigenvalues of U_2 U_2ᵀ, in descending order."""
TOP_DECODER = Statistic(
    top_squares,
    "eigenvalues of $U_2 U_2^T$",
    lambda xp, v, data, p: xp.singular_values(v.U_2, data.root.shape[-1]) ** 2,
)


def encoder_gram(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """Return C^{1/2} W_1ᵀ W_1 C^{1/2}."""
    return xp.transpose(whitened(v, data)) @ whitened(v, data)


def decoder_gram(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """Return U_1 U_1ᵀ."""
    return v.U_1 @ xp.transpose(v.U_1)


def transported(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """Return C^{1/2} W_1ᵀ U_2 U_2ᵀ W_1 C^{1/2}: the decoder of z_2, seen from the data."""
    seen = xp.transpose(whitened(v, data)) @ v.U_2
    return seen @ xp.transpose(seen)


INVARIANTS = (
    # The encoder's Gram matrix comes first: its eigenvalues are in the order of the directions, so it shows what a rank limit cuts off.
    Invariant(
        "encoder_gram",
        "$C^{1/2} W_1^T W_1 C^{1/2}$, the whitened encoder of $z_1$",
        encoder_gram,
        unit=sigma_1**2,
        shows_collapse=True,
    ),
    Invariant("decoder_gram", "$U_1 U_1^T$", decoder_gram, unit=theta[1] ** 2 / sigma_1**2),
    # Where λ = 0 the directions of z_1 are free to rotate, and U_2 rotates with them. Only its spectrum and what the encoder sees of
    # it are fixed.
    Invariant(
        "transported_top_gram",
        "$C^{1/2} W_1^T U_2 U_2^T W_1 C^{1/2}$, the decoder of $z_2$ seen from the data",
        transported,
        unit=sigma_1**2 * KAPPA**2,
    ),
    TOP_DECODER_SPECTRUM,
)


def hierarchy(
    loss: Callable[[ArrayNamespace, Point, Point, Bindings], Number],
    parameters: tuple[Parameter, ...],
    variables: tuple[Variable, ...],
    invariants: tuple[Invariant, ...],
    binding: Callable[[Values], Bindings] = bind,
    partner: sp.IndexedBase | None = None,
) -> Problem:
    """Return the problem of a hierarchy on data with standard deviations θ; ``binding(values)`` gives the values of its symbols.

    ``partner`` is the list of deviations that the directions of the data are paired with, if they differ.
    """
    return Problem(
        parameters=parameters,
        variables=variables,
        loss=loss,
        invariants=invariants,
        sorted_parameter="theta",
        tied=theta,
        partner=partner,
        bind=binding,
        data=lambda xp: Point(root=xp.diagonal(theta)),
        objective="negative ELBO of a two-level linear VAE",
    )


def resolvent(xp: ArrayNamespace, root: Matrix, gram: Matrix, shift: Number) -> Number:
    """Return tr(rootᵀ (gram + shift I)⁻¹ root)."""
    return xp.inner(root, xp.solve(gram + xp.scale(xp.identity(gram), shift), root))


def explained_data(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return tr(C (C^{1/2} W_1ᵀ W_1 C^{1/2} + σ_1² I)⁻¹): what a code with given Σ_1 leaves of the data."""
    return resolvent(xp, data.root, encoder_gram(xp, v, data, p), p[sigma_1] ** 2)


def explained_code(
    noise: Callable[[ArrayNamespace, Point, Bindings], Matrix], symbol: sp.Symbol, covariance: str
) -> Statistic:
    """Return the statistic tr(A (U_2 U_2ᵀ + κ² I)⁻¹): what z_2 leaves of the code.

    ``symbol`` stands for it in bounds. ``noise(xp, v, p)`` is a root of Σ_1, which ``covariance`` writes in LaTeX.
    """

    def measure(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
        kappa_squared = p[beta_2] * p[eta_dec] ** 2 / (p[beta_1] * p[eta_enc] ** 2)
        return resolvent(xp, xp.beside(whitened(v, data), noise(xp, v, p)), v.U_2 @ xp.transpose(v.U_2), kappa_squared)

    return Statistic(
        symbol,
        rf"$\mathrm{{tr}}(A (U_2 U_2^T + \kappa^2 I)^{{-1}})$ with $A = W_1 C W_1^T + {covariance}$",
        measure,
    )
