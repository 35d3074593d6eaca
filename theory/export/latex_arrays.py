"""The array namespace in LaTeX: a loss that runs on it writes itself down the way a paper does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from theory.latex import latex
from theory.symbols import D

Text = Callable[[str], str]
"""The LaTeX of a column of a matrix, given the index of the column."""
IDENTITY = "I"
LETTER = r"[A-Z](_\{?\w+\}?)?"
"""A name that needs no brackets in a power."""
ENTROPY = r"\mathrm{CE}"
"""The name of the cross-entropy of one sample."""
BINARY_ENTROPY = r"\mathrm{BCE}"
"""The name of the binary cross-entropies of one sample, summed over its logits."""

CUMULATIVE = r"\mathrm{CL}"
"""The name of the cumulative link loss of one sample."""

CONTRASTIVE = r"\mathrm{SCL}"
"""The name of the supervised contrastive loss; its index is the sample."""


@dataclass(frozen=True)
class TexNumber:
    """A number: a sum of terms, each with a SymPy factor and a body in LaTeX. An empty body stands for 1."""

    terms: tuple[tuple[sp.Expr, str], ...]

    def __str__(self) -> str:
        text = ""
        for factor, body in self.terms:
            minus = factor.could_extract_minus_sign()
            sign = " - " if minus else " + " if text else ""
            text += sign + _product(-factor if minus else factor, body)
        return text or "0"

    def __add__(self, other: Any) -> TexNumber:
        return TexNumber(self.terms + number(other).terms)

    def __radd__(self, other: Any) -> TexNumber:
        return number(other) + self

    def __sub__(self, other: Any) -> TexNumber:
        return self + -number(other)

    def __rsub__(self, other: Any) -> TexNumber:
        return number(other) - self

    def __neg__(self) -> TexNumber:
        return TexNumber(tuple((-factor, body) for factor, body in self.terms))

    def __mul__(self, other: Any) -> TexNumber:
        """Multiply by a SymPy number; a sum stays in its brackets."""
        if len(self.terms) == 1:
            ((factor, body),) = self.terms
            return TexNumber(((factor * other, body),))
        return TexNumber(((sp.sympify(other), rf"\left({self}\right)"),))

    __rmul__ = __mul__

    def __pow__(self, exponent: Any) -> TexNumber:
        return TexNumber(((sp.Integer(1), rf"\left({self}\right)^{{{latex(sp.sympify(exponent))}}}"),))

    def __truediv__(self, other: Any) -> TexNumber:
        """Divide by a number, which is written as a fraction, or by a SymPy number."""
        if isinstance(other, TexNumber):
            return TexNumber(((sp.Integer(1), rf"\frac{{{self}}}{{{other}}}"),))
        return self * (1 / sp.sympify(other))


def number(value: Any) -> TexNumber:
    """Return a number of SymPy or Python as a number in LaTeX."""
    return value if isinstance(value, TexNumber) else TexNumber(((sp.sympify(value), ""),))


def _product(factor: sp.Expr, body: str) -> str:
    """Return a factor before a body: the factor 1 is left out, and a sum is bracketed."""
    if not body or factor == 1:
        return body or latex(factor)
    written = latex(factor)
    return rf"\left({written}\right) {body}" if isinstance(factor, sp.Add) else f"{written} {body}"


@dataclass(frozen=True)
class TexRow:
    """A row of numbers: the entry of sample i, and the sum over all samples where that has a shorter form."""

    entry: TexNumber
    total: TexNumber | None = None

    def _with(self, other: TexRow, change: Callable[[TexNumber, TexNumber], TexNumber]) -> TexRow:
        totals = None if self.total is None or other.total is None else change(self.total, other.total)
        return TexRow(change(self.entry, other.entry), totals)

    def __add__(self, other: TexRow) -> TexRow:
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: TexRow) -> TexRow:
        return self._with(other, lambda a, b: a - b)

    def __mul__(self, factor: Any) -> TexRow:
        return TexRow(self.entry * factor, None if self.total is None else self.total * factor)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> TexRow:
        return self * (1 / sp.sympify(other))


@dataclass(frozen=True)
class TexMatrix:
    """A matrix: its LaTeX, that of its columns, its number of rows, and a SymPy factor before it.

    ``is_sum`` says whether the LaTeX needs brackets in a product.
    """

    text: str
    column: Text
    rows: sp.Expr
    factor: sp.Expr = sp.Integer(1)
    is_sum: bool = False

    @property
    def written(self) -> str:
        """The LaTeX with the factor."""
        return _product(self.factor, self.bracketed) if self.factor != 1 else self.text

    @property
    def bracketed(self) -> str:
        """The LaTeX without the factor, in brackets if it is a sum."""
        return rf"\left({self.text}\right)" if self.is_sum else self.text

    def __matmul__(self, other: TexMatrix) -> TexMatrix:
        if self.text == IDENTITY or other.text == IDENTITY:
            kept = other if self.text == IDENTITY else self
            return replace(kept, rows=self.rows, factor=self.factor * other.factor)

        def column(index: str) -> str:
            inner = other.column(index)
            return f"{self.bracketed} " + (rf"\left({inner}\right)" if other.is_sum else inner)

        return TexMatrix(f"{self.bracketed} {other.bracketed}", column, self.rows, self.factor * other.factor)

    def _joined(self, other: TexMatrix, sign: str) -> TexMatrix:
        second = other.bracketed if sign == "-" and other.is_sum and other.factor == 1 else other.written
        return TexMatrix(
            f"{self.written} {sign} {second}",
            lambda index: (
                f"{_product(self.factor, self.column(index))} {sign} {_product(other.factor, other.column(index))}"
            ),
            self.rows,
            is_sum=True,
        )

    def __add__(self, other: TexMatrix) -> TexMatrix:
        return self._joined(other, "+")

    def __sub__(self, other: TexMatrix) -> TexMatrix:
        return self._joined(other, "-")


def atom(text: str, rows: sp.Expr, column: str | None = None) -> TexMatrix:
    """Return a matrix with a name. Its columns are written ``column`` with their index, or as columns of the matrix."""
    name = rf"\left({text}\right)" if column is None else column
    return TexMatrix(text, lambda index: f"{name}_{{{index}}}", rows)


@dataclass(frozen=True)
class TexLayers:
    """The layers W_1, …, W_M of a deep linear network; ``depth`` is M."""

    depth: sp.Symbol
    rows: sp.Expr


class LatexArrays:
    """The operations of ``theory.namespace.ArrayNamespace`` that losses use, in LaTeX.

    ``classes`` is the number of classes and ``samples`` the number of samples, over which ``total`` sums. An operation
    that has no notation here raises a ValueError. ``letters`` are names for block matrices and ``diagonals`` for diagonal
    ones, which ``blocks`` maps to the names they were given; without a name a matrix is written in full.
    ``entries`` is the length of lists.
    """

    def __init__(
        self,
        classes: sp.Symbol,
        samples: sp.Symbol,
        letters: Sequence[str] = (),
        entries: sp.Symbol = D,
        diagonals: Sequence[str] = (),
    ) -> None:
        self.classes, self.samples, self.length = classes, samples, entries
        self._letters, self._diagonals = letters, diagonals
        self.blocks: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        raise ValueError(f"{name}: this operation has no notation in LaTeX")

    # Given arrays.

    def labels(self) -> TexMatrix:
        return atom("Y", self.classes, "y")

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> TexMatrix:
        last = self.length if count is None else count
        written = _diagonal(entries[1], entries[last], last)
        return atom(self._name(written.text, self._diagonals), last)

    def diagonal_root(self, entries: sp.IndexedBase) -> TexMatrix:
        last = self.length
        return _diagonal(sp.sqrt(entries[1]), sp.sqrt(entries[last]), last)

    def standard_rows(self, rows: sp.Symbol, columns: sp.Symbol) -> TexMatrix:
        return atom("S", rows)

    def given(self, matrix: sp.MatrixSymbol) -> TexMatrix:
        return atom(latex(matrix), matrix.rows)

    def eye(self, size: sp.Symbol) -> TexMatrix:
        return atom(IDENTITY, size)

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> TexMatrix:
        return atom("0", rows)

    # Matrices.

    def beside(self, a: TexMatrix, b: TexMatrix) -> TexMatrix:
        block = rf"\left[{a.written},\; {b.written}\right]"
        return atom(self._name(block, self._letters), a.rows)

    def _name(self, matrix: str, letters: Sequence[str]) -> str:
        """Return the name of a matrix, which is the first of the letters that is free, or the matrix itself if none is."""
        free = [letter for letter in letters if letter not in self.blocks.values()]
        if matrix not in self.blocks and free:
            self.blocks[matrix] = free[0]
        return self.blocks.get(matrix, matrix)

    def transpose(self, a: TexMatrix) -> TexMatrix:
        return replace(a, text=IDENTITY if a.text == IDENTITY else f"{_base(a)}^{{T}}", is_sum=False)

    def solve(self, a: TexMatrix, b: TexMatrix) -> TexMatrix:
        return TexMatrix(f"{_base(a)}^{{-1}}", str, a.rows, 1 / a.factor) @ b

    def scale(self, a: TexMatrix, factor: Any) -> TexMatrix:
        return replace(a, factor=a.factor * factor)

    def add_column(self, a: TexMatrix, column: TexMatrix) -> TexMatrix:
        return TexMatrix(
            rf"{a.written} + {column.text} \mathbf{{1}}^{{T}}",
            lambda index: f"{a.column(index)} + {column.text}",
            a.rows,
            is_sum=True,
        )

    def centre(self, a: TexMatrix) -> TexMatrix:
        return (
            TexMatrix(rf"\left(I - \tfrac{{1}}{{{latex(a.rows)}}} \mathbf{{1}} \mathbf{{1}}^{{T}}\right)", str, a.rows)
            @ a
        )

    def apply_layers(self, layers: TexLayers, h: TexMatrix) -> TexMatrix:
        return TexMatrix(rf"W_{{{latex(layers.depth)}}} \cdots W_{{1}}", str, layers.rows) @ h

    def relu(self, a: TexMatrix) -> TexMatrix:
        return TexMatrix(
            rf"\left({a.written}\right)_+",
            lambda index: rf"\left({_product(a.factor, a.column(index))}\right)_+",
            a.rows,
        )

    def apply_rectified(self, layers: TexLayers, h: TexMatrix) -> TexMatrix:
        left = rf"W_{{{latex(layers.depth)}}} \left(\cdots \left(W_{{1}} "

        def column(index: str) -> str:
            inner = rf"\left({h.column(index)}\right)" if h.is_sum else h.column(index)
            return rf"{left}{inner}\right)_+ \cdots\right)_+"

        return TexMatrix(rf"{left}{h.bracketed}\right)_+ \cdots\right)_+", column, layers.rows, h.factor)

    def rows(self, a: TexMatrix) -> sp.Expr:
        return a.rows

    # Rows and numbers.

    def column_squares(self, a: TexMatrix) -> TexRow:
        return TexRow(TexNumber(((a.factor**2, rf"\|{a.column('i')}\|^2"),)), self.squared_norm(a))

    def column_inner(self, a: TexMatrix, b: TexMatrix) -> TexRow:
        return TexRow(TexNumber(((a.factor * b.factor, rf"\langle {a.column('i')}, {b.column('i')} \rangle"),)))

    def column_sums(self, a: TexMatrix) -> TexRow:
        """Return the entries of a matrix with one row. Raises ValueError for several rows, whose sums have no notation here."""
        if a.rows != 1:
            raise ValueError("column_sums: the sums of several rows have no notation in LaTeX")
        return TexRow(TexNumber(((a.factor, a.column("i")),)))

    def column_cross_entropy(self, z: TexMatrix, y: TexMatrix) -> TexRow:
        return TexRow(TexNumber(((sp.Integer(1), rf"{ENTROPY}\left({z.column('i')},\, {y.column('i')}\right)"),)))

    def column_binary_cross_entropy(self, z: TexMatrix, y: TexMatrix) -> TexRow:
        return TexRow(
            TexNumber(((sp.Integer(1), rf"{BINARY_ENTROPY}\left({z.column('i')},\, {y.column('i')}\right)"),))
        )

    def column_cumulative_link(self, z: TexRow, y: TexMatrix, odds: sp.IndexedBase) -> TexRow:
        return TexRow(TexNumber(((sp.Integer(1), rf"{CUMULATIVE}\left({z.entry},\, {y.column('i')}\right)"),)))

    def column_contrastive_loss(self, s: TexMatrix, y: TexMatrix) -> TexRow:
        return TexRow(TexNumber(((sp.Integer(1), rf"{CONTRASTIVE}_{{i}}\left({s.written},\, {y.written}\right)"),)))

    def total(self, row: TexRow) -> TexNumber:
        if row.total is not None:
            return row.total
        above = rf"\sum_{{i=1}}^{{{latex(self.samples)}}}"
        inside = row.entry * 1
        return TexNumber(tuple((factor, f"{above} {body}") for factor, body in inside.terms))

    def squared_norm(self, a: TexMatrix) -> TexNumber:
        return TexNumber(((a.factor**2, rf"\|{a.text}\|^2"),))

    def logdet_of_gram(self, s: TexMatrix) -> TexNumber:
        gram = s @ self.transpose(s)
        return TexNumber(((sp.Integer(1), rf"\log\det\left({gram.written}\right)"),))

    def log_of_row_squares(self, s: TexMatrix) -> TexNumber:
        gram = s @ self.transpose(s)
        body = rf"\sum_{{i=1}}^{{{latex(s.rows)}}} \log \left({gram.written}\right)_{{ii}}"
        return TexNumber(((sp.Integer(1), body),))

    def layer_decays(self, layers: TexLayers, decay: sp.IndexedBase) -> TexNumber:
        entry = rf"\frac{{{latex(sp.Symbol(str(decay.label)))}_{{l}}}}{{2}} \|W_{{l}}\|^2"
        return TexNumber(((sp.Integer(1), rf"\sum_{{l=1}}^{{{latex(layers.depth)}}} {entry}"),))


def _base(a: TexMatrix) -> str:
    """Return a matrix as the base of a power, in brackets unless it is a letter."""
    return a.text if re.fullmatch(LETTER, a.text) else rf"\left({a.text}\right)"


def _diagonal(first: sp.Expr, last: sp.Expr, count: sp.Symbol) -> TexMatrix:
    """Return the diagonal matrix of a list, of which the first and the last entry are written."""
    return atom(rf"\mathrm{{diag}}({latex(first)}, \ldots, {latex(last)})", count)
