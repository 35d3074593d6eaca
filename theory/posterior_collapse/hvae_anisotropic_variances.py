"""Two-level linear VAE whose lower latent directions have a given variance each: the largest θ takes the smallest σ_1.

Setting: Markov hierarchy x → z_1 → z_2 with encoders z_1|x ~ N(W_1 x, Σ_1) and z_2|z_1 ~ N(W_2 z_1, σ_2² I), with a given
Σ_1 = diag(σ_{1,i}²) and a given σ_2; decoders z_1|z_2 ~ N(U_2 z_2, η_dec² I) and x|z_1 ~ N(U_1 z_1, η_dec² I); prior
z_2 ~ N(0, η_enc² I); z_2 has at least as many directions as z_1. Minimise E‖x − U_1 z_1‖²/η_dec² + 2β_1 E[log q(z_1|x) −
log p(z_1|z_2)] + 2β_2 E KL(q(z_2|z_1) ‖ p(z_2)). The data are zero-mean with covariance diag(θ_i²): its principal axes are the
coordinate axes, which a rotation of x brings about for any data. Renaming the directions of z_1 changes nothing, so σ_1 is taken in
ascending order.
Source: the model is that of Dang et al., "Beyond Vanilla Variational Autoencoders" (ICLR 2024), who take Σ_1 = σ_1² I.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.algebra import SymbolicArrays, sum_over
from theory.claim import Claim, Derivation, Verdict
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number, Row
from theory.point import Point
from theory.posterior_collapse import hierarchy as two
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.hierarchy import KAPPA, beta_1, d_1, d_2
from theory.posterior_collapse.hierarchy_chain import separable_bound
from theory.posterior_collapse.hierarchy_direction import Direction, Reduction, a, code, omega, reduce, y
from theory.posterior_collapse.hierarchy_prediction import Minimiser, minimiser
from theory.posterior_collapse.hierarchy_regimes import Regimes, log_a, minimise
from theory.posterior_collapse.hvae_fixed_variances import (
    GIVEN_TOP_NOISE,
    TOP,
    alive_code,
    alive_top,
    sigma_2,
    top_noise,
)
from theory.posterior_collapse.lemmas import LOG_MAJORISATION, RIDGE, TRACE_INEQUALITY
from theory.problem import Invariant, Parameter, PositivePerDimension, Problem, WidthPair
from theory.proof import (
    Bound,
    Convex,
    Prediction,
    Proof,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
)
from theory.results import Decides, Letter, Measured, Reading, Result, with_letters
from theory.symbols import D, eta_dec, indexed, j, k, theta

SIGMA = indexed("sigma_1", positive=True)
"""Standard deviations of the directions of z_1 given x, in ascending order."""


def root_of_noise(xp: ArrayNamespace) -> Matrix:
    """Return the root diag(σ_{1,1}, …, σ_{1,d_1}) of Σ_1."""
    return xp.diagonal(SIGMA, d_1)


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the loss of the hierarchy with Σ_1 = diag(σ_{1,i}²) and Σ_2 = σ_2² I."""
    return two.hierarchical_loss(xp, v, data, p, root_of_noise(xp), top_noise(xp, v, p))


def seen(xp: ArrayNamespace, v: Point, data: Point) -> Matrix:
    """Return a root of G = C^{1/2} W_1ᵀ Σ_1⁻¹ W_1 C^{1/2}: the whitened encoder in units of the noise."""
    return xp.solve(root_of_noise(xp), two.whitened(v, data))


