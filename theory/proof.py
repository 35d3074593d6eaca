"""A proof as data: symbolic steps that check themselves, named lemmas, and a chain of lower bounds."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from theory import symbols as sym
from theory.algebra import Layered, SymbolicArrays, SymbolicMatrix, Symbols, substitute_indexed
from theory.differing import difference
from theory.errors import CheckFailed, ParameterError
from theory.expressions import Formula, equal, provably_nonnegative, provably_positive
from theory.point import Point
from theory.problem import Problem
from theory.results import Level, Result


class StepFailed(CheckFailed):
    """A symbolic step of a proof does not hold."""


@dataclass(frozen=True)
class Step(ABC):
    """One machine-checked statement of a derivation: ``name`` to refer to it, ``says`` for the reader."""

    name: str
    says: str

    @abstractmethod
    def holds(self) -> bool:
        """Check the statement afresh from its expressions."""

    @abstractmethod
    def latex(self) -> str:
        """Render what is checked."""

    def check(self) -> None:
        """Raise StepFailed unless the statement holds."""
        if not self.holds():
            raise StepFailed(f"step {self.name!r} fails: {self.says}")


@dataclass(frozen=True)
class Identity(Step):
    """left = right for all values of the symbols."""

    left: sp.Expr
    right: sp.Expr

    def holds(self) -> bool:
        return equal(self.left, self.right)

    def check(self) -> None:
        """Raise StepFailed, with what the sides differ by, unless they are equal."""
        try:
            super().check()
        except StepFailed as error:
            raise StepFailed(f"{error}\n{difference(self.left, self.right)}") from None

    def latex(self) -> str:
        return f"{sp.latex(self.left)} = {sp.latex(self.right)}"


@dataclass(frozen=True)
class Stationary(Step):
    """The derivative of ``function`` in ``variable`` vanishes at ``point``."""

    function: sp.Expr
    variable: sp.Symbol
    point: sp.Expr

    def holds(self) -> bool:
        return equal(sp.diff(self.function, self.variable).subs(self.variable, self.point), 0)

    def latex(self) -> str:
        derivative = sp.latex(sp.simplify(sp.diff(self.function, self.variable)))
        at = f"{sp.latex(self.variable)} = {sp.latex(self.point)}"
        return rf"\left.{derivative}\,\right|_{{{at}}} = 0"


@dataclass(frozen=True)
class Vanishes(Step):
    """``function`` is zero where ``variable`` = ``point``."""

    function: sp.Expr
    variable: sp.Symbol
    point: sp.Expr

    def holds(self) -> bool:
        return equal(self.function.subs(self.variable, self.point), 0)

    def latex(self) -> str:
        at = f"{sp.latex(self.variable)} = {sp.latex(self.point)}"
        return rf"\left.\left[{sp.latex(self.function)}\right]\right|_{{{at}}} = 0"


@dataclass(frozen=True)
class Nonnegative(Step):
    """``expression`` ≥ 0 wherever its symbols satisfy their assumptions (positive parameters, K ≥ 2)."""

    expression: sp.Expr

    def holds(self) -> bool:
        return provably_nonnegative(self.expression)

    def latex(self) -> str:
        return rf"{sp.latex(self.expression)} \ge 0"


@dataclass(frozen=True)
class Convex(Step):
    """``function`` is strictly convex in ``variable``: its second derivative is provably positive, so minimisers are unique."""

    function: sp.Expr
    variable: sp.Symbol

    def _curvature(self) -> sp.Expr:
        return sp.diff(self.function, self.variable, 2)

    def holds(self) -> bool:
        return provably_positive(self._curvature())

    def latex(self) -> str:
        x = sp.latex(self.variable)
        return rf"\frac{{\partial^2}}{{\partial {x}^2}}\left[{sp.latex(self.function)}\right] = {sp.latex(sp.simplify(self._curvature()))} > 0"


@dataclass(frozen=True)
class SumOfSquares(Step):
    """``expression`` = Σ cᵢ sᵢ² with provably nonnegative weights cᵢ."""

    expression: sp.Expr
    squares: tuple[tuple[sp.Expr, sp.Expr], ...]

    def holds(self) -> bool:
        total = sum(weight * base**2 for weight, base in self.squares)
        return equal(self.expression, total) and all(provably_nonnegative(weight) for weight, _ in self.squares)

    def latex(self) -> str:
        total = sum(sp.Mul(weight, base**2, evaluate=False) for weight, base in self.squares)
        return rf"{sp.latex(self.expression)} = {sp.latex(total)} \ge 0"


@dataclass(frozen=True)
class Lemma:
    """A named fact of the literature that a link rests on, stated in words and formulas for the reader."""

    name: str
    says: str
    source: str


@dataclass(frozen=True)
class Statistic:
    """A quantity of a point that bounds are written in.

    ``symbol`` stands for it in the bounds: a Symbol for a scalar, an IndexedBase for a vector or matrix.
    ``measure(xp, v, data, p)`` computes it with the array namespace ``xp``.
    """

    symbol: sp.Basic
    says: str
    measure: Callable[..., Any]


@dataclass(frozen=True)
class Bound:
    """A lower bound of everything before it in the chain.

    ``expression`` is written in parameters and statistics; ``because`` tells why it lies below its predecessor, and
    ``rests_on`` names the steps and lemmas that say so.
    """

    name: str
    expression: sp.Expr
    because: str
    rests_on: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """A scalar function on ``lower`` ≤ variable ≤ ``upper``: a convex one plus a concave one. With ends that cross it is empty.

    Where there is no upper end the concave part must be zero.
    """

    convex: sp.Expr
    lower: sp.Expr
    upper: sp.Expr = sp.oo
    concave: sp.Expr = sp.Integer(0)

    @property
    def function(self) -> sp.Expr:
        return self.convex + self.concave

    def steps(self, variable: sp.Symbol) -> tuple[Step, ...]:
        """Return what makes the parts what they are called, as steps."""
        return tuple(
            Nonnegative(
                "separable", "Each piece is convex plus concave.", sign * sp.simplify(sp.diff(part, variable, 2))
            )
            for part, sign in ((self.convex, 1), (self.concave, -1))
        )

    def check(self, variable: sp.Symbol) -> None:
        """Raise StepFailed unless the parts are what they are called."""
        for step in self.steps(variable):
            step.check()
        if self.upper == sp.oo and self.concave != 0:
            raise StepFailed("separable: a piece without an upper end must be convex")


@dataclass(frozen=True)
class Separable:
    """A bound that is a sum of scalar problems, one a direction.

    Direction ``index`` = 1..``count`` contributes the least value over the ``pieces``, which follow one another, where
    ``free`` holds, and the value at the first lower end where it does not. ``reading`` is what the variable is at a
    point, in statistics: putting it in gives the last bound but one.
    """

    pieces: tuple[Piece, ...]
    variable: sp.Symbol
    index: sp.Symbol
    count: sp.Expr
    free: sp.Basic
    reading: sp.Expr

    def steps(self) -> tuple[Step, ...]:
        """Return what the pieces rest on, as steps."""
        return tuple(step for piece in self.pieces for step in piece.steps(self.variable))

    def ending(self) -> tuple[Step, ...]:
        """Return what says that nothing lower lies beyond the last upper end, where there is one, as steps."""
        last, beyond = self.pieces[-1], sp.Symbol("t", nonnegative=True)
        if last.upper == sp.oo:
            return ()
        slope = sp.diff(last.function, self.variable).subs(self.variable, last.upper + beyond)
        return (Nonnegative("separable", "Beyond its upper end the last piece rises.", sp.simplify(slope)),)

    def total(self) -> sp.Expr:
        """Return the sum with the reading put in."""
        *others, last = self.pieces
        summand = last.function
        if others:
            cases = [(piece.function, self.variable <= piece.upper) for piece in others]
            summand = sp.Piecewise(*cases, (last.function, True))
        return sp.Sum(summand.subs(self.variable, self.reading), (self.index, 1, self.count))

    def check(self, bound: sp.Expr) -> None:
        """Raise StepFailed unless the pieces are sound and the bound is their sum."""
        for piece in self.pieces:
            piece.check(self.variable)
        for piece, following in itertools.pairwise(self.pieces):
            # An empty piece, whose ends cross, is followed from its lower end on.
            if following.lower not in (piece.upper, sp.Max(piece.lower, piece.upper)):
                raise StepFailed(f"separable: nothing is said between {piece.upper} and {following.lower}")
        for step in self.ending():
            step.check()
        Identity("separable", "The last bound but one is separable.", bound, self.total()).check()


@dataclass(frozen=True)
class Proof:
    """Steps, lemmas and the chain loss ≥ bounds[0] ≥ bounds[1] ≥ … ; the last bound is the predicted value."""

    steps: tuple[Step, ...]
    lemmas: tuple[Lemma, ...]
    statistics: tuple[Statistic, ...]
    bounds: tuple[Bound, ...]
    separable: Separable | None = None

    def __post_init__(self) -> None:
        known = {s.name for s in self.steps} | {lemma.name for lemma in self.lemmas}
        for bound in self.bounds:
            missing = set(bound.rests_on) - known
            if missing or not bound.rests_on:
                raise ValueError(
                    f"bound {bound.name!r} rests on {sorted(missing) or 'nothing'}, which the proof does not hold"
                )

    def check(self) -> None:
        """Check every step, and that the separable bound is the one of the chain; raise StepFailed at the first failure."""
        for step in self.steps:
            step.check()
        if self.separable is not None:
            self.separable.check(self.bounds[-2].expression)


@dataclass(frozen=True)
class Threshold:
    """Direction k is alive iff ``ratio`` > 1 and ``within_rank`` holds; moving the parameter named ``tuned`` crosses it.

    ``of`` says what it is a threshold of: the classes, or the latent variable whose directions live or not.
    ``telling`` names the invariant whose k-th diagonal entry (k-th value of a spectrum) is zero iff direction k has
    collapsed; without it, the one of the problem that shows the collapse. Where ``jump``, a condition on the parameters, holds the minimiser does not
    shrink to zero on the way to the threshold: there both it and zero are global.
    """

    ratio: sp.Expr
    index: sp.Symbol
    count: sp.Expr
    tuned: str
    within_rank: sp.Basic = sp.true
    of: str = "classes"
    telling: str | None = None
    jump: sp.Basic = sp.false

    @property
    def alive(self) -> sp.Basic:
        return sp.And(self.ratio > 1, self.within_rank)

    @property
    def collapsed(self) -> Formula:
        return Formula(sp.Not(self.alive), ((self.index, self.count),))


ALIVE = sp.IndexedBase("alive", nonnegative=True)
"""1 where a direction is alive and 0 where it has collapsed: a symbol of its own, so that both sides of a jump can be read."""


@dataclass(frozen=True)
class StructuredPoint:
    """A candidate minimiser with symbolic sizes: variables ``v`` in the symbolic backend ``xp``.

    ``unknowns`` maps each unknown in ``v`` (a singular value, a margin) to its minimiser: for an IndexedBase, one for each
    class or direction, a formula in k. ``p``
    replaces parameters (N by K n when all classes are equal).
    """

    problem: Problem
    xp: SymbolicArrays
    v: Point
    unknowns: dict[sp.Basic, sp.Expr]
    p: Symbols = field(default_factory=Symbols)

    def measure(self, function: Callable[..., Any]) -> Any:
        """Return ``function(xp, v, data, p)`` with the unknowns left in."""
        return function(self.xp, self.v, self.problem.given(self.xp), self.p)

    def loss(self) -> sp.Expr:
        """Return the loss with the unknowns left in."""
        return self.measure(self.problem.loss)

    def fill_in(self, expression: sp.Expr) -> sp.Expr:
        """Put the minimisers in place of the unknowns."""
        for unknown, formula in self.unknowns.items():
            if isinstance(unknown, sp.IndexedBase):
                expression = substitute_indexed(expression, unknown, formula)
            else:
                expression = expression.subs(unknown, formula)
        return expression

    def predict(
        self, value: sp.Expr, *thresholds: Threshold, named: dict[str, Result], levels: tuple[Level, ...] = ()
    ) -> Prediction:
        """Return the prediction: the given value, and the problem's own invariants measured at this point.

        The first threshold, or level where there is one, says what has collapsed. Unknowns may be written in ``ALIVE[k]``.
        """
        invariants = {}
        for invariant in self.problem.invariants:
            formula = _as_formula(self.measure(invariant.measure), self.xp.size)
            if invariant.kind == "spectrum" and not formula.axes:
                formula = Formula(formula.expression, ((sym.k, self.xp.size),))
            invariants[invariant.name] = formula.replace_expression(self.fill_in(sp.simplify(formula.expression)))
        value = self.fill_in(value)
        branches = {}
        if any(threshold.jump != sp.false for threshold in thresholds):
            branches = dict(invariants)
            alive = sp.Piecewise((1, thresholds[0].alive), (0, True)).subs(thresholds[0].index, sym.k)
            value = substitute_indexed(value, ALIVE, alive)
            invariants = {
                name: f.replace_expression(substitute_indexed(f.expression, ALIVE, alive))
                for name, f in branches.items()
            }
        return Prediction(Formula(value), invariants, thresholds, named, branches, levels)


def _as_formula(measured: Any, size: sp.Expr) -> Formula:
    """Return what was measured at a symbolic point as a formula with its axes."""
    layers: tuple[tuple[sp.Symbol, sp.Expr], ...] = ()
    if isinstance(measured, Layered):
        layers, measured = ((sym.layer, measured.depth),), measured.entry
        if not isinstance(measured, SymbolicMatrix):
            return Formula(measured, (*layers, (sym.k, size)))
    if isinstance(measured, SymbolicMatrix):
        return Formula(measured.entry(sym.k, sym.j), (*layers, (sym.k, measured.size), (sym.j, measured.size)))
    return Formula(sp.sympify(measured))


@dataclass(frozen=True)
class Prediction:
    """What a derivation arrives at, all as SymPy expressions.

    ``value``: the minimum of the loss. ``invariants``: name → formula, under the names of the problem's invariants.
    ``thresholds``: which classes or directions live; the first one is the claim's own. ``named``: further results the
    statement refers to, each with what it is held against. ``branches``: the invariants at a jump, where ``ALIVE[k]`` says on
    which of the two global minimisers direction k is. ``levels``: the latent variables of a VAE, with what has collapsed in each.
    ``value`` is None, and ``invariants`` are only some, where there is no closed form; ``yardstick`` then says how far a
    class is from collapse, for drawing alone.
    Raises ParameterError for a named result without anything to hold it against.
    """

    value: Formula | None
    invariants: dict[str, Formula]
    thresholds: tuple[Threshold, ...]
    named: dict[str, Result] = field(default_factory=dict)
    branches: dict[str, Formula] = field(default_factory=dict)
    levels: tuple[Level, ...] = ()
    yardstick: Threshold | None = None

    def __post_init__(self) -> None:
        for name, result in self.named.items():
            if not isinstance(result, Result):
                kinds = ", ".join(kind.__name__ for kind in Result.__subclasses__())
                raise ParameterError(
                    f"named: {name} is a formula and nothing to hold it against; wrap it in one of {kinds} (theory.results)"
                )
            if getattr(result, "where", sp.true) == sp.false:
                raise ParameterError(f"named: {name} is held against something nowhere: its condition is never true")

    @property
    def threshold(self) -> Threshold:
        return self.thresholds[0]

    @property
    def zeros(self) -> dict[str, Formula]:
        """Which classes or directions are zero, by what each threshold is one of."""
        return {threshold.of: threshold.collapsed for threshold in self.thresholds}

    @property
    def collapsed(self) -> Formula:
        """What has collapsed in the first level, or at the first threshold."""
        return next(iter(self.collapses.values()), Formula(sp.false))

    @property
    def collapses(self) -> dict[str, Formula]:
        """What has collapsed: the directions of each level, or what is zero where the claim is on no latent variable."""
        if not self.levels:
            return self.zeros
        return {level.name: self._collapsed(level) for level in self.levels}

    def _collapsed(self, level: Level) -> Formula:
        """Return where no direction of the data is alive in a level and its posterior keeps to the prior."""
        zero = [sp.Not(self.thresholds[position].alive) for position in level.thresholds]
        axis = (self.threshold.index, self.threshold.count)
        return Formula(sp.And(*zero, level.keeps_prior), (axis,))


class StepRecorder:
    """Collects the steps of a proof in the order they are made, each checked as it is recorded.

    ``steps``: those already recorded, of a part that several proofs share.
    """

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        self.steps = list(steps)

    def __call__(self, step: Step) -> None:
        """Record a step. Raises StepFailed when it does not hold."""
        step.check()
        self.steps.append(step)
