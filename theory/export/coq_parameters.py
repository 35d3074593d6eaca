"""The parameters of a problem as variables of Coq: sizes, labels and real numbers, with their names in formulas."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import sympy as sp

from theory import symbols as sym
from theory.domains import PositivePerDimension, PositiveReal, RealBetween, WholeNumber, Width, Widths
from theory.export.coq_text import Term, number_of, size_text
from theory.expressions import Bindings
from theory.problem import Instance, Problem, Variable

CLASS_COUNT = "class_count N label"
"""The number of samples of a class, as a function of the class: it follows from the labels."""
WIDE = 10**6
"""A width larger than the number of classes of any example."""


class CoqParameters:
    """The sizes of the variables, the labels, and the numbers among the parameters, in this order.

    ``chosen`` holds the values of flags and depths. Raises ValueError for a problem without labels.
    """

    def __init__(self, problem: Problem, chosen: Mapping[str, Any]) -> None:
        self.problem, self.chosen = problem, chosen
        if problem.samples[0] != sym.N or not any(sym.N in v.shape for v in self.variables):
            raise ValueError("only problems of labelled samples are stated")

    def _instance(self, **given: Any) -> Instance:
        """Return an instance with the chosen values; its other numbers occur nowhere in a statement."""
        values: dict[str, Any] = {**given, **self.chosen}
        for parameter in self.problem.in_dependency_order:
            values.setdefault(parameter.name, parameter.domain.example(values))
        return self.problem.instance(**values)

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that exist at the chosen values."""
        return self.problem.active_variables(self._instance())

    @cached_property
    def sizes(self) -> tuple[sp.Basic, ...]:
        """The symbols that are natural numbers: those of classes, widths and samples."""
        instance = self._instance()
        sides = {side for v in self.variables for side in v.shape if not side.is_number}
        widths = {side for side in sides - {sym.N} if not self.problem.is_labelled(side, instance)}
        return sym.K, *sorted(widths, key=str), sym.N

    @property
    def widths(self) -> list[str]:
        """The names of the widths."""
        return [size_text(s) for s in self.sizes if s not in (sym.K, sym.N)]

    @cached_property
    def _marked(self) -> Bindings:
        """The bindings of the problem where every real number and every depth is a symbol of the name of its parameter."""
        values = dict(self._instance().values)
        for p in self.problem.parameters:
            if isinstance(p.domain, PositiveReal | RealBetween | Width | WholeNumber):
                values[p.name] = sp.Symbol(f"_{p.name}")
            if isinstance(p.domain, PositivePerDimension):
                values[p.name] = tuple(sp.Symbol(f"_{p.name}_{i}") for i, _ in enumerate(values[p.name], start=1))
        return self.problem.bind(values)

    @cached_property
    def numbers(self) -> dict[str, sp.Symbol]:
        """The symbol in formulas of each real number, by the name of its parameter and, in a list, its position."""
        found: dict[str, sp.Symbol] = {}
        for symbol, value in self._marked.items():
            if isinstance(symbol, sp.IndexedBase) and isinstance(value[0], sp.Symbol):
                entries = {str(mark): size_text(symbol[i]) for i, mark in enumerate(value, start=1)}
                found |= {mark: sp.Symbol(name, positive=True) for mark, name in entries.items()}
            elif isinstance(value, sp.Symbol) and isinstance(symbol, sp.Symbol) and symbol not in self.sizes:
                found[str(value)] = symbol
        order = [p.name for p in self.problem.parameters]
        of_reals = {name[1:]: symbol for name, symbol in found.items() if name[1:] not in self.chosen}
        return dict(sorted(of_reals.items(), key=lambda item: order.index(item[0].rstrip("_0123456789"))))

    @cached_property
    def known(self) -> dict[sp.Basic, sp.Expr]:
        """What further symbols stand for: a depth, products of decays, and the largest rank at widths of at least K.

        Lists of numbers are known by their entries.
        """
        known: dict[sp.Basic, sp.Expr] = {}
        marks = {sp.Symbol(f"_{name}"): symbol for name, symbol in self.numbers.items()}
        for symbol, value in self._marked.items():
            if symbol in self.sizes:
                continue
            if isinstance(symbol, sp.IndexedBase):
                known |= {symbol[i]: marks[mark] for i, mark in enumerate(value, start=1) if mark in marks}
            elif isinstance(value, sp.Symbol) and str(value)[1:] in self.chosen:
                known[symbol] = sp.Integer(self.chosen[str(value)[1:]])
            elif isinstance(value, sp.Expr) and not value.is_number and value not in marks:
                known[symbol] = value.subs(marks)
        if sym.R in self._marked:
            known[sym.R] = sym.K - self._lost_rank()
        return known

    def _lost_rank(self) -> int:
        """Return by how much the largest rank is below K where no width is. Raises ValueError where it depends on K."""
        lost = set()
        name = next(p.name for p in self.problem.parameters if isinstance(p.domain, Widths))
        for counts in ((1, 1, 1), (1, 1, 1, 1, 1)):
            instance = self._instance(class_counts=counts)
            wide = self.problem.bind({**instance.values, name: (WIDE,) * len(instance.values[name])})
            lost.add(len(counts) - wide[sym.R])
        if len(lost) != 1:
            raise ValueError(f"the largest rank at large widths is no fixed number below K: {lost}")
        return lost.pop()

    @property
    def least_width(self) -> sp.Expr:
        """The least width that the claim allows."""
        return next((p.domain.least for p in self.problem.parameters if isinstance(p.domain, Width)), sp.Integer(1))

    @property
    def arguments(self) -> str:
        """The names of all parameters."""
        return " ".join([*map(size_text, self.sizes), "label", *map(size_text, self.numbers.values())])

    @property
    def binders(self) -> str:
        """All parameters with their types."""
        naturals, reals = (" ".join(map(size_text, symbols)) for symbols in (self.sizes, self.numbers.values()))
        return f"({naturals} : nat) (label : nat -> nat) ({reals} : R)"

    def named(self, parameter: str) -> list[str]:
        """Return the names in Coq of the numbers of a parameter."""
        if isinstance(self.problem.parameter(parameter).domain, Width | Widths):
            return self.widths
        return [size_text(symbol) for name, symbol in self.numbers.items() if name.rstrip("_0123456789") == parameter]

    def size(self, side: sp.Expr) -> str:
        """Return the natural number of a side of a variable."""
        if side.is_number:
            return str(side)
        return size_text(side) if side in self.sizes else size_text(sym.K)

    @property
    def names(self) -> dict[sp.Basic, str]:
        """The names in formulas: class counts follow from the labels."""
        symbols = [*self.sizes, *self.numbers.values()]
        return {**{s: size_text(s) for s in symbols}, sym.n_k: CLASS_COUNT, sym.n: f"({CLASS_COUNT} 0)"}

    @property
    def meanings(self) -> dict[sp.Basic, Any]:
        """The terms of the parameters in a loss. A list of numbers stays a list of symbols, whose entries are named."""
        lists = {symbol: symbol for symbol in self._marked if isinstance(symbol, sp.IndexedBase)}
        sizes = {s: number_of(size_text(s)) for s in self.sizes}
        return {**lists, **{s: Term(size_text(s), Term.ATOM) for s in self.numbers.values()}, **sizes}
