"""The optimiser: reference configurations, endings, bounds, and reproducibility."""

import dataclasses
import json
import time

import pytest
import sympy as sp
import torch

from numerics.__main__ import main as numerics_main
from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.recording import Recording
from numerics.judging.comparison import compare
from numerics.training import certified, escapes, layout, newton, optimise, quasi_newton
from numerics.training.budget import Budget
from numerics.training.certified import train
from numerics.training.newton import Search
from numerics.training.objective import Objective
from numerics.training.optimise import Ending, curvature_spread, minimise
from numerics.training.quasi_newton import Descent
from theory import symbols as sym
from theory.claim import Derivation, find
from theory.errors import ParameterError
from theory.point import Point
from theory.problem import Invariant, Parameter, PositiveReal, PositiveReals, Problem, Variable

REFERENCE_SECONDS = 2.0
FLOOR = 1e-10
"""Largest residual, in units of the variables, which are of order 1: a thousand roundings of terms a hundred times larger."""


def test_reference_configuration_is_trained_fast_and_exactly():
    claim = find("mse-imbalanced")
    instance = claim.problem.instance(class_counts="200,100,50,50", widths=64, weight_decay=5e-4, feature_decay=5e-4)
    minimise(claim.problem, [instance], starts=1, max_iterations=2)  # first use of torch's kernels
    seconds = []
    for seed in range(3):
        began = time.process_time()  # one thread: the time that training takes when nothing else runs
        solution = minimise(claim.problem, [instance], starts=1, seed=seed)
        seconds.append(time.process_time() - began)
        (comparison,) = compare(claim, solution)
        assert comparison.failures == ()
        assert abs(comparison.gap) <= 1e-10
    assert min(seconds) <= REFERENCE_SECONDS


def test_relu_reference_configuration():
    claim = find("ce-imbalanced-relu")
    instance = claim.problem.instance(class_counts="20,10,5,5", weight_decay=0.01, feature_decay=0.0001)
    (comparison,) = compare(claim, minimise(claim.problem, [instance]))
    assert comparison.failures == ()
    assert comparison.value == pytest.approx(0.069270307659830, abs=1e-13)


def test_a_run_ends_at_the_floor_of_rounding():
    """When rounding stops the value from falling, the gradient still falls, and the run ends where the gradient is least."""
    claim = find("hvae-learnable-top-variance")
    values = {"theta": (1.3, 1.3, 0.8, 0.8), "latent_dim": (4, 8), "beta1": 0.4, "beta2": 0.02, "sigma1": 0.4}
    solution = minimise(claim.problem, [claim.problem.instance(**values, eta_dec=0.7, eta_enc=0.2)], starts=3)
    (comparison,) = compare(claim, solution)
    assert comparison.failures == ()
    assert solution.residuals.max() <= FLOOR


