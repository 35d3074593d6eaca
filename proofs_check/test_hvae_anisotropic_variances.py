"""Checks of hvae-anisotropic-variances alone: which pairing is the best one, and that no pairing is where z_2 has too few directions.

The second case, d_2 < d_1, lies outside the claim's domain.
"""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.bounds.enclosures import value_at
from numerics.tolerances import VALUE_GAP
from numerics.training.optimise import Ending, minimise
from theory.claim import find
from theory.expressions import Formula
from theory.posterior_collapse import hvae_anisotropic_variances as own
from theory.posterior_collapse.hierarchy_direction import a, reduce, y
from theory.posterior_collapse.hierarchy_prediction import minimiser
from theory.posterior_collapse.hierarchy_regimes import minimise as minimise_direction
from theory.problem import Instance
from theory.proof import StepRecorder
from theory.symbols import D, k

CLAIM = find("hvae-anisotropic-variances")
SETTINGS = {"theta": (6.0, 3.0), "sigma1": (1.0, 2.0)}
BELOW_EVERY_PAIRING = 0.7
"""By how much the minimum lies below that of the best pairing: far above all rounding."""


@pytest.fixture(scope="module")
def of_direction() -> tuple[Formula, Formula]:
    """What direction k costs at its minimum without z_2, and with it, besides what the directions cost whatever the variables are."""
    record = StepRecorder()
    reduce(record, CLAIM.problem, own.DIRECTION)
    best = minimiser(own.DIRECTION, minimise_direction(record, own.DIRECTION))
    cost = own.DIRECTION.data_cost.subs(own.DIRECTION.here) + own.DIRECTION.code_cost(a, y)
    top = {a: best.code, y: best.top}
    return tuple(Formula(cost.subs(at), ((k, D),)) for at in ({a: best.code_alone, y: 0}, top))


def with_dimensions(lower: int, upper: int) -> Instance:
    """Return an instance with these latent dimensions, also with fewer above than below, outside the claim's domain."""
    valid = CLAIM.problem.instance(**SETTINGS, latent_dim=(lower, lower))
    values = {**valid.values, "latent_dim": (lower, upper)}
    return dataclasses.replace(valid, values=values, bindings=CLAIM.problem.bind(values))


def pairings(instance: Instance, of_direction: tuple[Formula, Formula]) -> dict[tuple[float, ...], float]:
    """Return the least value with θ and σ_1 paired in each order, over the directions that z_2 may describe; here d_1 = D."""
    upper, found = min(instance.values["latent_dim"]), {}
    ascending = sorted(instance.values["sigma1"])
    constant = own.DIRECTION.all_idle + own.d_2 * own.TOP.own
    fixed = float(evaluate(Formula(constant), stack_bindings([instance])))
    for order in itertools.permutations(ascending):
        bindings = stack_bindings([dataclasses.replace(instance, bindings={**instance.bindings, own.SIGMA: order})])
        without, with_top = (evaluate(formula, bindings)[0] for formula in of_direction)
        gains = (without - with_top).sort(descending=True).values
        found[order] = fixed + float(without.sum() - gains[:upper].sum())
    return found


def test_the_smallest_noise_for_the_largest_deviation_is_the_best_pairing(of_direction):
    instance = with_dimensions(2, 2)
    values = pairings(instance, of_direction)
    best = min(values, key=lambda order: values[order])
    assert best == tuple(sorted(SETTINGS["sigma1"]))
    predicted = float(evaluate(CLAIM.prediction.value, stack_bindings([instance])))
    assert values[best] == pytest.approx(predicted, rel=VALUE_GAP)
    assert values[best[::-1]] > predicted + BELOW_EVERY_PAIRING


def test_no_pairing_is_a_minimum_where_the_upper_level_has_too_few_directions(of_direction):
    """The value is computed in balls at the trained point. There the axes of the code are not those of its noise."""
    instance = with_dimensions(2, 1)
    solution = minimise(CLAIM.problem, [instance], starts=4)
    assert Ending.CONVERGED in solution.endings[0].tolist()
    point = solution.best_point().map(lambda array: array[0])
    value = value_at(CLAIM.problem, instance, point)
    assert float(value.upper()) < min(pairings(instance, of_direction).values()) - BELOW_EVERY_PAIRING
    encoded = point.W_1 * torch.tensor(SETTINGS["theta"], dtype=point.W_1.dtype)
    code = encoded @ encoded.T
    assert float(code[0, 1].abs()) > 0.1 * float(code.trace())
