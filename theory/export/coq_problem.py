"""A problem in Coq: the domain of its parameters, its variables and its loss."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from theory.export.coq_arrays import CoqArrays, CoqMatrix
from theory.export.coq_parameters import CoqParameters
from theory.export.coq_text import Term
from theory.point import Point
from theory.problem import Problem, Variable

COLUMNS = 118
"""Where lines of generated text break."""


class CoqProblem:
    """The definitions of the problem with these parameters.

    ``wide`` says that only widths of at least K are stated.
    """

    def __init__(self, problem: Problem, parameters: CoqParameters, wide: bool) -> None:
        self.problem, self.parameters, self.wide = problem, parameters, wide
        self.variables = parameters.variables
        self.point = " ".join(v.name for v in self.variables)

    def define(self, name: str, says: str, kind: str, body: str, more: str = "") -> str:
        """Return a definition with the parameters of the problem, and ``more`` after them, as arguments."""
        head = f"Definition {name} {f'{self.parameters.binders} {more}'.strip()} : {kind} :="
        lines = [textwrap.fill(x, COLUMNS, break_long_words=False, break_on_hyphens=False) for x in body.split("\n")]
        return f"(** {says} *)\n{head}\n" + textwrap.indent("\n".join(lines), "  ") + ".\n"

    def definitions(self) -> Iterator[str]:
        """Yield the domain, the constraints on the variables if there are any, and the loss."""
        yield self._domain()
        if constraints := list(self._constraints()):
            says = "The points over which the loss is minimised."
            yield self.define("feasible", says, "Prop", " /\\ ".join(constraints), self.binders)
        loss = self.problem.loss(*self.measured)
        yield self.define("loss", "The loss of the problem.", "R", loss.text, self.binders)

    def _domain(self) -> str:
        """Return the hypotheses on the parameters as a record, so that each of them has a name."""
        found = self.parameters.hypotheses()
        if self.wide:
            found += [(f"{width}_wide", f"(K <= {width})%nat") for width in self.parameters.widths]
        fields = "\n".join(f"  {name} : {text};" for name, text in found).rstrip(";")
        says = "The parameters that the claim allows" + (", with widths of at least K." if self.wide else ".")
        return f"(** {says} *)\nRecord domain {self.parameters.binders} : Prop := {{\n{fields}\n}}.\n"

    def _constraints(self) -> Iterator[str]:
        for v in self.variables:
            if v.nonnegative:
                rows, columns = map(self.parameters.size, v.shape)
                yield f"(forall i j, (i < {rows})%nat -> (j < {columns})%nat -> 0 <= {v.name} i j)"
            if v.unit_norm is not None:
                xp, matrix = CoqArrays(), self._matrix(v)
                unit = matrix if v.unit_norm == "columns" else xp.transpose(matrix)
                size, norm = self.parameters.size(v.shape[v.unit_norm == "columns"]), xp.column_squares(unit).entry("l")
                yield f"(forall l, (l < {size})%nat -> {norm.text} = 1)"

    @property
    def binders(self) -> str:
        """The variables with their types."""
        kinds = itertools.groupby(self.variables, lambda v: "nat -> R" if v.shape[1] == 1 else "nat -> nat -> R")
        return " ".join(f"({' '.join(v.name for v in group)} : {kind})" for kind, group in kinds)

    def feasible(self, point: str) -> str:
        """Return that a point, written as arguments, meets the constraints; the text is empty where there are none."""
        return f"feasible {self.parameters.arguments} {point}" if any(self._constraints()) else ""

    def _matrix(self, v: Variable) -> CoqMatrix:
        rows, columns = map(self.parameters.size, v.shape)
        if columns == "1":
            return CoqMatrix(rows, columns, lambda r, c: Term(f"{v.name} {r}", Term.APPLIED))
        return CoqMatrix(rows, columns, lambda r, c: Term(f"{v.name} {r} {c}", Term.APPLIED))

    @cached_property
    def measured(self) -> tuple[CoqArrays, Point, Point, dict[Any, Any]]:
        """The arguments of a measure: the loss or an invariant as text, at any point."""
        xp = CoqArrays()
        v = Point({variable.name: self._matrix(variable) for variable in self.variables})
        return xp, v, self.problem.given(xp), self.parameters.meanings
