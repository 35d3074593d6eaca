"""Linear VAE that learns the variances of encoder and decoder: the spectrum of the data decides which latent directions collapse.

Setting: encoder z|x ~ N(Wx, Σ) with any covariance Σ = S Sᵀ, decoder x|z ~ N(Uz, η_dec² I) with η_dec learned too, prior
N(0, η_enc² I), KL weight β; minimise E‖x − Uz‖²/η_dec² + D log η_dec² + 2β E KL(q(z|x) ‖ p(z)). The data are zero-mean with
covariance diag(θ_i²): its principal axes are the coordinate axes, which a rotation of x brings about for any data. The latent
dimension d lies below the dimension D of the data. With d ≥ D the loss is unbounded below for β < 1, and at β = 1 it is the same
for every small η_dec.
Source: Lucas et al., "Don't Blame the ELBO!" (NeurIPS 2019), for β = 1, where this is probabilistic principal component analysis;
derived here for any β.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.claim import Claim, Derivation, Source, Verdict
from theory.expressions import Bindings, Formula
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse import learnable_variance as given
from theory.posterior_collapse import linear_gaussian as vae
from theory.posterior_collapse.learnable_variance import FLOOR, IN_MARGINAL, m
from theory.posterior_collapse.one_level import LinearVAE, deviation
from theory.problem import Invariant, Problem, Variable
from theory.proof import (
    Identity,
    Piece,
    Prediction,
    Proof,
    Separable,
    Shared,
    Statistic,
    StepRecorder,
    Threshold,
    Vanishes,
)
from theory.results import Decides, Letter, Measured, Reading, Result, Shown, with_letters
from theory.scalar import ScalarMinimum, stationary_point, threshold_ratio
from theory.symbols import D, beta, d, eta_dec, eta_enc, indexed, j, k, positive, theta

LUCAS = Source(
    "Lucas, Tucker, Grosse, Norouzi",
    "Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse",
    "NeurIPS 2019",
    "1911.02469",
)
i, other = (sp.Symbol(name, integer=True, positive=True) for name in ("i", "l"))
MEAN_VARIANCE = sp.Sum(theta[other] ** 2, (other, 1, D)) / D


def decoder_variance(xp: ArrayNamespace, v: Point, p: Bindings) -> Number:
    """Return η_dec², the square of the only entry of its variable."""
    return xp.squared_norm(v.eta_dec)


def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return E‖x − Uz‖²/η_dec² + D log η_dec² + 2β KL, expectations taken in closed form; data.root is the square root of Cov(x)."""
    encoded = v.W @ data.root
    misfit = vae.misfit(xp, data.root, v.U @ encoded, v.U, v.S)
    normaliser = p[D] * xp.logdet_of_gram(v.eta_dec)
    return misfit / decoder_variance(xp, v, p) + normaliser + p[beta] * vae.twice_kl(xp, encoded, v.S, p)


PROBLEM = Problem(
    parameters=(
        vae.deviations_parameter(),
        vae.latent_dim_parameter(lambda values: len(values["theta"]) - 1, most=D - 1),
        vae.weight_parameter(),
        vae.prior_parameter(),
    ),
    variables=(
        Variable("U", (D, d), theta[k] / eta_enc),
        Variable("W", (d, D), eta_enc / theta[j]),
        Variable("S", (d, d), eta_enc),
        Variable("eta_dec", (sp.Integer(1), sp.Integer(1)), sp.sqrt(MEAN_VARIANCE)),
    ),
    loss=loss,
    invariants=(
        *vae.gram_invariants(
            "U",
            "W",
            lambda v, data: v.S,
            theta[1] ** 2,
            tells="encoder_gram",
            noise_unit=beta * MEAN_VARIANCE,
        ),
        vae.variance_deficit(),
        Invariant(
            "decoder_variance",
            r"$\eta_{dec}^2$",
            lambda xp, v, data, p: decoder_variance(xp, v, p),
            kind="scalar",
            unit=MEAN_VARIANCE,
        ),
    ),
    sorted_parameter="theta",
    tied=theta,
    bind=vae.bind_without_decoder_noise,
    data=lambda xp: Point(root=xp.diagonal(theta)),
)


# One direction of the loss in t = log η_dec², at the best encoder and decoder: alive at m = θ², and collapsed at the floor.
t = sp.Symbol("t", real=True)
NOISE = sp.exp(t / 2)
ALIVE, COLLAPSED = (IN_MARGINAL.subs(m, at).subs(eta_dec, NOISE) for at in (deviation**2, FLOOR))


def derive(problem: Problem) -> Derivation:
    """Minimise a direction at a given η_dec, then the sum over η_dec; predict the point, and bound the loss from below by its value."""
    record = StepRecorder()
    model = LinearVAE(
        problem,
        decoder="U",
        encoder="W",
        deviation=theta[k],
        numbers={"eta_dec": eta_dec},
        decoder_variance=decoder_variance,
    )
    given.reduce(record, model, extra=sp.log(eta_dec**2))
    minimum = given.minimise(record)
    noise = minimise_noise(record)
    prediction = predict(given.predict(model, minimum), noise)
    return Derivation(chain(record, model, prediction.minimum), prediction)


