"""Two-level linear VAE with both encoder variances learnable: z_2 collapses, or is arbitrary, or there is no minimum.

Setting: Markov hierarchy x → z_1 → z_2 with encoders z_1|x ~ N(W_1 x, Σ_1) and z_2|z_1 ~ N(W_2 z_1, Σ_2) with any covariances
Σ_1 = S_1 S_1ᵀ and Σ_2 = S_2 S_2ᵀ; decoders z_1|z_2 ~ N(U_2 z_2, η_dec² I) and x|z_1 ~ N(U_1 z_1, η_dec² I); prior z_2 ~ N(0, η_enc² I).
Minimise E‖x − U_1 z_1‖²/η_dec² + 2β_1 E[log q(z_1|x) − log p(z_1|z_2)] + 2β_2 E KL(q(z_2|z_1) ‖ p(z_2)). The data are zero-mean
with covariance diag(θ_i²): its principal axes are the coordinate axes, which a rotation of x brings about for any data.
Source: the model is that of Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), who keep Σ_1 fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Matrix, Number, Row
from theory.point import Point
from theory.posterior_collapse import hierarchy as two
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.hierarchy import KAPPA, beta_1, beta_2, d_1, d_2
from theory.posterior_collapse.hierarchy_direction import (
    Direction,
    Reduction,
    TopPosterior,
    a,
    code,
    deviation,
    omega,
    reduce,
    y,
)
from theory.posterior_collapse.lemmas import GAUSSIAN_POSTERIOR, RIDGE, TRACE_INEQUALITY
from theory.problem import GreaterThan, Invariant, Parameter, Problem, Variable
from theory.proof import (
    Bound,
    Identity,
    Nonnegative,
    Piece,
    Prediction,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
    Vanishes,
)
from theory.results import Decides, Letter, Measured, Reading, Result, Shown, with_letters
from theory.scalar import ScalarMinimum, minimise_on_half_line, stationary_point, threshold_ratio
from theory.symbols import D, eta_dec, eta_enc, indexed, j, k, positive, theta

ABOVE = GreaterThan("beta1", "at equal weights z_2 is arbitrary, at a smaller beta2 the objective is unbounded below")


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the loss of the hierarchy with Σ_1 = S_1 S_1ᵀ and Σ_2 = S_2 S_2ᵀ."""
    return two.hierarchical_loss(xp, v, data, p, v.S_1, v.S_2)


