"""The statement of a claim in Coq: its loss, value, minimiser and threshold, and the propositions that a proof has to show.

The loss is the claim's own, run on matrices of text; every formula is that of the derivation. A proof of these propositions
is therefore a proof about the problem that is trained and certified, and it fails where the claim changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import sympy as sp

from theory import symbols as sym
from theory.algebra import SymbolicLayers, SymbolicMatrix, substitute_indexed
from theory.claim import Claim
from theory.export.coq_arrays import CoqMatrix
from theory.export.coq_parameters import CoqParameters
from theory.export.coq_problem import CoqProblem
from theory.export.coq_terms import CoqTerms
from theory.export.coq_text import Term
from theory.expressions import Formula
from theory.point import Point
from theory.prediction import Prediction, StructuredPoint
from theory.problem import Parameter, Problem, Variable
from theory.threshold import ALIVE

IMPORTS = "From Coq Require Import Reals Arith.\nFrom Atlas Require Import Sums Labels.\nOpen Scope R_scope.\n"
ROW, COLUMN = "k", "l"
"""The names of the two indices of an invariant, which both run over classes."""
DEEPEST = 2
"""The largest depth that is stated."""
DEEPEST_PREDICTED = 1
"""The largest depth at which the prediction is stated: that of deeper networks is the root of an equation."""


def statement(claim: Claim) -> str:
    """Return the text of the file that states a claim in Coq.

    A problem with a flag, such as whether there is a bias, or with a depth is stated in one module for each value. Raises
    ValueError for a claim whose loss, domain or prediction has no text.
    """
    parts = [f"(** {claim.id}. {claim.title}. Generated from the claim; do not edit. *)", IMPORTS]
    for module, stated in statements(claim).items():
        inside = stated.definitions()
        parts += [f"Module {module}.\n", *inside, f"End {module}.\n"] if module else inside
    return "\n".join(parts)


def statements(claim: Claim) -> dict[str, CoqStatement]:
    """Return what is stated of a claim, by the name of its module of Coq; one without flags and depth has no module."""
    if claim.prediction.value is not None and isinstance(claim.prediction.value.expression, sp.Piecewise):
        raise ValueError(f"{claim.id}: the minimum is given by cases, which are not stated yet")
    return {name: CoqStatement(claim, chosen) for name, chosen in modules(claim.problem).items()}


def modules(problem: Problem) -> dict[str, dict[str, Any]]:
    """Return the flags and the depth of each module of Coq about a problem, by its name."""
    choices = [_choices(parameter) for parameter in problem.parameters]
    chosen = itertools.product(*(choice for choice in choices if choice))
    return {"_".join(name for name, _, _ in each): {p: value for _, p, value in each} for each in chosen}


def _choices(parameter: Parameter) -> list[tuple[str, str, Any]]:
    """Return the values of a parameter that have modules of their own: the name of each, of the parameter, and the value."""
    name = parameter.name
    return [
        (
            f"{'With' if value else 'Without'}_{name}" if isinstance(value, bool) else f"{name.capitalize()}_{value}",
            name,
            value,
        )
        for value in parameter.domain.cases()
        if value <= DEEPEST
    ]


@dataclass(frozen=True)
class Proposition:
    """A proposition about a claim: its name in Coq, a sentence that says it, and its text."""

    name: str
    says: str
    body: str

    def __str__(self) -> str:
        return f"(** {self.says} *)\nDefinition {self.name} : Prop :=\n  {self.body}.\n"


class CoqStatement:
    """The definitions of one claim, where flags and depths have the ``chosen`` values."""

    def __init__(self, claim: Claim, chosen: dict[str, Any]) -> None:
        self.claim, self.chosen = claim, chosen

    @property
    def prediction(self) -> Prediction:
        return self.claim.prediction

    @cached_property
    def parameters(self) -> CoqParameters:
        return CoqParameters(self.claim.problem, self.chosen)

    @cached_property
    def predicted(self) -> bool:
        """Whether the prediction is stated, and not the problem alone."""
        shallow = all(value <= DEEPEST_PREDICTED for value in self.chosen.values())
        return shallow and bool(self.prediction.thresholds) and self.prediction.point is not None

    @cached_property
    def wide(self) -> bool:
        """Whether only widths of at least K are stated, because the prediction depends on the rank."""
        return self.predicted and self.prediction.threshold.within_rank != sp.true

    @cached_property
    def problem(self) -> CoqProblem:
        return CoqProblem(self.claim.problem, self.parameters, self.wide)

    @cached_property
    def point(self) -> StructuredPoint:
        """The structured point at which the claim predicts the minimum. Raises ValueError where there is none."""
        if self.prediction.point is None:
            raise ValueError(f"{self.claim.id}: the prediction is measured at no structured point")
        return self.prediction.point

    def definitions(self) -> Iterator[str]:
        """Yield the definitions and the propositions, each with a sentence that says what it is."""
        yield from self.problem.definitions()
        if not self.predicted:
            return
        says = "The predicted minimum of the loss."
        yield self.problem.define("value", says, "R", self._real(self.prediction.minimum))
        yield from self._minimiser()
        says = "The ratio that exceeds 1 where a class has not collapsed."
        more = f"({ROW} : nat)" if self._ratio_of_class else ""
        yield self.problem.define("ratio", says, "R", self._real(self.prediction.threshold.ratio), more)
        yield from self._structure()
        yield from (str(proposition) for proposition in self.propositions())

    def _terms(self) -> CoqTerms:
        """Return a printer that knows the parameters, the class counts and the unknowns of the structured point."""
        names = dict(self.parameters.names)
        for unknown in self.point.unknowns:
            applied = f"{unknown} {self.parameters.arguments}"
            names[unknown] = applied if isinstance(unknown, sp.IndexedBase) else f"({applied})"
        return CoqTerms({**names, sym.k: ROW, sym.j: COLUMN}, set(self.parameters.sizes), {sym.k, sym.j})

    def _at_known(self, formula: sp.Expr) -> sp.Expr:
        """Return a formula at the chosen depth, with products of decays written out, and alive what exceeds the threshold."""
        alive = sp.Piecewise((1, self.prediction.threshold.alive), (0, True))
        formula = substitute_indexed(formula, ALIVE, alive.subs(self.prediction.threshold.index, sym.k))
        known = {**self.point.p, **self.parameters.known}
        if formula.free_symbols & set(known):
            formula = formula.subs(known).doit().subs(known)
        named = {sym.n_k, *self.point.unknowns}
        return formula.subs({e: self.parameters.entry(e) for e in formula.atoms(sp.Indexed) if e.base not in named})

    def _real(self, formula: sp.Expr) -> str:
        return self._terms().real(self._at_known(formula))

    def _minimiser(self) -> Iterator[str]:
        """Yield the unknowns of the structured point, and the entries of every variable there."""
        for unknown, formula in self.point.unknowns.items():
            indexed = isinstance(unknown, sp.IndexedBase)
            says = "The unknown of the structured point" + (" for each class." if indexed else ".")
            more = f"({ROW} : nat)" if indexed else ""
            first = formula if indexed else formula.subs(sym.k, 1)  # an unknown that all classes share
            yield self.problem.define(str(unknown), says, "R", self._real(first), more)
        for v in self.problem.variables:
            says = f"The variable {v.name} at the predicted minimiser."
            indices = "(i : nat)" if v.shape[1] == 1 else "(i j : nat)"
            yield self.problem.define(f"minimiser_{v.name}", says, "R", self._entry(v), indices)

    def _entry(self, v: Variable) -> str:
        """Return the entry of a variable at the structured point, which has one column a class and K of the hidden units."""
        held, terms = _arrays(self.point.v, self.parameters.known)[v.name], self._terms()
        if v.shape[1] == 1:
            terms.names[sym.k] = "i"
            return terms.real(self._at_known(sp.sympify(held)))
        if not isinstance(held, SymbolicMatrix) or self._at_known(held.size) != sym.K:
            raise ValueError(f"{v.name}: only structured points that are matrices of size K are stated")
        entry, inside = held.entry(sym.k, sym.j), []
        for symbol, name, side in ((sym.k, "i", v.shape[0]), (sym.j, "j", v.shape[1])):
            terms.names[symbol] = "(label j)" if side == sym.N else name
            if held.rank_one and self.parameters.size(side) not in ("K", "N"):
                inside.append(f"Nat.ltb {name} K")
        text = terms.real(self._at_known(entry))
        return f"if {reduce(lambda a, b: f'andb ({a}) ({b})', inside)} then {text} else 0" if inside else text

    @property
    def _ratio_of_class(self) -> bool:
        return self.prediction.threshold.ratio.has(self.prediction.threshold.index)

    @cached_property
    def _measured(self) -> dict[str, Any]:
        """The text of each invariant, or None where it is no finite sum of entries, as eigenvalues are not."""
        measured: dict[str, Any] = {}
        for invariant in self.claim.problem.invariants:
            try:
                measured[invariant.name] = invariant.measure(*self.problem.measured)
            except ValueError:
                measured[invariant.name] = None
        return measured

    @property
    def _but_for(self) -> str:
        """The invariants that the statement leaves out, in words."""
        left_out = [name for name, measured in self._measured.items() if measured is None]
        return f" (but for {', '.join(left_out)}, no finite sum of entries)" if left_out else ""

    def _structure(self) -> Iterator[str]:
        """Yield each invariant, measured and predicted, and that the two are equal."""
        here, point = self.parameters.arguments, self.problem.point
        conjuncts = []
        for name, measured in self._measured.items():
            if measured is None:
                continue
            indices, text, predicted = self._printed(measured, self.prediction.invariants[name])
            more = f"({indices} : nat)" if indices else ""
            of_point = f"{self.problem.binders} {more}".strip()
            yield self.problem.define(name, f"The invariant {name} at a point.", "R", text, of_point)
            yield self.problem.define(f"predicted_{name}", f"The invariant {name} as predicted.", "R", predicted, more)
            below = "".join(f"({index} < K)%nat -> " for index in indices.split())
            equal = f"{name} {here} {point} {indices}".strip() + f" = predicted_{name} {here} {indices}".rstrip()
            conjuncts.append(f"(forall {indices}, {below}{equal})" if indices else equal)
        says = f"The point has the predicted invariants{self._but_for}."
        yield self.problem.define("structure", says, "Prop", " /\\\n  ".join(conjuncts), self.problem.binders)

    def _printed(self, measured: Any, formula: Formula) -> tuple[str, str, str]:
        """Return the names of the indices of an invariant, its text at a point, and its predicted text.

        Raises ValueError for other axes than classes.
        """
        expression, axes = formula.number, [self._at_known(size) for _, size in formula.axes]
        if isinstance(measured, list) and len(measured) == 1:
            (measured,), axes, expression = measured, axes[1:], expression.subs(sym.layer, 1)
        predicted = self._real(expression)
        if isinstance(measured, Term) and not axes:
            return "", measured.text, predicted
        if isinstance(measured, CoqMatrix) and axes == [sym.K, sym.K]:
            return f"{ROW} {COLUMN}", measured.entry(ROW, COLUMN).text, predicted
        raise ValueError("only invariants that are numbers, or matrices of classes, are stated")

    def propositions(self) -> Iterator[Proposition]:
        """Yield the propositions that a proof has to show."""
        here, variables = self.parameters.arguments, self.problem.point
        best = " ".join(f"(minimiser_{v.name} {here})" for v in self.problem.variables)
        is_feasible, best_feasible = self.problem.feasible(variables), self.problem.feasible(best)
        any_point = f"forall {variables}, " + (f"{is_feasible} ->\n  " if is_feasible else "")
        some = f"exists {self.parameters.binders}, domain {here}"
        yield Proposition("domain_not_empty", "Some parameters are allowed.", some)
        below = f"{any_point}value {here} <= loss {here} {variables}"
        yield self._for_all("lower_bound", "No point has a loss below the predicted minimum.", below)
        says, reached = "The predicted point has the predicted minimum.", f"loss {here} {best} =\n  value {here}"
        reached = f"{best_feasible} /\\\n  {reached}" if best_feasible else reached
        if self._narrower_than_classes:
            says = "At widths d >= K the predicted point has the predicted minimum."
            feasible = f"{is_feasible} /\\ " if is_feasible else ""
            exists = f"exists {variables}, {feasible}loss {here} {variables} = value {here}"
            yield self._for_all("attained_at_every_width", "Some point has the predicted minimum.", exists)
            reached = f"(K <= d)%nat -> {reached}"
        yield self._for_all("attained", says, reached)
        says = "Zero has the predicted minimum iff no class exceeds the threshold."
        yield self._for_all("threshold", says, self._zero_is_best())
        unique = f"{any_point}loss {here} {variables} = value {here} ->\n  structure {here} {variables}"
        says = f"Every global minimiser has the predicted invariants{self._but_for}."
        yield self._for_all("unique_structure", says, unique)

    @property
    def _narrower_than_classes(self) -> bool:
        """Whether the domain has widths d < K, at which the structured point of K hidden units does not fit."""
        stated = {text for _, text in self.parameters.hypotheses()}
        return not self.wide and any(f"(K <= {width})%nat" not in stated for width in self.parameters.widths)

    def _zero_is_best(self) -> str:
        here = self.parameters.arguments
        zero = " ".join(
            f"(minimiser_{v.name} {here})" if v.offset else "(fun _ _ => 0)" for v in self.problem.variables
        )
        of_class = f"forall {ROW}, ({ROW} < K)%nat -> ratio {here} {ROW} <= 1"
        collapsed = of_class if self._ratio_of_class else f"ratio {here} <= 1"
        return f"value {here} = loss {here} {zero} <->\n  ({collapsed})"

    def _for_all(self, name: str, says: str, body: str) -> Proposition:
        quantified = f"forall {self.parameters.binders}, domain {self.parameters.arguments} ->"
        return Proposition(name, says, f"{quantified}\n  {body}")


def _arrays(v: Point, known: dict[sp.Basic, sp.Expr]) -> dict[str, Any]:
    """Return the arrays of a structured point by the names of the variables; layers become the matrices W_1, …, W_M."""
    arrays = dict(v)
    if "layers" in arrays:
        layers: SymbolicLayers = arrays.pop("layers")
        for i in range(1, int(known[layers.depth]) + 1):
            arrays[f"W_{i}"] = layers.power(sp.Integer(1)) * (1 / sp.sqrt(layers.decay[i]))
    return arrays
