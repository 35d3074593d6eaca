"""Disputed statements: the derivations against them, and the certified optima that decide."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp

from numerics.backends.balls import highest, lowest
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.judging.disputed import Learned, Optimum, learned_tasks, optima
from numerics.tolerances import CERTIFICATE_GAP, INVARIANT
from numerics.training.optimise import Ending
from theory.claim import find
from theory.disputes import CONTINUITY, DISPUTES, INFORMATION, REGRESSION, TASKS, Case
from theory.expressions import Formula
from theory.neural_collapse.regression_error import error_of_axis, predicted_error, threshold_ratio, training_error
from theory.posterior_collapse.information import (
    cost_of_direction,
    loss_without_information,
    mean_divergence,
    mutual_information,
    on_side,
    predicted_divergences,
    predicted_information,
)
from theory.symbols import D, K, beta, eta_dec, theta

GIVEN = "vae-learnable-variance"
"""The claim on a linear VAE whose decoder has a given deviation."""
FITTED = find(REGRESSION)
COVARIANCES = 200
CASES = [(dispute.name, number) for dispute in DISPUTES.values() for number in range(len(dispute.cases))]
by_case = pytest.mark.parametrize(("name", "number"), CASES, ids=lambda part: str(part))


@cache
def decided(name: str, number: int) -> list[Optimum]:
    case = DISPUTES[name].cases[number]
    silent = loss_without_information(case.claim.problem)
    return optima(
        case.claim,
        case.settings,
        {"divergence": mean_divergence, "information": mutual_information, "silent": silent},
    )


def predicted(case: Case, optimum: Optimum) -> float:
    """Return the predicted information of all directions."""
    return float(evaluate(predicted_information(case.claim.prediction), stack_bindings([optimum.instance])).sum())


@by_case
def test_trained_optima_are_certified_and_carry_the_predicted_information(name: str, number: int) -> None:
    case = DISPUTES[name].cases[number]
    for optimum in decided(name, number):
        assert optimum.ending is Ending.CONVERGED
        assert 0 <= optimum.certificate.gap <= CERTIFICATE_GAP
        expected = predicted(case, optimum)
        assert float(optimum.quantities["information"]) == pytest.approx(expected, rel=INVARIANT, abs=INVARIANT)
        assert float(optimum.quantities["divergence"]) == pytest.approx(expected, rel=INVARIANT, abs=INVARIANT)


def test_information_above_weight_one_is_certified() -> None:
    """Where the certified minimum lies below every point without information, each global minimum carries some."""
    informed = {}
    for number in range(len(INFORMATION.cases)):
        for optimum in decided(INFORMATION.name, number):
            silent = optimum.quantities["silent"]
            carries = optimum.certificate.upper < lowest(silent)
            assert carries == (predicted(INFORMATION.cases[number], optimum) > 0)
            if not carries:
                assert float(silent) == pytest.approx(optimum.certificate.lower, rel=CERTIFICATE_GAP)
            informed[number, optimum.instance.values["beta"]] = carries
    above_one = [
        {carries for (case, weight), carries in informed.items() if case == number and weight > 1}
        for number in range(len(INFORMATION.cases))
    ]
    assert above_one == [{True, False}, {True, False}, {False}, {False}]
    assert informed[2, 0.9]


def test_the_bound_on_the_weight_is_one_for_equal_variances_alone() -> None:
    """The largest variance is at least the mean one, with equality where all are equal."""
    largest = find("vae-learnable-decoder-variance").prediction.named["largest_weight"].expression
    values = {theta: sp.IndexedBase("theta", positive=True)}
    at_three = largest.subs(D, 3).doit().xreplace(values)
    entries = sorted(at_three.atoms(sp.Indexed), key=str)
    assert len(entries) == 3
    equal = at_three.subs(dict.fromkeys(entries, entries[0]))
    assert sp.simplify(equal) == 1
    excess = sp.simplify((at_three - 1) * sum(entry**2 for entry in entries))
    others = sum(entries[0] ** 2 - entry**2 for entry in entries[1:])
    assert sp.expand(excess - others) == 0


def test_the_divergence_is_the_information() -> None:
    given = find(GIVEN).prediction
    for alive in (True, False):
        divergence, information = (
            on_side(of(given).expression, alive) for of in (predicted_divergences, predicted_information)
        )
        assert sp.simplify(divergence - information) == 0


def test_divergence_and_slope_of_the_minimum_are_continuous_and_the_curvature_jumps() -> None:
    given = find(GIVEN).prediction
    (k,) = {entry.indices[0] for entry in given.threshold.ratio.atoms(sp.Indexed)}
    critical = sp.solve(sp.Eq(given.threshold.ratio, 1), beta)[0]
    alive, collapsed = (on_side(predicted_divergences(given).expression, side) for side in (True, False))
    assert collapsed == 0
    assert sp.simplify(alive.subs(beta, critical)) == 0
    assert sp.simplify(alive.subs(eta_dec, theta[k] / sp.sqrt(beta))) == 0
    assert sp.simplify(sp.diff(alive, beta).subs(beta, critical)) != 0
    costs = [on_side(cost_of_direction(given), side) for side in (True, False)]
    for order, jump in ((0, 0), (1, 0), (2, -1 / beta)):
        here, there = (sp.diff(cost, beta, order) for cost in costs)
        assert sp.simplify((here - there - jump).subs(beta, critical)) == 0
    assert sp.simplify(sp.diff(costs[0], beta) - 2 * alive) == 0


def test_trained_divergences_vanish_towards_the_threshold() -> None:
    """The nearer to the threshold, the smaller the divergence, in proportion; at a jump it would not shrink."""
    found = decided(CONTINUITY.name, 0)
    distances = [2.0 - optimum.instance.values["eta_dec"] for optimum in found]
    divergences = [float(optimum.quantities["divergence"]) for optimum in found]
    below = [(away, kl) for away, kl in zip(distances, divergences, strict=True) if away > 0]
    assert len(below) == 3
    for away, kl in below:
        assert 0.4 * away < kl < 0.6 * away
    assert all(abs(kl) <= INVARIANT for away, kl in zip(distances, divergences, strict=True) if away < 0)


@cache
def learned() -> list[tuple[Learned, Learned]]:
    return learned_tasks(FITTED, TASKS.tasks, training_error)


def predicted_training_error(*settings: dict) -> float:
    """Return the predicted training MSE of these settings in sum."""
    formula = Formula(predicted_error(FITTED.prediction))
    instances = [FITTED.problem.instance(**values) for values in settings]
    return sum(float(evaluate(formula, stack_bindings([instance]))) for instance in instances)


def test_the_error_of_a_living_axis_does_not_depend_on_it_and_is_continuous_at_the_threshold() -> None:
    alive, dead = (error_of_axis(FITTED.prediction, side) for side in (True, False))
    assert not alive.has(theta)
    assert sp.simplify(dead / alive - threshold_ratio(FITTED.prediction)) == 0


@pytest.mark.parametrize("number", range(len(TASKS.tasks)))
def test_the_settings_together_and_alone_have_the_same_data(number: int) -> None:
    """Two targets with the variances of the single ones, and with a covariance that the trace and the eigenvalues allow."""
    tasks = TASKS.tasks[number]
    eigenvalues = [deviation**2 for deviation in tasks.together["theta"]]
    variances = [values["theta"][0] ** 2 for values in tasks.alone]
    assert len(eigenvalues) == len(variances) == 2
    squared = sp.nsimplify(sp.prod(variances)) - sp.nsimplify(sp.prod(eigenvalues))
    assert sum(eigenvalues) == pytest.approx(sum(variances), rel=1e-15)
    assert np.linalg.eigvalsh([[variances[0], float(sp.sqrt(squared))], [float(sp.sqrt(squared)), variances[1]]]) == (
        pytest.approx(sorted(eigenvalues), rel=1e-12)
    )
    shared = ("sample_size", "feature_decay")
    assert all(values[name] == tasks.together[name] for values in tasks.alone for name in shared)


def test_the_training_error_together_is_smaller_in_some_settings_alone() -> None:
    smaller = []
    for tasks, (together, alone) in zip(TASKS.tasks, learned(), strict=True):
        expected = predicted_training_error(tasks.together), predicted_training_error(*tasks.alone)
        for ball, value in zip((together.error, alone.error), expected, strict=True):
            assert float(ball.rad()) <= INVARIANT
            assert lowest(ball) <= value <= highest(ball)
        smaller.append(bool(together.error < alone.error))
        assert smaller[-1] == (not np.isclose(*expected, rtol=1e-12))
    assert smaller == [False, True, False, True, False]


def test_the_loss_together_is_smaller_unless_all_has_collapsed() -> None:
    smaller = [bool(together.loss < alone.loss) for together, alone in learned()]
    assert smaller == [True, True, False, True, False]


def test_the_sum_over_eigenvalues_is_never_the_larger_one() -> None:
    """At random covariances and constants, with equality where all eigenvalues lie on one side of the constant."""
    generator, error = np.random.default_rng(0), predicted_error(FITTED.prediction)
    (constant,) = {error_of_axis(FITTED.prediction, True)}
    for _ in range(COVARIANCES):
        size = int(generator.integers(2, 6))
        root = generator.normal(size=(size, size))
        covariance = root @ root.T
        eigenvalues, diagonal = np.linalg.eigvalsh(covariance), np.diag(covariance)
        level = float(np.exp(generator.uniform(np.log(eigenvalues[0] / 3), np.log(3 * eigenvalues[-1]))))
        together, alone = (
            float(
                error.subs(K, size)
                .doit()
                .subs({theta[i + 1]: np.sqrt(number) for i, number in enumerate(numbers)})
                .subs(constant, level)
            )
            for numbers in (eigenvalues, diagonal)
        )
        assert together <= alone * (1 + 1e-12)
        if level <= eigenvalues[0] or level >= eigenvalues[-1]:
            assert together == pytest.approx(alone, rel=1e-12)
        else:
            assert together < alone * (1 - 1e-9)
