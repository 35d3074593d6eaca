"""The problem of two-level hierarchies x → z_1 → z_2: parameters, variables, loss, invariants, and what their chains measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from theory.point import Point
from theory.posterior_collapse import linear_gaussian as shared
from theory.problem import Invariant, Parameter, PositiveReal, Problem, Variable, WidthPair
from theory.proof import (
    Statistic,
)
from theory.results import Level
from theory.symbols import D, eta_dec, eta_enc, j, k, positive, theta

d_1 = sp.Symbol("d_1", integer=True, positive=True)
d_2 = sp.Symbol("d_2", integer=True, positive=True)
beta_1, beta_2 = positive("beta_1"), positive("beta_2")
sigma_1 = positive("sigma_1")
KAPPA = sp.sqrt(beta_2) * eta_dec / (sp.sqrt(beta_1) * eta_enc)
"""κ: what ω has to be compared with."""


def hierarchical_loss(xp: Any, v: Any, data: Any, p: Any, noise: Any, top_noise: Any) -> Any:
    """E‖x − U_1 z_1‖²/η_dec² + 2β_1 E[log q(z_1|x) − log p(z_1|z_2)] + 2β_2 E KL(q(z_2|z_1) ‖ p(z_2)), in closed form.

    data.root is the square root of Cov(x), ``noise`` a root of Σ_1 and ``top_noise`` one of Σ_2.
    """
    encoded = v.W_1 @ data.root
    code = xp.beside(encoded, noise)  # a root of Cov(z_1)
    reconstruction = shared.misfit(xp, data.root, v.U_1 @ encoded, v.U_1, noise)
    surprise = (
        shared.misfit(xp, code, (v.U_2 @ v.W_2) @ code, v.U_2, top_noise) / p[eta_dec] ** 2
        - xp.rows(noise)
        - xp.logdet_of_gram(xp.scale(noise, 1 / p[eta_dec]))
    )
    return (
        reconstruction / p[eta_dec] ** 2
        + p[beta_1] * surprise
        + p[beta_2] * shared.twice_kl(xp, v.W_2 @ code, top_noise, p)
    )


def given_noise(xp: Any, p: Any) -> Any:
    """Return the root σ_1 I of a given Σ_1."""
    return xp.scale(xp.eye(d_1), p[sigma_1])


GIVEN_NOISE = Parameter(
    "sigma1", PositiveReal(), r"standard deviation $\sigma_1$ of $z_1$ given $x$", default=1.0, meets="eta_dec"
)
TOP_WEIGHT = Parameter(
    "beta2", PositiveReal(), r"weight $\beta_2$ of the divergence of $z_2$", default=1.0, meets="beta1"
)


def parameters(*further: Parameter, top_weight: Parameter = TOP_WEIGHT) -> tuple[Parameter, ...]:
    """Return the parameters of a hierarchy, ``further`` ones last; ``top_weight`` is β_2."""

    def same(values: dict[str, Any]) -> tuple[int, int]:
        return (len(values["theta"]),) * 2

    return (
        shared.deviations_parameter(),
        Parameter("latent_dim", WidthPair(), "latent dimensions $d_1, d_2$ of $z_1$ and $z_2$", default=same),
        Parameter("beta1", PositiveReal(), r"weight $\beta_1$ of the divergence of $z_1$", default=1.0),
        top_weight,
        Parameter("eta_dec", PositiveReal(), r"noise $\eta_{dec}$ of both decoders", default=1.0),
        Parameter("eta_enc", PositiveReal(), r"prior scale $\eta_{enc}$ of $z_2$", default=1.0),
        *further,
    )


def bind(values: dict[str, Any]) -> dict[sp.Basic, Any]:
    """Return the bindings that every hierarchy has, and σ_1 where it is given."""
    noise = {sigma_1: values["sigma1"]} if "sigma1" in values else {}
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
    alive_code: Callable[[sp.Expr], sp.Expr], alive_top: Callable[[sp.Expr], sp.Expr]
) -> tuple[Variable, ...]:
    """Return the variables of both levels with their natural units.

    A direction with deviation θ is encoded in the unit in which its data cost as much as its code, the larger one of those
    with z_2 collapsed and with z_2 alive; ``alive_code(θ)`` is the square of the latter. U_2 is measured in κ, or in
    ``alive_top(a)`` at the largest code a where that is more. Without the second of each the decoder of z_2 would
    lie decades away from the starts, at the end of a narrow valley.
    """

    def code(deviation: sp.Expr) -> sp.Expr:
        return sp.sqrt(sp.Max(sigma_1 * deviation / sp.sqrt(beta_1), alive_code(deviation)))

    top = sp.Max(KAPPA, alive_top(code(theta[1]) ** 2))
    return (
        Variable("U_1", (D, d_1), theta[k] / code(theta[k])),
        Variable("W_1", (d_1, D), code(theta[j]) / theta[j]),
        Variable("U_2", (d_1, d_2), top),
        Variable("W_2", (d_2, d_1), 1 / top),
    )


def whitened(v: Any, data: Any) -> Any:
    return v.W_1 @ data.root


def latent_levels(
    top: tuple[int, ...],
    code: tuple[int, ...],
    noise: Callable[[Any, Any, Any], Any],
    top_noise: Callable[[Any, Any, Any], Any],
    top_keeps_prior: sp.Basic = sp.true,
    code_keeps_prior: sp.Basic = sp.true,
) -> tuple[Level, Level]:
    """Return the levels z_2 and z_1, each with its thresholds; ``noise(xp, v, p)`` is a root of Σ_1 and ``top_noise`` one of Σ_2.

    The prior of z_1 is N(U_2 z_2, η_dec² I). Its posterior equals that for all x and z_2 only where U_2 adds nothing to it, so that
    the divergence is taken with x and z_2 drawn apart.
    """

    def code_for_top(xp: Any, v: Any, data: Any, p: Any) -> Any:
        return v.W_2 @ xp.beside(whitened(v, data), noise(xp, v, p))

    def apart(xp: Any, v: Any, data: Any, p: Any) -> Any:
        return xp.beside(whitened(v, data), xp.scale(v.U_2, p[eta_enc]))

    return (
        shared.level(
            "z_2", top, d_2, code_for_top, lambda xp, v, data, p: top_noise(xp, v, p), eta_enc, top_keeps_prior
        ),
        shared.level("z_1", code, d_1, apart, lambda xp, v, data, p: noise(xp, v, p), eta_dec, code_keeps_prior),
    )


def top_gram(xp: Any, v: Any) -> Any:
    """U_2 U_2ᵀ."""
    return v.U_2 @ xp.transpose(v.U_2)


def log_det_code(xp: Any, v: Any, data: Any, p: Any) -> Any:
    """log det(W_1 C W_1ᵀ + S_1 S_1ᵀ)."""
    code = xp.beside(whitened(v, data), v.S_1)
    return xp.logdet_of_gram(xp.cross(code, code)) / 2


TOP_DECODER_SPECTRUM = Invariant(
    "top_decoder_spectrum",
    "eigenvalues of $U_2 U_2^T$",
    lambda xp, v, data, p: xp.singular_values(v.U_2, xp.rows(data.root)) ** 2,
    kind="spectrum",
    unit=KAPPA**2,
)
TOP_DIVERGENCE = Invariant(
    "top_divergence",
    r"$2\,\mathrm{E\,KL}(q(z_2|z_1) \,\|\, p(z_2))$: zero iff the posterior of $z_2$ is the prior in every direction",
    lambda xp, v, data, p: shared.twice_kl(xp, v.W_2 @ xp.beside(whitened(v, data), v.S_1), v.S_2, p),
    kind="scalar",
)
CODE_MISMATCH = Invariant(
    "code_mismatch",
    r"$\mathrm{tr}(A/\eta_{dec}^2) - \log\det(A/\eta_{dec}^2) - d_1$ with $A = W_1 C W_1^T + \Sigma_1$: zero iff "
    r"$A = \eta_{dec}^2 I$",
    lambda xp, v, data, p: (
        xp.squared_norm(xp.beside(whitened(v, data), v.S_1)) / p[eta_dec] ** 2
        + xp.rows(v.S_1) * (xp.log(p[eta_dec] ** 2) - 1)
        - log_det_code(xp, v, data, p)
    ),
    kind="scalar",
)
TOP_DECODER = Statistic(
    sp.IndexedBase("y", nonnegative=True),
    "eigenvalues of $U_2 U_2^T$",
    lambda xp, v, data, p: xp.singular_values(v.U_2, data.root.shape[-1]) ** 2,
)


def _encoder_gram(xp: Any, v: Any, data: Any, p: Any) -> Any:
    return xp.transpose(whitened(v, data)) @ whitened(v, data)


def _decoder_gram(xp: Any, v: Any, data: Any, p: Any) -> Any:
    return v.U_1 @ xp.transpose(v.U_1)


def transported(xp: Any, v: Any, data: Any, p: Any) -> Any:
    seen = xp.transpose(whitened(v, data)) @ v.U_2
    return seen @ xp.transpose(seen)


INVARIANTS = (
    # First the matrix whose order of eigenvalues is that of the directions: it tells apart what a rank limit cuts apart.
    Invariant(
        "encoder_gram",
        "$C^{1/2} W_1^T W_1 C^{1/2}$, the whitened encoder of $z_1$",
        _encoder_gram,
        unit=sigma_1**2,
        shows_collapse=True,
    ),
    Invariant("decoder_gram", "$U_1 U_1^T$", _decoder_gram, unit=theta[1] ** 2 / sigma_1**2),
    # Where λ = 0 the directions of z_1 are free to rotate, and U_2 with them: only what the encoder sees of it is fixed, and
    # its spectrum.
    Invariant(
        "transported_top_gram",
        "$C^{1/2} W_1^T U_2 U_2^T W_1 C^{1/2}$, the decoder of $z_2$ seen from the data",
        transported,
        unit=sigma_1**2 * KAPPA**2,
    ),
    TOP_DECODER_SPECTRUM,
)


def hierarchy(
    loss: Callable[..., Any],
    parameters: tuple[Parameter, ...],
    variables: tuple[Variable, ...],
    invariants: tuple[Invariant, ...],
    binding: Callable[[dict[str, Any]], dict[sp.Basic, Any]] = bind,
) -> Problem:
    """Return the problem of a hierarchy."""
    return Problem(
        parameters=parameters,
        variables=variables,
        loss=loss,
        invariants=invariants,
        sorted_parameter="theta",
        tied=theta,
        bind=binding,
        data=lambda xp: Point(root=xp.diagonal(theta)),
    )


def resolvent(xp: Any, root: Any, gram: Any, shift: Any) -> Any:
    """tr(rootᵀ (gram + shift I)⁻¹ root)."""
    return xp.inner(root, xp.solve(gram + xp.scale(xp.identity(gram), shift), root))


def explained_data(xp: Any, v: Any, data: Any, p: Any) -> Any:
    return resolvent(xp, data.root, _encoder_gram(xp, v, data, p), p[sigma_1] ** 2)


def explained_code(noise: Callable[..., Any], symbol: sp.Symbol, covariance: str) -> Statistic:
    """Return what z_2 leaves of the code A = W_1 C W_1ᵀ + Σ_1; ``noise(xp, v, p)`` is a root of Σ_1, ``covariance`` writes it."""

    def measure(xp: Any, v: Any, data: Any, p: Any) -> Any:
        kappa_squared = p[beta_2] * p[eta_dec] ** 2 / (p[beta_1] * p[eta_enc] ** 2)
        return resolvent(xp, xp.beside(whitened(v, data), noise(xp, v, p)), top_gram(xp, v), kappa_squared)

    return Statistic(
        symbol,
        rf"$\mathrm{{tr}}(A (U_2 U_2^T + \kappa^2 I)^{{-1}})$ with $A = W_1 C W_1^T + {covariance}$ and "
        r"$\kappa^2 = \beta_2\eta_{dec}^2/(\beta_1\eta_{enc}^2)$",
        measure,
    )


def _seen(xp: Any, v: Any, data: Any) -> Any:
    """A root of G = C^{1/2} W_1ᵀ Σ_1⁻¹ W_1 C^{1/2}: the whitened encoder in units of the noise."""
    return xp.solve(v.S_1, whitened(v, data))


def _explained_by_seen(xp: Any, v: Any, data: Any, p: Any) -> Any:
    return xp.explained(_seen(xp, v, data), data.root)


OF_LEARNABLE_LEVELS = (
    Statistic(
        sp.Symbol("f", nonnegative=True),
        r"$\mathrm{tr}(C (I + G)^{-1})$ with $G = C^{1/2} W_1^T \Sigma_1^{-1} W_1 C^{1/2}$",
        _explained_by_seen,
    ),
    Statistic(
        sp.IndexedBase("g", nonnegative=True),
        "eigenvalues of $G$",
        lambda xp, v, data, p: xp.singular_values(_seen(xp, v, data), data.root.shape[-1]) ** 2,
    ),
    explained_code(lambda xp, v, p: v.S_1, sp.Symbol("c", nonnegative=True), r"\Sigma_1"),
    Statistic(sp.Symbol("alpha", real=True), r"$\log\det A$", log_det_code),
    TOP_DECODER,
)
"""The statistics of a hierarchy with learnable Σ_1 and Σ_2."""
