"""Formulas on batched tensors: every operation is held against balls, and what is kept between calls stays true."""

import math
import random

import pytest
import sympy as sp
import torch

from numerics.backends.ball_evaluation import evaluate_in_balls
from numerics.backends.balls import exact
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import Evaluator, evaluate
from numerics.backends.tensors import DTYPE
from numerics.searching.thresholds import instance_at
from theory.claim import find
from theory.cli.commands import predict
from theory.expressions import Formula
from theory.scalar import Shrinkage
from theory.symbols import K, M, indexed, j, k, n_k

A, B = sp.symbols("a b", positive=True)
LIST, OTHER = indexed("x", positive=True), indexed("y", positive=True)
TABLE = sp.IndexedBase("z", positive=True)
CLASSES = ((k, K),)
PAIRS = ((k, K), (j, K))
INSTANCES = (
    {A: 0.7, B: 1.9, LIST: (2.0, 0.3, 1.1), TABLE: ((1.0, 2.0, 3.0), (0.5, 0.2, 4.0), (7.0, 0.1, 0.9))},
    {A: 3.1, B: 0.4, LIST: (0.2, 5.0, 1.3), TABLE: ((0.3, 0.6, 2.5), (1.5, 8.0, 0.7), (1.0, 3.0, 0.8))},
)
SIZES = {K: 3, M: 2}
COUNTS = ((3, 2, 1), (1, 3, 2))

FORMULAS = {
    "sum": Formula(sp.Sum(LIST[k] * A, (k, 1, K))),
    "sum of what does not depend on the index": Formula(sp.Sum(A, (k, 1, K))),
    "sum with an end in scope": Formula(sp.Sum(LIST[j] * B, (j, 1, k)), CLASSES),
    "sum with a start in scope": Formula(sp.Sum(LIST[j], (j, k + 1, K)), CLASSES),
    "sum over a triangle": Formula(sp.Sum(LIST[k] * sp.Sum(TABLE[j, k], (j, k, K)), (k, 1, K))),
    "sum over an index in scope": Formula(A * LIST[k] + sp.Sum(LIST[k] ** 2, (k, 1, K)), CLASSES),
    "empty sum": Formula(A + sp.Sum(LIST[k], (k, K + 1, K))),
    "sum up to a count": Formula(sp.Sum(LIST[j] * j, (j, 1, n_k[k])), CLASSES),
    "product": Formula(sp.Product(LIST[k] + A, (k, 1, K))),
    "product with an end in scope": Formula(sp.Product(LIST[j], (j, 1, k)), CLASSES),
    "entries": Formula(LIST[2] + n_k[1] + TABLE[2, 3]),
    "rows, columns, the transpose and the diagonal": Formula(
        TABLE[k, 2] + TABLE[3, j] + TABLE[j, k] + TABLE[k, j] * TABLE[k, k], PAIRS
    ),
    "numbers and indices": Formula(sp.Rational(1, 3) + sp.sqrt(2) * k + K, CLASSES),
    "delta": Formula(sp.KroneckerDelta(k, j) * LIST[k] - 1 / K, PAIRS),
    "powers and roots": Formula(sp.sqrt(A) + A ** sp.Rational(1, 3) + B ** (1 / (M + 1)) + 1 / B),
    "exponentials and logarithms": Formula(sp.log(1 + A / 1000) + sp.log(A) + sp.exp(-B)),
    "extremes": Formula(sp.Max(A, B, LIST[k]) - sp.Min(A, LIST[k]), CLASSES),
    "cases": Formula(
        sp.Piecewise(
            (LIST[k], sp.And(A > B, LIST[k] <= 1)),
            (B, sp.Or(sp.Eq(k, 1), sp.Not(LIST[k] > 1))),
            (-A, sp.Ne(k, 2)),
            (sp.Integer(0), LIST[k] < 2),
            (sp.Integer(5), LIST[k] >= 2),
        ),
        CLASSES,
    ),
    "shrinkage": Formula(Shrinkage(M, A / 20)),
}


def stacked(counts, instances):
    tensors = {s: torch.tensor([i[s] for i in instances], dtype=DTYPE) for s in instances[0]}
    return {**SIZES, n_k: torch.tensor(counts, dtype=DTYPE), **tensors}


def in_balls(formula, counts, instance):
    def enclosed(value):
        return tuple(map(enclosed, value)) if isinstance(value, tuple) else exact(value)

    def doubles(value):
        return [doubles(v) for v in value] if isinstance(value, list) else float(value)

    bindings = {**SIZES, n_k: counts, **{s: enclosed(v) for s, v in instance.items()}}
    return doubles(evaluate_in_balls(formula, bindings))


