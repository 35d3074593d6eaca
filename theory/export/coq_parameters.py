"""The parameters of a problem as variables of Coq: sizes, labels and real numbers, with their names in formulas."""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType

import sympy as sp

from theory import symbols as sym
from theory.domains import PositiveReal, RealBetween, Width
from theory.export.coq_text import Term, number_of, size_text
from theory.problem import Instance, Problem, Variable

CLASS_COUNT = "class_count N label"
"""The number of samples of a class, as a function of the class: it follows from the labels."""


class CoqParameters:
    """The sizes of the variables, the labels, and the numbers among the parameters, in this order.

    ``instance`` is any instance; its numbers do not matter. Raises ValueError for a problem without labels.
    """

    def __init__(self, problem: Problem, instance: Instance, variables: tuple[Variable, ...]) -> None:
        if problem.samples[0] != sym.N or not any(sym.N in v.shape for v in variables):
            raise ValueError("only problems of labelled samples are stated")
        self.problem, self.instance, self.variables = problem, instance, variables

    @cached_property
    def sizes(self) -> tuple[sp.Basic, ...]:
        """The symbols that are natural numbers: those of classes, widths and samples."""
        sides = {side for v in self.variables for side in v.shape if not side.is_number}
        widths = sorted(sides - {sym.K, sym.N}, key=str)
        return sym.K, *widths, sym.N

    @cached_property
    def numbers(self) -> dict[str, sp.Basic]:
        """The symbol that each parameter stands for, by name: of the real numbers, and of a width."""
        markers = {
            p.name: sp.Symbol(f"_{p.name}")
            for p in self.problem.parameters
            if isinstance(p.domain, PositiveReal | RealBetween | Width)
        }
        bound = self.problem.bind({**self.instance.values, **markers})
        return {name: symbol for name, marker in markers.items() for symbol, value in bound.items() if value == marker}

    @property
    def least_width(self) -> sp.Expr | None:
        """The least width that the claim allows, or None where the problem has no width."""
        widths = [p.domain.least for p in self.problem.parameters if isinstance(p.domain, Width)]
        return widths[0] if widths else None

    @property
    def reals(self) -> list[str]:
        return [size_text(symbol) for symbol in self.numbers.values() if symbol not in self.sizes]

    @property
    def arguments(self) -> list[str]:
        """The names of all parameters."""
        return [*map(size_text, self.sizes), "label", *self.reals]

    @property
    def binders(self) -> str:
        """All parameters with their types."""
        naturals = " ".join(map(size_text, self.sizes))
        return f"({naturals} : nat) (label : nat -> nat) ({' '.join(self.reals)} : R)"

    def named(self, parameter: str) -> list[str]:
        """Return the names in Coq of the numbers of a parameter."""
        return [size_text(self.numbers[parameter])] if parameter in self.numbers else []

    def size(self, side: sp.Expr) -> str:
        """Return the natural number of a side of a variable."""
        return str(side) if side.is_number else size_text(side)

    @property
    def names(self) -> dict[sp.Basic, str]:
        """The names in formulas: class counts follow from the labels."""
        symbols = [*self.sizes, *self.numbers.values()]
        return {**{s: size_text(s) for s in symbols}, sym.n_k: CLASS_COUNT, sym.n: f"({CLASS_COUNT} 0)"}

    @property
    def meanings(self) -> MappingProxyType[sp.Basic, Term]:
        """The terms of the parameters in a loss."""
        sizes = {s: number_of(size_text(s)) for s in self.sizes}
        reals = {s: Term(size_text(s), Term.ATOM) for s in self.numbers.values() if s not in sizes}
        return MappingProxyType({**reals, **sizes})
