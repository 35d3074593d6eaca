"""The statement of a claim in Coq: its loss, value, minimiser and threshold, and the propositions that a proof has to show.

The loss is the claim's own, run on matrices of text; every formula is that of the derivation. A proof of these propositions
is therefore a proof about the problem that is trained and certified, and it fails where the claim changes.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from theory import symbols as sym
from theory.algebra import SymbolicMatrix
from theory.claim import Claim
from theory.domains import Flag
from theory.export.coq_arrays import CoqArrays, CoqMatrix
from theory.export.coq_domain import Hypothesis, hypotheses
from theory.export.coq_parameters import CoqParameters
from theory.export.coq_terms import CoqTerms
from theory.export.coq_text import Term
from theory.expressions import Formula
from theory.point import Point
from theory.prediction import StructuredPoint
from theory.problem import Instance, Variable

COLUMNS = 118
"""Where lines of generated text break."""
IMPORTS = "From Coq Require Import Reals Arith.\nFrom Atlas Require Import Sums Labels.\nOpen Scope R_scope.\n"
ROW, COLUMN = "k", "l"
"""The names of the two indices of an invariant, which both run over classes."""


def statement(claim: Claim) -> str:
    """Return the text of the file that states a claim in Coq.

    A problem with a flag, such as whether there is a bias, is stated in one module for each of its values. Raises
    ValueError for a claim whose loss, domain or prediction has no text.
    """
    parts = [f"(** {claim.id}. {claim.title}. Generated from the claim; do not edit. *)", IMPORTS]
    for module, stated in statements(claim).items():
        inside = stated.definitions()
        parts += [f"Module {module}.\n", *inside, f"End {module}.\n"] if module else inside
    return "\n".join(parts)


def statements(claim: Claim) -> dict[str, CoqStatement]:
    """Return what is stated of a claim, by the name of the module of Coq that holds it; the name is empty without flags."""
    flags = [p.name for p in claim.problem.parameters if isinstance(p.domain, Flag)]
    found = {}
    for values in itertools.product((False, True), repeat=len(flags)):
        name = "_".join(f"{'With' if on else 'Without'}_{flag}" for flag, on in zip(flags, values, strict=True))
        found[name] = CoqStatement(claim, tuple(zip(flags, values, strict=True)))
    return found


@dataclass(frozen=True)
class Proposition:
    """A proposition about a claim: its name in Coq, a sentence that says it, and its text."""

    name: str
    says: str
    body: str

    def __str__(self) -> str:
        return f"(** {self.says} *)\nDefinition {self.name} : Prop :=\n  {self.body}.\n"


@dataclass(frozen=True)
class CoqStatement:
    """The definitions of one claim, at given values of its flags."""

    claim: Claim
    flags: tuple[tuple[str, bool], ...]

    @cached_property
    def instance(self) -> Instance:
        """An instance that has these flags; its numbers occur nowhere in the statement."""
        values: dict = {}
        for parameter in self.claim.problem.in_dependency_order:
            values[parameter.name] = parameter.domain.example(values)
        return self.claim.problem.instance(**{**values, **dict(self.flags)})

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        return self.claim.problem.active_variables(self.instance)

    @cached_property
    def parameters(self) -> CoqParameters:
        return CoqParameters(self.claim.problem, self.instance, self.variables)

    @cached_property
    def point(self) -> StructuredPoint:
        """The structured point at which the claim predicts the minimum. Raises ValueError where there is none."""
        if self.claim.prediction.point is None:
            raise ValueError(f"{self.claim.id}: the prediction is measured at no structured point")
        return self.claim.prediction.point

    @property
    def wide(self) -> bool:
        """Whether the prediction depends on the rank, so that only widths d ≥ K are stated."""
        return self.claim.prediction.threshold.within_rank != sp.true

    @property
    def arguments(self) -> str:
        return " ".join(self.parameters.arguments)

    @property
    def at_point(self) -> str:
        """The names of the variables, as arguments."""
        return " ".join(v.name for v in self.variables)

    def terms(self) -> CoqTerms:
        """Return a printer that knows the parameters, the class counts and the unknowns of the structured point."""
        names = dict(self.parameters.names)
        for unknown in self.point.unknowns:
            applied = f"{unknown} {self.arguments}"
            names[unknown] = applied if isinstance(unknown, sp.IndexedBase) else f"({applied})"
        return CoqTerms({**names, sym.k: ROW, sym.j: COLUMN}, set(self.parameters.sizes), {sym.k, sym.j})

    def definitions(self) -> Iterator[str]:
        """Yield the definitions and the propositions, each with a sentence that says what it is."""
        yield self._domain()
        yield from self._feasible()
        yield self._loss()
        yield self._define(
            "value", "The predicted minimum of the loss.", "R", self.terms().real(self.claim.prediction.minimum)
        )
        yield from self._minimiser()
        yield self._ratio()
        yield from self._structure()
        yield from (str(proposition) for proposition in self.propositions())

    def _define(self, name: str, says: str, kind: str, body: str, more: str = "") -> str:
        """Return a definition with the parameters of the claim, and ``more`` after them, as arguments."""
        binders = f"{self.parameters.binders} {more}".strip()
        return f"(** {says} *)\n" + _wrapped(f"Definition {name} {binders} : {kind} :=", body)

    def _domain(self) -> str:
        """Return the hypotheses on the parameters as a record, so that each of them has a name."""
        found: list[Hypothesis] = []
        for parameter in self.claim.problem.parameters:
            found += hypotheses(parameter.domain, self.parameters.named(parameter.name))
        if self.wide:
            found.append(("wide", "(K <= d)%nat"))
        fields = "\n".join(f"  {name} : {text};" for name, text in found)
        says = "The parameters that the claim allows" + (", with a width of at least K." if self.wide else ".")
        return f"(** {says} *)\nRecord domain {self.parameters.binders} : Prop := {{\n{fields.rstrip(';')}\n}}.\n"

    @property
    def _binders_of_variables(self) -> str:
        kinds = itertools.groupby(self.variables, lambda v: "nat -> R" if v.shape[1] == 1 else "nat -> nat -> R")
        return " ".join(f"({' '.join(v.name for v in group)} : {kind})" for kind, group in kinds)

    def _feasible(self) -> Iterator[str]:
        constrained = [v for v in self.variables if v.nonnegative]
        if not constrained:
            return
        parts = []
        for v in constrained:
            rows, columns = map(self.parameters.size, v.shape)
            parts.append(f"(forall i j, (i < {rows})%nat -> (j < {columns})%nat -> 0 <= {v.name} i j)")
        says = "The points over which the loss is minimised."
        yield self._define("feasible", says, "Prop", " /\\ ".join(parts), self._binders_of_variables)

    def _is_feasible(self, point: str) -> str:
        constrained = any(v.nonnegative for v in self.variables)
        return f"feasible {self.arguments} {point}" if constrained else ""

    def _matrix(self, v: Variable) -> CoqMatrix:
        rows, columns = map(self.parameters.size, v.shape)
        if columns == "1":
            return CoqMatrix(rows, columns, lambda r, c: Term(f"{v.name} {r}", Term.APPLIED))
        return CoqMatrix(rows, columns, lambda r, c: Term(f"{v.name} {r} {c}", Term.APPLIED))

    @cached_property
    def _measured(self) -> tuple:
        xp = CoqArrays()
        v = Point({variable.name: self._matrix(variable) for variable in self.variables})
        return xp, v, self.claim.problem.given(xp), self.parameters.meanings

    def _loss(self) -> str:
        loss = self.claim.problem.loss(*self._measured)
        return self._define("loss", "The loss of the problem.", "R", loss.text, self._binders_of_variables)

    def _minimiser(self) -> Iterator[str]:
        """Yield the unknowns of the structured point, and the entries of every variable there."""
        for unknown, formula in self.point.unknowns.items():
            indexed = isinstance(unknown, sp.IndexedBase)
            says = "The unknown of the structured point" + (" for each class." if indexed else ".")
            yield self._define(str(unknown), says, "R", self.terms().real(formula), f"({ROW} : nat)" if indexed else "")
        for v in self.variables:
            says = f"The variable {v.name} at the predicted minimiser."
            column = v.shape[1] == 1
            indices = "(i : nat)" if column else "(i j : nat)"
            yield self._define(f"minimiser_{v.name}", says, "R", self._entry(v), indices)

    def _entry(self, v: Variable) -> str:
        """Return the entry of a variable at the structured point, which has one column a class and K of the d hidden units."""
        held, terms = self.point.v[v.name], self.terms()
        if v.shape[1] == 1:
            terms.names[sym.k] = "i"
            return terms.real(sp.sympify(held))
        if not isinstance(held, SymbolicMatrix):
            raise ValueError(f"{v.name}: {type(held).__name__} has no entries in Coq")
        if held.size != sym.K:
            raise ValueError(f"{v.name}: a structured point of size {held.size} is not stated")
        inside = []
        for symbol, name, side in ((sym.k, "i", v.shape[0]), (sym.j, "j", v.shape[1])):
            terms.names[symbol] = "(label j)" if side == sym.N else name
            if held.rank_one and side not in (sym.K, sym.N):
                inside.append(f"Nat.ltb {name} K")
        entry = terms.real(held.entry(sym.k, sym.j))
        return f"if {' && '.join(inside)} then {entry} else 0" if inside else entry

    def _ratio(self) -> str:
        threshold = self.claim.prediction.threshold
        says = "The ratio that exceeds 1 where a class has not collapsed."
        more = f"({ROW} : nat)" if self._ratio_of_class else ""
        return self._define("ratio", says, "R", self.terms().real(threshold.ratio), more)

    @property
    def _ratio_of_class(self) -> bool:
        threshold = self.claim.prediction.threshold
        return threshold.ratio.has(threshold.index)

    def _structure(self) -> Iterator[str]:
        """Yield each invariant, measured and predicted, and that the two are equal."""
        conjuncts = []
        for invariant in self.claim.problem.invariants:
            name, measured = invariant.name, invariant.measure(*self._measured)
            formula = self.claim.prediction.invariants[name]
            indices, text = self._printed(measured, formula)
            more = f"({indices} : nat)" if indices else ""
            yield self._define(
                name, f"The invariant {name} at a point.", "R", text, f"{self._binders_of_variables} {more}".strip()
            )
            yield self._define(
                f"predicted_{name}", f"The invariant {name} as predicted.", "R", self.terms().real(formula.number), more
            )
            equal = f"{name} {self.arguments} {self.at_point} {indices} = predicted_{name} {self.arguments} {indices}"
            below = "".join(f"({index} < K)%nat -> " for index in indices.split())
            conjuncts.append(f"(forall {indices}, {below}{equal})" if indices else equal.replace("  ", " ").strip())
        says = "The point has every invariant that the claim predicts."
        yield self._define("structure", says, "Prop", " /\\\n  ".join(conjuncts), self._binders_of_variables)

    def _printed(self, measured: CoqMatrix | Term, formula: Formula) -> tuple[str, str]:
        """Return the names of the indices of an invariant, and its text at a point. Raises ValueError for other axes than classes."""
        if isinstance(measured, Term) and not formula.axes:
            return "", measured.text
        if isinstance(measured, CoqMatrix) and [size for _, size in formula.axes] == [sym.K, sym.K]:
            return f"{ROW} {COLUMN}", measured.entry(ROW, COLUMN).text
        raise ValueError("only invariants that are numbers, or matrices of classes, are stated")

    def propositions(self) -> Iterator[Proposition]:
        """Yield the propositions that a proof has to show."""
        here, variables = self.arguments, self.at_point
        best = " ".join(f"(minimiser_{v.name} {here})" for v in self.variables)
        is_feasible, best_feasible = self._is_feasible(variables), self._is_feasible(best)
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
        yield self._for_all("unique_structure", "Every global minimiser has the predicted invariants.", unique)

    @property
    def _narrower_than_classes(self) -> bool:
        """Whether the domain has widths d < K, at which the structured point of K hidden units does not fit."""
        return not self.wide and self.parameters.least_width not in (None, sym.K)

    def _zero_is_best(self) -> str:
        here = self.arguments
        zero = " ".join(f"(minimiser_{v.name} {here})" if v.offset else "(fun _ _ => 0)" for v in self.variables)
        of_class = f"forall {ROW}, ({ROW} < K)%nat -> ratio {here} {ROW} <= 1"
        collapsed = of_class if self._ratio_of_class else f"ratio {here} <= 1"
        return f"value {here} = loss {here} {zero} <->\n  ({collapsed})"

    def _for_all(self, name: str, says: str, body: str) -> Proposition:
        return Proposition(name, says, f"forall {self.parameters.binders}, domain {self.arguments} ->\n  {body}")


def _wrapped(head: str, body: str) -> str:
    """Return a definition whose lines break between words."""
    lines = [textwrap.fill(line, COLUMNS, break_long_words=False, break_on_hyphens=False) for line in body.split("\n")]
    return f"{head}\n" + textwrap.indent("\n".join(lines), "  ") + ".\n"
