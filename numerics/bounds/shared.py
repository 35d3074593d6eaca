"""A lower bound for directions that share a number: the sign of the slope in that number brackets its best value, in balls.

The least value over the directions is a convex function of the shared number t. Its slope is that of the directions at their
minimisers (the envelope theorem), so that a bracket on which the slope changes sign holds the best t.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from numerics.backends.ball_evaluation import decide, function_in_balls
from numerics.backends.balls import PRECISION, Ball, Undecided, hull
from theory.proof import Separable, Shared

RESOLVED = PRECISION - 32
"""A bracket ends when it is this many bits narrower than its ends are large; the last bits are blurred by rounding."""
STEPS = 3 * (PRECISION + 20)
"""Most steps for a bracket: enough to halve the widest one to a point. With secants some thirty steps do."""
FARTHEST = 2.0**20
"""Farthest number at which a sign is looked for. The numbers are logarithms, and those of doubles lie far below."""

Function = Callable[[Ball], Ball]


@dataclass(frozen=True)
class Bracket:
    """Two numbers between which an increasing function changes its sign."""

    low: Ball
    high: Ball

    @property
    def whole(self) -> Ball:
        """The ball of all numbers in the bracket."""
        return hull((self.low, self.high))


def minimiser_above(slope: Function, lower: Ball) -> Bracket:
    """Bracket the minimiser of a convex function with this slope on the half line above ``lower``."""
    if slope(lower) >= 0:
        return Bracket(lower, lower)
    return _narrowed(slope, Bracket(lower, _where_signed(slope, lower, 1)))


def minimiser(slope: Function) -> Bracket:
    """Bracket the minimiser of a convex function with this slope on the line. Raises Undecided where none is found."""
    return _narrowed(slope, Bracket(_where_signed(slope, Ball(0), -1), _where_signed(slope, Ball(0), 1)))


def _where_signed(slope: Function, start: Ball, side: int) -> Ball:
    """Return a number on this side of ``start`` at which the slope is proved to have the sign of the side."""
    reach = 1.0
    while reach <= FARTHEST:
        if side * slope(start + side * reach) > 0:
            return (start + side * reach).mid()
        reach *= 2
    raise Undecided(f"the slope does not turn {'positive' if side > 0 else 'negative'}")


def _narrowed(slope: Function, wide: Bracket) -> Bracket:
    """Narrow a bracket by secants, where the value of an end that stays twice is halved, and by halving it."""
    low, high, moved, due = wide.low, wide.high, 0, Ball("inf")
    at_low, at_high = slope(low).mid(), slope(high).mid()
    for step in range(STEPS):
        if high - low <= _resolution(high):
            break
        guess = (low + (high - low) * at_low / (at_low - at_high)).mid()
        # A slope of many decades holds secants at one end of the bracket, which then has hardly become narrower in three steps.
        stuck = step % 3 == 2 and high - low > due
        due = (high - low) / 2 if step % 3 == 2 else due
        if stuck or not (guess > low and guess < high):
            guess = ((low + high) / 2).mid()
        value = slope(guess)
        if value > 0:
            high, at_high, at_low, moved = guess, value.mid(), at_low / 2 if moved > 0 else at_low, 1
        elif value < 0:
            low, at_low, at_high, moved = guess, value.mid(), at_high / 2 if moved < 0 else at_high, -1
        else:
            return _around(slope, guess, Bracket(low, high))
    return Bracket(low, high)


def _resolution(at: Ball) -> Ball:
    return (1 + abs(at)) / Ball(2) ** RESOLVED


def _around(slope: Function, guess: Ball, wide: Bracket) -> Bracket:
    """Return the narrowest bracket around a number whose slope cannot be told from zero, by doubling the distance to either side."""
    ends = []
    for side, end in ((-1, wide.low), (1, wide.high)):
        reach = _resolution(guess)
        while reach < abs(end - guess) and not side * slope((guess + side * reach).mid()) > 0:
            reach = 2 * reach
        ends.append((guess + side * reach).mid() if reach < abs(end - guess) else end)
    return Bracket(*ends)


class SharedMinimum:
    """The minimisation of a separable bound whose directions share a number.

    ``best`` brackets the best shared number. Raises Undecided where there is none.
    """

    def __init__(self, separable: Separable, shared: Shared, bindings: Mapping[sp.Basic, Any]) -> None:
        self.separable, self.shared, self.bindings = separable, shared, bindings
        (piece,) = separable.pieces
        self.function, self.start = piece.function, piece.lower
        self.rising = sp.diff(self.function, separable.variable)
        self.across = sp.diff(self.function, shared.variable)
        sizes = {symbol: value for symbol, value in bindings.items() if isinstance(value, int)}
        self.directions = range(1, int(sp.sympify(separable.count).subs(sizes)) + 1)
        self.best = minimiser(self.slope)

    def at(self, t: Ball, expression: sp.Expr, number: int) -> Function:
        """Return an expression of a direction at a shared number as a function of the variable of the direction."""
        there = {**self.bindings, self.shared.variable: t}
        return function_in_balls(sp.sympify(expression), self.separable.variable, there, {self.separable.index: number})

    def minimisers(self, t: Ball) -> list[Ball]:
        """Enclose the best value of the variable of each direction at a shared number."""
        found = []
        for number in self.directions:
            lower = self.at(t, self.start, number)(Ball(0))
            free = decide(self.separable.free, self.bindings, {self.separable.index: number})
            found.append(minimiser_above(self.at(t, self.rising, number), lower).whole if free else lower)
        return found

    def slope(self, t: Ball) -> Ball:
        """Enclose the slope of the least value at a shared number."""
        return self._summed(t, self.across, sp.diff(self.shared.rest, self.shared.variable))

    def _summed(self, t: Ball, of_direction: sp.Expr, of_rest: sp.Expr) -> Ball:
        each = zip(self.directions, self.minimisers(t), strict=True)
        there = sum((self.at(t, of_direction, number)(x) for number, x in each), Ball(0))
        return there + function_in_balls(sp.sympify(of_rest), self.shared.variable, self.bindings, {})(t)

    def lower(self) -> Ball:
        """Return a lower bound: the tangent at the low end of the bracket, where the least value does not rise."""
        low, high = self.best.low, self.best.high
        return self._summed(low, self.function, self.shared.rest) + self.slope(low).min(Ball(0)) * (high - low)

    def start_is_least(self, direction: int) -> bool:
        """Return whether the start of its piece minimises a direction. Raises Undecided where neither answer is proved."""
        t = self.best.whole
        at_start = self.at(t, self.rising, direction)(self.at(t, self.start, direction)(Ball(0)))
        if at_start >= 0:
            return True
        if at_start < 0:
            return False
        raise Undecided(f"whether direction {direction} starts at its least value")