@dataclass(frozen=True)
class BestNoise:
    """The best η_dec²: ``variance``, in the ``ratio(k)`` of direction k, which is alive iff it exceeds 1.

    ``full_slope`` is the slope of the loss in t where D directions are alive.
    """

    variance: sp.Expr
    ratio: Callable[[sp.Symbol], sp.Expr]
    full_slope: sp.Expr


def minimise_noise(record: StepRecorder) -> BestNoise:
    """Minimise over t the sum of D t and of all directions at their best.

    The sum is convex: a direction changes from one form to the other where both have the same slope, and each form is convex.
    """
    at_threshold = sp.log(deviation**2 / beta)
    slopes = [sp.simplify(sp.diff(cost, t)) for cost in (ALIVE, COLLAPSED)]
    record(
        Vanishes(
            "the slopes of a direction at its threshold",
            "Where a direction collapses, its slope in $t = \\log \\eta_{dec}^2$ does not jump.",
            slopes[1] - slopes[0],
            t,
            at_threshold,
        )
    )
    number, energy = sp.Symbol("n", integer=True, nonnegative=True), positive("A")
    together = D * t + number * ALIVE + COLLAPSED.subs(deviation, sp.sqrt(energy))
    best = sp.exp(stationary_point(record, "the log decoder variance", together, t))
    full_slope = sp.simplify(D + D * slopes[0])
    record(
        Identity(
            "the slope where all directions live",
            "With $d \\ge D$ the loss may fall, or stay the same, down to $\\eta_{dec} = 0$.",
            sp.diff(D * t + D * ALIVE, t),
            full_slope,
        )
    )
    # At the threshold of direction k each direction counts by its slope beside that of a living one: by 1, or by less if collapsed.
    effective = positive("c")
    slope = ScalarMinimum(at_threshold, at_threshold, -(D + effective * slopes[0]))
    critical = threshold_ratio(record, "the weight", slope, beta)
    crossing = positive("theta_k")
    share = sp.simplify((slopes[1] / slopes[0]).subs(t, at_threshold.subs(deviation, crossing)))

    def ratio(index: sp.Symbol) -> sp.Expr:
        there = share.xreplace({crossing: theta[index], deviation: theta[other]})
        return critical.subs(effective, sp.Sum(sp.Min(1, there), (other, 1, D)))

    alive = sp.And(ratio(i) > 1, i <= d)
    living = sp.Sum(sp.Piecewise((1, ratio(i) > 1), (0, True)), (i, 1, d))
    collapsed = sp.Sum(sp.Piecewise((0, alive), (theta[i] ** 2, True)), (i, 1, D))
    best = energy / sp.expand(energy / best)
    return BestNoise(best.subs({number: living, energy: collapsed}), ratio, full_slope)


def predict(at_given: Prediction, noise: BestNoise) -> Prediction:
    """Return the prediction for a learned η_dec, from the one at a given η_dec."""
    threshold = replace(at_given.threshold, ratio=noise.ratio(k))

    def learned(expression: sp.Expr) -> sp.Expr:
        return _by_case(expression, threshold.ratio > 1).xreplace({eta_dec: sp.sqrt(noise.variance)})

    def all_learned(formulas: Mapping[str, Formula]) -> dict[str, Formula]:
        return {name: formula.replace_expression(learned(formula.number)) for name, formula in formulas.items()}

    return replace(
        at_given,
        value=Formula(learned(at_given.minimum) + D * sp.log(noise.variance)),
        invariants=all_learned(at_given.invariants),
        thresholds=(threshold,),
        named={**_at_measured_noise(at_given), **_of_noise(noise, threshold)},
        minimiser=all_learned(at_given.minimiser),
    )


def _by_case(expression: sp.Expr, alive: Boolean) -> sp.Expr:
    """Write an expression case by case: the marginal variance max(βη_dec², θ_k²) is θ_k² where ``alive``, and else its floor."""
    marginal = {sp.Max(FLOOR, theta[k] ** 2): sp.Piecewise((theta[k] ** 2, alive), (FLOOR, True))}

    def cases(part: sp.Expr) -> sp.Expr:
        return sp.piecewise_fold(part.xreplace(marginal))

    if expression.has(sp.Sum):
        return expression.replace(sp.Sum, lambda summand, *limits: sp.Sum(cases(summand), *limits))
    return cases(expression)


def _at_measured_noise(at_given: Prediction) -> dict[str, Result]:
    """Return the named results at a given η_dec, which here is that of the point."""
    read = {eta_dec: lambda reading: decoder_variance(reading.xp, reading.v, reading.p) ** 0.5}
    return {name: replace(result, given=read) for name, result in at_given.named.items()}


