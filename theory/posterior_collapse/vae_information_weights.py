"""Linear VAE whose divergence is weighed in three parts: mutual information, total correlation and dimension-wise divergence.

Setting: encoder z|x ~ N(Wx, Σ) with any covariance Σ = S Sᵀ, decoder x|z ~ N(Uz, η_dec² I), prior N(0, η_enc² I). Over Gaussian
data the code has the distribution q(z) = N(0, A) with A = W C Wᵀ + Σ, and E KL(q(z|x) ‖ p(z)) is the sum of the mutual information
I(x; z), the total correlation KL(q(z) ‖ Π_j q(z_j)) and the dimension-wise divergences Σ_j KL(q(z_j) ‖ p(z_j)). Minimise
E‖x − Uz‖²/η_dec² plus twice these three, with the weights β_mi, β_tc and β_kl. The data are zero-mean with covariance diag(θ_i²):
its principal axes are the coordinate axes, which a rotation of x brings about for any data.
Source: Chen et al., "Isolating Sources of Disentanglement in Variational Autoencoders" (NeurIPS 2018), for the decomposition, with
α, β and γ for the three weights; the minimum is derived here.
"""

from __future__ import annotations

import sympy as sp

from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number
from theory.point import Point
from theory.posterior_collapse import learnable_variance as given
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.learnable_variance import Minimum, log_m, m, variance
from theory.posterior_collapse.lemmas import BEST_DECODER, HADAMARD, TRACE_INEQUALITY
from theory.posterior_collapse.one_level import LinearVAE, deviation, omega, reduce_to_directions, v
from theory.problem import Parameter, PositiveReal, Problem, Variable
from theory.proof import (
    Bound,
    Identity,
    Piece,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    Vanishes,
)
from theory.scalar import minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import D, beta, d, eta_dec, eta_enc, indexed, j, k, positive, theta

CHEN = Source(
    "Chen, Li, Grosse, Duvenaud",
    "Isolating Sources of Disentanglement in Variational Autoencoders",
    "NeurIPS 2018",
    "1802.04942",
)
beta_mi, beta_tc, beta_kl = (positive(name) for name in ("beta_mi", "beta_tc", "beta_kl"))
FLOOR, IN_MARGINAL = (e.xreplace({beta: beta_mi}) for e in (given.FLOOR, given.IN_MARGINAL))


