"""The kinds of steps of a derivation: statements in SymPy, each of which checks itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from theory.differing import difference
from theory.errors import CheckFailed
from theory.expressions import equal, provably_nonnegative, provably_positive
from theory.latex import latex


class StepFailed(CheckFailed):
    """A symbolic step of a proof does not hold."""


@dataclass(frozen=True)
class Step(ABC):
    """One machine-checked statement of a derivation.

    Bounds refer to a step by its ``name``; ``says`` is the statement for the reader.
    """

    name: str
    says: str

    @abstractmethod
    def holds(self) -> bool:
        """Return whether the statement holds, decided from its expressions."""

    @abstractmethod
    def latex(self) -> str:
        """Return the checked statement as LaTeX."""

    @cached_property
    def _true(self) -> bool:
        """Whether the statement holds. A step never changes, so it is decided once."""
        return self.holds()

    @property
    def sides(self) -> tuple[sp.Expr, sp.Expr] | None:
        """The two expressions whose equality the statement needs, or None for a statement of another kind."""
        return None

    def check(self) -> None:
        """Raise StepFailed unless the statement holds. Its message shows the difference of two sides that should be equal."""
        if self._true:
            return
        says = f"step {self.name!r} fails: {self.says}"
        if self.sides is None or equal(*self.sides):
            raise StepFailed(says)
        raise StepFailed(f"{says}\n{difference(*self.sides)}")


@dataclass(frozen=True)
class Identity(Step):
    """``left`` equals ``right`` for all values of the symbols."""

    left: sp.Expr
    right: sp.Expr

    @property
    def sides(self) -> tuple[sp.Expr, sp.Expr]:
        return self.left, self.right

    def holds(self) -> bool:
        return equal(self.left, self.right)

    def latex(self) -> str:
        return f"{latex(self.left)} = {latex(self.right)}"


@dataclass(frozen=True)
class Stationary(Step):
    """The derivative of ``function`` in ``variable`` vanishes at ``point``."""

    function: sp.Expr
    variable: sp.Symbol
    point: sp.Expr

    def holds(self) -> bool:
        return equal(sp.diff(self.function, self.variable).subs(self.variable, self.point), 0)

    def latex(self) -> str:
        derivative = latex(sp.simplify(sp.diff(self.function, self.variable)))
        at = f"{latex(self.variable)} = {latex(self.point)}"
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
        at = f"{latex(self.variable)} = {latex(self.point)}"
        return rf"\left.\left[{latex(self.function)}\right]\right|_{{{at}}} = 0"


@dataclass(frozen=True)
class Nonnegative(Step):
    """``expression`` ≥ 0 wherever its symbols satisfy their assumptions (positive parameters, K ≥ 2)."""

    expression: sp.Expr

    def holds(self) -> bool:
        return provably_nonnegative(self.expression)

    def latex(self) -> str:
        return rf"{latex(self.expression)} \ge 0"


@dataclass(frozen=True)
class Convex(Step):
    """``function`` is strictly convex in ``variable``, since its second derivative is provably positive. Its minimiser is unique."""

    function: sp.Expr
    variable: sp.Symbol

    def _curvature(self) -> sp.Expr:
        return sp.diff(self.function, self.variable, 2)

    def holds(self) -> bool:
        return provably_positive(self._curvature())

    def latex(self) -> str:
        x = latex(self.variable)
        return rf"\frac{{\partial^2}}{{\partial {x}^2}}\left[{latex(self.function)}\right] = {latex(sp.simplify(self._curvature()))} > 0"


@dataclass(frozen=True)
class SumOfSquares(Step):
    """``expression`` = Σ cᵢ sᵢ² with provably nonnegative weights cᵢ; ``squares`` lists the pairs (cᵢ, sᵢ)."""

    expression: sp.Expr
    squares: tuple[tuple[sp.Expr, sp.Expr], ...]

    @property
    def sides(self) -> tuple[sp.Expr, sp.Expr]:
        return self.expression, sum((weight * base**2 for weight, base in self.squares), sp.Integer(0))

    def holds(self) -> bool:
        return equal(*self.sides) and all(provably_nonnegative(weight) for weight, _ in self.squares)

    def latex(self) -> str:
        total = sum(sp.Mul(weight, base**2, evaluate=False) for weight, base in self.squares)
        return rf"{latex(self.expression)} = {latex(total)} \ge 0"


class StepRecorder:
    """A recorder that keeps the steps of a proof in order. They are checked when the proof of the claim is asked for.

    ``steps`` are steps recorded before, for a part that several proofs share.
    """

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        self.steps = list(steps)

    def __call__(self, step: Step) -> None:
        """Record a step."""
        self.steps.append(step)