def _of_noise(noise: BestNoise, threshold: Threshold) -> dict[str, Result]:
    """Return the named results on η_dec and on the threshold in the parameters alone."""

    def read(reading: Reading) -> Number:
        return decoder_variance(reading.xp, reading.v, reading.p)

    weight = beta * threshold.ratio
    largest = beta * noise.ratio(k).subs(k, 1).replace(sp.Min, lambda one, share: share)
    return with_letters(
        {
            "noise": Measured(noise.variance, read, unit=MEAN_VARIANCE),
            "critical_weight": Decides(weight, lambda critical: critical / beta),
            "largest_weight": Decides(largest, lambda critical: critical / beta, where=sp.Eq(k, 1)),
            "full_slope": Shown(noise.full_slope, by="the slope where all directions live"),
        },
        Letter(indexed("r", positive=True)[i], noise.ratio(i)),
    )


def chain(record: StepRecorder, model: LinearVAE, value: sp.Expr) -> Proof:
    """Prove that no point lies below ``value``: the chain at the point's own η_dec, then the best η_dec."""
    own, log_ratio = positive("s"), sp.Symbol("ell", real=True)
    proof = given.chain(record, model, value, "$x$")
    put = {eta_dec: sp.sqrt(own)}
    *before, last = (
        replace(bound, expression=bound.expression.xreplace(put) + D * sp.log(own)) for bound in proof.bounds
    )
    last = replace(
        last,
        expression=value,
        because=f"{last.because} What is left is convex in the logarithm of the decoder's variance.",
        rests_on=(
            *last.rests_on,
            "the slopes of a direction at its threshold",
            "the log decoder variance is convex",
            "the log decoder variance is stationary",
        ),
    )
    mu = next(s.symbol for s in proof.statistics if isinstance(s.symbol, sp.IndexedBase))
    floor = FLOOR.xreplace(put)
    direction = IN_MARGINAL.subs(m, FLOOR * sp.exp(log_ratio)).subs({eta_dec: NOISE, deviation: model.deviation})
    separable = Separable(
        (Piece(sp.expand(direction), sp.Integer(0)),),
        log_ratio,
        k,
        D,
        free=k <= d,
        reading=sp.log((floor + eta_enc**2 * mu[k]) / floor),
        shared=Shared(t, D * t, sp.log(own)),
    )
    learned = Statistic(own, r"$\eta_{dec}^2$", lambda xp, v, data, p: decoder_variance(xp, v, p))
    return replace(proof, statistics=(learned, *proof.statistics), bounds=(*before, last), separable=separable)


CLAIM = Claim(
    id="vae-learnable-decoder-variance",
    short_title="Linear VAE, learned decoder variance",
    chapter="one level",
    title="Linear VAE that learns its decoder variance: the spectrum of the data decides what collapses",
    source=LUCAS,
    verdict=Verdict.HOLDS,
    statement=(
        "The loss has a term $D \\log \\eta_{{dec}}^2$ and $\\eta_{{dec}}$ is learned; the latent dimension $d$ lies below $D$. At every "
        "global minimum the latent directions pair with the principal axes of the data, $d$ largest first. With $r_i = {r}$ the decoder has "
        "the variance $\\eta_{{dec}}^2 = {noise}$. With $m_k = {m}$ direction $k$ has the squared decoder singular value ${decoder}$, the squared "
        "whitened encoder singular value ${encoder}$ and the posterior variance ${variance}$. It is collapsed, its posterior equal to "
        "the prior, iff $\\theta_k^2 \\le {critical}$, or $k > d$. In the parameters alone this is $\\beta \\ge {critical_weight}$; "
        "everything collapses iff $\\beta \\ge {largest_weight}$, the largest variance over the mean one. Where $d$ cuts through a "
        "group of equal $\\theta_k$ this holds up to a rotation within the group. With $d \\ge D$ and all directions alive the slope in "
        "$\\log \\eta_{{dec}}^2$ is ${full_slope}$: the loss is unbounded below for $\\beta < 1$, and flat down to $\\eta_{{dec}} = 0$ "
        "at $\\beta = 1$. (The paper treats $\\beta = 1$; derived here for any $\\beta$.)"
    ),
    setting=vae.SETTING
    + " The covariance $\\Sigma = S S^T$ is learned, and so is the standard deviation $\\eta_{dec}$ of the decoder, whose normaliser "
    "$D \\log \\eta_{dec}^2$ belongs to the loss then.",
    idea=(
        "For a given decoder variance this is the linear VAE with learnable encoder variance, whose minimum is known direction by "
        "direction. What is left is a scalar problem in the decoder variance, which all directions share: it settles at the mean variance "
        "that the living directions leave unexplained. So a direction lives or dies by its share in the spectrum of the data, and not by "
        "a noise that was chosen beforehand."
    ),
    problem=PROBLEM,
    derive=derive,
)
