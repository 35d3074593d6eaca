"""Released code against derivations: where the two disagree, the trained and certified optimum decides."""

from __future__ import annotations

import dataclasses
from functools import cache

import pytest
import sympy as sp
import torch

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import evaluate, shrinkage
from numerics.backends.tensors import DTYPE
from numerics.judging.released_code import STARTS, Decision, decide
from numerics.tolerances import CERTIFICATE_GAP, CONTRADICTION, INVARIANT, VALUE_GAP
from numerics.training.optimise import Ending, minimise
from theory.expressions import Bindings, Formula
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse import linear_gaussian
from theory.posterior_collapse.fixed_variance import OWN_KL, noise
from theory.posterior_collapse.hierarchy import beta_1, beta_2, sigma_1
from theory.posterior_collapse.hvae_fixed_variances import sigma_2
from theory.reference_code import (
    CONDITIONAL_SCALE,
    CROSS_ENTROPY_MARGIN,
    CVAE_THRESHOLD,
    DEEP_MSE_BRANCH,
    GIVEN_VARIANCE,
    HALVED_DIVERGENCE,
    HIERARCHY_BRANCH,
    REFERENCE_CODE,
    SAMPLED_VARIANCE,
)
from theory.reference_code.discrepancy import ReferenceCode
from theory.reference_code.posterior_collapse import GIVEN_DIMENSION
from theory.symbols import (
    M,
    N,
    beta,
    decay_product,
    eta_dec,
    eta_enc,
    feature_decay,
    k,
    layer_decay,
    n_k,
    positive,
    sigma,
    theta,
    weight_decay,
)

by_claim = pytest.mark.parametrize(
    "code", REFERENCE_CODE.values(), ids=[f"{code.claim_id}-{code.name}" for code in REFERENCE_CODE.values()]
)


@cache
def decisions(name: str) -> list[Decision]:
    return decide(REFERENCE_CODE[name], REFERENCE_CODE[name].settings)


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the distance of two lists, relative to the larger norm."""
    a, b = (torch.tensor(values, dtype=DTYPE) for values in (one, other))
    return float((a - b).norm() / torch.maximum(a.norm(), b.norm()))


def assert_certified(decision: Decision) -> None:
    assert decision.ending is Ending.CONVERGED
    assert 0 <= decision.certificate.gap <= CERTIFICATE_GAP


@by_claim
def test_training_contradicts_the_code_and_agrees_with_the_derivation(code: ReferenceCode) -> None:
    for decision in decisions(code.name):
        assert_certified(decision)
        assert distance(decision.trained, decision.derived) <= INVARIANT
        assert distance(decision.trained, decision.reference) > CONTRADICTION


@by_claim
def test_elsewhere_all_three_agree(code: ReferenceCode) -> None:
    assert code.agreeing
    for decision in decide(code, code.agreeing):
        assert_certified(decision)
        assert distance(decision.trained, decision.derived) <= INVARIANT
        assert distance(decision.trained, decision.reference) <= INVARIANT


@pytest.mark.parametrize("code", [CVAE_THRESHOLD], ids=[CVAE_THRESHOLD.claim_id])
def test_the_code_errs_on_both_sides_of_the_threshold(code: ReferenceCode) -> None:
    """Below β η_dec² = 1 the code calls a living direction collapsed, and above it calls a collapsed direction living."""
    scales, differences = [], []
    for decision in decisions(code.name):
        values = decision.instance.values
        scales.append(values["beta"] * values["eta_dec"] ** 2)
        differences.append([kept - lives for kept, lives in zip(decision.reference, decision.trained, strict=True)])
    assert scales[0] < 1 < scales[1]
    assert min(differences[0]) == -1
    assert max(differences[0]) == 0
    assert max(differences[1]) == 1
    assert min(differences[1]) == 0


@pytest.mark.parametrize("code", [CVAE_THRESHOLD], ids=[CVAE_THRESHOLD.claim_id])
def test_the_two_thresholds_are_one_only_where_the_scale_is_one(code: ReferenceCode) -> None:
    of_code = code.formula.expression.rhs
    of_claim = code.claim.prediction.named["critical"].expression
    assert sp.solve(of_code - of_claim, beta) == [eta_dec**-2]


@pytest.mark.parametrize("code", [CROSS_ENTROPY_MARGIN], ids=[CROSS_ENTROPY_MARGIN.claim_id])
def test_the_margin_depends_on_both_decays_alike(code: ReferenceCode) -> None:
    """With another λ_H the trained margin moves and the code's margin does not. With the decays exchanged it is the other way round.

    So no constant factor in the decays, which the code writes as halves, explains the difference.
    """
    equal, more_on_features, exchanged = decisions(code.name)
    decays = [tuple(d.instance.values[f"{of}_decay"] for of in ("weight", "feature")) for d in decisions(code.name)]
    assert decays[0][0] == decays[1][0]
    assert decays[1] == decays[2][::-1]
    assert sp.diff(code.formula.expression, feature_decay) == 0
    assert equal.reference == more_on_features.reference
    assert distance(equal.trained, more_on_features.trained) > CONTRADICTION
    assert distance(more_on_features.trained, exchanged.trained) <= INVARIANT
    assert distance(more_on_features.reference, exchanged.reference) > CONTRADICTION


@pytest.mark.parametrize("code", [CROSS_ENTROPY_MARGIN], ids=[CROSS_ENTROPY_MARGIN.claim_id])
def test_the_margins_agree_at_one_ratio_of_the_decays(code: ReferenceCode) -> None:
    margin = code.claim.prediction.named["margin"].expression
    (inside,) = margin.atoms(sp.Max)
    (beyond,) = [sp.log(a) for a in inside.args if not a.is_number]
    difference = sp.exp(code.formula.expression) - sp.exp(beyond)
    assert sp.solve(sp.simplify(difference), weight_decay) == [4 * feature_decay]


@pytest.mark.parametrize("code", [DEEP_MSE_BRANCH], ids=[DEEP_MSE_BRANCH.claim_id])
def test_the_largest_root_is_stationary_and_not_the_minimum(code: ReferenceCode) -> None:
    """Between the fold and the jump the last class is zero at the optimum, and the loss at the code's point is larger."""
    depths = set()
    for decision in decisions(code.name):
        depths.add(decision.instance.values["depth"])
        first, last = decision.trained
        assert abs(last) <= INVARIANT * first
        value, gradient = at_largest_roots(code, decision)
        assert gradient <= INVARIANT
        assert value == pytest.approx(decision.reference_loss, rel=VALUE_GAP)
        assert value > decision.value * (1 + CONTRADICTION)
    assert depths == {2, 3}


