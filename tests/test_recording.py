"""A recorded function does again what it did, to the last bit, and what cannot be recorded runs as it is."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from numerics.backends import recording
from numerics.backends.recording import SMALL, NotRecordable, Recording, recorded
from numerics.training.layout import draw
from numerics.training.objective import Objective
from numerics.training.quasi_newton import Descent, value_and_gradient
from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.strategies import batches, drawn
from theory.claim import Claim, find

DTYPE = torch.float64


def recorded_as_it_is(claim: Claim) -> None:
    """Hold recorded losses and gradients of a claim against those that are computed anew, at points that follow one another.

    They are those of the claim's loss, and of its least value over the variable that is eliminated.
    """
    for regime in REGIMES[1:3]:
        (batch,) = drawn(batches(claim, regime), 1, seed=3)
        objective = Objective(claim.problem, batch, 2)
        runs, reduced = torch.arange(2 * len(batch)), objective.reduced()
        generator = torch.Generator().manual_seed(0)
        points = [draw(generator, len(runs), objective.layout) for _ in range(4)]
        losses = [(objective.at(runs), points)]
        if reduced is not None:
            losses.append((reduced.at(runs), [reduced.rest(x) for x in points]))
        for loss, at in losses:
            x = at[0].clone()
            again = Recording(lambda loss=loss, x=x: value_and_gradient(loss, x), [x])
            for point in at:
                x.copy_(point)
                for found, expected in zip(again(), value_and_gradient(loss, point), strict=True):
                    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


def test_losses_and_gradients_of_every_claim_are_the_same_to_the_last_bit(claim: Claim) -> None:
    recorded_as_it_is(claim)


def test_losses_and_gradients_of_every_refuted_claim_are_the_same_to_the_last_bit(refuted: Claim) -> None:
    recorded_as_it_is(refuted)


def test_a_descent_takes_the_same_steps_recorded_or_not_and_goes_on_from_one_to_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = find("ce-imbalanced").problem
    instance = problem.instance(class_counts=(6, 3, 2), weight_decay=5e-3, feature_decay=5e-4)
    objective, runs = Objective(problem, [instance], 8), torch.arange(8)
    start = draw(torch.Generator().manual_seed(0), 8, objective.layout)

    def reached(*recorded: bool) -> torch.Tensor:
        """Return the points after parts of twelve iterations each, recorded or not."""
        descent = Descent(objective, start, runs)
        state = descent._started(runs, 600)
        for part in recorded:
            monkeypatch.setattr(recording, "SMALL", start.numel() if part else 0)
            iterate = descent._iteration(state, objective.at(runs), 600)
            assert isinstance(iterate, Recording) is part
            for _ in range(11 if part else 12):  # the first has been done while it was recorded
                iterate()
                descent._turn()
        return state.x

    plain = reached(False, False, False)
    for parts in ((True, True, True), (True, False, True), (False, True, False)):
        torch.testing.assert_close(reached(*parts), plain, rtol=1e-6, atol=1e-9)


def test_memory_that_is_written_within_is_written_anew_by_every_call() -> None:
    x = torch.tensor([1.0, 2.0], dtype=DTYPE)

    def summed() -> torch.Tensor:
        total = torch.zeros(2, dtype=DTYPE)
        for _ in range(3):
            total += x
        return total

    again = Recording(summed, [x])
    for size in (1.0, 5.0, -2.0):
        x.fill_(size)
        assert again().tolist() == [3 * size, 3 * size]


def test_what_does_not_change_is_not_computed_again() -> None:
    x, y = torch.ones(3, dtype=DTYPE), torch.full((3,), 2.0, dtype=DTYPE)
    again = Recording(lambda: y.exp().square().sum() * x, [x])
    assert len(again.steps) == 1
    views = Recording(lambda: x.reshape(3, 1).mT.expand(2, 3).sum(), [x])
    assert len(views.steps) == 1


def test_a_changing_state_goes_on_from_call_to_call() -> None:
    state = torch.tensor([1.0], dtype=DTYPE)
    again = Recording(lambda: state.mul_(2).clone(), [state])
    assert [float(again()) for _ in range(3)] == [4.0, 8.0, 16.0]
    assert float(state) == 16.0


def of_the_sign(x: torch.Tensor) -> torch.Tensor:
    return x if float(x.sum()) > 0 else -x


@pytest.mark.parametrize(
    "function",
    [of_the_sign, lambda x: x[x > 0].sum(), lambda x: x.nonzero(), lambda x: x + torch.rand_like(x)],
    ids=["a branch", "a mask", "places", "chance"],
)
def test_what_depends_on_values_or_chance_is_not_recorded(function) -> None:
    x = torch.tensor([1.0, -3.0], dtype=DTYPE)
    with pytest.raises(NotRecordable, match=r"depends on the values of the input, or on chance$"):
        Recording(lambda: function(x), [x])

    def itself() -> torch.Tensor:
        return function(x)

    assert recorded(itself, [x], x) is itself


def test_a_branch_on_what_does_not_change_is_recorded() -> None:
    x, fixed = torch.tensor([1.0], dtype=DTYPE), torch.tensor([2.0], dtype=DTYPE)
    again = Recording(lambda: x + of_the_sign(fixed), [x])
    x.fill_(7.0)
    assert again().tolist() == [9.0]


def test_large_points_are_not_recorded() -> None:
    x = torch.zeros(SMALL + 1, dtype=DTYPE)

    def itself() -> torch.Tensor:
        return x.sum()

    assert recorded(itself, [x], x) is itself
    assert isinstance(recorded(itself, [x], x[1:]), Recording)


def test_recording_loads_no_compiler() -> None:
    """It would take longer than most trainings."""
    code = (
        "import sys, torch\n"
        "from numerics.backends.recording import Recording\n"
        "from numerics.training.quasi_newton import value_and_gradient\n"
        "x = torch.ones(2, 3, dtype=torch.float64)\n"
        "Recording(lambda: value_and_gradient(lambda at: at.square().sum(1), x), [x])()\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