def code(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """Return a root of A/η_enc², for the covariance A of the code."""
    return xp.scale(xp.beside(v.W @ data.root, v.S), 1 / p[eta_enc])


def twice_information(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return 2 I(x; z) = log det A − log det Σ."""
    return xp.logdet_of_gram(code(xp, v, data, p)) - xp.logdet_of_gram(xp.scale(v.S, 1 / p[eta_enc]))


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E‖x − Uz‖²/η_dec² plus the three weighed parts, expectations in closed form; data.root is the square root of Cov(x)."""
    root = code(xp, v, data, p)
    misfit = vae.misfit(xp, data.root, v.U @ v.W @ data.root, v.U, v.S)
    correlation = xp.log_of_row_squares(root) - xp.logdet_of_gram(root)
    dimensions = xp.squared_norm(root) - xp.rows(v.S) - xp.log_of_row_squares(root)
    weighed = p[beta_mi] * twice_information(xp, v, data, p) + p[beta_tc] * correlation + p[beta_kl] * dimensions
    return misfit / p[eta_dec] ** 2 + weighed


def bind(values: Values) -> Bindings:
    """Return the values of the symbols."""
    weights = {symbol: values[symbol.name] for symbol in (beta_mi, beta_tc, beta_kl)}
    sizes = {D: len(values["theta"]), d: values["latent_dim"]}
    return {**sizes, theta: values["theta"], eta_dec: values["eta_dec"], eta_enc: values["eta_enc"], **weights}


PROBLEM = Problem(
    parameters=(
        vae.deviations_parameter(),
        vae.latent_dim_parameter(),
        Parameter("beta_mi", PositiveReal(), r"weight $\beta_{mi}$ of the mutual information", default=1.0),
        Parameter("beta_tc", PositiveReal(), r"weight $\beta_{tc}$ of the total correlation", default=1.0),
        Parameter("beta_kl", PositiveReal(), r"weight $\beta_{kl}$ of the dimension-wise divergence", default=1.0),
        *(parameter for parameter in vae.noise_parameters() if parameter.name != "beta"),
    ),
    variables=(
        Variable("U", (D, d), theta[k] / eta_enc),
        Variable("W", (d, D), eta_enc / theta[j]),
        Variable("S", (d, d), eta_enc),
    ),
    loss=loss,
    invariants=(
        *vae.gram_invariants("U", "W", lambda v, data: v.S, theta[1] ** 2, tells="encoder_gram", noise_unit=FLOOR),
        vae.variance_deficit(),
    ),
    sorted_parameter="theta",
    tied=theta,
    bind=bind,
    data=lambda xp: Point(root=xp.diagonal(theta)),
    objective="negative ELBO of a linear VAE, its divergence in three parts",
)


# One direction of the loss, in the variance a = v²θ² + Σ of the code, in the share r = Σ/a that is noise, and in u = a/η_enc².
a, r, u = positive("a"), positive("r"), positive("u")
OWN = beta_kl * (u - 1 - sp.log(u))
"""What the dimension-wise divergence of a direction costs."""
DIRECTION = (
    ((deviation - deviation * omega * v) ** 2 + omega**2 * variance) / eta_dec**2
    + beta_mi * (sp.log(a) - sp.log(variance))
    + OWN.subs(u, a / eta_enc**2)
).subs(a, v**2 * deviation**2 + variance)
"""What a direction costs, in ω, v and Σ; the total correlation of diagonal matrices is zero."""
IN_SHARE = deviation**2 * r / eta_dec**2 - beta_mi * sp.log(r)
"""What a direction costs at the best decoder, besides ``OWN``."""


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to directions, minimise one, predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    model = LinearVAE(problem, decoder="U", encoder="W", deviation=theta[k])
    own = indexed("Sigma_dir", positive=True)[k]
    reduce_to_directions(record, model, DIRECTION.subs(variance, own), {"S": sp.sqrt(own)})
    minimum, decoder = minimise(record)
    here = {deviation: model.deviation}
    entries = (decoder.subs(here), minimum.encoder.subs(here))
    whitened = sp.simplify((model.deviation * entries[1]) ** 2)
    prediction = given.predict_at(
        model, minimum, entries, (sp.simplify(entries[0] ** 2), whitened, minimum.variance), weight=beta_mi
    )
    return Derivation(chain(record, prediction.minimum), prediction)


def minimise(record: StepRecorder) -> tuple[Minimum, sp.Expr]:
    """Minimise a direction over ω and over the variance of the code, which leaves ``IN_MARGINAL``, and that over m ≥ ``FLOOR``.

    The best ω is returned beside the minimum; all entries are written in m.
    """
    decoder = stationary_point(record, "the decoder weight", DIRECTION, omega)
    split = {v: sp.sqrt(a * (1 - r)) / deviation, variance: a * r}
    record(
        Identity(
            "the share of noise",
            r"With $a = v^2\theta^2 + \Sigma$ and $r = \Sigma/a$ the variance of the code and the share of noise in it part.",
            sp.expand_log(sp.simplify(DIRECTION.subs(omega, decoder).subs(split))),
            IN_SHARE + OWN.subs(u, a / eta_enc**2),
        )
    )
    best_u = stationary_point(record, "the code variance", OWN, u)
    record(
        Vanishes("the code variance costs nothing", "At the prior's variance nothing is left of it.", OWN, u, best_u)
    )
    share = FLOOR / m
    record(
        Identity(
            "the marginal variance",
            r"With $m = \beta_{mi}\eta_{dec}^2/r$ this is the direction of a VAE whose weight is that of the mutual information.",
            IN_SHARE.subs(r, share),
            IN_MARGINAL,
        )
    )
    best = minimise_on_half_line(
        record,
        "the log marginal variance",
        IN_MARGINAL.subs(m, sp.exp(log_m)),
        log_m,
        sp.log(FLOOR),
        exponential=True,
    )
    ratio = threshold_ratio(record, "the data variance", best, deviation) ** 2
    signal = (m - FLOOR) / deviation**2
    record(
        Identity(
            "the share of signal",
            r"The share $1 - r$ may be written $(m - \beta_{mi}\eta_{dec}^2)/\theta^2$: the difference vanishes at both values of the best $m$.",
            1 - share - signal,
            (m - FLOOR) * (deviation**2 - m) / (m * deviation**2),
        )
    )
    code_variance = best_u * eta_enc**2
    weights = (sp.simplify(e.subs(split)).subs(r, 1 - signal).subs(a, code_variance) for e in (decoder, v))
    best_decoder, encoder = map(sp.simplify, weights)
    return Minimum(encoder, split[variance].subs({a: code_variance, r: share}), best, ratio), best_decoder


g, information = indexed("g", nonnegative=True), sp.Symbol("iota", real=True)
fit, misfit = sp.symbols("f e", nonnegative=True)


def factor(xp: ArrayNamespace, v: Point, data: Point) -> Matrix:
    """Return F = S⁻¹ W C^{1/2}."""
    return xp.solve(v.S, v.W @ data.root)


STATISTICS = (
    Statistic(
        misfit,
        r"$\mathrm{E}\|x - Uz\|^2$",
        lambda xp, v, data, p: vae.misfit(xp, data.root, v.U @ v.W @ data.root, v.U, v.S),
    ),
    Statistic(information, "$2 I(x; z)$", twice_information),
    Statistic(
        fit,
        r"$\mathrm{tr}(C^{1/2} (I + F^T F)^{-1} C^{1/2})$ with $F = S^{-1} W C^{1/2}$",
        lambda xp, v, data, p: xp.explained(factor(xp, v, data), data.root),
    ),
    Statistic(
        g,
        "eigenvalues of $F F^T$",
        lambda xp, v, data, p: xp.singular_values(factor(xp, v, data), data.root.shape[-1]) ** 2,
    ),
)
"""What the bounds are written in."""


def chain(record: StepRecorder, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: mutual information alone, best decoder, one scalar problem for each eigenvalue."""
    informed = beta_mi * sp.Sum(sp.log(1 + g[k]), (k, 1, D))
    summand = IN_MARGINAL.subs({m: sp.exp(log_m), deviation: theta[k]})
    bounds = (
        Bound(
            "mutual information alone",
            misfit / eta_dec**2 + beta_mi * information,
            r"Total correlation and dimension-wise divergence are nonnegative; both vanish only where $A = \eta_{enc}^2 I$.",
            (
                HADAMARD.name,
                "the code variance is convex",
                "the code variance is stationary",
                "the code variance costs nothing",
            ),
        ),
        Bound(
            "minimum over the decoder",
            fit / eta_dec**2 + informed,
            r"For a given encoder the misfit is a square in the decoder, and $\det A = \det\Sigma \det(I + F F^T)$.",
            (BEST_DECODER.name, "the decoder weight is stationary"),
        ),
        Bound(
            "sum over eigenvalues",
            sp.Sum(theta[k] ** 2 / (eta_dec**2 * (1 + g[k])), (k, 1, D)) + informed,
            "The trace of $C (I + F^T F)^{-1}$ is smallest when the eigenvalues are paired in order.",
            (TRACE_INEQUALITY.name,),
        ),
        Bound(
            "predicted value",
            value,
            "Each summand is at least its minimum; at most $d$ eigenvalues of $F F^T$ are nonzero.",
            ("the log marginal variance is convex", "the log marginal variance is stationary"),
        ),
    )
    separable = Separable(
        (Piece(summand, sp.log(FLOOR)),), log_m, k, D, free=k <= d, reading=sp.log(FLOOR * (1 + g[k]))
    )
    return Proof(tuple(record.steps), (HADAMARD, BEST_DECODER, TRACE_INEQUALITY), STATISTICS, bounds, separable)


CLAIM = Claim(
    id="vae-information-weights",
    title="Linear VAE with its divergence weighed in three parts: the mutual information alone decides what collapses",
    short_title="Linear VAE, three weights",
    chapter="one level",
    source=CHEN,
    verdict=Verdict.HOLDS,
    statement=(
        "The divergence is the sum of mutual information, total correlation and dimension-wise divergence, with weights $\\beta_{{mi}}$, "
        "$\\beta_{{tc}}$ and $\\beta_{{kl}}$, all positive. At every global minimum the latent directions pair with the principal axes of "
        "the data, $d$ largest first, and the code has the covariance $\\eta_{{enc}}^2 I$. With $m_k = {m}$ direction $k$ has the squared "
        "decoder singular value ${decoder}$, the squared whitened encoder singular value ${encoder}$ and the posterior variance "
        "${variance}$. It is collapsed, its posterior equal to the prior, iff $\\theta_k^2 \\le {critical}$, or $k > d$. Neither the "
        "minimiser nor its value depends on $\\beta_{{tc}}$ and $\\beta_{{kl}}$. Where $d$ cuts through a group of equal $\\theta_k$ "
        "this holds up to a rotation within the group. (The paper names the decomposition; the minimum is derived here. With "
        "$\\beta_{{tc}}$ or $\\beta_{{kl}}$ zero the value stays the same, but the code need not have this covariance.)"
    ),
    setting=vae.SETTING.replace(", in which $\\beta$ weighs the divergence from the prior", "")
    + " Here the data are Gaussian, and the divergence is split into mutual information, total correlation and dimension-wise "
    "divergence, each with a weight of its own.",
    idea=(
        "Misfit and mutual information do not see an invertible change of the code, if the decoder undoes it. So the two other parts "
        "are free to vanish: a code with the covariance of the prior costs nothing in either. What is left weighs how much the "
        "code knows against how well it decodes, and falls apart into one scalar problem for each direction of the data."
    ),
    problem=PROBLEM,
    derive=derive,
)