@pytest.mark.parametrize("code", [HIERARCHY_BRANCH], ids=[HIERARCHY_BRANCH.claim_id])
def test_the_condition_on_the_hierarchy_is_right_only_at_equal_weight(code: ReferenceCode) -> None:
    """The code's condition on z_2 is the sign of the root in the decoder of z_2 at β_1 = 1 alone; below, that root is negative."""
    top = code.claim.prediction.named["top"].expression
    (root,) = [size for size in top.args if size.has(theta[k])]
    _, condition = code.formula.expression.args[0][1].args
    of_code = sp.solve(sp.Eq(condition.lhs, condition.rhs), theta[k])
    needed = sp.solve(sp.Eq(root, 0), theta[k])
    assert len(of_code) == len(needed) == 1
    assert sp.solve(sp.simplify(of_code[0] / needed[0]) - 1, beta_1) == [1]

    low = decide(code, code.settings)[1].instance
    values = {s: low.bindings[s] for s in (beta_1, beta_2, sigma_1, sigma_2, eta_dec, eta_enc)} | {
        theta[k]: low.bindings[theta][0]
    }
    assert values[beta_1] < 1
    assert code.formula.expression.args[0][1].subs(values) == sp.true
    assert root.subs(values) < 0


@pytest.mark.parametrize("code", [CONDITIONAL_SCALE], ids=[CONDITIONAL_SCALE.claim_id])
def test_the_swapped_ratio_is_another_prior(code: ReferenceCode) -> None:
    """The code's objective is the claim's at the prior scale η_dec²/η_enc: the derivation there, and training there, give the code's decoder."""
    derived = code.derived(code.claim.prediction).expression
    assert sp.simplify(derived.subs(eta_enc, eta_dec**2 / eta_enc) - code.formula.expression) == 0
    assert not code.claim.prediction.threshold.ratio.has(eta_enc)
    own = [{**values, "eta_enc": values["eta_dec"] ** 2 / values["eta_enc"]} for values in code.settings]
    for at_own, at_given in zip(decide(code, own), decisions(code.name), strict=True):
        assert_certified(at_own)
        assert distance(at_own.trained, at_given.reference) <= INVARIANT