def log_det_code(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return log det A of the covariance A = W_1 C W_1ᵀ + S_1 S_1ᵀ of the code."""
    root = xp.beside(two.whitened(v, data), v.S_1)
    return xp.logdet_of_gram(xp.cross(root, root)) / 2


TOP_DIVERGENCE = Invariant(
    "top_divergence",
    r"$2\,\mathrm{E\,KL}(q(z_2|z_1) \,\|\, p(z_2))$: zero iff the posterior of $z_2$ is the prior in every direction",
    lambda xp, v, data, p: vae.twice_kl(xp, v.W_2 @ xp.beside(two.whitened(v, data), v.S_1), v.S_2, p),
    kind="scalar",
)
CODE_MISMATCH = Invariant(
    "code_mismatch",
    r"$\mathrm{tr}(A/\eta_{dec}^2) - \log\det(A/\eta_{dec}^2) - d_1$ with $A = W_1 C W_1^T + \Sigma_1$: zero iff "
    r"$A = \eta_{dec}^2 I$",
    lambda xp, v, data, p: (
        xp.squared_norm(xp.beside(two.whitened(v, data), v.S_1)) / p[eta_dec] ** 2
        + xp.rows(v.S_1) * (xp.log(p[eta_dec] ** 2) - 1)
        - log_det_code(xp, v, data, p)
    ),
    kind="scalar",
)
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
        *vae.gram_invariants(
            "U_1",
            "W_1",
            lambda v, data: v.S_1,
            theta[1] ** 2,
            "encoder_gram",
            r"\Sigma_1",
            prior=eta_dec,
            noise_unit=beta_1 * eta_dec**2,
        ),
        CODE_MISMATCH,
        two.TOP_DECODER_SPECTRUM,
        TOP_DIVERGENCE,
    ),
)


# One direction of the loss.
lower, m = positive("Sigma_1"), positive("m")
log_m = sp.Symbol("ell", real=True)
gain = indexed("g", nonnegative=True)
DIRECTION = Direction(
    TopPosterior(
        variance=positive("Sigma"),
        root=lambda xp, v, p: v.S_2,
        penalty=lambda size: beta_2 * sp.log(1 + size / KAPPA**2),
        lemma=GAUSSIAN_POSTERIOR,
    ),
    lower,
)
OF_DATA = DIRECTION.data_cost.subs(lower, a / m) + beta_1 * sp.log(m)
"""What the data of a direction cost, in m = a/Σ_1."""
OF_CODE = DIRECTION.code_cost(a, y) - beta_1 * (1 + sp.log(a / eta_dec**2))
"""What the code of a direction costs, in a and y = ω²."""
LEFT = (beta_2 - beta_1) * sp.log(1 + y / KAPPA**2)
"""What a direction costs more than at ω = 0, at the best code for y = ω²."""
OF_DIRECTION = OF_DATA.subs({m: 1 + gain[k], deviation: theta[k]})
"""What direction k costs at the best code and ω = 0, in the eigenvalue g_k = m − 1 of G."""


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to directions, minimise one, follow the curve of the best ones, predict its start, and chain the bounds."""
    record = StepRecorder()
    reduction = reduce(record, problem, DIRECTION)
    minimum = minimise(record)
    follow_curve(record, problem, reduction, minimum)
    prediction = predict(problem, reduction, minimum)
    return Derivation(chain(record, prediction.minimum), prediction, DIRECTION.letters[:1])


@dataclass(frozen=True)
class Minimum:
    """The minimum of a direction.

    ``code`` is the best a for a given y = ω², ``best`` the minimum over log m ≥ 0, and ``ratio`` is θ² over the value that it has to
    exceed for the direction of z_1 to live.
    """

    code: sp.Expr
    best: ScalarMinimum
    ratio: sp.Expr


def minimise(record: StepRecorder) -> Minimum:
    """Prove that data and code have their own costs, and minimise that of the code over a and ω², and that of the data over m ≥ 1."""
    whole = DIRECTION.data_cost + DIRECTION.code_cost(a, y) + DIRECTION.idle
    says = r"With $m = a/\Sigma_1$ the data and the code have their own costs."
    record(Identity("the costs fall apart", says, whole.subs(lower, a / m), OF_DATA + OF_CODE))
    best_code = stationary_point(record, "the code variance", OF_CODE, a)
    says = r"At that variance of the code only the decoder of $z_2$ is left, $y = \omega^2$."
    record(Identity("what is left of the code", says, OF_CODE.subs(a, best_code), LEFT))
    says = r"With $\beta_2 = \beta_1 + \delta$ it is zero at $y = 0$ and positive elsewhere."
    record(Nonnegative("the upper level costs", says, LEFT.subs(beta_2, beta_1 + positive("delta"))))
    in_log = OF_DATA.subs(m, sp.exp(log_m))
    best = minimise_on_half_line(record, "the log of m", in_log, log_m, sp.Integer(0), exponential=True)
    return Minimum(best_code, best, threshold_ratio(record, "the data deviation", best, deviation) ** 2)


def on_curve(reduction: Reduction, minimum: Minimum, gain: sp.Expr, size: sp.Expr) -> dict[str, sp.Expr]:
    """Return the entries of the best diagonal variables at m = 1 + ``gain`` and ω² = κ²(e^``size`` − 1), for roots their squares."""
    square = KAPPA**2 * (sp.exp(size) - 1)
    variance = sp.simplify(minimum.code.subs(y, square))
    here = {lower: variance / (1 + gain), code: sp.sqrt(variance) * sp.sqrt(gain / (1 + gain))}
    here |= {omega: sp.sqrt(square), a: variance, deviation: theta[k]}
    return {name: sp.simplify(entry.subs(here, simultaneous=True)) for name, entry in reduction.best.items()}


def follow_curve(record: StepRecorder, problem: Problem, reduction: Reduction, minimum: Minimum) -> None:
    """Prove what the loss is along the curve of the best variables, and that it has no lower bound where β_2 < β_1."""
    size = indexed("s", nonnegative=True)
    v = DIRECTION.diagonals(on_curve(reduction, minimum, gain[k], size[k]))
    point = StructuredPoint(problem, SymbolicArrays(D), v, {})
    rise, drop, delta = (beta_2 - beta_1) * size[k], positive("c"), positive("delta")
    says = "The loss along a curve: the best variables at $\\omega_k^2 = \\kappa^2(e^{s_k} - 1)$, $s_k \\ge 0$."
    record(Identity("along the curve", says, point.loss(), sum_over(OF_DIRECTION, k, D) + sum_over(rise, k, D)))
    says = "At $\\beta_1 = \\beta_2$ the loss is the same all along it: $z_2$ is arbitrary."
    record(Vanishes("equal weights", says, rise, beta_2, beta_1))
    says = "At $\\beta_1 = \\beta_2 + \\delta$ one direction takes it down by any $c > 0$, with $s_k = c/\\delta$: no lower bound."
    fallen = rise.subs(beta_1, beta_2 + delta).subs(size[k], drop / delta)
    record(Identity("a larger lower weight", says, fallen, -drop))


def predict(problem: Problem, reduction: Reduction, minimum: Minimum) -> Prediction:
    """Predict the point for β_1 < β_2: the start of the curve, with the best m for the data of the first d_1 directions."""
    alive = sp.simplify(sp.exp(minimum.best.point).subs(deviation, theta[k]) - 1)
    entries = on_curve(reduction, minimum, gain[k], sp.Integer(0))
    sizes = {gain: sp.Piecewise((alive, k <= d_1), (0, True))}
    ratio = minimum.ratio.subs(deviation, theta[k])
    of_top, of_code = two.latent_levels((), (0,), lambda xp, v, p: v.S_1, lambda xp, v, p: v.S_2)
    point = StructuredPoint(problem, SymbolicArrays(D), DIRECTION.diagonals(entries), sizes)
    # The squared singular values of decoder and whitened encoder, and the posterior variance.
    squares = (sp.simplify(entries["U_1"] ** 2), sp.simplify((theta[k] * entries["W_1"]) ** 2), entries["S_1"])
    return point.predict(
        sum_over(OF_DIRECTION, k, D),
        Threshold(ratio, k, D, tuned="eta_dec", within_rank=k <= d_1, of="z_1"),
        named=with_letters(
            _named(minimum.code, ratio, *(square.subs(gain[k], alive) for square in squares)),
            Letter(indexed("m", positive=True)[k], alive + 1),
        ),
        levels=(of_code, of_top),
    )


def _named(
    best_code: sp.Expr, ratio: sp.Expr, decoder: sp.Expr, encoder: sp.Expr, variance: sp.Expr
) -> dict[str, Result]:
    """Return what the statement names."""

    def codes(reading: Reading) -> Row:
        root = reading.xp.beside(two.whitened(reading.v, reading.data), reading.v.S_1)
        return reading.xp.singular_values(root, reading.p[d_1]) ** 2

    return {
        "encoder": vae.of_encoder(encoder, eta_dec, k <= d_1),
        "decoder": vae.of_decoder(decoder, theta[k] ** 2, eta_dec, k <= d_1),
        "variance": vae.of_variance(variance, "S_1", eta_dec, k <= d_1),
        "critical": Decides(sp.simplify(theta[k] ** 2 / ratio), lambda critical: theta[k] ** 2 / critical),
        "code": Measured(best_code.subs(y, 0), codes, ((k, d_1),), unit=eta_dec**2),
        "code_for_top": Shown(best_code, "the code variance is stationary"),
        "left": Shown(LEFT, "what is left of the code"),
    }


def seen(xp: ArrayNamespace, v: Point, data: Point) -> Matrix:
    """Return a root of G = C^{1/2} W_1ᵀ Σ_1⁻¹ W_1 C^{1/2}: the whitened encoder in units of the noise."""
    return xp.solve(v.S_1, two.whitened(v, data))


fit, code_fit = sp.symbols("f c", nonnegative=True)
log_det = sp.Symbol("alpha", real=True)
STATISTICS = (
    Statistic(
        fit,
        r"$\mathrm{tr}(C (I + G)^{-1})$ with $G = C^{1/2} W_1^T \Sigma_1^{-1} W_1 C^{1/2}$",
        lambda xp, v, data, p: xp.explained(seen(xp, v, data), data.root),
    ),
    Statistic(
        gain,
        "eigenvalues of $G$",
        lambda xp, v, data, p: xp.singular_values(seen(xp, v, data), data.root.shape[-1]) ** 2,
    ),
    two.explained_code(lambda xp, v, p: v.S_1, code_fit, r"\Sigma_1"),
    Statistic(log_det, r"$\log\det A$", log_det_code),
    two.TOP_DECODER,
)
"""What the bounds are written in, measured at a point."""


def chain(record: StepRecorder, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: best U_1 and posterior of z_2, best code, no z_2, then eigenvalues of G alone."""
    y_k = two.top_squares[k]
    data = fit / eta_dec**2 + beta_1 * sp.Sum(sp.log(1 + gain[k]), (k, 1, D))
    of_code = beta_1 * (KAPPA**2 * code_fit / eta_dec**2 - log_det + d_1 * sp.log(eta_dec**2) - d_1)
    bounds = (
        Bound(
            "minimum over the lower decoder and the upper posterior",
            data + of_code + sp.Sum(DIRECTION.top.penalty(y_k), (k, 1, d_1)),
            r"For a given code the loss is a square in $U_1$; for given $U_2$ the best posterior of $z_2$ is known; "
            r"$\det A = \det\Sigma_1 \det(I + G)$.",
            (RIDGE.name, GAUSSIAN_POSTERIOR.name, "the two sizes", "the costs fall apart"),
        ),
        Bound(
            "minimum over the code",
            data + sp.Sum(LEFT.subs(y, y_k), (k, 1, d_1)),
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
            sum_over(OF_DIRECTION, k, D),
            "The trace is smallest when the eigenvalues are paired in order.",
            (TRACE_INEQUALITY.name,),
        ),
        Bound(
            "predicted value",
            value,
            "Each summand is at least its minimum; at most $d_1$ eigenvalues of $G$ are nonzero.",
            ("the log of m is convex", "the log of m is stationary"),
        ),
    )
    in_log = OF_DIRECTION.subs(gain[k], sp.exp(log_m) - 1)
    separable = Separable((Piece(in_log, sp.Integer(0)),), log_m, k, D, free=k <= d_1, reading=sp.log(1 + gain[k]))
    lemmas = (RIDGE, GAUSSIAN_POSTERIOR, TRACE_INEQUALITY)
    return Proof(tuple(record.steps), lemmas, STATISTICS, bounds, separable)


CLAIM = Claim(
    id="hvae-learnable-variances",
    title="Two-level linear VAE with both variances learnable: the top level collapses",
    short_title="Two levels, learnable variances",
    chapter="two levels",
    source=vae.VAE,
    verdict=Verdict.HOLDS,
    statement=(
        "For $\\beta_1 < \\beta_2$, assumed from here on, $z_2$ has collapsed at every global minimum, in every direction and "
        "whatever the data: $U_2 = 0$, $W_2 = 0$ and $\\Sigma_2 = \\eta_{{enc}}^2 I$. The code $z_1$ has covariance ${code} I$, and "
        "its directions pair with the principal axes of the data, $d_1$ largest first: with $m_k = {m}$ direction $k$ has the "
        "squared decoder singular value ${decoder}$, the squared whitened encoder singular value ${encoder}$ and the posterior "
        "variance ${variance}$. It is collapsed, too, iff $\\theta_k^2 \\le {critical}$, or $k > d_1$. Where $d_1$ cuts through a "
        "group of equal $\\theta_k$ this holds up to a rotation within the group.\n\nWith the best code for an eigenvalue $y$ of "
        "$U_2 U_2^T$, of variance ${code_for_top}$, the loss exceeds its value at $U_2 = 0$ by ${left}$. So for $\\beta_1 = "
        "\\beta_2$ every $U_2$ attains the minimum, with $z_2$ used or not; and for $\\beta_1 > \\beta_2$ there is none: the loss "
        "is unbounded below."
    ),
    setting=two.SETTING + " Both covariances $\\Sigma_1 = S_1 S_1^T$ and $\\Sigma_2 = S_2 S_2^T$ are learned.",
    idea=(
        "For a given decoder of the upper level everything else has a known best value, and the code is at its best "
        "where it has one variance in every direction that the upper level does not describe. Using the upper level "
        "then costs a multiple of the difference of the two weights for every direction that is used. If the upper "
        "level is the more expensive one it is not used at all, and what is left is a linear VAE on the data."
    ),
    problem=PROBLEM,
    derive=derive,
)
