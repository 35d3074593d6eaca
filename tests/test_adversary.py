"""The adversary breaks claims that are slightly false, and prints a command that finds the violation again."""

import dataclasses
import itertools
import math
import shlex

import pytest
import sympy as sp
import torch

from numerics.commands.main import main
from numerics.searching.adversary import FARTHEST, Violation, _Adam, _Moving, attack
from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.strategies import batches, drawn
from theory.claim import Derivation, find

STEPS = 100
RAISED = sp.Rational(101, 100)


def test_a_raised_bound_is_broken(claim):
    """The first bound of every chain is tight somewhere. If the bound is raised by a hundredth, the adversary gets below it."""
    first, *others = claim.proof.bounds
    raised = dataclasses.replace(first, expression=RAISED * first.expression)
    derivation = Derivation(dataclasses.replace(claim.proof, bounds=(raised, *others)), claim.prediction)
    false = dataclasses.replace(claim, derive=lambda problem: derivation)

    (batch,) = drawn(batches(claim, REGIMES[-1], 2), 1, seed=2)
    assert attack(false, batch, STEPS).violation is not None


def test_a_raised_value_is_broken_by_training():
    """A claimed minimum above the true one by a millionth of a millionth lies above a trained point, in balls."""
    claim = find("vae-learnable-variance")
    value = claim.prediction.value
    raised = dataclasses.replace(
        claim.prediction, value=value.replace_expression(value.expression * (1 + sp.Rational(1, 10**12)))
    )
    false = dataclasses.replace(claim, derive=lambda problem: Derivation(claim.proof, raised))
    instance = claim.problem.instance(theta=(3.0, 2.0, 0.5), latent_dim=2)
    assert attack(claim, [instance], steps=1).violation is None
    found = attack(false, [instance], steps=1).violation
    assert found.what == "a trained point lies below the claimed minimum"
    assert 0 < found.excess < 1e-11


def test_what_must_exceed_another_parameter_does_so_wherever_both_move():
    """Every instance is valid when a parameter moves as far as it may, from a gap of one rounding or from a wide gap."""
    problem = find("hvae-learnable-variances").problem
    instances = [problem.instance(theta=(2.0, 1.0), beta1=0.3, beta2=b) for b in (math.nextafter(0.3, 1), 0.4, 30.0)]
    moving = _Moving(problem, instances)
    assert [i.values["beta2"] for i in moving.moved()] == pytest.approx([i.values["beta2"] for i in instances])
    for below, above in itertools.product((-FARTHEST, FARTHEST), repeat=2):
        for name, far in (("beta1", below), ("beta2", above)):
            moving.shifts[name].data.fill_(far)
        assert all(instance.values["beta2"] > instance.values["beta1"] for instance in moving.moved())


def test_adam_moves_by_its_rate_at_first_and_then_by_its_moments():
    """Two steps are computed by hand: the gradients are 2 and −1, and the second leaves the mean 0.08 and the mean square 0.004996."""
    x, still = (torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    adam = _Adam([(x, 0.1), (still, 0.1)])
    moved = [0.0]
    for gradient in (2.0, -1.0):
        adam.step([torch.tensor([gradient], dtype=torch.float64), None])
        moved.append(float(x.detach()))
    assert moved[1] == pytest.approx(-0.1)
    mean, square = (0.9 * 0.2 - 0.1) / (1 - 0.9**2), (0.999 * 0.004 + 0.001) / (1 - 0.999**2)
    assert moved[2] - moved[1] == pytest.approx(-0.1 * mean / square**0.5)
    assert float(still.detach()) == 0.0


@pytest.mark.parametrize(
    ("claim_id", "values", "moving_name", "inside"),
    [
        (
            "ce-label-smoothing",
            [{"class_counts": (1, 1), "weight_decay": 0.1, "feature_decay": 0.1, "smoothing": s} for s in (1e-9, 0.5)],
            "smoothing",
            lambda smoothing: 0 < smoothing < 1,
        ),
        (
            "vae-learnable-variance",
            [{"theta": (2.0, 2.0, 1.0)}, {"theta": (3.0, 0.1, 0.1)}],
            "theta",
            lambda theta: theta[0] >= theta[1] >= theta[2] > 0,
        ),
    ],
)
def test_what_moves_stays_in_its_domain(claim_id, values, moving_name, inside):
    problem = find(claim_id).problem
    instances = [problem.instance(**v) for v in values]
    moving = _Moving(problem, instances)
    shift = moving.shifts[moving_name]
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        shift.data.copy_(FARTHEST * torch.empty_like(shift).uniform_(-1, 1, generator=generator))
        moved = [instance.values[moving_name] for instance in moving.moved()]
        assert all(map(inside, moved))
        assert all(m != v[moving_name] for m, v in zip(moved, values, strict=True))
    (bound,) = (v for s, v in moving.bindings().items() if str(s) in ("alpha", "theta"))
    assert torch.autograd.grad(bound.sum(), shift)[0].abs().min() > 0


def test_commands_are_written_as_they_are_read(capsys):
    claim = find("cvae")
    instance = claim.problem.instance(theta=(3.0, 0.5), regression=((1.0, 0.25), (0.0, -2.0)), beta=0.1)
    words = shlex.split(Violation(claim, instance, "", 0.0).command())[3:]
    assert main([*words, "--starts", "1", "--steps", "2", "--json"]) == 0
    assert '"broken": null' in capsys.readouterr().out
