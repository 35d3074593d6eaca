"""Steps of a proof: true ones hold, false ones are refused."""

import dataclasses

import pytest
import sympy as sp

from theory.claim import Derivation, find, registry
from theory.expressions import provably_nonnegative
from theory.proof import (
    Bound,
    Convex,
    Identity,
    Nonnegative,
    Proof,
    Stationary,
    StepFailed,
    StepRecorder,
    SumOfSquares,
    Vanishes,
)
from theory.scalar import minimise_on_half_line, threshold_ratio
from theory.symbols import K

x, y = sp.symbols("x y", positive=True)
z = sp.Symbol("z", real=True)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        (Identity("", "", (x + 1) ** 2, x**2 + 2 * x + 1), Identity("", "", (x + 1) ** 2, x**2 + 1)),
        (
            Identity("", "", sp.log(x * y), sp.log(x) + sp.log(y)),
            Identity("", "", sp.log(x * y), sp.log(x) - sp.log(y)),
        ),
        (Stationary("", "", (z - 3) ** 2, z, sp.Integer(3)), Stationary("", "", (z - 3) ** 2, z, sp.Integer(2))),
        (Vanishes("", "", z - y, z, y), Vanishes("", "", z - y, z, 2 * y)),
        (Nonnegative("", "", K - 1), Nonnegative("", "", K - 3)),
        (Nonnegative("", "", x / (x + y)), Nonnegative("", "", x - y)),
        (Convex("", "", x - sp.log(x), x), Convex("", "", sp.log(x), x)),
        (Convex("", "", sp.exp(z) + z**2, z), Convex("", "", z**3, z)),
        (
            SumOfSquares("", "", z**2 - 2 * z + 1, ((sp.Integer(1), z - 1),)),
            SumOfSquares("", "", z**2 - 2 * z, ((sp.Integer(1), z - 1), (sp.Integer(-1), sp.Integer(1)))),
        ),
    ],
)
def test_a_step_holds_exactly_when_it_is_true(true, false):
    true.check()
    assert isinstance(true.latex(), str)
    with pytest.raises(StepFailed):
        false.check()


def test_a_false_step_is_found_when_the_proof_is_asked_for():
    true = find("mse-imbalanced")

    def derive(problem):
        derivation = true.derive(problem)
        false = Identity("two and two", "a false sum", sp.Integer(4), sp.Integer(5))
        return Derivation(
            dataclasses.replace(derivation.proof, steps=(*derivation.proof.steps, false)), derivation.prediction
        )

    claim = dataclasses.replace(true, derive=derive)
    assert claim.prediction.value == true.prediction.value
    for _ in range(2):
        with pytest.raises(StepFailed, match="two and two"):
            _ = claim.proof


def test_sign_is_not_guessed():
    assert not provably_nonnegative(z)
    assert not provably_nonnegative(x**2 - 2 * x * y + y**2 - x)


def test_minimiser_on_a_half_line_is_derived():
    record = StepRecorder()
    best = minimise_on_half_line(record, "a parabola", (z - y + 1) ** 2, z, sp.Integer(0))
    assert best.point == sp.Max(0, y - 1)
    assert threshold_ratio(record, "y", best, y) == y
    assert len(record.steps) == 4


def test_a_bound_must_rest_on_something_the_proof_holds():
    with pytest.raises(ValueError, match="rests on"):
        Proof((), (), (), (Bound("b", x, "no reason", ()),))
    with pytest.raises(ValueError, match="rests on"):
        Proof((), (), (), (Bound("b", x, "a missing lemma", ("lemma",)),))


@pytest.mark.parametrize("claim", registry().values(), ids=registry())
def test_every_step_of_a_claim_fails_when_broken(claim):
    """Breaking either side of each recorded step makes its check fail: no step is vacuous."""
    survivors = []
    for step in claim.proof.steps:
        broken = {
            Identity: lambda s: Identity(s.name, s.says, s.left + x, s.right),
            Stationary: lambda s: Stationary(s.name, s.says, s.function + s.variable, s.variable, s.point),
            Vanishes: lambda s: Vanishes(s.name, s.says, s.function + x, s.variable, s.point),
            Nonnegative: lambda s: Nonnegative(s.name, s.says, -1 - s.expression),
            Convex: lambda s: Convex(s.name, s.says, -s.function - s.variable**4, s.variable),
            SumOfSquares: lambda s: SumOfSquares(s.name, s.says, s.expression - x, s.squares),
        }[type(step)](step)
        if broken.holds():
            survivors.append(step.name)
    assert survivors == []