@pytest.mark.parametrize("code", [HALVED_DIVERGENCE], ids=[HALVED_DIVERGENCE.claim_id])
def test_half_of_the_divergence_is_half_of_its_weight(code: ReferenceCode) -> None:
    """The derivation at β/2, and training there, keep the directions that the code keeps."""
    kept = code.formula.expression
    halved_weight = code.claim.prediction.threshold.ratio.subs(beta, beta / 2)
    assert sp.simplify(kept.lhs / kept.rhs - halved_weight) == 0
    halved = [{**values, "beta": values["beta"] / 2} for values in code.settings]
    for at_half, at_whole in zip(decide(code, halved), decisions(code.name), strict=True):
        assert_certified(at_half)
        assert at_half.trained == at_whole.reference


def of_sampled_variance(code: ReferenceCode) -> tuple[sp.Expr, sp.Expr]:
    """Return the share of the prior's variance that is charged, and the squared length of the decoder."""
    (t, past), (v, share) = code.letters
    length = beta * eta_dec**2 / eta_enc**2 * (t / (eta_enc * v) - 1)
    return share.subs(t, past), length.subs(v, share).subs(t, past)


@pytest.mark.parametrize("code", [SAMPLED_VARIANCE], ids=[SAMPLED_VARIANCE.claim_id])
def test_what_is_said_of_the_sampled_variance(code: ReferenceCode) -> None:
    at = {beta: 1, eta_dec: 1, eta_enc: 1, theta[k]: 2}
    variance, length = (formula.subs(at) for formula in of_sampled_variance(code))
    for number in (f"is {variance:.3f}", f"code {variance**2:.3f}", f"decoder {length:.2f}"):
        assert number in code.says
    at_threshold = [code.in_parameters.expression.subs(at | {theta[k]: ratio}) for ratio in (0.93, 0.94)]
    assert at_threshold == [sp.false, sp.true]


@pytest.mark.parametrize("code", [SAMPLED_VARIANCE], ids=[SAMPLED_VARIANCE.claim_id])
def test_sampling_with_the_variance_keeps_what_the_formula_says(code: ReferenceCode) -> None:
    """The objective of the script, trained, has its minimum where the formula of the code says, in size too."""

    def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
        encoded = v.W @ data.root
        misfit = linear_gaussian.misfit(xp, data.root, v.U @ encoded, v.U, v.S @ xp.transpose(v.S))
        return misfit / p[eta_dec] ** 2 + p[beta] * linear_gaussian.twice_kl(xp, encoded, v.S, p)

    _, length = of_sampled_variance(code)
    problem = dataclasses.replace(code.claim.problem, loss=loss)
    for values in (*code.settings, *code.agreeing):
        instance = problem.instance(**values)
        solution = minimise(problem, [instance], STARTS)
        (ending,) = solution.best_ending()
        assert ending is Ending.CONVERGED
        bindings = stack_bindings([instance])
        alive = evaluate(code.in_parameters, bindings)
        lengths = torch.where(alive.bool(), evaluate(Formula(length, code.formula.axes), bindings), 0.0)
        point = solution.best_point()
        decoder = point.U @ point.U.mT
        assert torch.allclose(decoder, torch.diag_embed(lengths), atol=INVARIANT * float(lengths.max()), rtol=0)


@pytest.mark.parametrize("code", [GIVEN_VARIANCE], ids=[GIVEN_VARIANCE.claim_id])
def test_the_script_for_the_given_variance_has_twice_the_weight_and_five_directions(code: ReferenceCode) -> None:
    """The derivation at 2β, and training there with at most five latent directions, keep the directions that the code keeps."""
    within, kept = code.formula.expression.args
    assert within == (k <= GIVEN_DIMENSION)
    assert sp.simplify((kept.lhs / kept.rhs) ** 2 - code.claim.prediction.threshold.ratio.subs(beta, 2 * beta)) == 0
    for values, decision in zip(code.settings, decisions(code.name), strict=True):
        dimension = min(GIVEN_DIMENSION, len(values["theta"]))
        (own,) = decide(code, [{**values, "beta": 2 * values["beta"], "latent_dim": dimension}])
        assert_certified(own)
        assert own.trained == decision.reference


