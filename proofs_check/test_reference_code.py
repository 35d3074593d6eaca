"""Where released code and derivation disagree, the trained and certified optimum decides."""

from __future__ import annotations

from functools import cache

import pytest
import sympy as sp
import torch

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import shrinkage
from numerics.backends.tensors import DTYPE
from numerics.judging.released_code import Decision, decide
from numerics.tolerances import CERTIFICATE_GAP, CONTRADICTION, INVARIANT, VALUE_GAP
from numerics.training.optimise import Ending
from theory.point import Point
from theory.reference_code import CROSS_ENTROPY_MARGIN, CVAE_THRESHOLD, DEEP_MSE_BRANCH, REFERENCE_CODE, ReferenceCode
from theory.symbols import M, N, beta, decay_product, eta_dec, feature_decay, layer_decay, n_k, weight_decay

by_claim = pytest.mark.parametrize("code", REFERENCE_CODE.values(), ids=lambda code: code.claim_id)


@cache
def decisions(name: str) -> list[Decision]:
    return decide(REFERENCE_CODE[name], REFERENCE_CODE[name].settings)


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the distance of two lists, relative to the larger."""
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
    """Below β η_dec² = 1 it calls a living direction collapsed, above it a collapsed one living."""
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
    """Same λ_W and other λ_H: the trained margin moves, the code's stays. Decays exchanged: the other way round.

    So no constant factor in the code's decays, which are written as halves, makes up for it.
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
    """Between fold and jump the last class is zero at the optimum; the loss at the code's point is larger."""
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


def at_largest_roots(code: ReferenceCode, decision: Decision) -> tuple[float, float]:
    """Return the loss at the point of the largest roots, from the problem's own loss, and its gradient there.

    All factors are diagonal and balanced. The gradient is measured against that at a point a tenth larger.
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