def top_gram(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """Return U_2 U_2ᵀ."""
    return v.U_2 @ xp.transpose(v.U_2)


def _signal_gram(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    return xp.transpose(seen(xp, v, data)) @ seen(xp, v, data)


def bind(values: Values) -> Bindings:
    """Return the values of the symbols, with σ_1 in ascending order.

    A direction of the data without one of z_1 counts as a latent direction whose posterior is the prior.
    """
    spare = [values["eta_dec"]] * (len(values["theta"]) - len(values["sigma1"]))
    return {**two.bind(values), SIGMA: (*sorted(values["sigma1"]), *spare), sigma_2: values["sigma2"]}


def _default_dimensions(values: Values) -> tuple[int, int]:
    """Return d_1 = d_2: the number of σ_1 that are given, or that of the data where one σ_1 stands for all."""
    listed = len(values["sigma1"])
    return (listed, listed) if listed > 1 else (len(values["theta"]), len(values["theta"]))


PROBLEM = two.hierarchy(
    loss,
    parameters=two.parameters(
        GIVEN_TOP_NOISE,
        latent=(
            Parameter("sigma1", PositivePerDimension(), r"standard deviations $\sigma_{1,i}$ of $z_1$ given $x$"),
            Parameter("latent_dim", WidthPair(rising=True), two.LATENT_DIM.means, default=_default_dimensions),
        ),
        decoder_meets="sigma1",
    ),
    variables=two.variables(alive_code, alive_top, SIGMA),
    invariants=(
        # The spectrum of G falls from direction to direction. That of the encoder need not, so G tells directions apart.
        Invariant(
            "signal_gram",
            r"$C^{1/2} W_1^T \Sigma_1^{-1} W_1 C^{1/2}$, the whitened encoder of $z_1$ in units of its noise",
            _signal_gram,
            shows_collapse=True,
        ),
        Invariant(
            "encoder_gram",
            "$C^{1/2} W_1^T W_1 C^{1/2}$, the whitened encoder of $z_1$",
            two.encoder_gram,
            unit=SIGMA[1] ** 2,
        ),
        Invariant("decoder_gram", "$U_1 U_1^T$", two.decoder_gram, unit=theta[1] ** 2 / SIGMA[1] ** 2),
        Invariant(
            "transported_top_gram",
            "$C^{1/2} W_1^T U_2 U_2^T W_1 C^{1/2}$, the decoder of $z_2$ seen from the data",
            two.transported,
            unit=SIGMA[1] ** 2 * KAPPA**2,
        ),
        Invariant(
            "top_decoder_gram",
            "$U_2 U_2^T$",
            top_gram,
            kind="latent",
            unit=KAPPA**2,
            latent=d_1,
            noise=SIGMA,
        ),
    ),
    binding=bind,
    partner=SIGMA,
)

DIRECTION = Direction(TOP, noise=SIGMA)
WITHIN = k <= d_1
"""Whether direction k has a partner in z_1, and so in z_2."""


def derive(problem: Problem) -> Derivation:
    """Reduce the loss to two sizes a direction, minimise over them, predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    reduction = reduce(record, problem, DIRECTION)
    regimes = minimise(record, DIRECTION)
    prove_convex_code(record, regimes)
    prediction = predict(problem, reduction, minimiser(DIRECTION, regimes))
    return Derivation(chain(record, regimes, prediction.minimum), prediction, DIRECTION.letters)


def code_alone(regimes: Regimes) -> tuple[sp.Expr, sp.Expr]:
    """Return what the code of a direction costs at the best ω², in a: with z_2 collapsed, and alive."""
    off, on = (sp.expand(regime.cost - DIRECTION.data_cost) for regime in (regimes.off, regimes.on))
    return off, on


def prove_convex_code(record: StepRecorder, regimes: Regimes) -> None:
    """Prove that the code of a direction costs a strictly convex function of log a, with z_2 collapsed and alive."""
    for name, cost in zip(("without", "with"), code_alone(regimes), strict=True):
        says = rf"{name.capitalize()} $z_2$ what the code costs is strictly convex in $\ell = \log a$."
        record(Convex(f"the code {name} the top code is convex", says, cost.subs(a, sp.exp(log_a)), log_a))


def predict(problem: Problem, reduction: Reduction, best: Minimiser) -> Prediction:
    """Predict the point: the directions of z_1 paired with the principal axes, the largest θ with the smallest σ_1, and zero beyond d_1."""
    x_k, y_k, a_k = (indexed(name, nonnegative=True) for name in "xya")
    unknowns = {
        x_k: sp.Piecewise((best.encoder, WITHIN), (0, True)),
        y_k: sp.Piecewise((best.top, WITHIN), (0, True)),
        # The decoder of the data is zero unless λ > 0, where a lies above its floor.
        a_k: sp.Max(best.off, best.on),
    }
    sizes = {code: sp.sqrt(x_k[k]), omega: sp.sqrt(y_k[k]), **DIRECTION.here}
    of_code = code**2 + DIRECTION.lower
    entries = {name: entry.subs(of_code, a_k[k]).subs(sizes) for name, entry in reduction.best.items()}
    point = StructuredPoint(problem, SymbolicArrays(D), DIRECTION.diagonals(entries), unknowns)
    levels = two.latent_levels(
        (0,), (0, 1), lambda xp, v, p: root_of_noise(xp), TOP.root, TOP.keeps_prior, sp.Eq(SIGMA[k], eta_dec)
    )
    thresholds = (
        Threshold(best.top_ratio, k, D, tuned="beta2", within_rank=WITHIN, of="z_2", telling="top_decoder_gram"),
        Threshold(best.code_ratio, k, D, tuned="theta", within_rank=WITHIN, of="z_1"),
    )
    prediction = point.predict(_value(best), *thresholds, named=_named(best), levels=levels)
    # Both sizes are positive only where ``on`` is the code: above its floor, and above the critical value.
    both = {
        x_k: sp.Piecewise((sp.Max(0, best.on - best.floor), WITHIN), (0, True)),
        y_k: sp.Max(0, best.tops[1] - KAPPA**2),
    }
    invariants = dict(prediction.invariants)
    for name, measure, filled in (
        ("transported_top_gram", two.transported, both),
        ("top_decoder_gram", top_gram, {y_k: best.top}),  # which has no direction beyond d_1
    ):
        entry = replace(point, unknowns=filled).fill_in(sp.simplify(point.measure(measure).entry(k, j)))
        invariants[name] = invariants[name].replace_expression(entry)
    return replace(prediction, invariants=invariants)


def _value(best: Minimiser) -> sp.Expr:
    """Return the predicted value: the data of all D directions, the code of d_1, and what z_1 and z_2 cost by themselves."""
    size = sp.Max(KAPPA**2, *best.tops) - KAPPA**2
    encoded = (DIRECTION.data_cost.subs(DIRECTION.here) + DIRECTION.code_cost(a, y)).subs({a: best.code, y: size})
    return (
        sum_over(encoded, k, d_1)
        + sp.Sum(theta[j] ** 2 / eta_dec**2, (j, d_1 + 1, D))
        + DIRECTION.all_idle
        + d_2 * TOP.own
    )


def _codes(reading: Reading) -> Row:
    """Measure the variances of the code, direction by direction."""
    return reading.diagonal("encoder_gram") + reading.p[SIGMA] ** 2


def _named(best: Minimiser) -> dict[str, Result]:
    """Return what the statement names."""
    code_lives, top_lives = sp.And(WITHIN, best.code_ratio > 1), best.top_ratio > 1
    a_k = indexed("a", nonnegative=True)
    unit = SIGMA[1] ** 2

    def of_code(formula: sp.Expr, top: Boolean) -> Measured:
        return Measured(formula, _codes, ((k, D),), sp.And(code_lives, top), unit=unit)

    results: dict[str, Result] = {
        "code_with_top": of_code(best.on, top_lives),
        "code_without_top": of_code(best.off, sp.Not(top_lives)),
        "critical_code": Decides(best.critical, lambda critical: a_k[k] / critical, where=WITHIN, given={a_k: _codes}),
        "encoder": vae.of_encoder(best.encoder, SIGMA[1], WITHIN),
        "top": Measured(best.top, lambda reading: reading.diagonal("top_decoder_gram"), ((k, d_1),), unit=KAPPA**2),
        "code_ratio": Decides(best.code_ratio, lambda ratio: ratio, threshold=1, where=WITHIN),
        "top_ratio": Decides(best.top_ratio, lambda ratio: ratio, where=WITHIN),
    }
    return with_letters(results, Letter(indexed("a^-")[k], best.off), Letter(indexed("a^+")[k], best.on))


fit, code_fit = sp.symbols("f g", nonnegative=True)
gain, variance = indexed("x", nonnegative=True), indexed("alpha", positive=True)
STATISTICS = (
    Statistic(
        fit,
        r"$\mathrm{tr}(C (I + G)^{-1})$ with $G = C^{1/2} W_1^T \Sigma_1^{-1} W_1 C^{1/2}$",
        lambda xp, v, data, p: xp.explained(seen(xp, v, data), data.root),
    ),
    two.explained_code(lambda xp, v, p: root_of_noise(xp), code_fit, r"\Sigma_1"),
    Statistic(
        gain,
        "eigenvalues of $G$",
        lambda xp, v, data, p: xp.singular_values(seen(xp, v, data), data.root.shape[-1]) ** 2,
    ),
    Statistic(
        variance,
        r"eigenvalues of $A = W_1 C W_1^T + \Sigma_1$",
        lambda xp, v, data, p: xp.singular_values(xp.beside(two.whitened(v, data), root_of_noise(xp)), p[d_1]) ** 2,
    ),
    two.TOP_DECODER,
)
"""What the bounds are written in, measured at a point."""


def chain(record: StepRecorder, regimes: Regimes, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: best U_1 and posterior of z_2, spectra alone, best ω², then σ_1 in its best order."""
    constant, y_k = DIRECTION.all_idle + d_2 * TOP.own, two.top_squares[k]
    of_data = sum_over(theta[k] ** 2 / ((1 + gain[k]) * eta_dec**2), k, D)
    off, on = (cost.subs(a, variance[k]) for cost in code_alone(regimes))
    paired = (1 + gain[k]) * SIGMA[k] ** 2
    separable = separable_bound(DIRECTION, regimes, constant, paired, described=sp.true)
    alone = "the log decoder of the code is convex", "the log decoder of the code is stationary"
    regimes_of_code = [f"the code {name} the top code is convex" for name in ("without", "with")]
    minima = [
        f"the log code variance {name} the top code is {what}"
        for name in ("without", "with")
        for what in ("convex", "stationary")
    ]
    bounds = (
        Bound(
            "minimum over the lower decoder and the upper posterior",
            fit / eta_dec**2
            + beta_1 * KAPPA**2 * code_fit / eta_dec**2
            + sum_over(TOP.penalty(y_k), k, d_1)
            + constant,
            "For a given code the loss is a square in $U_1$; for given $U_2$ the best posterior of $z_2$ is known.",
            (RIDGE.name, "the decoder of the data is stationary", "the two sizes"),
        ),
        Bound(
            "sum over eigenvalues",
            of_data + sum_over(DIRECTION.code_cost(variance[k], y_k), k, d_1) + constant,
            "Both traces are smallest when the eigenvalues are paired in order.",
            (TRACE_INEQUALITY.name,),
        ),
        Bound(
            "minimum over the upper decoder",
            of_data + sum_over(sp.Piecewise((off, variance[k] <= regimes.top.critical), (on, True)), k, d_1) + constant,
            r"As $d_1 \le d_2$, each eigenvalue of $A$ may have its best $\omega^2$.",
            (*alone, "the code variance is monotone"),
        ),
        Bound(
            "the best order of the given variances",
            separable.total(),
            r"$A$ is $\Sigma_1^{1/2} (I + F F^T) \Sigma_1^{1/2}$, where $F F^T$ has the eigenvalues $x_k$ of $G$. So the logarithms of "
            r"its eigenvalues majorise those of $(1 + x_k) \sigma_{1,k}^2$, and a sum of equal convex functions of them is not less.",
            (LOG_MAJORISATION.name, *regimes_of_code, "the slopes above", "the slopes below"),
        ),
        Bound(
            "predicted value",
            value,
            "Each summand is at least its minimum; at most $d_1$ eigenvalues of $G$ are not zero.",
            (*minima, "the slopes above", "the slopes below"),
        ),
    )
    return Proof(tuple(record.steps), (RIDGE, TRACE_INEQUALITY, LOG_MAJORISATION), STATISTICS, bounds, separable)


CLAIM = Claim(
    id="hvae-anisotropic-variances",
    title="Two-level linear VAE with a given variance for each direction: the largest θ takes the smallest σ",
    short_title="Two levels, a given variance each",
    chapter="two levels",
    source=vae.VAE,
    verdict=Verdict.HOLDS,
    statement=(
        "Let $d_1 \\le D$ and $d_1 \\le d_2$. At every global minimum the directions of $z_1$ pair with the principal axes of the data, "
        "$d_1$ largest first, and the largest $\\theta$ takes the smallest $\\sigma_1$. Let $\\lambda_k$ be a singular value of the "
        "whitened encoder $W_1 C^{{1/2}}$, $\\omega_k$ one of $U_2$, and $a_k = \\lambda_k^2 + \\sigma_{{1,k}}^2$ the variance of the code "
        "in direction $k \\le d_1$. Write $a_k^- = {a^-}$ and $a_k^+ = {a^+}$ for its stationary values with $z_2$ collapsed and alive. "
        "There are four regimes, $\\lambda_k^2 = {encoder}$ and $\\omega_k^2 = {top}$: with both positive $a_k = {code_with_top}$; with "
        "$\\omega_k = 0$ alone $a_k = {code_without_top}$; with $\\lambda_k = 0$ the code is noise, and $z_2$ may still describe it; or "
        "both are zero. $\\omega_k > 0$ iff ${top_ratio} > 1$, that is iff $a_k$ exceeds ${critical_code}$; $\\lambda_k > 0$ iff "
        "${code_ratio} > 1$. Directions beyond $d_1$ are not encoded. The $\\omega_k$ need not fall with $k$. A zero $\\omega_k$ is "
        "*not* posterior collapse of $z_2$ unless $\\sigma_2 = \\eta_{{enc}}$, and two zeros are not posterior collapse of direction $k$ "
        "of $z_1$ unless $\\sigma_{{1,k}} = \\eta_{{dec}}$.\n\nWhere $d_1$ cuts through a group of equal $\\theta_k$, or different "
        "$\\sigma_1$ meet one, this holds up to a rotation of the data within the group; directions of $z_1$ with equal $\\sigma_1$ may be "
        "rotated together with $U_2$. With $d_2 < d_1$ directions need not pair: where $z_2$ cannot describe every direction of a code "
        "whose noise differs from direction to direction, the minimum may lie below that of every pairing."
    ),
    setting=(
        f"{two.SETTING} Both covariances are given: $\\Sigma_1 = \\mathrm{{diag}}(\\sigma_{{1,1}}^2, \\ldots, \\sigma_{{1,d_1}}^2)$ and "
        "$\\Sigma_2 = \\sigma_2^2 I$. Renaming the directions of $z_1$ changes nothing, so $\\sigma_1$ is in ascending order."
    ),
    idea=(
        "In units of its noise the encoder describes the data as it does for equal variances, but the upper level describes the code "
        "itself, in which noise and signal are multiplied. The eigenvalues of such a product are least spread out, in logarithms, when "
        "the largest signal meets the smallest noise. What the code costs is a convex function of the logarithm, the same for every "
        "direction as long as each may have its own direction of the upper level, and so it is least when the logarithms are least "
        "spread out. What is left falls apart into the directions of the isotropic case, each with its own noise."
    ),
    problem=PROBLEM,
    derive=derive,
)
