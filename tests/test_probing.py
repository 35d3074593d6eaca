"""Steps evaluated in balls: the derivations are confirmed, and every kind of wrong step is contradicted."""

import dataclasses

import pytest
import sympy as sp

from numerics.bounds.steps import NotProbed, contradiction
from theory.claim import registry
from theory.proof import Convex, Identity, Nonnegative, Stationary, Step, SumOfSquares, Vanishes

OFF = sp.Rational(1, 10**6)


def spoiled(step: Step) -> Step:
    """Return a step that is false by a millionth, or in sign."""
    match step:
        case Identity():
            # Matrices stand for noncommutative symbols: there a factor does it, elsewhere a term that vanishes nowhere.
            commutes = step.right.is_commutative is not False
            return dataclasses.replace(step, right=step.right + OFF if commutes else (1 + OFF) * step.right)
        case SumOfSquares():
            return dataclasses.replace(step, expression=step.expression + OFF)
        case Nonnegative():
            return dataclasses.replace(step, expression=-step.expression - OFF)
        case Convex():
            return dataclasses.replace(step, function=-step.function)
        case Stationary() | Vanishes():
            return dataclasses.replace(step, point=step.point * (1 + OFF) + OFF**2)
    raise NotImplementedError(type(step).__name__)


@pytest.mark.parametrize("claim", registry().values(), ids=registry())
def test_every_spoiled_step_is_contradicted(claim):
    for step in claim.proof.steps:
        assert contradiction(step) is None, step.name
        assert contradiction(spoiled(step)) is not None, step.name


def test_a_simplification_that_lies_is_caught():
    """A step whose own check always says yes."""

    class Trusting(Identity):
        def holds(self) -> bool:
            return True

    x = sp.Symbol("x", real=True)
    Trusting("the root of a square", "", sp.sqrt(x**2), x).check()
    assert "difference" in contradiction(Trusting("the root of a square", "", sp.sqrt(x**2), x))


def test_what_cannot_be_evaluated_is_not_called_confirmed():
    x = sp.Symbol("x", positive=True)
    with pytest.raises(NotProbed):
        contradiction(Identity("nowhere real", "", sp.log(-x), sp.log(-x)))