@pytest.mark.parametrize("name", FORMULAS)
def test_tensors_agree_with_balls(name):
    """A second batch of equal sizes shows that nothing of the first is kept."""
    formula = FORMULAS[name]
    for counts, instances in zip(COUNTS, (INSTANCES, INSTANCES[::-1]), strict=True):
        expected = torch.tensor([in_balls(formula, counts, instance) for instance in instances], dtype=DTYPE)
        torch.testing.assert_close(evaluate(formula, stacked(counts, instances)), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("mse-deep-linear-balanced", {"class_counts": (7, 7)}),
        ("mse-deep-linear-balanced-bias", {"class_counts": (7, 7)}),
        ("mse-deep-linear-imbalanced", {"class_counts": (7, 2)}),
        ("mse-deep-linear-imbalanced-bias", {"class_counts": (7, 2)}),
        ("mse-regression", {"theta": (1.5, 1.1), "sample_size": 9}),
    ],
)
def test_the_value_of_one_layer_is_a_number_wherever_rounding_puts_the_threshold(name, listed):
    """At a ratio of 1 up to rounding a direction may count as alive although its shrinkage is rounded beyond the fold."""
    claim, generator = find(name), random.Random(0)
    (threshold,) = claim.prediction.thresholds
    for _ in range(20):
        values = {**listed, "depth": 1, "widths": 1, "weight_decay": 10 ** generator.uniform(-3, 0)}
        at = instance_at(claim, threshold, values, 1, 1.0).values["feature_decay"]
        beside = [at, math.nextafter(at, 0), math.nextafter(at, 1e9)]
        instances = [claim.problem.instance(**values, feature_decay=decay) for decay in beside]
        expected = [predict(claim, instance)["value"] for instance in instances]
        assert evaluate(claim.prediction.value, stack_bindings(instances)).tolist() == pytest.approx(
            expected, rel=1e-14
        )


def test_shared_parts_are_computed_once_and_varying_ones_in_every_call(monkeypatch):
    computed = []
    root, logarithm = torch.sqrt, torch.log
    monkeypatch.setattr(torch, "sqrt", lambda x: computed.append("root") or root(x))
    monkeypatch.setattr(torch, "log", lambda x: computed.append("logarithm") or logarithm(x))
    evaluator = Evaluator({A: torch.tensor([2.0, 3.0], dtype=DTYPE)})
    first, second = Formula(sp.sqrt(A) + sp.log(B)), Formula(sp.sqrt(A) * sp.log(B))
    for value in (5.0, 6.0):
        varying = {B: torch.tensor([value, 1.0], dtype=DTYPE)}
        of_sum, of_product = (evaluator.evaluate(formula, varying) for formula in (first, second))
        assert of_sum[0].item() == pytest.approx(math.sqrt(2) + math.log(value))
        assert of_product[0].item() == pytest.approx(math.sqrt(2) * math.log(value))
    assert computed.count("root") == 1
    assert computed.count("logarithm") == 4


def test_a_varying_end_of_a_sum_is_read_in_every_call():
    evaluator, end = Evaluator({LIST: torch.tensor([[1.0, 2.0, 4.0]], dtype=DTYPE)}), sp.Symbol("c", integer=True)
    for last, expected in ((1.0, 1.0), (3.0, 7.0), (2.0, 3.0)):
        formula = Formula(sp.Sum(LIST[k], (k, 1, end)))
        assert evaluator.evaluate(formula, {end: torch.tensor([last], dtype=DTYPE)}).item() == expected


def test_gradients_reach_fixed_and_varying_bindings_in_every_call():
    a, b = (torch.tensor([v], dtype=DTYPE, requires_grad=True) for v in (2.0, 3.0))
    evaluator = Evaluator({A: a, K: 2})
    for _ in range(2):
        value = evaluator.evaluate(Formula(sp.Sum(A * B**k, (k, 1, K))), {B: b})
        of_a, of_b = torch.autograd.grad(value.sum(), (a, b), retain_graph=True)
        assert (of_a.item(), of_b.item()) == pytest.approx((12.0, 14.0))


@pytest.mark.parametrize(
    ("expression", "unbound"),
    [(A + B, A), (sp.Sum(LIST[k], (k, 1, A)), A), (OTHER[2], OTHER), (sp.Sum(OTHER[k], (k, 1, K)), OTHER)],
)
def test_an_unbound_symbol_is_an_error_each_time(expression, unbound):
    bindings = {B: torch.tensor([2.0], dtype=DTYPE), K: 3, LIST: torch.ones(1, 3, dtype=DTYPE)}
    for _ in range(2):
        with pytest.raises(KeyError) as raised:
            evaluate(Formula(expression), bindings)
        assert raised.value.args == (unbound,)


def test_an_expression_without_an_evaluation_is_an_error_each_time():
    for _ in range(2):
        with pytest.raises(NotImplementedError, match="no tensor evaluation for gamma"):
            evaluate(Formula(sp.gamma(A)), {A: torch.tensor([2.0], dtype=DTYPE)})
