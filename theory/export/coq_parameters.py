"""The parameters of a problem as variables of Coq: sizes, labels and real numbers, with their names in formulas."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import sympy as sp

from theory import symbols as sym
from theory.export.coq_arrays import CoqArrays
from theory.export.coq_text import Term, number_of, size_text
from theory.expressions import Bindings
from theory.problem import Instance, Problem, Variable

CLASS_COUNT = "class_count N label"
"""The number of samples of a class, as a function of the class: it follows from the labels."""
WIDE = 10**6
"""The widths of an instance in which they are to be recognised are larger than this number, and different."""
CLASSES = (3, 5)
"""Numbers of classes of two instances, in which what depends on the number of classes is told from what does not."""


class CoqParameters:
    """The sizes of the variables, the labels, and the matrices and the numbers among the parameters, in this order.

    ``chosen`` holds the values of flags and depths. Raises ValueError for a problem without labels.
    """

    def __init__(self, problem: Problem, chosen: Mapping[str, Any]) -> None:
        self.problem, self.chosen = problem, chosen
        if not problem.parameter(problem.sorted_parameter).domain.counts:
            raise ValueError("only problems of labelled samples are stated")

    @cached_property
    def _instance(self) -> Instance:
        """An instance with the chosen values; its other numbers occur nowhere in a statement."""
        values = dict(self.chosen)
        for parameter in self.problem.in_dependency_order:
            values.setdefault(parameter.name, parameter.domain.example(values))
        return self.problem.instance(**values)

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that exist at the chosen values."""
        return self.problem.active_variables(self._instance)

    @cached_property
    def _marks(self) -> dict[str, dict[Any, int]]:
        """The value that stands for each number of a parameter in bindings, with its position, by the name of the parameter.

        A real number and a chosen number are marked by a symbol, a width by a large integer.
        """
        marks: dict[str, dict[Any, int]] = {}
        for name, value in self._instance.values.items():
            if name == self.problem.sorted_parameter or name in self._of_matrices or isinstance(value, bool):
                continue
            numbers = value if isinstance(value, tuple) else (value,)
            if name in self.chosen or isinstance(numbers[0], float):
                marks[name] = {sp.Symbol(f"_{name}_{i}"): i for i, _ in enumerate(numbers)}
            else:
                marks[name] = {WIDE + 100 * len(marks) + i: i for i, _ in enumerate(numbers)}
        return marks

    def _marked(self, classes: int) -> Bindings:
        """Return the bindings of the problem with so many classes, in which every other number is marked."""
        values = {**self._instance.values, self.problem.sorted_parameter: (1,) * classes}
        for name, marks in self._marks.items():
            values[name] = tuple(marks) if isinstance(values[name], tuple) else next(iter(marks))
        for name in self._of_matrices:
            values[name] = self.problem.parameter(name).domain.example(values)
        return self.problem.bind(values)

    @cached_property
    def _of_matrices(self) -> list[str]:
        """The names of the parameters that are matrices."""
        return [p.name for p in self.problem.parameters if p.domain.matrix]

    @cached_property
    def matrices(self) -> list[sp.MatrixSymbol]:
        """The matrices that the loss is given. Raises ValueError where it is unclear which parameter each of them is."""
        arrays = CoqArrays()
        self.problem.given(arrays)
        if len(arrays.matrices) != len(self._of_matrices) or len(arrays.matrices) > 1:
            raise ValueError("only problems with one matrix among the parameters, which the loss is given, are stated")
        return arrays.matrices

    @cached_property
    def _symbols(self) -> dict[Any, sp.Basic]:
        """The symbol in formulas that is bound to each mark."""
        found: dict[Any, sp.Basic] = {}
        for symbol, value in self._marked(CLASSES[0]).items():
            if isinstance(symbol, sp.IndexedBase):
                found |= {mark: symbol[i] for i, mark in enumerate(value, start=1)}
            else:
                found.setdefault(value, symbol)
        return found

    def _of(self, parameter: str) -> list[sp.Basic]:
        if parameter in self._of_matrices:
            return list(self.matrices)
        return [self._symbols[mark] for mark in self._marks.get(parameter, {})]

    @cached_property
    def sizes(self) -> tuple[sp.Basic, ...]:
        """The symbols that are natural numbers: those of classes, widths and samples."""
        widths = [self._symbols[mark] for marks in self._marks.values() for mark in marks if isinstance(mark, int)]
        return sym.K, *widths, sym.N

    @cached_property
    def reals(self) -> list[sp.Basic]:
        """The symbols of the real numbers, in the order of the parameters."""
        real = [p.name for p in self.problem.parameters if p.name not in (*self.chosen, *self._of_matrices)]
        return [symbol for name in real for symbol in self._of(name) if symbol not in self.sizes]

    @property
    def widths(self) -> list[str]:
        """The names of the widths."""
        return [size_text(s) for s in self.sizes if s not in (sym.K, sym.N)]

    @cached_property
    def known(self) -> dict[sp.Basic, sp.Expr]:
        """What further symbols stand for: a chosen number, products of decays, and the largest rank at widths of at least K."""
        known: dict[sp.Basic, sp.Expr] = {}
        for name in self.chosen.keys() & self._marks.keys():
            known |= {symbol: sp.Integer(self.chosen[name]) for symbol in self._of(name)}
        entries = {mark: _as_symbol(s) for mark, s in self._symbols.items() if s in self.reals}
        known |= {
            s: entries[mark] for mark, s in self._symbols.items() if isinstance(s, sp.Indexed) and mark in entries
        }
        few, many = map(self._marked, CLASSES)
        for symbol, value in few.items():
            if isinstance(value, sp.Expr) and not isinstance(value, sp.Symbol):
                known[symbol] = value.subs(entries)
        if sym.R in few:
            below = {classes - ranks[sym.R] for classes, ranks in zip(CLASSES, (few, many), strict=True)}
            known[sym.R] = sym.K - below.pop()
            if below:
                raise ValueError("the largest rank at large widths is no fixed number below K")
        return known

    def entry(self, listed: sp.Indexed) -> sp.Expr:
        """Return the entry of a list that follows from the parameters: all entries are equal, but for the last.

        Raises ValueError for any other list.
        """
        index = listed.indices[0]
        inner = {(values[0], values[-1]) for values in self._lists(listed.base) if len(set(values[:-1])) == 1}
        if len(inner) != 1 or len(self._lists(listed.base)) != len(CLASSES):
            raise ValueError(f"{listed} is an entry of a list that has no name in Coq")
        marks = {mark: _as_symbol(symbol) for mark, symbol in self._symbols.items() if symbol in self.reals}
        first, last = (sp.sympify(value).subs(marks) for value in inner.pop())
        return sp.Piecewise((first, index < sym.K), (last, True))

    def _lists(self, base: sp.IndexedBase) -> list[tuple[Any, ...]]:
        """Return a list that the problem binds to as many values as there are classes, for each of two numbers of classes."""
        found = ((classes, self._marked(classes).get(base, ())) for classes in CLASSES)
        return [values for classes, values in found if len(values) == classes]

    @property
    def arguments(self) -> str:
        """The names of all parameters."""
        return " ".join([*map(size_text, self.sizes), "label", *map(size_text, [*self.matrices, *self.reals])])

    @property
    def binders(self) -> str:
        """All parameters with their types."""
        naturals, reals = (" ".join(map(size_text, symbols)) for symbols in (self.sizes, self.reals))
        matrices = "".join(f"({size_text(matrix)} : nat -> nat -> R) " for matrix in self.matrices)
        return f"({naturals} : nat) (label : nat -> nat) {matrices}({reals} : R)"

    def hypotheses(self) -> list[tuple[str, str]]:
        """Return the hypotheses on all parameters, each with its name."""
        return [
            hypothesis
            for p in self.problem.parameters
            for hypothesis in p.domain.hypotheses([size_text(symbol) for symbol in self._of(p.name)])
        ]

    def size(self, side: sp.Expr) -> str:
        """Return the natural number of a side of a variable. The last layer of a network has as many rows as there are classes."""
        if side.is_number:
            return str(side)
        return size_text(side) if side in self.sizes else size_text(sym.K)

    @property
    def names(self) -> dict[sp.Basic, str]:
        """The names in formulas: class counts follow from the labels."""
        return {
            **{s: size_text(s) for s in [*self.sizes, *map(_as_symbol, self.reals)]},
            sym.n_k: CLASS_COUNT,
            sym.n: f"({CLASS_COUNT} 0)",
        }

    @property
    def meanings(self) -> dict[sp.Basic, Any]:
        """The terms of the parameters in a loss. A list of numbers stays a list of symbols, whose entries are named."""
        lists = {s.base: s.base for s in self.reals if isinstance(s, sp.Indexed)}
        sizes = {s: number_of(size_text(s)) for s in self.sizes}
        return {**lists, **{s: Term(size_text(s), Term.ATOM) for s in self.reals}, **sizes}


def _as_symbol(number: sp.Basic) -> sp.Symbol:
    """Return the symbol lambda_1 in place of the entry λ[1] of a list, and a symbol as it is."""
    return number if isinstance(number, sp.Symbol) else sp.Symbol(size_text(number), positive=True)
