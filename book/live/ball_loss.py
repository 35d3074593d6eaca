"""The loss of a problem at a point, in balls of python-flint. This module runs in the reader's browser, without PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flint
import sympy as sp

from theory.expressions import to_exact
from theory.point import Point
from theory.problem import Instance, Problem
from theory.symbols import K, N, n_k

Ball = flint.arb


def ball_of(value: Any) -> Ball:
    """Return a number exactly as a user wrote it, as a ball."""
    number = sp.Rational(to_exact(value))
    return Ball(flint.fmpq(int(number.p), int(number.q)))


class Matrix:
    """A matrix of balls, in the operators that a loss uses."""

    def __init__(self, rows: Sequence[Sequence[Ball]]) -> None:
        self.entries = flint.arb_mat([list(row) for row in rows])

    @property
    def columns(self) -> list[list[Ball]]:
        return self.entries.transpose().tolist()

    def __matmul__(self, other: Matrix) -> Matrix:
        return Matrix((self.entries * other.entries).tolist())

    def __add__(self, other: Matrix) -> Matrix:
        return Matrix((self.entries + other.entries).tolist())

    def __sub__(self, other: Matrix) -> Matrix:
        return Matrix((self.entries - other.entries).tolist())


class Row(list[Ball]):
    """One ball for each column of a matrix."""

    def __truediv__(self, number: Any) -> Row:
        return Row(x / number for x in self)


class LossArrays:
    """The operations of the array namespace that the losses of free features with one linear layer use."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.classes = [k for k, count in enumerate(counts) for _ in range(count)]
        self.count = len(counts)

    def labels(self) -> Matrix:
        return Matrix([[Ball(int(k == label)) for label in self.classes] for k in range(self.count)])

    def column_squares(self, a: Matrix) -> Row:
        return self._each(a, lambda column: sum((x * x for x in column), Ball(0)))

    def column_cross_entropy(self, z: Matrix, y: Matrix) -> Row:
        def one(logits: list[Ball], label: list[Ball]) -> Ball:
            least = max(logits, key=float)  # the same number is taken from all logits, so that no power overflows
            total = sum(((x - least).exp() for x in logits), Ball(0))
            return total.log() + least - sum((x * w for x, w in zip(logits, label, strict=True)), Ball(0))

        return Row(one(logits, label) for logits, label in zip(z.columns, y.columns, strict=True))

    def squared_norm(self, a: Matrix) -> Ball:
        return self.total(self.column_squares(a))

    def total(self, row: Row) -> Ball:
        return sum(row, Ball(0))

    def _each(self, a: Matrix, function: Callable[[list[Ball]], Ball]) -> Row:
        return Row(map(function, a.columns))


def value_at(problem: Problem, instance: Instance, point: Mapping[str, Sequence[Sequence[float]]]) -> Ball:
    """Enclose the loss at a point whose doubles are taken exactly; labels are one-hot, with cross-entropy or squared loss."""
    counts = [int(n) for n in instance.bindings[n_k]]
    arrays: Any = LossArrays(counts)
    bindings = {s: ball_of(v) for s, v in instance.bindings.items() if isinstance(s, sp.Symbol)}
    bindings |= {K: len(counts), N: sum(counts)}
    variables = Point({name: Matrix([[Ball(x) for x in row] for row in rows]) for name, rows in point.items()})
    return problem.loss(arrays, variables, problem.given(arrays), bindings)
