"""A proof as data: symbolic steps that check themselves, named lemmas, and a chain of lower bounds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import sympy as sp

from theory import symbols as sym
from theory.algebra import SymbolicArrays, SymbolicMatrix, Symbols, substitute_indexed
from theory.expressions import Formula, equal, provably_nonnegative, provably_positive
from theory.problem import Problem


class StepFailed(AssertionError):
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
        return sp.simplify(sp.diff(self.function, self.variable, 2))

    def holds(self) -> bool:
        return provably_positive(self._curvature())

    def latex(self) -> str:
        x = sp.latex(self.variable)
        return rf"\frac{{\partial^2}}{{\partial {x}^2}}\left[{sp.latex(self.function)}\right] = {sp.latex(self._curvature())} > 0"


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
class Separable:
    """A bound that is a sum of convex scalar problems, one a direction.

    Direction ``index`` = 1..``count`` contributes ``summand`` at ``variable`` ≥ ``lower`` where ``free`` holds, and at
    ``variable`` = ``lower`` where it does not. The summand is convex in the variable. ``reading`` is what the variable is at
    a point, in statistics: putting it in gives the last bound but one.
    """

    summand: sp.Expr
    variable: sp.Symbol
    lower: sp.Expr
    index: sp.Symbol
    count: sp.Expr
    free: sp.Basic
    reading: sp.Expr


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
            part = self.separable
            Convex("separable", "The separable bound is convex.", part.summand, part.variable).check()
            total = sp.Sum(part.summand.subs(part.variable, part.reading), (part.index, 1, part.count))
            Identity("separable", "The last bound but one is separable.", self.bounds[-2].expression, total).check()


@dataclass(frozen=True)
class Threshold:
    """Direction k is alive iff ``ratio`` > 1 and ``within_rank`` holds; solving ratio = 1 for ``tuned`` crosses it."""

    ratio: sp.Expr
    index: sp.Symbol
    count: sp.Expr
    tuned: sp.Symbol
    within_rank: sp.Basic = sp.true

    @property
    def collapsed(self) -> Formula:
        alive = sp.And(self.ratio > 1, self.within_rank)
        return Formula(sp.Not(alive), ((self.index, self.count),))


@dataclass(frozen=True)
class StructuredPoint:
    """A candidate minimiser with symbolic sizes: variables ``v`` in the symbolic backend ``xp``.

    ``unknowns`` maps each unknown in ``v`` (a singular value, a margin) to its minimiser: for an IndexedBase, one for each
    class or direction, a formula in k. ``p``
    replaces parameters (N by K n when all classes are equal).
    """

    problem: Problem
    xp: SymbolicArrays
    v: SimpleNamespace
    unknowns: dict[sp.Basic, sp.Expr]
    p: Symbols = field(default_factory=Symbols)

    def measure(self, function: Callable[..., Any]) -> Any:
        """Return ``function(xp, v, data, p)`` with the unknowns left in."""
        return function(self.xp, self.v, self.problem.data(self.xp), self.p)

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
        self, value: sp.Expr, threshold: Threshold, named: dict[str, sp.Expr], keeps_prior: sp.Basic = sp.true
    ) -> Prediction:
        """Return the prediction: the given value, and the problem's own invariants measured at this point."""
        invariants = {}
        for invariant in self.problem.invariants:
            measured = self.measure(invariant.measure)
            if isinstance(measured, SymbolicMatrix):
                formula = Formula(measured.entry(sym.k, sym.j), ((sym.k, measured.size), (sym.j, measured.size)))
            else:
                formula = Formula(sp.sympify(measured))
            invariants[invariant.name] = formula.replace_expression(self.fill_in(sp.simplify(formula.expression)))
        return Prediction(Formula(self.fill_in(value)), invariants, threshold, named, keeps_prior)


@dataclass(frozen=True)
class Prediction:
    """What a derivation arrives at, all as SymPy expressions.

    ``value``: the minimum of the loss. ``invariants``: name → formula, under the names of the problem's invariants.
    ``threshold``: which classes or directions collapse. ``named``: further results the statement refers to.
    ``keeps_prior``: the further condition under which a zero direction k has collapsed, its posterior equal to the prior.
    """

    value: Formula
    invariants: dict[str, Formula]
    threshold: Threshold
    named: dict[str, sp.Expr] = field(default_factory=dict)
    keeps_prior: sp.Basic = sp.true

    @property
    def collapsed(self) -> Formula:
        zero = self.threshold.collapsed
        return zero.replace_expression(sp.And(zero.expression, self.keeps_prior))


class StepRecorder:
    """Collects the steps of a proof in the order they are made, each checked as it is recorded."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def __call__(self, step: Step) -> None:
        """Record a step. Raises StepFailed when it does not hold."""
        step.check()
        self.steps.append(step)
