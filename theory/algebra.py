"""Matrices of symbolic size: a diagonal plus a few rank-one terms, with entries given as formulas in the index.

Products, sums and transposes of such matrices are again of this form, so the structured points of the claims (simplex
ETF, general orthogonal frame) go through the loss for every size at once. ``aI + bJ`` is the special case of a
constant diagonal and one constant rank-one term.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cache, reduce

import sympy as sp

from theory import symbols as sym
from theory.expressions import with_merged_powers

_INNER = sp.Symbol("m", integer=True, positive=True)
_LAYER = sp.Symbol("i", integer=True, positive=True)


def substitute_indexed(expression: sp.Expr, base: sp.IndexedBase, formula: sp.Expr) -> sp.Expr:
    """Replace every ``base[i]`` by ``formula`` (written in the index k) at k = i."""
    entries = {e: formula.subs(sym.k, e.indices[0]) for e in expression.atoms(sp.Indexed) if e.base == base}
    return expression.xreplace(entries)


def sum_over(expression: sp.Expr, index: sp.Symbol, size: sp.Expr) -> sp.Expr:
    """Return Σ_{index=1..size} expression, in closed form where the expression does not depend on the index."""
    expression = sp.piecewise_fold(sp.sympify(expression))
    if not expression.has(index):
        return size * expression
    if isinstance(expression, sp.Piecewise) and len(expression.args) == 2:
        (inside, condition), (outside, _) = expression.args
        if outside == 0 and isinstance(condition, sp.Le) and condition.lhs == index:
            return sum_over(inside, index, condition.rhs)  # limits inside a Piecewise never exceed the size
    constant, varying = expression.as_independent(index, as_Add=False)
    return constant * sp.Sum(varying, (index, 1, size))


@cache
def _tidied(expression: sp.Expr) -> sp.Expr:
    """Simplify; where only products of powers are added, which are most, by merging the powers, which is much faster."""
    terms = sp.Add.make_args(expression)
    if any(base.has(sp.Add) for term in terms for base in term.as_powers_dict()):
        return sp.simplify(expression)
    return sp.factor_terms(with_merged_powers(expression))


@dataclass(frozen=True)
class SymbolicMatrix:
    """A size × size matrix: entry (k, j) is ``diagonal(k) δ_kj + Σ_r left_r(k) right_r(j)``.

    ``diagonal`` and both vectors of each rank-one term are expressions in the index symbol k.
    """

    size: sp.Expr
    diagonal: sp.Expr
    rank_one: tuple[tuple[sp.Expr, sp.Expr], ...] = ()

    @staticmethod
    def identity(size: sp.Expr) -> SymbolicMatrix:
        return SymbolicMatrix(size, sp.Integer(1))

    @staticmethod
    def ones(size: sp.Expr) -> SymbolicMatrix:
        return SymbolicMatrix(size, sp.Integer(0), ((sp.Integer(1), sp.Integer(1)),))

    @staticmethod
    def diag(size: sp.Expr, entry: sp.Expr) -> SymbolicMatrix:
        return SymbolicMatrix(size, sp.sympify(entry))

    def _collected(self) -> SymbolicMatrix:
        """Merge rank-one terms that share a vector up to an index-free factor, and drop zero terms."""
        merged: dict[sp.Expr, sp.Expr] = {}
        for left, right in self.rank_one:
            factor, vector = sp.sympify(right).as_independent(sym.k, as_Add=False)
            merged[vector] = merged.get(vector, sp.Integer(0)) + factor * left
        terms = tuple((_tidied(left), vector) for vector, left in merged.items())
        return SymbolicMatrix(self.size, sp.sympify(self.diagonal), tuple(t for t in terms if t[0] != 0 and t[1] != 0))

    def entry(self, row: sp.Expr = sym.k, column: sp.Expr = sym.j) -> sp.Expr:
        """Return the formula of entry (row, column)."""
        low_rank = sum((u.subs(sym.k, row) * v.subs(sym.k, column) for u, v in self.rank_one), sp.Integer(0))
        return sp.KroneckerDelta(row, column) * self.diagonal.subs(sym.k, row) + low_rank

    @property
    def T(self) -> SymbolicMatrix:
        return SymbolicMatrix(self.size, self.diagonal, tuple((v, u) for u, v in self.rank_one))

    def __add__(self, other: SymbolicMatrix) -> SymbolicMatrix:
        return SymbolicMatrix(self.size, self.diagonal + other.diagonal, self.rank_one + other.rank_one)._collected()

    def __neg__(self) -> SymbolicMatrix:
        return self * sp.Integer(-1)

    def __sub__(self, other: SymbolicMatrix) -> SymbolicMatrix:
        return self + (-other)

    def __mul__(self, scalar: sp.Expr) -> SymbolicMatrix:
        return SymbolicMatrix(
            self.size, scalar * self.diagonal, tuple((scalar * u, v) for u, v in self.rank_one)
        )._collected()

    __rmul__ = __mul__

    def __matmul__(self, other: SymbolicMatrix) -> SymbolicMatrix:
        if not isinstance(other, SymbolicMatrix):
            return NotImplemented
        terms = [(u, v * other.diagonal) for u, v in self.rank_one]
        terms += [(self.diagonal * x, y) for x, y in other.rank_one]
        terms += [
            (u * sum_over(sp.expand((v * x).subs(sym.k, _INNER)), _INNER, self.size), y)
            for u, v in self.rank_one
            for x, y in other.rank_one
        ]
        return SymbolicMatrix(self.size, _tidied(self.diagonal * other.diagonal), tuple(terms))._collected()

    def trace(self) -> sp.Expr:
        """Return Σ_k of the diagonal entries."""
        return sum_over(sp.expand(self.diagonal + sum(u * v for u, v in self.rank_one)), sym.k, self.size)

    def concrete(self, size: int) -> sp.Matrix:
        """Return the matrix for a given size, entries still symbolic in everything else."""
        return sp.Matrix(
            size, size, lambda a, b: self.entry(sp.Integer(a + 1), sp.Integer(b + 1)).subs(self.size, size).doit()
        )


@dataclass(frozen=True)
class Beside:
    """Matrices of symbolic size side by side: [A, B, …]."""

    blocks: tuple[SymbolicMatrix, ...]

    def __rmatmul__(self, left: SymbolicMatrix) -> Beside:
        return Beside(tuple(left @ block for block in self.blocks))

    def __add__(self, other: Beside) -> Beside:
        return Beside(tuple(a + b for a, b in zip(self.blocks, other.blocks, strict=True)))

    def __sub__(self, other: Beside) -> Beside:
        return Beside(tuple(a - b for a, b in zip(self.blocks, other.blocks, strict=True)))


@dataclass(frozen=True)
class Layered:
    """One symbolic array for each layer: ``entry`` is written in the layer symbol, which runs from 1 to ``depth``."""

    depth: sp.Expr
    entry: SymbolicMatrix | sp.Expr

    def __matmul__(self, right: SymbolicMatrix) -> Layered:
        return Layered(self.depth, self.entry @ right)

    def __rmatmul__(self, left: SymbolicMatrix) -> Layered:
        return Layered(self.depth, left @ self.entry)


@dataclass(frozen=True)
class SymbolicLayers:
    """Linear layers W_l = ``scale`` · ``frame`` / √λ_l for l = 1, …, ``depth``, as many as the symbol says.

    ``frame`` is a projection; with the identity for frame, ``scale`` may depend on the index k. ``total`` is the product of all
    decays λ_l. Raises ValueError when the frame is no projection.
    """

    scale: sp.Expr
    frame: SymbolicMatrix
    depth: sp.Expr
    decay: sp.IndexedBase
    total: sp.Expr

    def __post_init__(self) -> None:
        square = (self.frame @ self.frame).entry() - self.frame.entry()
        if sp.simplify(sp.piecewise_fold(square)) != 0:
            raise ValueError("the frame of the layers is not a projection")
        if self.scale.has(sym.k) and self.frame != SymbolicMatrix.identity(self.frame.size):
            raise ValueError("layers of unequal entries need the identity for frame")

    def power(self, exponent: sp.Expr) -> SymbolicMatrix:
        """(scale · frame)^exponent."""
        factor = self.scale**exponent
        terms = tuple((factor * u, v) for u, v in self.frame.rank_one)
        return SymbolicMatrix(self.frame.size, factor * self.frame.diagonal, terms)

    def decays(self, first: sp.Expr, last: sp.Expr) -> sp.Expr:
        """Product of the decays λ_first ⋯ λ_last."""
        return sp.Product(self.decay[_LAYER], (_LAYER, first, last))


class SymbolicArrays:
    """The array namespace on matrices of symbolic size, one column for each class (or direction).

    The namespace a loss is written against; ``numerics.arrays.TorchArrays`` and ``ConcreteArrays`` offer the same names.
    Matrices support ``@``, ``+`` and ``-``. A *row* holds one number a column; here it is an expression in the index k. A
    *column*, such as a bias, is one too, with k running over as many entries as a matrix has rows.
    Scalars are only ever multiplied with scalars and rows. ``multiplicity`` is how many samples a column stands for.
    ``label`` is the entry of the labels where they are written along their singular directions, one column for each.
    """

    def __init__(self, size: sp.Expr, multiplicity: sp.Expr = sp.Integer(1), label: sp.Expr = sp.Integer(1)) -> None:
        self.size = size
        self.multiplicity = multiplicity
        self.label = label

    def labels(self) -> SymbolicMatrix:
        """One-hot labels: column i is e_y for the class y of sample i."""
        return SymbolicMatrix.diag(self.size, self.label)

    def label_axes(self, y: SymbolicMatrix) -> tuple[SymbolicMatrix, SymbolicMatrix]:
        """Left and right singular vectors of the labels less their mean over the samples; here the coordinate axes."""
        return SymbolicMatrix.identity(self.size), SymbolicMatrix.identity(self.size)

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> SymbolicMatrix:
        """Diagonal matrix of a list, or of its first ``count`` entries; symbolically all sizes are one."""
        return SymbolicMatrix.diag(self.size, entries[sym.k])

    def diagonal_root(self, entries: sp.IndexedBase) -> SymbolicMatrix:
        """Diagonal matrix of the square roots of a list."""
        return SymbolicMatrix.diag(self.size, sp.sqrt(entries[sym.k]))

    def given(self, matrix: sp.MatrixSymbol) -> SymbolicMatrix:
        """A matrix that is a parameter; symbolically a diagonal one with arbitrary entries."""
        return SymbolicMatrix.diag(self.size, sp.IndexedBase(matrix.name, real=True)[sym.k])

    def eye(self, size: sp.Symbol) -> SymbolicMatrix:
        """Identity matrix of a size."""
        return SymbolicMatrix.identity(self.size)

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> SymbolicMatrix:
        """Matrix of zeros."""
        return SymbolicMatrix.diag(self.size, sp.Integer(0))

    def beside(self, a: SymbolicMatrix, b: SymbolicMatrix) -> Beside:
        """The block matrix [a, b]."""
        return Beside((a, b))

    def cross(self, a: SymbolicMatrix | Beside, b: SymbolicMatrix | Beside) -> SymbolicMatrix:
        """a bᵀ."""
        pairs = zip(_blocks(a), _blocks(b), strict=True)
        return reduce(operator.add, (x @ y.T for x, y in pairs))

    def transpose(self, a: SymbolicMatrix) -> SymbolicMatrix:
        """aᵀ."""
        return a.T

    def add_column(self, a: SymbolicMatrix, column: sp.Expr) -> SymbolicMatrix:
        """Add the same column to every column of ``a``."""
        return a + SymbolicMatrix(a.size, sp.Integer(0), ((column, sp.Integer(1)),))

    def centre(self, a: SymbolicMatrix) -> SymbolicMatrix:
        """Subtract from each column the mean of its entries."""
        return (SymbolicMatrix.identity(a.size) - SymbolicMatrix.ones(a.size) * (1 / a.size)) @ a

    def class_means(self, h: SymbolicMatrix, y: SymbolicMatrix) -> SymbolicMatrix:
        """Mean of the columns of ``h`` over the samples of each class: h yᵀ (y yᵀ)⁻¹."""
        return h @ SymbolicMatrix.diag(y.size, 1 / y.diagonal)

    def column_squares(self, a: SymbolicMatrix) -> sp.Expr:
        """Squared norm of each column, as a row."""
        return sp.simplify((a.T @ a).entry(sym.k, sym.k))

    def column_inner(self, a: SymbolicMatrix, b: SymbolicMatrix) -> sp.Expr:
        """Inner product of each column of ``a`` with that of ``b``, as a row."""
        return sp.simplify((a.T @ b).entry(sym.k, sym.k))

    def entries(self, column: sp.Expr) -> sp.Expr:
        """The entries of a column, as a row."""
        return column

    def sum_of_entries(self, column: sp.Expr) -> sp.Expr:
        """Sum of the entries of a column; samples do not count in it as they do in ``total``."""
        return sum_over(column, sym.k, self.size)

    def mean_entry(self, column: sp.Expr) -> sp.Expr:
        """Mean of the entries of a column."""
        return self.sum_of_entries(column) / self.size

    def spread(self, column: sp.Expr) -> sp.Expr:
        """Sum of the squared distances of the entries of a column from their mean."""
        return self.squared_norm(column - self.mean_entry(column))

    def apply_layers(self, layers: SymbolicLayers, h: SymbolicMatrix) -> SymbolicMatrix:
        """W_M ⋯ W_1 h."""
        return (layers.power(layers.depth) @ h) * (1 / sp.sqrt(layers.total))

    def layer_decays(self, layers: SymbolicLayers, decay: sp.IndexedBase) -> sp.Expr:
        """Σ_l (λ_l/2) ‖W_l‖²; every layer contributes the same."""
        one = self.squared_norm(layers.power(sp.Integer(1))) / layers.decay[sym.layer]
        return sum_over(sp.simplify(decay[sym.layer] / 2 * one), sym.layer, layers.depth)

    def top_grams(self, layers: SymbolicLayers) -> Layered:
        """P_l P_lᵀ with P_l = W_M ⋯ W_l."""
        above = 2 * (layers.depth - sym.layer + 1)
        return Layered(layers.depth, layers.power(above) * (1 / layers.decays(sym.layer, layers.depth)))

    def bottom_grams(self, layers: SymbolicLayers, means: SymbolicMatrix) -> Layered:
        """B_lᵀ B_l with B_l = W_l ⋯ W_1 · means."""
        gram = means.T @ layers.power(2 * sym.layer) @ means
        return Layered(layers.depth, gram * (1 / layers.decays(sp.Integer(1), sym.layer)))

    def layer_spectra(self, layers: SymbolicLayers, y: SymbolicMatrix) -> Layered:
        """The largest eigenvalues of W_l W_lᵀ, as many as ``y`` has rows; a projection has as many ones as its trace says."""
        size = layers.scale**2 / layers.decay[sym.layer]
        rank = sp.simplify(layers.frame.trace())
        whole = rank == layers.frame.size
        return Layered(layers.depth, size if whole else sp.Piecewise((size, sym.k <= rank), (0, True)))

    def column_cross_entropy(self, z: SymbolicMatrix, y: SymbolicMatrix) -> sp.Expr:
        """Cross-entropy of the logits in each column against its label, as a row."""
        if y != SymbolicMatrix.identity(y.size):
            raise ValueError("the symbolic cross-entropy is defined for one column per class, Y = I")
        correct = sp.simplify(z.entry(sym.k, sym.k))
        other = sp.simplify(sum((u.subs(sym.k, _INNER) * v for u, v in z.rank_one), sp.Integer(0)))
        if other.has(_INNER):
            raise ValueError("the symbolic cross-entropy needs equal wrong-class logits within a column")
        return sp.log(1 + (z.size - 1) * sp.exp(sp.simplify(other - correct)))

    def total(self, row: sp.Expr) -> sp.Expr:
        """Sum of a row over all samples."""
        return sum_over(row * self.multiplicity, sym.k, self.size)

    def squared_norm(self, a: SymbolicMatrix | Beside | sp.Expr) -> sp.Expr:
        """Sum of the squared entries of a matrix or a column."""
        if isinstance(a, sp.Expr):
            return sum_over(sp.expand(a**2), sym.k, self.size)
        return sum(((block.T @ block).trace() for block in _blocks(a)), sp.Integer(0))

    def norm(self, a: SymbolicMatrix | Beside | sp.Expr) -> sp.Expr:
        """Frobenius norm."""
        return sp.sqrt(self.squared_norm(a))

    def scale(self, a: SymbolicMatrix, factor: sp.Expr) -> SymbolicMatrix:
        """A matrix times a number."""
        return a * factor

    def singular_values(self, a: SymbolicMatrix, count: sp.Expr) -> sp.Expr:
        """Singular values in descending order, as a row; symbolically those of a diagonal matrix, or of aI + bJ with b ≤ 0.

        Their entries must be such that a diagonal matrix is nonnegative and descending, and that a and a + Kb are not negative.
        """
        if not a.rank_one:
            return a.diagonal
        total = sum((u * v for u, v in a.rank_one), sp.Integer(0))
        if a.diagonal.has(sym.k) or any(vector.has(sym.k) for term in a.rank_one for vector in term):
            raise ValueError("the symbolic singular values are defined for diagonal matrices and for aI + bJ")
        return sp.Piecewise((a.diagonal, sym.k < a.size), (sp.simplify(a.diagonal + a.size * total), True))

    def rows(self, a: SymbolicMatrix) -> sp.Expr:
        """Number of rows."""
        return a.size

    def log(self, x: sp.Expr) -> sp.Expr:
        """Logarithm of a number."""
        return sp.log(x)

    def logdet_of_gram(self, s: SymbolicMatrix) -> sp.Expr:
        """log det(S Sᵀ)."""
        if s.rank_one:
            raise ValueError("the symbolic log-determinant is defined for diagonal matrices")
        return sum_over(sp.log(s.diagonal**2), sym.k, s.size)


def _blocks(a: SymbolicMatrix | Beside) -> tuple[SymbolicMatrix, ...]:
    return a.blocks if isinstance(a, Beside) else (a,)


class ConcreteArrays:
    """The array namespace on SymPy matrices of a concrete size, entries symbolic; one column for each sample.

    ``classes`` lists the class of each column from 0, ``entries`` the diagonal for ``diagonal``.
    """

    def __init__(self, size: int, classes: tuple[int, ...] = (), entries: tuple[sp.Expr, ...] = ()) -> None:
        self.size, self.classes, self.listed = size, classes, entries

    def labels(self) -> sp.Matrix:
        return sp.Matrix(self.size, len(self.classes), lambda a, b: int(self.classes[b] == a))

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> sp.Matrix:
        return sp.diag(*self.listed)

    def diagonal_root(self, entries: sp.IndexedBase) -> sp.Matrix:
        return sp.diag(*(sp.sqrt(e) for e in self.listed))

    def given(self, matrix: sp.MatrixSymbol) -> sp.Matrix:
        base = sp.IndexedBase(matrix.name, real=True)
        return sp.Matrix(self.size, self.size, lambda a, b: base[a + 1] if a == b else 0)

    def eye(self, size: sp.Symbol) -> sp.Matrix:
        return sp.eye(self.size)

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> sp.Matrix:
        return sp.zeros(self.size)

    def beside(self, a: sp.Matrix, b: sp.Matrix) -> sp.Matrix:
        return a.row_join(b)

    def cross(self, a: sp.Matrix, b: sp.Matrix) -> sp.Matrix:
        return a * b.T

    def transpose(self, a: sp.Matrix) -> sp.Matrix:
        return a.T

    def add_column(self, a: sp.Matrix, column: sp.Matrix) -> sp.Matrix:
        return a + column * sp.ones(1, a.cols)

    def centre(self, a: sp.Matrix) -> sp.Matrix:
        return a - sp.ones(a.rows, a.rows) * a / a.rows

    def class_means(self, h: sp.Matrix, y: sp.Matrix) -> sp.Matrix:
        return h * y.T * (y * y.T).inv()

    def column_squares(self, a: sp.Matrix) -> sp.Matrix:
        return sp.Matrix(1, a.cols, lambda _, b: sum(a[r, b] ** 2 for r in range(a.rows)))

    def column_inner(self, a: sp.Matrix, b: sp.Matrix) -> sp.Matrix:
        return sp.Matrix(1, a.cols, lambda _, c: a[:, c].dot(b[:, c]))

    def entries(self, column: sp.Matrix) -> sp.Matrix:
        return column.T

    def sum_of_entries(self, a: sp.Matrix) -> sp.Expr:
        return sum(a)

    def mean_entry(self, column: sp.Matrix) -> sp.Expr:
        return sum(column) / len(column)

    def spread(self, column: sp.Matrix) -> sp.Expr:
        return sum((x - self.mean_entry(column)) ** 2 for x in column)

    def column_cross_entropy(self, z: sp.Matrix, y: sp.Matrix) -> sp.Matrix:
        return sp.Matrix(
            1, z.cols, lambda _, b: sp.log(sum(sp.exp(z[r, b]) for r in range(z.rows))) - z[:, b].dot(y[:, b])
        )

    def total(self, row: sp.Matrix) -> sp.Expr:
        return sum(row)

    def squared_norm(self, a: sp.Matrix) -> sp.Expr:
        return sum(x**2 for x in a)

    def norm(self, a: sp.Matrix) -> sp.Expr:
        return sp.sqrt(self.squared_norm(a))

    def scale(self, a: sp.Matrix, factor: sp.Expr) -> sp.Matrix:
        return a * factor

    def rows(self, a: sp.Matrix) -> int:
        return a.rows

    def log(self, x: sp.Expr) -> sp.Expr:
        return sp.log(x)

    def logdet_of_gram(self, s: sp.Matrix) -> sp.Expr:
        return sp.log((s * s.T).det())

    def apply_layers(self, layers: tuple[sp.Matrix, ...], h: sp.Matrix) -> sp.Matrix:
        return reduce(lambda below, w: w * below, layers, h)

    def layer_decays(self, layers: tuple[sp.Matrix, ...], decay: sp.IndexedBase) -> sp.Expr:
        return sum(decay[i] / 2 * self.squared_norm(w) for i, w in enumerate(layers, start=1))


class Symbols(dict):
    """The parameters of a problem standing for themselves, with some replaced: ``Symbols({N: K*n})[N]`` is K n."""

    def __missing__(self, symbol: sp.Basic) -> sp.Basic:
        return symbol
