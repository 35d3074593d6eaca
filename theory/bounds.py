"""The chain of a proof: lower bounds written in statistics of a point, the lemmas they rest on, and a separable last bound."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.namespace import Measure
from theory.steps import Identity, Nonnegative, Step, StepFailed


@dataclass(frozen=True)
class Lemma:
    """A named fact of the literature that a link of the chain rests on. ``says`` states the fact in words and formulas."""

    name: str
    says: str
    source: str


@dataclass(frozen=True)
class Statistic:
    """A quantity of a point that bounds are written in.

    ``symbol`` stands for the quantity in the bounds: a Symbol for a scalar, an IndexedBase for a vector or matrix.
    ``measure(xp, v, data, p)`` computes the quantity with the array namespace ``xp``.
    """

    symbol: sp.Basic
    says: str
    measure: Measure


@dataclass(frozen=True)
class Bound:
    """A lower bound of everything before it in the chain.

    ``expression`` is written in parameters and statistics. ``because`` tells why the bound lies below its predecessor, and
    ``rests_on`` names the steps and lemmas that prove this.
    """

    name: str
    expression: sp.Expr
    because: str
    rests_on: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """A scalar function on ``lower`` ≤ variable ≤ ``upper``, given as a convex part plus a concave part.

    The piece is empty where ``lower`` exceeds ``upper``. A piece without an upper end must have no concave part.
    """

    convex: sp.Expr
    lower: sp.Expr
    upper: sp.Expr = sp.oo
    concave: sp.Expr = sp.Integer(0)

    @property
    def function(self) -> sp.Expr:
        return self.convex + self.concave

    def steps(self, variable: sp.Symbol) -> tuple[Step, ...]:
        """Return the steps that prove ``convex`` to be convex and ``concave`` to be concave."""
        return tuple(
            Nonnegative(
                "separable", "Each piece is convex plus concave.", sign * sp.simplify(sp.diff(part, variable, 2))
            )
            for part, sign in ((self.convex, 1), (self.concave, -1))
        )

    def check(self, variable: sp.Symbol) -> None:
        """Raise StepFailed unless the two parts are convex and concave, and a piece without an upper end has no concave part."""
        for step in self.steps(variable):
            step.check()
        if self.upper == sp.oo and self.concave != 0:
            raise StepFailed("separable: a piece without an upper end must be convex")


@dataclass(frozen=True)
class Shared:
    """A real number on which all directions of a separable bound depend, such as the logarithm of a learned variance.

    ``rest`` is the part of the bound that belongs to no direction. ``reading`` expresses the number in statistics of a
    point. The bound must be jointly convex in this number and the variables of the directions.
    """

    variable: sp.Symbol
    rest: sp.Expr
    reading: sp.Expr

    def steps(self, function: sp.Expr, variable: sp.Symbol) -> tuple[Step, ...]:
        """Return the steps that prove ``function``, convex in the variable of its direction, and ``rest`` to be jointly convex."""
        across, mixed = (sp.diff(function, x, self.variable) for x in (self.variable, variable))
        determinant = sp.simplify(across * sp.diff(function, variable, 2) - mixed**2)
        says = "Directions and the number that they share are jointly convex."
        parts = (sp.simplify(across), determinant, sp.simplify(sp.diff(self.rest, self.variable, 2)))
        return tuple(Nonnegative("separable", says, part) for part in parts)


@dataclass(frozen=True)
class Separable:
    """A bound that is a sum of scalar problems, one for each direction.

    Where ``free`` holds, direction ``index`` = 1..``count`` contributes the least value over the ``pieces``, whose
    intervals adjoin. Elsewhere the direction contributes the value at the first lower end. ``reading`` expresses the
    variable in statistics of a point; the sum with ``reading`` in place of the variable is the last bound but one.
    Where the directions have a ``shared`` number, the bound is the least value over that number, too, and there is one
    convex piece without an upper end, which starts at a number that does not depend on the shared one.
    """

    pieces: tuple[Piece, ...]
    variable: sp.Symbol
    index: sp.Symbol
    count: sp.Expr
    free: Boolean
    reading: sp.Expr
    shared: Shared | None = None

    def steps(self) -> tuple[Step, ...]:
        """Return the steps that the pieces rest on."""
        steps = tuple(step for piece in self.pieces for step in piece.steps(self.variable))
        if self.shared is None:
            return steps
        return (*steps, *self.shared.steps(self.pieces[0].function, self.variable))

    def ending(self) -> tuple[Step, ...]:
        """Return the step that proves that the last piece rises beyond its upper end, and no step where that end is infinite."""
        last, beyond = self.pieces[-1], sp.Symbol("t", nonnegative=True)
        if last.upper == sp.oo:
            return ()
        slope = sp.diff(last.function, self.variable).subs(self.variable, last.upper + beyond)
        return (Nonnegative("separable", "Beyond its upper end the last piece rises.", sp.simplify(slope)),)

    def total(self) -> sp.Expr:
        """Return the sum over the directions with ``reading`` in place of the variable, and of the number that they share."""
        *others, last = self.pieces
        summand = last.function
        if others:
            cases = [(piece.function, self.variable <= piece.upper) for piece in others]
            summand = sp.Piecewise(*cases, (last.function, True))
        read = sp.Sum(summand.subs(self.variable, self.reading), (self.index, 1, self.count))
        return (
            read if self.shared is None else (read + self.shared.rest).subs(self.shared.variable, self.shared.reading)
        )

    def check(self, bound: sp.Expr) -> None:
        """Raise StepFailed unless the pieces are sound and adjoin, the last one rises beyond its end, and ``bound`` is their sum."""
        for piece in self.pieces:
            piece.check(self.variable)
        if self.shared is not None:
            self._check_shared(self.shared)
        for piece, following in itertools.pairwise(self.pieces):
            # After an empty piece, whose ends cross, the next piece starts at the lower end.
            if following.lower not in (piece.upper, sp.Max(piece.lower, piece.upper)):
                raise StepFailed(f"separable: nothing is said between {piece.upper} and {following.lower}")
        for step in self.ending():
            step.check()
        Identity("separable", "The last bound but one is separable.", bound, self.total()).check()

    def _check_shared(self, shared: Shared) -> None:
        """Raise StepFailed unless the least value over the directions is a convex function of the number that they share."""
        only, *others = self.pieces
        if others or only.upper != sp.oo:
            raise StepFailed("separable: directions that share a number have one piece, without an upper end")
        if (only.lower + self.variable).has(shared.variable) or self.free.has(shared.variable):
            raise StepFailed(
                f"separable: where a direction starts, and whether it is free, must not depend on {shared.variable}"
            )
        for step in shared.steps(only.function, self.variable):
            step.check()
