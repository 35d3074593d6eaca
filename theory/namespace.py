"""The array namespace: the operations that losses, invariants and statistics are written in, whatever the backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import sympy as sp

from theory.expressions import Bindings
from theory.point import Point

Matrix: TypeAlias = Any
"""A matrix of the backend, rows × columns; one column a sample, or one for each class or direction. ``@``, ``+`` and ``-`` work on it."""
Column: TypeAlias = Any
"""A matrix with one column, such as a bias."""
Row: TypeAlias = Any
"""One number for each column."""
Number: TypeAlias = Any
"""A number of the backend. It is only ever multiplied with numbers and rows; ``scale`` multiplies a matrix."""
Layers: TypeAlias = Any
"""The matrices W_1, …, W_M, in this order."""


@runtime_checkable
class ArrayNamespace(Protocol):
    """The operations of every backend.

    A loss that is written with them is the same loss in a proof (``theory.algebra.SymbolicArrays`` on matrices of symbolic size,
    ``ConcreteArrays`` on SymPy matrices), in training (batches of tensors), and in a certificate (balls). A backend implements all
    of them; where it cannot do one for what it is given, it raises a ValueError that says what it can.
    """

    # What a problem is given.

    def labels(self) -> Matrix:
        """One-hot labels, K × N: column i is e_y for the class y of sample i."""
        ...

    def label_axes(self, y: Matrix) -> tuple[Matrix, Matrix]:
        """Left and right singular vectors, K × (K − 1) and N × (K − 1), of the labels less their mean over the samples."""
        ...

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> Matrix:
        """Diagonal matrix of a list, or of its first ``count`` entries."""
        ...

    def diagonal_root(self, entries: sp.IndexedBase) -> Matrix:
        """Diagonal matrix of the square roots of a list."""
        ...

    def given(self, matrix: sp.MatrixSymbol) -> Matrix:
        """A matrix that is a parameter."""
        ...

    def eye(self, size: sp.Symbol) -> Matrix:
        """Identity matrix of a size."""
        ...

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> Matrix:
        """Matrix of zeros."""
        ...

    # Matrices.

    def identity(self, like: Matrix) -> Matrix:
        """Identity matrix with as many columns as another matrix."""
        ...

    def beside(self, a: Matrix, b: Matrix) -> Matrix:
        """The block matrix [a, b]."""
        ...

    def transpose(self, a: Matrix) -> Matrix:
        """aᵀ."""
        ...

    def cross(self, a: Matrix, b: Matrix) -> Matrix:
        """a bᵀ."""
        ...

    def scale(self, a: Matrix, factor: Number) -> Matrix:
        """A matrix times a number."""
        ...

    def solve(self, a: Matrix, b: Matrix) -> Matrix:
        """a⁻¹ b."""
        ...

    def add_column(self, a: Matrix, column: Column) -> Matrix:
        """Add the same column to every column of a matrix."""
        ...

    def centre(self, a: Matrix) -> Matrix:
        """Subtract from each column the mean of its entries."""
        ...

    def class_means(self, h: Matrix, y: Matrix) -> Matrix:
        """Mean of the columns of ``h`` over the samples of each class: h yᵀ (y yᵀ)⁻¹."""
        ...

    def rows(self, a: Matrix) -> Number:
        """Number of rows."""
        ...

    # Rows: one number a column.

    def column_squares(self, a: Matrix) -> Row:
        """Squared norm of each column, as a row."""
        ...

    def column_inner(self, a: Matrix, b: Matrix) -> Row:
        """Inner product of each column of ``a`` with that of ``b``, as a row."""
        ...

    def column_sums(self, a: Matrix) -> Row:
        """Sum of the entries of each column, as a row."""
        ...

    def column_cross_entropy(self, z: Matrix, y: Matrix) -> Row:
        """Cross-entropy of the logits in each column against its label, as a row."""
        ...

    def diagonal_of(self, a: Matrix) -> Row:
        """Diagonal entries of a matrix, as a row."""
        ...

    def entries(self, column: Column) -> Row:
        """The entries of a column, as a row."""
        ...

    # Numbers.

    def total(self, row: Row) -> Number:
        """Sum of a row over all samples."""
        ...

    def sum_of_entries(self, a: Matrix | Column) -> Number:
        """Sum of the entries of a matrix or a column; samples do not count in it as they do in ``total``."""
        ...

    def mean_entry(self, column: Column) -> Number:
        """Mean of the entries of a column."""
        ...

    def spread(self, column: Column) -> Number:
        """Sum of the squared distances of the entries of a column from their mean."""
        ...

    def squared_norm(self, a: Matrix | Column) -> Number:
        """Sum of the squared entries of a matrix or a column."""
        ...

    def norm(self, a: Matrix | Column) -> Number:
        """Frobenius norm."""
        ...

    def inner(self, a: Matrix, b: Matrix) -> Number:
        """Inner product of two matrices."""
        ...

    def log(self, x: Number) -> Number:
        """Logarithm of a number."""
        ...

    def logdet_of_gram(self, s: Matrix) -> Number:
        """log det(S Sᵀ)."""
        ...

    def explained(self, factor: Matrix, root: Matrix) -> Number:
        """tr(rootᵀ (I + factorᵀ factor)⁻¹ root)."""
        ...

    # Spectra.

    def singular_values(self, a: Matrix, count: Number) -> Row:
        """Singular values in descending order, as many as ``count``; where there are fewer, zeros in the places that are left."""
        ...

    def smallest_first(self, a: Matrix, count: Number) -> Row:
        """Singular values in ascending order, as many as ``count``; where there are fewer, infinity in the places that are left."""
        ...

    def divergences(self, mean: Matrix, noise: Matrix) -> Row:
        """Eigenvalues of A + B − I − log B in descending order, for A = mean meanᵀ and B = noise noiseᵀ.

        Twice the divergence of N(m, B) from N(0, I) in each direction, with A the second moment of m: zero iff A is zero and B one there.
        """
        ...

    # Deep linear networks W_1, …, W_M. What follows has one entry for each layer.

    def apply_layers(self, layers: Layers, h: Matrix) -> Matrix:
        """W_M ⋯ W_1 h."""
        ...

    def layer_decays(self, layers: Layers, decay: Any) -> Number:
        """Σ_l (λ_l/2) ‖W_l‖²."""
        ...

    def top_grams(self, layers: Layers) -> Layers:
        """P_l P_lᵀ with P_l = W_M ⋯ W_l."""
        ...

    def bottom_grams(self, layers: Layers, means: Matrix) -> Layers:
        """B_lᵀ B_l with B_l = W_l ⋯ W_1 · means."""
        ...

    def layer_spectra(self, layers: Layers, y: Matrix) -> Layers:
        """The largest eigenvalues of W_l W_lᵀ, as many as ``y`` has rows."""
        ...


Measure: TypeAlias = Callable[[ArrayNamespace, Point, Point, Bindings], Any]
"""What is written in the operations: ``measure(xp, v, data, p)`` is an array at the variables ``v``, the given arrays ``data`` and the
parameters ``p``, which map symbols to values."""