@pytest.mark.parametrize("code", [GIVEN_VARIANCE], ids=[GIVEN_VARIANCE.claim_id])
def test_the_order_of_learned_and_given_variance_turns_round_like_for_like(code: ReferenceCode) -> None:
    """In the first row a learned variance keeps 6 directions, the script for the given variance 5, and its counterpart 7."""
    learned = {name: value for name, value in code.settings[0].items() if name != "sigma"}
    (of_learned,), of_given = decide(HALVED_DIVERGENCE, [learned]), decisions(code.name)[0]
    assert_certified(of_learned)
    kept = [sum(directions) for directions in (of_given.reference, of_learned.trained, of_given.trained)]
    assert kept == [5, 6, 7]


@pytest.mark.parametrize("code", [GIVEN_VARIANCE], ids=[GIVEN_VARIANCE.claim_id])
def test_a_given_variance_up_to_the_prior_keeps_every_direction_that_a_learned_one_keeps(code: ReferenceCode) -> None:
    """The ratios to the thresholds differ by η_enc²/σ²; only at σ = η_enc is the divergence of a dropped direction zero."""
    given, learned = (of.claim.prediction.threshold.ratio for of in (code, HALVED_DIVERGENCE))
    assert sp.simplify(given / learned - (eta_enc / sigma[k]) ** 2) == 0
    for decision in decisions(code.name):
        bindings = decision.instance.bindings
        assert max(bindings[sigma]) < bindings[eta_enc]
    variance = positive("v")
    dropped = (OWN_KL / beta).subs(noise, sp.sqrt(variance))
    assert sp.solve(sp.diff(dropped, variance), variance) == [eta_enc**2]
    assert sp.simplify(sp.diff(dropped, variance, 2)) == variance**-2
    assert sp.simplify(dropped.subs(variance, eta_enc**2)) == 0


def test_the_clamped_divergences_are_never_negative() -> None:
    """With the trace counted twice, the least value of the divergence of z_1 that the script clamps is convex and zero at its minimum."""
    ratio, log_ratio = positive("x"), sp.Symbol("l", real=True)
    least = (ratio - 1 - sp.log(ratio)).subs(ratio, sp.exp(log_ratio))
    assert sp.diff(least, log_ratio, 2) == sp.exp(log_ratio)
    assert sp.solve(sp.diff(least, log_ratio), log_ratio) == [0]
    assert least.subs(log_ratio, 0) == 0


def at_largest_roots(code: ReferenceCode, decision: Decision) -> tuple[float, float]:
    """Return the loss at the point of the largest roots, from the problem's own loss, and the gradient of the loss there.

    All factors of the point are diagonal and balanced. The gradient is relative to the gradient at the point times 1.1.
    """
    bindings = stack_bindings([decision.instance])
    xp, data = setting(code.claim.problem, bindings)
    depth, counts = bindings[M], bindings[n_k]
    power = bindings[decay_product] ** (1 / (depth + 1))
    kappa = bindings[N] * power * counts ** (-depth / (depth + 1))
    root = shrinkage(torch.tensor(float(depth), dtype=DTYPE), kappa)
    assert bool(root.isfinite().all())
    share = power * (counts.sqrt() * root) ** (2 / (depth + 1))
    factors = {f"W_{i + 1}": torch.diag((share / bindings[layer_decay][0, i]).sqrt()) for i in range(depth)}
    factors["H"] = (share / bindings[feature_decay] / counts).sqrt()[:, None] * data.Y

    def loss_and_slope(scale: float) -> tuple[float, float]:
        point = {name: (scale * a)[None].requires_grad_() for name, a in factors.items()}
        value = code.claim.problem.loss(xp, Point(point), data, bindings).sum()
        slopes = torch.autograd.grad(value, list(point.values()))
        return value.item(), float(sum(slope.square().sum() for slope in slopes).sqrt())

    value, slope = loss_and_slope(1.0)
    return value, slope / loss_and_slope(1.1)[1]
