"""Predictions: the result of a derivation, measured at a structured point with symbolic sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sympy as sp

from theory import symbols as sym
from theory.algebra import Layered, SymbolicArrays, SymbolicMatrix, Symbols, substitute_indexed
from theory.errors import ParameterError
from theory.expressions import Formula
from theory.namespace import Measure
from theory.point import Point
from theory.problem import Problem
from theory.results import Level, Result, TotalCollapse
from theory.threshold import ALIVE, Threshold


@dataclass(frozen=True)
class Prediction:
    """The result of a derivation, as SymPy expressions.

    ``value`` is the minimum of the loss, and ``invariants`` maps the names of the problem's invariants to formulas.
    Without a closed form, ``value`` is None and ``invariants`` holds only some of the invariants.
    ``thresholds`` say which classes or directions are alive; the first one is the claim's own. ``named`` holds the
    further results that the statement refers to, each with the measurement that checks it. ``branches`` are the
    invariants at a jump, where ``ALIVE[k]`` says at which of the two global minimisers direction k is. ``levels`` are
    the latent variables of a VAE, each with its condition of collapse. ``yardstick`` measures how far a class is from
    collapse where no threshold does; only the drawing of instances uses it. ``minimiser`` maps the variables of a VAE to
    their diagonals at the predicted point, where all of them are diagonal matrices. ``point`` is the structured point
    at which the prediction is measured.
    Raises ParameterError for a named result that no measurement checks.
    """

    value: Formula | None
    invariants: Mapping[str, Formula]
    thresholds: tuple[Threshold, ...]
    named: Mapping[str, Result] = field(default_factory=dict)
    branches: Mapping[str, Formula] = field(default_factory=dict)
    levels: tuple[Level, ...] = ()
    yardstick: Threshold | None = None
    minimiser: Mapping[str, Formula] = field(default_factory=dict)
    point: StructuredPoint | None = None

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
    def minimum(self) -> sp.Expr:
        """The minimum of the loss. Raises ParameterError where there is no closed form of it."""
        if self.value is None:
            raise ParameterError("value: the prediction has no closed form of the minimum")
        return self.value.number

    @property
    def threshold(self) -> Threshold:
        """The threshold of the claim, which is the first one."""
        return self.thresholds[0]

    @property
    def total_collapse(self) -> TotalCollapse | None:
        """The named result that decides whether everything is zero, or None."""
        return next((result for result in self.named.values() if isinstance(result, TotalCollapse)), None)

    @property
    def zeros(self) -> dict[str, Formula]:
        """The condition that a class or direction is zero, by the name (``Threshold.of``) of what each threshold decides."""
        return {threshold.of: threshold.collapsed for threshold in self.thresholds}

    @property
    def collapsed(self) -> Formula:
        """The condition that a class or direction has collapsed, in the first level or at the first threshold."""
        return next(iter(self.collapses.values()), Formula(sp.false))

    @property
    def collapses(self) -> dict[str, Formula]:
        """The condition that a direction has collapsed, for each level by name; ``zeros`` where there are no levels."""
        if not self.levels:
            return self.zeros
        return {level.name: self._collapsed(level) for level in self.levels}

    def _collapsed(self, level: Level) -> Formula:
        """Return the condition that no threshold of a level has direction k alive and that the posterior equals the prior."""
        if self.point is None:
            raise ParameterError(
                f"level {level.name}: the prediction has no structured point that tells how many directions there are"
            )
        zero = [sp.Not(self.thresholds[position].alive) for position in level.thresholds]
        return Formula(sp.And(*zero, level.keeps_prior), ((sym.k, self.point.xp.size),))


Unknowns: TypeAlias = Mapping[sp.Symbol, sp.Expr] | Mapping[sp.IndexedBase, sp.Expr]


@dataclass(frozen=True)
class StructuredPoint:
    """A candidate minimiser with symbolic sizes: variables ``v`` in the symbolic backend ``xp``.

    ``unknowns`` maps each unknown in ``v`` (a singular value, a margin) to its minimiser. An IndexedBase has one unknown for
    each class or direction; its minimiser is a formula in k. ``p`` replaces parameters (N by K n when all classes are equal).
    """

    problem: Problem
    xp: SymbolicArrays
    v: Point
    unknowns: Unknowns
    p: Symbols = field(default_factory=Symbols)

    def measure(self, function: Measure) -> Any:
        """Return ``function(xp, v, data, p)``, in which the unknowns stay symbols."""
        return function(self.xp, self.v, self.problem.given(self.xp), self.p)

    def loss(self) -> sp.Expr:
        """Return the loss, in which the unknowns stay symbols."""
        return self.measure(self.problem.loss)

    def fill_in(self, expression: sp.Expr) -> sp.Expr:
        """Return an expression with every unknown replaced by its minimiser."""
        for unknown, formula in self.unknowns.items():
            if isinstance(unknown, sp.IndexedBase):
                expression = substitute_indexed(expression, unknown, formula)
            else:
                expression = expression.subs(unknown, formula)
        return expression

    def predict(
        self, value: sp.Expr, *thresholds: Threshold, named: Mapping[str, Result], levels: tuple[Level, ...] = ()
    ) -> Prediction:
        """Return the prediction with the given value and with the problem's invariants, measured at this point.

        The first level says what has collapsed, or the first threshold where there is no level. ``value`` may contain
        unknowns, and minimisers of unknowns may contain ``ALIVE[k]``.
        """
        invariants = {}
        for invariant in self.problem.invariants:
            formula = _as_formula(self.measure(invariant.measure), self.xp.size)
            if invariant.latent is not None:
                formula = Formula(formula.expression, tuple((index, invariant.latent) for index, _ in formula.axes))
            if invariant.kind == "spectrum" and not formula.axes:
                formula = Formula(formula.expression, ((sym.k, self.xp.size),))
            invariants[invariant.name] = formula.replace_expression(self.fill_in(sp.simplify(formula.number)))
        value = self.fill_in(value)
        branches = {}
        if any(threshold.jump != sp.false for threshold in thresholds):
            branches = dict(invariants)
            alive = sp.Piecewise((1, thresholds[0].alive), (0, True)).subs(thresholds[0].index, sym.k)
            value = substitute_indexed(value, ALIVE, alive)
            invariants = {
                name: f.replace_expression(substitute_indexed(f.number, ALIVE, alive)) for name, f in branches.items()
            }
        minimiser = self._diagonals() if levels else {}
        return Prediction(
            Formula(value), invariants, thresholds, named, branches, levels, minimiser=minimiser, point=self
        )

    def _diagonals(self) -> dict[str, Formula]:
        """Return the diagonals of the variables, with every unknown replaced by its minimiser."""
        axis = (sym.k, self.xp.size)
        return {name: Formula(self.fill_in(matrix.diagonal), (axis,)) for name, matrix in self.v.items()}


def _as_formula(measured: Any, size: sp.Expr) -> Formula:
    """Return a quantity measured at a symbolic point as a formula with its axes; ``size`` is the length of a row."""
    layers: tuple[tuple[sp.Symbol, sp.Expr], ...] = ()
    if isinstance(measured, Layered):
        layers, measured = ((sym.layer, measured.depth),), measured.entry
        if not isinstance(measured, SymbolicMatrix):
            return Formula(measured, (*layers, (sym.k, size)))
    if isinstance(measured, SymbolicMatrix):
        return Formula(measured.entry(sym.k, sym.j), (*layers, (sym.k, measured.size), (sym.j, measured.size)))
    return Formula(sp.sympify(measured))
