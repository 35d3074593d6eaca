"""The array namespace as text: matrices are functions of two indices, and every operation becomes a finite sum of Coq.

A loss that runs on these matrices is printed as a function of matrices of symbolic size. Rows count from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NoReturn

import sympy as sp

from theory.export.coq_text import Term, number_of, size_text, summed, term

if TYPE_CHECKING:
    from theory.namespace import ArrayNamespace

INDEX_OF = {"K": "k", "N": "j"}
"""The name of an index that runs over classes or samples; every other index is named i."""


def fresh(size: str, used: Iterable[str]) -> str:
    """Return the usual name of an index that runs below ``size``, with a number behind it where ``used`` contains the name."""
    usual, taken = INDEX_OF.get(size, "i"), set(used)
    return next(name for name in (usual, *(f"{usual}{number}" for number in range(1, 99))) if name not in taken)


@dataclass(frozen=True)
class CoqMatrix:
    """A matrix of text: ``entry(row, column)`` is the term of an entry, for the names of its row and its column.

    ``rows`` and ``columns`` are natural numbers of Coq. A column of numbers is a matrix with ``columns`` = "1".
    """

    rows: str
    columns: str
    entry: Callable[[str, str], Term]

    def _combined(self, other: CoqMatrix, combine: Callable[[Term, Term], Term]) -> CoqMatrix:
        if (self.rows, self.columns) != (other.rows, other.columns):
            shapes = f"{self.rows} × {self.columns} and {other.rows} × {other.columns}"
            raise ValueError(f"matrices of the shapes {shapes} are not added")
        return CoqMatrix(self.rows, self.columns, lambda r, c: combine(self.entry(r, c), other.entry(r, c)))

    def __add__(self, other: CoqMatrix) -> CoqMatrix:
        return self._combined(other, lambda a, b: a + b)

    def __sub__(self, other: CoqMatrix) -> CoqMatrix:
        return self._combined(other, lambda a, b: a - b)

    def __matmul__(self, other: CoqMatrix) -> CoqMatrix:
        if self.columns != other.rows:
            raise ValueError(f"a matrix of {self.columns} columns does not multiply one of {other.rows} rows")

        def entry(r: str, c: str) -> Term:
            m = fresh(self.columns, (r, c))
            return summed(self.columns, m, self.entry(r, m) * other.entry(m, c))

        return CoqMatrix(self.rows, other.columns, entry)


@dataclass(frozen=True)
class CoqRow:
    """A row of text: ``entry(column)`` is the term of an entry."""

    columns: str
    entry: Callable[[str], Term]

    def _map(self, change: Callable[[Term], Term]) -> CoqRow:
        return CoqRow(self.columns, lambda c: change(self.entry(c)))

    def __add__(self, other: CoqRow) -> CoqRow:
        return CoqRow(self.columns, lambda c: self.entry(c) + other.entry(c))

    def __sub__(self, other: CoqRow) -> CoqRow:
        return CoqRow(self.columns, lambda c: self.entry(c) - other.entry(c))

    def __mul__(self, factor: Term | int) -> CoqRow:
        return self._map(lambda x: x * factor)

    def __rmul__(self, factor: Term | int) -> CoqRow:
        return self._map(lambda x: factor * x)

    def __truediv__(self, divisor: Term | int) -> CoqRow:
        return self._map(lambda x: x / divisor)


def _rejected(operation: str, *arrays: object) -> NoReturn:
    raise ValueError(f"{operation} is no finite sum of entries, which is all that this backend prints")


class CoqArrays:
    """The operations of ``theory.namespace.ArrayNamespace`` that are finite sums, as text.

    ``classes`` and ``samples`` are the sizes of the labels. ``matrices`` are those that were asked for by ``given``. All other
    operations raise ValueError.
    """

    def __init__(self, classes: str = "K", samples: str = "N") -> None:
        self.classes, self.samples = classes, samples
        self.matrices: list[sp.MatrixSymbol] = []

    def labels(self) -> CoqMatrix:
        return CoqMatrix(self.classes, self.samples, lambda k, j: Term(f"one_hot label {k} {j}", Term.APPLIED))

    def given(self, matrix: sp.MatrixSymbol) -> CoqMatrix:
        self.matrices.append(matrix)
        rows, columns = map(size_text, matrix.shape)
        return CoqMatrix(rows, columns, lambda r, c: Term(f"{matrix.name} {r} {c}", Term.APPLIED))

    def eye(self, size: sp.Symbol) -> CoqMatrix:
        text = size_text(size)
        return CoqMatrix(text, text, lambda r, c: Term(f"if Nat.eqb {r} {c} then 1 else 0", Term.OPEN))

    def identity(self, like: CoqMatrix) -> CoqMatrix:
        return self.eye(sp.Symbol(like.columns))

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> CoqMatrix:
        return CoqMatrix(size_text(rows), size_text(columns), lambda r, c: term(0))

    def transpose(self, a: CoqMatrix) -> CoqMatrix:
        return CoqMatrix(a.columns, a.rows, lambda r, c: a.entry(c, r))

    def cross(self, a: CoqMatrix, b: CoqMatrix) -> CoqMatrix:
        return a @ self.transpose(b)

    def scale(self, a: CoqMatrix, factor: Term | int) -> CoqMatrix:
        return CoqMatrix(a.rows, a.columns, lambda r, c: factor * a.entry(r, c))

    def add_column(self, a: CoqMatrix, column: CoqMatrix) -> CoqMatrix:
        return CoqMatrix(a.rows, a.columns, lambda r, c: a.entry(r, c) + column.entry(r, "0"))

    def relu(self, a: CoqMatrix) -> CoqMatrix:
        return CoqMatrix(a.rows, a.columns, lambda r, c: a.entry(r, c).applied("Rmax 0"))

    def centre(self, a: CoqMatrix) -> CoqMatrix:
        def entry(r: str, c: str) -> Term:
            return a.entry(r, c) - self._column_sum(a, c, (r, c)) / self.rows(a)

        return CoqMatrix(a.rows, a.columns, entry)

    def class_means(self, h: CoqMatrix, y: CoqMatrix) -> CoqMatrix:
        """Return the sum of the columns of each class over their number. Raises ValueError unless ``y`` are the labels."""
        if y.entry("k", "j") != self.labels().entry("k", "j"):
            raise ValueError("class means are those of the labels, and of no other matrix")

        def entry(r: str, k: str) -> Term:
            j = fresh(self.samples, (r, k))
            of_class = summed(self.samples, j, h.entry(r, j) * y.entry(k, j))
            return of_class / Term(f"class_count {self.samples} label {k}", Term.APPLIED)

        return CoqMatrix(h.rows, self.classes, entry)

    def rows(self, a: CoqMatrix) -> Term:
        return number_of(a.rows)

    def _column_sum(self, a: CoqMatrix, column: str, used: Sequence[str]) -> Term:
        r = fresh(a.rows, used)
        return summed(a.rows, r, a.entry(r, column))

    def column_sums(self, a: CoqMatrix) -> CoqRow:
        return CoqRow(a.columns, lambda c: self._column_sum(a, c, (c,)))

    def column_inner(self, a: CoqMatrix, b: CoqMatrix) -> CoqRow:
        product = a._combined(b, lambda x, y: x * y)
        return self.column_sums(product)

    def column_squares(self, a: CoqMatrix) -> CoqRow:
        return self.column_sums(CoqMatrix(a.rows, a.columns, lambda r, c: a.entry(r, c) ** 2))

    def column_cross_entropy(self, z: CoqMatrix, y: CoqMatrix) -> CoqRow:
        exponentials = CoqMatrix(z.rows, z.columns, lambda r, c: z.entry(r, c).applied("exp"))
        partition, correct = self.column_sums(exponentials), self.column_inner(z, y)
        return CoqRow(z.columns, lambda c: partition.entry(c).applied("ln") - correct.entry(c))

    def column_softmax(self, z: CoqMatrix) -> CoqMatrix:
        def entry(r: str, c: str) -> Term:
            exponentials = CoqMatrix(z.rows, z.columns, lambda i, j: z.entry(i, j).applied("exp"))
            return exponentials.entry(r, c) / self._column_sum(exponentials, c, (r, c))

        return CoqMatrix(z.rows, z.columns, entry)

    def column_binary_cross_entropy(self, z: CoqMatrix, y: CoqMatrix) -> CoqRow:
        against = z._combined(y, lambda logit, label: (logit * (1 - 2 * label)).applied("exp"))
        return self.column_sums(CoqMatrix(z.rows, z.columns, lambda r, c: (1 + against.entry(r, c)).applied("ln")))

    def column_cumulative_link(self, z: CoqRow, y: CoqMatrix, odds: sp.IndexedBase) -> NoReturn:
        _rejected("the cumulative link loss", z, y, odds)

    def column_contrastive_loss(self, s: CoqMatrix, y: CoqMatrix) -> CoqRow:
        same = self.transpose(y) @ y  # 1 for two samples of a class, 0 for others

        def over_others(c: str, summand: Callable[[str], Term]) -> Term:
            r = fresh(s.rows, (c,))
            other = f"if Nat.eqb {r} {c} then 0 else {summand(r).text}"
            return summed(s.rows, r, Term(other, Term.OPEN))

        def entry(c: str) -> Term:
            partition = over_others(c, lambda r: s.entry(r, c).applied("exp"))
            own = over_others(c, lambda r: same.entry(r, c) * s.entry(r, c))
            return partition.applied("ln") - own / over_others(c, lambda r: same.entry(r, c))

        return CoqRow(s.columns, entry)

    def diagonal_of(self, a: CoqMatrix) -> CoqRow:
        return CoqRow(a.columns, lambda c: a.entry(c, c))

    def entries(self, column: CoqMatrix) -> CoqRow:
        return CoqRow(column.rows, lambda r: column.entry(r, "0"))

    def total(self, row: CoqRow) -> Term:
        c = fresh(row.columns, ())
        return summed(row.columns, c, row.entry(c))

    def sum_of_entries(self, a: CoqMatrix) -> Term:
        r = fresh(a.rows, ())
        if a.columns == "1":
            return summed(a.rows, r, a.entry(r, "0"))
        c = fresh(a.columns, (r,))
        return summed(a.rows, r, summed(a.columns, c, a.entry(r, c)))

    def mean_entry(self, column: CoqMatrix) -> Term:
        return self.sum_of_entries(column) / self.rows(column)

    def spread(self, column: CoqMatrix) -> Term:
        mean = self.mean_entry(column)
        return self.squared_norm(CoqMatrix(column.rows, "1", lambda r, c: column.entry(r, "0") - mean))

    def squared_norm(self, a: CoqMatrix) -> Term:
        return self.sum_of_entries(CoqMatrix(a.rows, a.columns, lambda r, c: a.entry(r, c) ** 2))

    def norm(self, a: CoqMatrix) -> Term:
        return self.squared_norm(a).applied("sqrt")

    def inner(self, a: CoqMatrix, b: CoqMatrix) -> Term:
        return self.sum_of_entries(a._combined(b, lambda x, y: x * y))

    def log(self, x: Term) -> Term:
        return x.applied("ln")

    def log_of_row_squares(self, s: CoqMatrix) -> Term:
        squares = self.column_squares(self.transpose(s))
        return self.total(CoqRow(squares.columns, lambda c: self.log(squares.entry(c))))

    def apply_layers(self, layers: Sequence[CoqMatrix], h: CoqMatrix) -> CoqMatrix:
        return reduce(lambda below, w: w @ below, layers, h)

    def apply_rectified(self, layers: Sequence[CoqMatrix], h: CoqMatrix) -> CoqMatrix:
        first, *others = layers
        return reduce(lambda below, w: w @ self.relu(below), others, first @ h)

    def layer_decays(self, layers: Sequence[CoqMatrix], decay: sp.IndexedBase) -> Term:
        terms = [Term(size_text(decay[i]), Term.ATOM) / 2 * self.squared_norm(w) for i, w in enumerate(layers, start=1)]
        return reduce(lambda a, b: a + b, terms)

    def top_grams(self, layers: Sequence[CoqMatrix]) -> list[CoqMatrix]:
        above = [reduce(lambda below, w: w @ below, layers[i:]) for i in range(len(layers))]
        return [self.cross(p, p) for p in above]

    def bottom_grams(self, layers: Sequence[CoqMatrix], means: CoqMatrix) -> list[CoqMatrix]:
        below = [self.apply_layers(layers[: i + 1], means) for i in range(len(layers))]
        return [self.transpose(b) @ b for b in below]

    def label_axes(self, y: CoqMatrix) -> tuple[CoqMatrix, CoqMatrix]:
        _rejected("a singular vector of the labels", y)

    def standard_rows(self, rows: sp.Symbol, columns: sp.Symbol) -> CoqMatrix:
        _rejected("a choice of uncorrelated rows", rows, columns)

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> CoqMatrix:
        _rejected("a diagonal matrix", entries)

    def diagonal_root(self, entries: sp.IndexedBase) -> CoqMatrix:
        _rejected("a diagonal matrix", entries)

    def beside(self, a: CoqMatrix, b: CoqMatrix) -> CoqMatrix:
        _rejected("a block matrix", a, b)

    def solve(self, a: CoqMatrix, b: CoqMatrix) -> CoqMatrix:
        _rejected("an inverse", a, b)

    def logdet_of_gram(self, s: CoqMatrix) -> Term:
        _rejected("a determinant", s)

    def explained(self, factor: CoqMatrix, root: CoqMatrix) -> Term:
        _rejected("an inverse", factor, root)

    def singular_values(self, a: CoqMatrix, count: Term) -> CoqRow:
        _rejected("a singular value", a, count)

    def smallest_first(self, a: CoqMatrix, count: Term) -> CoqRow:
        _rejected("a singular value", a, count)

    def divergences(self, mean: CoqMatrix, noise: CoqMatrix) -> CoqRow:
        _rejected("an eigenvalue", mean, noise)

    def layer_spectra(self, layers: Sequence[CoqMatrix], y: CoqMatrix) -> list[CoqRow]:
        _rejected("an eigenvalue", layers, y)


if TYPE_CHECKING:
    _answering: type[ArrayNamespace] = CoqArrays
    """The type checker fails where the backend lacks an operation, or takes other arguments."""