def test_same_seed_same_result_and_other_seed_other_starts():
    claim = find("ce-balanced-etf")
    instance = claim.problem.instance(class_counts=(2, 2, 2), weight_decay=0.01, feature_decay=0.01)
    first, again, other = (minimise(claim.problem, [instance], starts=2, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.points["W"], again.points["W"])
    assert not torch.equal(first.points["W"], other.points["W"])


def test_training_several_instances_at_once_changes_nothing():
    claim = find("mse-imbalanced")
    instances = [
        claim.problem.instance(class_counts=(3, 2), weight_decay=0.01, feature_decay=decay)
        for decay in (0.001, 0.01, 0.1)
    ]
    together = minimise(claim.problem, instances).best_value()
    alone = torch.cat([minimise(claim.problem, [i]).best_value() for i in instances])
    torch.testing.assert_close(together, alone, rtol=1e-13, atol=0)


def scalar_problem(loss, nonnegative=False) -> Problem:
    """Return a problem in one variable x (n × 1) with given numbers c_1 … c_n."""
    c = sym.theta
    return Problem(
        parameters=(
            Parameter("theta", PositiveReals(), "numbers"),
            Parameter("beta", PositiveReal(), "a number", default=1.0),
        ),
        variables=(Variable("x", (sym.D, sym.d), nonnegative=nonnegative),),
        loss=loss,
        invariants=(Invariant("x", "x", lambda xp, v, data, p: v.x, shows_collapse=True),),
        sorted_parameter="theta",
        tied=c,
        bind=lambda values: {sym.D: len(values["theta"]), sym.d: 1, c: values["theta"], sym.beta: values["beta"]},
        data=lambda xp: Point(c=xp.diagonal(c)),
    )


def test_bounded_minimum_satisfies_the_kkt_conditions():
    """In min ½ Σ (x_i + c_i − 2)² over x ≥ 0 the bound is active exactly where c_i > 2, with a positive gradient."""
    problem = scalar_problem(
        lambda xp, v, data, p: ((v.x[..., 0] + p[sym.theta] - 2) ** 2).sum(-1) / 2 + p[sym.beta], nonnegative=True
    )
    solution = minimise(problem, [problem.instance(theta=(3.0, 2.5, 1.0, 0.5))], starts=2)
    assert solution.best_ending() == [Ending.CONVERGED]
    torch.testing.assert_close(
        solution.best_point().x[0, :, 0], torch.tensor([0, 0, 1, 1.5], dtype=torch.float64), atol=1e-12, rtol=0
    )
    assert float(solution.residuals.min()) < 1e-10


def test_a_newton_step_puts_on_its_bound_what_it_takes_beyond():
    """½ (x_1 + x_2 − 1)² + ½ (x_1 − 2)² over x ≥ 0 has its minimum at (3/2, 0), one step away from a small x_2.

    Without bounds it is (2, −1); a step that only stops at the bound would leave x_1 at 2.
    """
    problem = scalar_problem(
        lambda xp, v, data, p: ((v.x.sum((-1, -2)) - 1) ** 2 + (v.x[..., 0, 0] - 2) ** 2) / 2 + p[sym.beta],
        nonnegative=True,
    )
    objective = Objective(problem, [problem.instance(theta=(1.0, 1.0))], 1)
    search = Search(objective, torch.tensor([[1.4, 1e-3]], dtype=torch.float64), torch.tensor([0]))
    search.step(Budget(1, None))
    torch.testing.assert_close(search.x, torch.tensor([[1.5, 0.0]], dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("claim_id", "values"),
    [
        ("ce-imbalanced", {"class_counts": (5, 3, 2), "weight_decay": 0.01, "feature_decay": 0.02}),
        (
            "mse-deep-linear-imbalanced",
            {"class_counts": (4, 2), "depth": 2, "feature_decay": 0.02, "weight_decay": 0.01},
        ),
        ("cvae", {"theta": (3.0, 1.5), "regression": ((1.0,), (0.5,))}),
    ],
)
def test_products_recorded_or_with_all_second_derivatives_are_those_taken_one_by_one(claim_id, values, monkeypatch):
    problem = find(claim_id).problem
    objective = Objective(problem, [problem.instance(**values)], 3)
    x, v = (layout.draw(torch.Generator().manual_seed(seed), 3, objective.layout) for seed in (0, 1))
    loss = objective(x.requires_grad_(), torch.arange(3))
    (gradient,) = torch.autograd.grad(loss.sum(), x, create_graph=True)
    curvature = newton.Curvature(gradient, x, Budget(1, None))
    one_by_one = [curvature(v) for _ in range(curvature.left)]
    assert curvature.matrix is None
    assert torch.allclose(curvature(v), one_by_one[0], rtol=0, atol=1e-13 * float(one_by_one[0].norm()))
    assert curvature.matrix is not None
    monkeypatch.setattr(newton, "MATRIX", x.shape[1] * x.numel() - 1)
    curvature = newton.Curvature(gradient, x, Budget(1, None))
    products = [curvature(w) for w in (v, x.detach(), v, 2 * v)]
    assert isinstance(curvature.again, Recording)
    assert curvature.matrix is None
    assert torch.equal(products[2], products[0])
    assert torch.equal(products[3], 2 * products[0])


def test_a_descent_alone_reaches_the_floor_of_rounding(monkeypatch):
    """Without Newton steps for the last digits, none is taken at ordinary conditioning, and every start reaches the lowest value."""

    def no_step(*_):
        raise AssertionError("a Newton step was taken")

    monkeypatch.setattr(newton, "SHARPENED", 0)
    monkeypatch.setattr(Search, "_step", no_step)
    claim = find("ce-imbalanced")
    instance = claim.problem.instance(class_counts=(20, 10, 5, 5), widths=8, weight_decay=5e-3, feature_decay=5e-4)
    solution = minimise(claim.problem, [instance], starts=16)
    assert set(solution.endings.flatten().tolist()) == {Ending.CONVERGED}
    assert solution.values.max() - solution.values.min() <= 1e-13 * solution.values.min()
    assert solution.residuals.max() <= FLOOR


@pytest.mark.parametrize(("raised", "wrong"), [("0", False), ("5e-12", True), ("1e-10", True), ("1e-8", True)])
def test_a_value_below_the_prediction_is_judged_in_balls(raised, wrong):
    """The loss is small beside its terms, whose rounding exceeds BELOW. A prediction raised by little more is still red."""
    claim = find("hvae-learnable-top-variance")
    values = {"theta": (2.2e-4, 1.4e-4), "latent_dim": (2, 3), "beta1": 0.22, "beta2": 3.3, "sigma1": 0.2283}
    instance = claim.problem.instance(**values, eta_dec=0.2266, eta_enc=3.0)
    solution = minimise(claim.problem, [instance], starts=3)
    value = claim.prediction.value
    raised_value = dataclasses.replace(value, expression=value.expression * (1 + sp.Rational(raised)))
    prediction = dataclasses.replace(claim.prediction, value=raised_value)
    changed = dataclasses.replace(claim, derive=lambda problem: Derivation(claim.proof, prediction))
    (comparison,) = compare(changed, solution)
    assert any("lies below the predicted" in failure for failure in comparison.failures) == wrong


def test_newton_steps_bring_the_last_digits_of_the_lowest_runs(monkeypatch):
    claim = find("ce-imbalanced")
    instance = claim.problem.instance(class_counts=(20, 10, 5, 5), widths=8, weight_decay=5e-3, feature_decay=5e-4)
    monkeypatch.setattr(newton, "SHARPENED", 2)
    residuals = minimise(claim.problem, [instance], starts=8).residuals[0].sort().values
    assert 5 * residuals[1] < residuals[2]


def test_runs_that_wait_for_their_place_end_where_they_would_have_ended(monkeypatch):
    """Starts that take the place of ended runs come to the same minimum, each with its own number of iterations."""
    claim = find("mse-imbalanced")
    instances = [
        claim.problem.instance(class_counts=(3, 2), weight_decay=0.01, feature_decay=decay) for decay in (0.001, 0.1)
    ]
    together = minimise(claim.problem, instances, starts=5)
    monkeypatch.setattr(quasi_newton, "CACHED", 3 * 14)  # three runs at a time
    waiting = minimise(claim.problem, instances, starts=5)
    torch.testing.assert_close(waiting.values, together.values, rtol=1e-13, atol=0)
    assert (waiting.endings == Ending.CONVERGED).all()
    assert len(set(waiting.iterations.flatten().tolist())) > 1


@pytest.mark.parametrize(
    ("claim_id", "values"),
    [
        ("ce-imbalanced-relu", {"class_counts": (4, 2, 1)}),
        ("mse-deep-linear-imbalanced", {"class_counts": (4, 2, 1), "depth": 2, "widths": (3,)}),
    ],
)
@pytest.mark.parametrize("closed", [True, False])
def test_lower_points_are_looked_for_only_where_none_is_excluded(claim_id, values, closed, monkeypatch):
    looked = []

    def look(search, given, still_open, budget):
        looked.extend(still_open(torch.arange(2)).tolist())

    monkeypatch.setattr(optimise, "ramp", look)
    monkeypatch.setattr(optimise, "redraw_units", look)
    problem = find(claim_id).problem
    instances = [problem.instance(**values, weight_decay=0.01, feature_decay=decay) for decay in (0.001, 0.002)]
    minimise(problem, instances, starts=2, closed=lambda rows, points: [closed and row == 0 for row in rows])
    assert looked == ([1] if closed else [0, 1])


def test_directions_are_dropped_only_where_a_lower_point_is_still_looked_for(monkeypatch):
    """Of two instances one is closed after the first round of drops and takes no part in the second; that ends with the other."""
    dropped, asked, without = [], [], escapes._without

    def closed(rows, points):
        asked.append(rows)
        return [row < len(asked) - 2 for row in rows]

    def recorded(path, *rest):
        dropped.append((len(asked), path.runs.tolist()))
        return without(path, *rest)

    monkeypatch.setattr(escapes, "_without", recorded)
    problem = find("mse-deep-relu").problem
    values = {"class_counts": (1,) * 6, "depth": 4, "weight_decay": (0.008,) * 4}
    instances = [problem.instance(**values, feature_decay=decay) for decay in (0.008, 0.009)]
    minimise(problem, instances, starts=1, max_iterations=20, closed=closed)
    assert dropped == [(2, [0, 1])] * 2 + [(3, [1])] * 2


def test_an_unbounded_loss_is_not_reported_as_converged():
    problem = scalar_problem(lambda xp, v, data, p: -v.x.square().sum((-1, -2)) * p[sym.beta])
    solution = minimise(problem, [problem.instance(theta=(1.0, 1.0))], starts=2, max_iterations=50)
    assert all(e in (Ending.STALLED, Ending.DIVERGED) for e in solution.best_ending())


def test_a_loss_that_is_not_a_number_diverges():
    problem = scalar_problem(lambda xp, v, data, p: torch.log(-1 - v.x.square().sum((-1, -2))) * p[sym.beta])
    solution = minimise(problem, [problem.instance(theta=(1.0, 1.0))], starts=2)
    assert set(solution.endings.flatten().tolist()) == {Ending.DIVERGED}


def test_a_run_in_a_curved_valley_gets_to_its_end():
    """Directions far above their threshold, more than there is room for: Newton steps alone have not ended after 600."""
    claim = find("hvae-learnable-top-variance")
    values = {"theta": (4.8,) * 4, "latent_dim": (4, 2), "beta1": 0.49, "beta2": 0.49, "sigma1": 7}
    solution = minimise(claim.problem, [claim.problem.instance(**values, eta_dec=0.11, eta_enc=0.125)], starts=1)
    (comparison,) = compare(claim, solution)
    assert solution.best_ending() == [Ending.CONVERGED]
    assert comparison.failures == ()
    assert int(solution.iterations) > newton.STEPS


def test_stopping_early_is_reported_and_fails_the_comparison():
    claim = find("mse-imbalanced")
    instance = claim.problem.instance(class_counts=(3, 2), weight_decay=0.01, feature_decay=0.01)
    solution = minimise(claim.problem, [instance], starts=1, max_iterations=2)
    assert solution.best_ending() == [Ending.STALLED]
    (comparison,) = compare(claim, solution)
    assert any("stalled" in failure for failure in comparison.failures)


def test_interruption_keeps_what_was_reached():
    claim = find("mse-imbalanced")
    instance = claim.problem.instance(class_counts=(3, 2), weight_decay=0.01, feature_decay=0.01)

    def interrupt(iteration: int, running: int) -> None:
        if iteration == 5:
            raise KeyboardInterrupt

    solution = minimise(claim.problem, [instance], starts=2, progress=interrupt)
    assert solution.interrupted
    assert solution.values.isfinite().all()


def test_optimiser_does_not_see_the_prediction():
    """A claim whose derivation would fail can still be trained, since training does not use the derivation."""

    def no_derivation(problem):
        raise AssertionError("the optimiser asked for the derivation")

    claim = dataclasses.replace(find("ce-balanced-etf"), derive=no_derivation)
    instance = claim.problem.instance(class_counts=(2, 2), weight_decay=0.01, feature_decay=0.01)
    assert minimise(claim.problem, [instance], starts=1).best_ending() == [Ending.CONVERGED]


SLOW = ("mse-imbalanced", ",".join(["100"] * 40), 40, 1e-6)
"""A claim, class counts, width and decays that take a minute to train."""


@pytest.mark.parametrize("seconds", [1e-3, 0.7])
@pytest.mark.parametrize(
    ("claim_id", "values"),
    [
        ("mse-imbalanced", {"class_counts": SLOW[1], "widths": SLOW[2]}),
        ("mse-imbalanced-relu", {"class_counts": SLOW[1], "widths": SLOW[2]}),
        ("mse-deep-linear-imbalanced", {"class_counts": SLOW[1], "depth": 6, "widths": (40,)}),
    ],
)
def test_a_time_limit_ends_training_with_what_it_has(claim_id, values, seconds):
    """The runs count as stalled, the values are the loss at the points, and certified training starts no further round."""
    problem = find(claim_id).problem
    instance = problem.instance(**values, weight_decay=SLOW[3], feature_decay=SLOW[3])
    training = train(find(claim_id), [instance], 2, 0, "cpu", time_limit=seconds)
    solution = training.solution
    assert solution.out_of_time
    assert not solution.interrupted
    assert training.rounds == (1,)
    assert set(solution.endings.flatten().tolist()) == {Ending.STALLED}
    assert solution.seconds < seconds + 5
    bindings = stack_bindings([instance])
    xp, data = setting(problem, bindings)
    value = problem.loss(xp, solution.best_point(), data, bindings)
    torch.testing.assert_close(solution.best_value(), value, rtol=1e-12, atol=0)


def test_time_that_suffices_changes_nothing():
    claim = find("ce-balanced-etf")
    instance = claim.problem.instance(class_counts=(2, 2, 2), weight_decay=0.01, feature_decay=0.01)
    limited, free = (minimise(claim.problem, [instance], starts=2, time_limit=t) for t in (600, float("inf")))
    assert not limited.out_of_time
    assert torch.equal(limited.points["W"], free.points["W"])


@pytest.mark.parametrize("command", ["train", "certify", "conjecture"])
def test_a_time_limit_is_reported_as_a_failure(command, capsys):
    words = [f"class_counts={SLOW[1]}", f"widths={SLOW[2]}", f"weight_decay={SLOW[3]}", f"feature_decay={SLOW[3]}"]
    assert numerics_main([command, SLOW[0], *words, "--starts", "3", "--time-limit", "0.2", "--json"]) == 1
    output = capsys.readouterr()
    reached = "time limit of 0.2 s reached: 0 of 3 runs had converged"
    assert f"check failed: {reached}" in output.err.splitlines()
    assert json.loads(output.out)["failures"][0] == reached


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_an_impossible_time_limit_is_refused(seconds):
    with pytest.raises(ParameterError, match=f"time-limit: '{seconds}' is not allowed"):
        numerics_main(["train", "vae-learnable-variance", "theta=3,1", "latent_dim=2", f"--time-limit={seconds}"])


def test_the_spread_of_a_problem_is_that_of_its_curvatures():
    """The curvatures of ½ Σ c_i x_i² are the c_i. A direction without curvature does not count."""
    problem = scalar_problem(lambda xp, v, data, p: (p[sym.theta] * v.x[..., 0] ** 2).sum(-1) / 2 + p[sym.beta])
    assert curvature_spread(problem, problem.instance(theta=(3e5, 1.0, 1.5e-3))) == pytest.approx(2e8, rel=1e-12)
    flat = scalar_problem(lambda xp, v, data, p: (p[sym.theta][..., 1:] * v.x[..., 1:, 0] ** 2).sum(-1) * p[sym.beta])
    assert curvature_spread(flat, flat.instance(theta=(3e5, 2.0, 1.0))) == pytest.approx(2, rel=1e-12)


def test_training_that_stalls_says_how_widely_the_problem_is_spread(capsys, monkeypatch):
    """The threshold ratios n_k / (N² λ_W λ_H) are computed by hand. Further rounds would stall, too."""
    monkeypatch.setattr(certified, "ROUNDS", 1)
    words = ["class_counts=300,3", "widths=3", "weight_decay=1.4e-16", "feature_decay=5.7e-17"]
    assert numerics_main(["train", "mse-imbalanced", *words, "--starts", "1"]) == 1
    (said,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("check failed")]
    assert said.startswith("the best start has not converged: curvatures at a random start differ by a factor of ")
    assert f"thresholds by {300 / (303**2 * 1.4e-16 * 5.7e-17):.0e}" in said
    converged = ["class_counts=3,2", "widths=3", "weight_decay=0.01", "feature_decay=0.01"]
    assert numerics_main(["train", "mse-imbalanced", *converged, "--starts", "2"]) == 0
    assert capsys.readouterr().err == ""


def test_a_settled_run_goes_on_while_its_loss_falls_from_look_to_look():
    """The model of a run promised little once: where the loss falls by more than rounding after that, the run has not settled."""
    problem = find("ce-imbalanced").problem
    instance = problem.instance(class_counts=(3, 2), weight_decay=0.01, feature_decay=0.01)
    objective, runs = Objective(problem, [instance], 2), torch.arange(2)
    descent = Descent(objective, layout.draw(torch.Generator().manual_seed(0), 2, objective.layout), runs)
    state = descent._started(runs, 600)
    state.settled.fill_(True)
    state.least.fill_(0.0)
    state.in_vain.fill_(quasi_newton.IN_VAIN)
    state.seen = state.value * torch.tensor([1 + 1e-10, 1 + 1e-13], dtype=torch.float64)
    descent._look(state)
    assert state.settled.tolist() == [False, True]
    assert state.running.tolist() == [True, False]
