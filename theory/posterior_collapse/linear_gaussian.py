"""The problem of linear VAEs: parameters, the loss in closed form, and the quantities that are measured at a point.

The encoder is z|x ~ N(Wx, Σ), the decoder x|z ~ N(Uz, η_dec² I), the prior of the code N(0, η_enc² I), and β weighs the
divergence. A covariance A Aᵀ is always given by a root A, and C is the covariance of the data.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.claim import Source
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number, Row
from theory.point import Point
from theory.problem import Invariant, Parameter, PositiveReal, PositiveReals, Width
from theory.proof import Statistic
from theory.results import Level, Measured
from theory.symbols import D, beta, d, eta_dec, eta_enc, k, theta

MODEL = (
    "The data $x$ have mean zero and covariance $C = \\mathrm{diag}(\\theta_1^2, \\ldots, \\theta_D^2)$: a rotation "
    "of $x$ makes the principal axes the coordinate axes. The encoder is $z|x \\sim N(W x, \\Sigma)$, the decoder "
    "$x|z \\sim N(U z, \\eta_{dec}^2 I)$ and the prior $z \\sim N(0, \\eta_{enc}^2 I)$; the loss is the negative "
    "evidence lower bound in closed form"
)
"""What the problem of an unconditional VAE models, in the words of a sentence that may go on."""
SETTING = f"{MODEL}, in which $\\beta$ weighs the divergence from the prior."
"""What the problem of an unconditional VAE with a weight of the whole divergence models, in words."""

VAE = Source(
    "Dang, Tran, Nguyen, Ho",
    "Beyond Vanilla Variational Autoencoders: Detecting Posterior Collapse in Conditional and Hierarchical Variational "
    "Autoencoders",
    "ICLR 2024",
    "2306.05023",
)

OBJECTIVE = "negative ELBO of a linear VAE"
"""The name of the loss that the problems with one level share."""


def weight_parameter() -> Parameter:
    """Return the parameter β of a linear VAE."""
    return Parameter("beta", PositiveReal(), r"KL weight $\beta$", default=1.0)


def prior_parameter(meets: str | None = None) -> Parameter:
    """Return the parameter η_enc of a linear VAE; instances are drawn with η_enc equal to the parameter ``meets``."""
    return Parameter("eta_enc", PositiveReal(), r"prior scale $\eta_{enc}$", default=1.0, meets=meets)


def noise_parameters(prior_meets: str | None = None) -> tuple[Parameter, ...]:
    """Return the parameters β, η_dec and η_enc of a linear VAE.

    ``prior_meets`` names the parameter with given posterior deviations, if the VAE has one: instances are drawn with η_enc equal to it.
    """
    decoder = Parameter("eta_dec", PositiveReal(), r"decoder noise $\eta_{dec}$", default=1.0)
    return (weight_parameter(), decoder, prior_parameter(prior_meets))


def deviations_parameter() -> Parameter:
    """Return the parameter θ of an unconditional VAE."""
    return Parameter("theta", PositiveReals(), r"standard deviations $\theta_i$ of the data along its principal axes")


def latent_dim_parameter(
    default: Callable[[Values], int] = lambda values: len(values["theta"]), most: sp.Expr = sp.oo
) -> Parameter:
    """Return the latent dimension d, at most ``most``; ``default(values)`` computes it from the other parameters."""
    return Parameter("latent_dim", Width(most=most), "latent dimension $d$", default=default)


def bind(values: Values) -> Bindings:
    """Return the values of the symbols of a VAE with one level."""
    return {**bind_without_decoder_noise(values), eta_dec: values["eta_dec"]}


def bind_without_decoder_noise(values: Values) -> Bindings:
    """Return the values of the symbols of a VAE with one level that learns its η_dec."""
    return {
        D: len(values["theta"]),
        d: values["latent_dim"],
        theta: values["theta"],
        beta: values["beta"],
        eta_enc: values["eta_enc"],
    }


def misfit(xp: ArrayNamespace, output: Matrix, decoded: Matrix, decoder: Matrix, noise: Matrix) -> Number:
    """Return E‖output − decoded code‖²: ``decoded`` is the decoded mean of the code, and noise noiseᵀ its covariance around the mean."""
    return xp.squared_norm(output - decoded) + xp.squared_norm(decoder @ noise)


def twice_kl(xp: ArrayNamespace, encoded: Matrix, noise: Matrix, p: Bindings) -> Number:
    """Return 2 E KL(posterior ‖ prior) for the prior N(0, η_enc² I).

    ``encoded`` is a root of the covariance of the posterior mean, and ``noise`` one of the posterior covariance.
    """
    return (
        (xp.squared_norm(encoded) + xp.squared_norm(noise)) / p[eta_enc] ** 2
        - xp.rows(noise)
        - xp.logdet_of_gram(xp.scale(noise, 1 / p[eta_enc]))  # in one: two logarithms that cancel would leave rounding
    )


def negative_elbo(
    xp: ArrayNamespace, output: Matrix, decoded: Matrix, encoded: Matrix, decoder: Matrix, noise: Matrix, p: Bindings
) -> Number:
    """Return E‖output − decoded code‖²/η_dec² + 2β E KL; the arguments are those of ``misfit`` and ``twice_kl``."""
    return misfit(xp, output, decoded, decoder, noise) / p[eta_dec] ** 2 + p[beta] * twice_kl(xp, encoded, noise, p)


def level(
    name: str,
    thresholds: tuple[int, ...],
    latent: sp.Expr,
    means: Callable[[ArrayNamespace, Point, Point, Bindings], Matrix],
    noise: Callable[[ArrayNamespace, Point, Point, Bindings], Matrix],
    prior: sp.Expr = eta_enc,
    keeps_prior: Boolean = sp.true,
) -> Level:
    """Return the level of a latent variable with ``latent`` directions and the prior N(0, prior² I).

    ``means(xp, v, data, p)`` is a root of the covariance of its posterior mean, and ``noise(xp, v, data, p)`` one of its posterior
    covariance. ``thresholds`` and ``keeps_prior`` say which directions have collapsed.
    """

    def divergences(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Row:
        return xp.divergences(*(xp.scale(root(xp, v, data, p), 1 / p[prior]) for root in (means, noise)))

    return Level(name, thresholds, latent, divergences, keeps_prior)


def gram_invariants(
    decoder: str,
    encoder: str,
    noise: Callable[[Point, Point], Matrix],
    variance: sp.Expr,
    tells: str,
    covariance: str = r"\Sigma",
    prior: sp.Expr = eta_enc,
    noise_unit: sp.Expr = beta * eta_dec**2,
) -> tuple[Invariant, ...]:
    """Return the three matrices that fix decoder, whitened encoder and decoded noise up to rotations of the latent space.

    ``decoder`` and ``encoder`` name the variables. ``noise(v, data)`` is a root of Σ, which ``covariance`` writes in LaTeX.
    ``variance`` is the largest variance of the data, ``prior`` the scale of the prior of the code and ``noise_unit`` the
    natural size of the decoded noise. ``tells`` names the matrix that shows the collapse.
    """

    def decoder_gram(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
        return v[decoder] @ xp.transpose(v[decoder])

    def encoder_gram(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
        whitened = v[encoder] @ data.root
        return xp.transpose(whitened) @ whitened

    def decoded_noise(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
        decoded = v[decoder] @ noise(v, data)
        return decoded @ xp.transpose(decoded)

    u, w = decoder, encoder
    return (
        Invariant(
            "decoder_gram",
            f"${u} {u}^T$",
            decoder_gram,
            unit=variance / prior**2,
            shows_collapse=tells == "decoder_gram",
        ),
        Invariant(
            "encoder_gram",
            f"$C^{{1/2}} {w}^T {w} C^{{1/2}}$, the whitened encoder",
            encoder_gram,
            unit=prior**2,
            shows_collapse=tells == "encoder_gram",
        ),
        Invariant("decoded_noise", rf"${u} {covariance} {u}^T$", decoded_noise, unit=noise_unit),
    )


def variance_deficit() -> Invariant:
    """Return the invariant tr(η_enc² I − Σ): by how much a learnable variance stays below that of the prior."""
    return Invariant(
        "encoder_variance_deficit",
        r"$\mathrm{tr}(\eta_{enc}^2 I - \Sigma)$: zero iff every posterior variance is the prior's",
        lambda xp, v, data, p: xp.rows(v.S) * p[eta_enc] ** 2 - xp.squared_norm(v.S),
        kind="scalar",
        unit=eta_enc**2,
    )


def of_decoder(formula: sp.Expr, variance: sp.Expr, prior: sp.Expr = eta_enc, within: Boolean = k <= d) -> Measured:
    """Return the squared decoder singular value of direction k, measured on the diagonal of the decoder's Gram matrix.

    ``variance`` is that of the data along direction k, and ``within`` says which directions have a latent partner.
    """
    return Measured(
        formula,
        lambda reading: reading.diagonal("decoder_gram"),
        ((k, D),),
        within,
        unit=(variance / prior**2).subs(k, 1),
    )


def of_encoder(formula: sp.Expr, prior: sp.Expr = eta_enc, within: Boolean = k <= d) -> Measured:
    """Return the squared whitened encoder singular value of direction k, measured on the diagonal of its Gram matrix."""
    return Measured(formula, lambda reading: reading.diagonal("encoder_gram"), ((k, D),), within, unit=prior**2)


def of_variance(formula: sp.Expr, root: str, prior: sp.Expr = eta_enc, within: Boolean = k <= d) -> Measured:
    """Return the posterior variance of direction k, measured as the k-th smallest eigenvalue of Σ, whose root is the variable ``root``."""
    return Measured(
        formula,
        lambda reading: reading.xp.smallest_first(reading.v[root], reading.p[D]) ** 2,
        ((k, D),),
        within,
        unit=prior**2,
    )


def eigenvalues_of_gram(symbol: sp.IndexedBase, decoder: str) -> Statistic:
    """Return the eigenvalues of the decoder's Gram matrix, descending, as the statistic ``symbol``."""
    return Statistic(
        symbol,
        f"eigenvalues of ${decoder} {decoder}^T$",
        lambda xp, v, data, p: xp.singular_values(v[decoder], data.root.shape[-1]) ** 2,
    )


OfPoint = Callable[[ArrayNamespace, Point, Bindings], Number]
"""A number that depends on variables and parameters."""


def explained(
    decoder: str, of_prior: Callable[[Bindings], Number], of_noise: OfPoint
) -> Callable[[ArrayNamespace, Point, Point, Bindings], Number]:
    """Return the function that measures tr(C M⁻¹) for M = of_prior(p) U Uᵀ + of_noise(xp, v, p) I, with U the variable ``decoder``."""

    def measure(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
        u = v[decoder]
        gram = xp.scale(u @ xp.transpose(u), of_prior(p))
        shifted = gram + xp.scale(xp.identity(gram), of_noise(xp, v, p))
        return xp.inner(data.root, xp.solve(shifted, data.root))

    return measure
