"""Values and bounds as balls: the loss at a point, a predicted value, and the gap between two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from numerics.backends.ball_arrays import BallArrays
from numerics.backends.ball_evaluation import ball_bindings, evaluate_in_balls
from numerics.backends.balls import Ball, highest, lowest
from numerics.backends.unit_norm import feasible_in_balls
from theory.claim import Claim
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace
from theory.point import Point
from theory.problem import Instance, Problem

Quantity = Callable[[ArrayNamespace, Point, Point, Bindings], Ball]
"""A number that a point has: a function of the array namespace, the point, the given arrays and the parameters, as a loss is."""


@dataclass(frozen=True)
class Enclosure:
    """The loss at a trained point, and a lower bound, as balls.

    ``rigorous``: neither of them trusts a floating-point result.
    """

    upper_ball: Ball
    lower_ball: Ball
    rigorous: ClassVar[bool] = True

    @property
    def upper(self) -> float:
        """A double not below the loss at the point."""
        return highest(self.upper_ball)

    @property
    def lower(self) -> float:
        """A double not above the lower bound."""
        return lowest(self.lower_ball)

    @property
    def gap_ball(self) -> Ball:
        """(upper − lower) / |upper|."""
        return (self.upper_ball - self.lower_ball) / abs(self.upper_ball)

    @property
    def gap(self) -> float:
        """A double not below the relative gap."""
        return highest(self.gap_ball)


def value_at(problem: Problem, instance: Instance, point: Point) -> Ball:
    """Enclose the loss at a point (variables [rows, columns]), whose doubles are taken exactly; unit norms are restored in balls."""
    return quantity_at(problem.loss, problem, instance, point)


def quantity_at(quantity: Quantity, problem: Problem, instance: Instance, point: Point) -> Ball:
    """Enclose a number that a point has, as ``value_at`` does with the loss."""
    bindings = ball_bindings(problem, instance)
    xp = BallArrays(bindings)
    v = feasible_in_balls(problem.active_variables(instance), point)
    return quantity(xp, v, problem.given(xp), bindings)


def predicted_value(claim: Claim, instance: Instance) -> Ball | None:
    """Enclose the predicted value, or return None where the claim has no formula."""
    formula = claim.prediction.value
    return None if formula is None else evaluate_in_balls(formula, ball_bindings(claim.problem, instance))
