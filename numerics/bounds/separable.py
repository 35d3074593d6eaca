"""A lower bound for a sum of functions of one variable each, by branch and bound in balls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from numerics.backends.ball_evaluation import decide, function_in_balls
from numerics.backends.balls import Ball, Undecided
from numerics.bounds.shared import SharedMinimum
from theory.proof import Piece, Separable

HALVINGS = 200
"""Most rounds of branch and bound. About twenty settle a direction; more are needed where its minimiser lies many
decades below the width of its piece."""

DOUBLINGS = 1100
"""Most doublings of the width within which a piece without an upper end has to begin to rise: they reach beyond all doubles."""

RESOLVED = 1e-13
"""Branch and bound ends where the lower bound and the least known value, each summed over all directions, come this close, relative."""

RADII = 16
"""Stop bisecting when the bound is within this many of its radii of the best value: balls of this precision get no closer."""

MOST_INTERVALS = 4000
"""Most intervals of one direction at a time. With more, branch and bound goes no further: the bound reached holds, but is loose."""


def separable_bound(separable: Separable, bindings: Mapping[sp.Basic, Any]) -> Ball:
    """Enclose a lower bound on Σ_i min φ_i(x_i), without a formula for the minimisers; return −∞ where there is none.

    Branch and bound: on an interval a convex part lies above its tangents at both ends and a concave part above its
    chord, so that φ lies above two linear functions, and above any mean of them. The sum of the least known values sets
    the resolution of a direction, never a value elsewhere: with decays far below one a value at zero may be larger by
    more decades than a double has. Where the directions share a number, the bound is the least value over that number, too.
    """
    if separable.shared is not None:
        try:
            return SharedMinimum(separable, separable.shared, bindings).lower()
        except Undecided:
            return Ball("-inf")
    try:
        searches, fixed = _started(separable, bindings)
    except Undecided:
        return Ball("-inf")
    for _ in range(HALVINGS):
        known = sum((search.known for search in searches), fixed)
        share = RESOLVED * abs(known) / max(1, len(searches))
        coarse = [search for search in searches if not (search.settled() or search.known - search.lower() <= share)]
        if not coarse:
            break
        for search in coarse:
            search.halve()
    return sum((search.lower() for search in searches), fixed)


def _started(separable: Separable, bindings: Mapping[sp.Basic, Any]) -> tuple[list[_BranchAndBound], Ball]:
    """Return the searches of the free directions, and the sum of the values of the others.

    Raises Undecided for a piece that falls without end.
    """
    count = int(sp.sympify(separable.count).subs({s: v for s, v in bindings.items() if isinstance(v, int)}))
    fixed, searches = Ball(0), []
    for number in range(1, count + 1):
        direction = _Direction(separable, bindings, number)
        if decide(separable.free, bindings, {separable.index: number}):
            searches.append(_BranchAndBound(direction.pieces))
        else:
            fixed += direction.at_start
    return searches, fixed


def start_is_least(separable: Separable, bindings: Mapping[sp.Basic, Any], direction: int) -> bool:
    """Return whether the start of its pieces minimises a direction (counted from 1), that is, whether zero is optimal.

    Both answers are proved. Raises Undecided where neither can be proved.
    """
    if separable.shared is not None:
        return SharedMinimum(separable, separable.shared, bindings).start_is_least(direction)
    pieces = _Direction(separable, bindings, direction).pieces
    level = pieces[0].low.value
    return all(piece.stays_above(level) for piece in pieces)


class _Direction:
    """The scalar problem of one direction in balls: the pieces that are not empty, and the value at the start of the pieces."""

    def __init__(self, separable: Separable, bindings: Mapping[sp.Basic, Any], number: int) -> None:
        def in_balls(expression: sp.Expr) -> Callable[[Ball], Ball]:
            return function_in_balls(sp.sympify(expression), separable.variable, bindings, {separable.index: number})

        pieces = [_PieceInBalls(piece, separable.variable, in_balls) for piece in separable.pieces]
        self.pieces = [piece for piece in pieces if not piece.high.at < piece.low.at]
        first = separable.pieces[0]
        self.at_start = in_balls(first.function)(in_balls(first.lower)(Ball(0)))


@dataclass(frozen=True)
class _End:
    """An end of an interval: its position, the value of the piece and of its concave part there, and the slope of the convex part."""

    at: Ball
    value: Ball
    concave: Ball
    slope: Ball


Interval = tuple[_End, _End]


class _PieceInBalls:
    """A piece between two numbers, ``low`` and ``high``, which are its ends rounded outward.

    Where the piece has no upper end, it only grows beyond ``high``.
    """

    def __init__(
        self, piece: Piece, variable: sp.Symbol, in_balls: Callable[[sp.Expr], Callable[[Ball], Ball]]
    ) -> None:
        self.convex, self.concave = in_balls(piece.convex), in_balls(piece.concave)
        self.slope = in_balls(sp.diff(piece.convex, variable))
        self.low = self.end(in_balls(piece.lower)(Ball(0)).lower())
        if piece.upper != sp.oo:
            self.high = self.end(in_balls(piece.upper)(Ball(0)).upper())
            return
        width = Ball(1)
        for _ in range(DOUBLINGS):
            if self.slope(self.low.at + width) > 0:
                break
            width = 2 * width
        else:
            raise Undecided("where a piece without an upper end begins to rise")
        self.high = self.end((self.low.at + width).upper())

    def end(self, x: Ball) -> _End:
        concave = self.concave(x)
        return _End(x, self.convex(x) + concave, concave, self.slope(x))

    def halved(self, interval: Interval) -> tuple[Interval, Interval]:
        start, end = interval
        middle = self.end(((start.at + end.at) / 2).mid())
        return (start, middle), (middle, end)

    def stays_above(self, level: Ball) -> bool:
        """Return whether no value of the piece lies below a level. Raises Undecided where HALVINGS do not settle this."""
        intervals = [(self.low, self.high)]
        for _ in range(HALVINGS):
            if any(end.value < level for interval in intervals for end in interval):
                return False
            # Where the level is the value at the very start, a piece that rises from there stays above the level.
            intervals = [
                (start, end)
                for start, end in intervals
                if not (_below(start, end) >= level or (start is self.low and _rises(start, end)))
            ]
            if not intervals:
                return True
            if len(intervals) > MOST_INTERVALS:
                break
            intervals = [half for interval in intervals for half in self.halved(interval)]
        raise Undecided(f"whether a piece stays above {level.str(15)}")


class _BranchAndBound:
    """The search for the least value of one direction, which lies between ``lower()`` and ``known``."""

    def __init__(self, pieces: Sequence[_PieceInBalls]) -> None:
        self.known, self.within_rounding = Ball("inf"), Ball("inf")
        self.open: list[tuple[_PieceInBalls, Interval, Ball]] = []
        self._take([(piece, (piece.low, piece.high)) for piece in pieces])

    def lower(self) -> Ball:
        """Return a number not above the least value: discarded intervals hold nothing below ``known`` or ``within_rounding``."""
        return min([self.known, self.within_rounding, *(below for _, _, below in self.open)])

    def settled(self) -> bool:
        """Return whether halving brings nothing more, or is given up."""
        return not self.open or len(self.open) > MOST_INTERVALS

    def halve(self) -> None:
        """Halve every interval that may hold a value below the least known value."""
        self._take([(piece, half) for piece, interval, _ in self.open for half in piece.halved(interval)])

    def _take(self, intervals: Sequence[tuple[_PieceInBalls, Interval]]) -> None:
        for _, ends in intervals:
            for end in ends:
                if end.value.is_finite():
                    self.known = min(self.known, end.value.upper())
        self.open = []
        for piece, interval in intervals:
            found = _below(*interval)
            below = found.lower() if found.is_finite() else Ball("-inf")
            if below >= self.known:
                continue
            # Where all terms of the function cancel, no interval gets closer than the radius of the balls.
            if found.is_finite() and below >= self.known - RADII * found.rad():
                self.within_rounding = min(self.within_rounding, below)
            else:
                self.open.append((piece, interval, below))


def _rises(start: _End, end: _End) -> bool:
    """Return whether the function is proved to be least at the start of an interval."""
    if start.at == end.at:
        return True
    chord = (end.concave - start.concave) / (end.at - start.at)
    return bool(start.slope + chord >= 0)


def _below(start: _End, end: _End) -> Ball:
    """Enclose a lower bound on an interval, from the lines through both ends with the slopes of the function there."""
    if start.at == end.at:  # a piece of one point
        return start.value
    length = end.at - start.at
    chord = (end.concave - start.concave) / length
    rise, fall = start.slope + chord, end.slope + chord
    if rise >= 0:
        return start.value
    if fall <= 0:
        return end.value
    # Any mean of the two lines lies below the function; the horizontal mean is about the highest.
    weight = (fall / (fall - rise)).mid()
    if not (weight >= 0 and weight <= 1):
        weight = Ball(1)
    left = weight * start.value + (1 - weight) * (end.value - fall * length)
    right = weight * (start.value + rise * length) + (1 - weight) * end.value
    return left.min(right)
