"""The array namespace: the operations in which losses, invariants and statistics are written for every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import sympy as sp

from theory.expressions import Bindings
from theory.point import Point

Matrix: TypeAlias = Any
"""A matrix of the backend, rows × columns, with one column for each sample, class or direction. A matrix supports ``@``, ``+`` and ``-``."""
Column: TypeAlias = Any
"""A matrix with one column, such as a bias."""
Row: TypeAlias = Any
"""A row of numbers, one for each column of a matrix."""
Number: TypeAlias = Any
"""A number of the backend. ``*`` multiplies a number only by numbers and rows; ``scale`` multiplies a matrix by a number."""
Layers: TypeAlias = Any
"""The matrices W_1, …, W_M, in this order."""


@runtime_checkable
class ArrayNamespace(Protocol):
    """The operations that every backend implements.

    A loss written in these operations is the same loss in a proof (``theory.algebra.SymbolicArrays`` on matrices of
    symbolic size, ``ConcreteArrays`` on SymPy matrices), in training (batches of tensors), and in a certificate
    (balls). A backend that cannot carry out an operation on the given arrays raises a ValueError that says which arrays
    it accepts.
    """

    # Given arrays of a problem.

    def labels(self) -> Matrix:
        """Return the one-hot labels, K × N: column i is e_y for the class y of sample i."""
        ...

    def label_axes(self, y: Matrix) -> tuple[Matrix, Matrix]:
        """Return left and right singular vectors, K × (K − 1) and N × (K − 1), of the labels less their mean over the samples."""
        ...

    def standard_rows(self, rows: sp.Symbol, columns: sp.Symbol) -> Matrix:
        """Return a matrix, ``rows`` × ``columns``, of uncorrelated rows of mean zero and variance one; it has more columns than rows."""
        ...

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> Matrix:
        """Return the diagonal matrix of a list, or of its first ``count`` entries."""
        ...

    def diagonal_root(self, entries: sp.IndexedBase) -> Matrix:
        """Return the diagonal matrix of the square roots of a list."""
        ...

    def given(self, matrix: sp.MatrixSymbol) -> Matrix:
        """Return a matrix that is a parameter."""
        ...

    def eye(self, size: sp.Symbol) -> Matrix:
        """Return the identity matrix of a size."""
        ...

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> Matrix:
        """Return a matrix of zeros, ``rows`` × ``columns``."""
        ...

    # Matrices.

    def identity(self, like: Matrix) -> Matrix:
        """Return the identity matrix with as many columns as another matrix."""
        ...

    def beside(self, a: Matrix, b: Matrix) -> Matrix:
        """Return the block matrix [a, b]."""
        ...

    def transpose(self, a: Matrix) -> Matrix:
        """Return aᵀ."""
        ...

    def cross(self, a: Matrix, b: Matrix) -> Matrix:
        """Return a bᵀ."""
        ...

    def scale(self, a: Matrix, factor: Number) -> Matrix:
        """Return a matrix times a number."""
        ...

    def solve(self, a: Matrix, b: Matrix) -> Matrix:
        """Return a⁻¹ b."""
        ...

    def add_column(self, a: Matrix, column: Column) -> Matrix:
        """Add the same column to every column of a matrix."""
        ...

    def centre(self, a: Matrix) -> Matrix:
        """Subtract from each column the mean of its entries."""
        ...

    def relu(self, a: Matrix) -> Matrix:
        """Return a matrix with the entries below zero replaced by zero."""
        ...

    def class_means(self, h: Matrix, y: Matrix) -> Matrix:
        """Return the mean of the columns of ``h`` over the samples of each class, h yᵀ (y yᵀ)⁻¹."""
        ...

    def rows(self, a: Matrix) -> Number:
        """Return the number of rows."""
        ...

    # Rows: one number for each column.

    def column_squares(self, a: Matrix) -> Row:
        """Return the squared norm of each column, as a row."""
        ...

    def column_inner(self, a: Matrix, b: Matrix) -> Row:
        """Return the inner product of each column of ``a`` with that of ``b``, as a row."""
        ...

    def column_sums(self, a: Matrix) -> Row:
        """Return the sum of the entries of each column, as a row."""
        ...

    def column_cross_entropy(self, z: Matrix, y: Matrix) -> Row:
        """Return the cross-entropy of the logits in each column against its label, whose entries are probabilities, as a row."""
        ...

    def column_softmax(self, z: Matrix) -> Matrix:
        """Return the probabilities that the logits in each column stand for."""
        ...

    def column_binary_cross_entropy(self, z: Matrix, y: Matrix) -> Row:
        """Return the sum of the binary cross-entropies of the logits in each column against one-hot labels, as a row."""
        ...

    def column_cumulative_link(self, z: Row, y: Matrix, odds: sp.IndexedBase) -> Row:
        """Return the cumulative link loss of each sample, minus the log-probability of its class, as a row.

        ``z`` are the latent values, one for each sample, and ``y`` one-hot labels of ordered classes, K × N. A class up to k has the
        probability 1/(1 + o_k exp(z)), where o_1 > … > o_(K−1) are the first entries of the list ``odds``.
        """
        ...

    def column_contrastive_loss(self, s: Matrix, y: Matrix) -> Row:
        """Return the supervised contrastive loss of each sample, as a row, from the similarities ``s`` of all pairs, N × N.

        That of sample i is log Σ_{a ≠ i} exp(s_ai) less the mean of s_pi over the other samples p of its class. Every class has at
        least two samples. ``y`` are one-hot labels, K × N.
        """
        ...

    def diagonal_of(self, a: Matrix) -> Row:
        """Return the diagonal entries of a matrix, as a row."""
        ...

    def entries(self, column: Column) -> Row:
        """Return the entries of a column, as a row."""
        ...

    # Numbers.

    def total(self, row: Row) -> Number:
        """Return the sum of a row over all samples."""
        ...

    def sum_of_entries(self, a: Matrix | Column) -> Number:
        """Return the sum of the entries of a matrix or a column.

        This sum, unlike ``total``, ignores how many samples a column stands for.
        """
        ...

    def mean_entry(self, column: Column) -> Number:
        """Return the mean of the entries of a column."""
        ...

    def spread(self, column: Column) -> Number:
        """Return the sum of the squared distances of the entries of a column from their mean."""
        ...

    def squared_norm(self, a: Matrix | Column) -> Number:
        """Return the sum of the squared entries of a matrix or a column."""
        ...

    def norm(self, a: Matrix | Column) -> Number:
        """Return the Frobenius norm."""
        ...

    def inner(self, a: Matrix, b: Matrix) -> Number:
        """Return the inner product of two matrices."""
        ...

    def log(self, x: Number) -> Number:
        """Return the logarithm of a number."""
        ...

    def logdet_of_gram(self, s: Matrix) -> Number:
        """Return log det(S Sᵀ) for a matrix S with at least as many columns as rows."""
        ...

    def log_of_row_squares(self, s: Matrix) -> Number:
        """Return Σ_i log ‖s_i‖² over the rows s_i: the logarithm of the product of the diagonal entries of S Sᵀ."""
        ...

    def explained(self, factor: Matrix, root: Matrix) -> Number:
        """Return tr(rootᵀ (I + factorᵀ factor)⁻¹ root)."""
        ...

    # Spectra.

    def singular_values(self, a: Matrix, count: Number) -> Row:
        """Return the ``count`` largest singular values in descending order, followed by zeros where there are fewer."""
        ...

    def smallest_first(self, a: Matrix, count: Number) -> Row:
        """Return the ``count`` smallest singular values in ascending order, followed by infinities where there are fewer."""
        ...

    def divergences(self, mean: Matrix, noise: Matrix) -> Row:
        """Return the eigenvalues of A + B − I − log B in descending order, for A = mean meanᵀ and B = noise noiseᵀ.

        Each is twice the divergence of N(m, B) from N(0, I) in one direction, where A is the second moment of m. It is
        zero iff A is zero and B is one in that direction.
        """
        ...

    # Deep linear networks W_1, …, W_M.

    def apply_layers(self, layers: Layers, h: Matrix) -> Matrix:
        """Return W_M ⋯ W_1 h."""
        ...

    def apply_rectified(self, layers: Layers, h: Matrix) -> Matrix:
        """Return W_M relu(W_{M−1} ⋯ relu(W_1 h)): entries below zero become zero between the layers."""
        ...

    def layer_decays(self, layers: Layers, decay: Any) -> Number:
        """Return Σ_l (λ_l/2) ‖W_l‖²."""
        ...

    def top_grams(self, layers: Layers) -> Layers:
        """Return P_l P_lᵀ with P_l = W_M ⋯ W_l, for each layer l."""
        ...

    def bottom_grams(self, layers: Layers, means: Matrix) -> Layers:
        """Return B_lᵀ B_l with B_l = W_l ⋯ W_1 · means, for each layer l."""
        ...

    def layer_spectra(self, layers: Layers, y: Matrix) -> Layers:
        """Return the largest eigenvalues of W_l W_lᵀ, as many as ``y`` has rows, for each layer l."""
        ...


Measure: TypeAlias = Callable[[ArrayNamespace, Point, Point, Bindings], Any]
"""What is written in the operations: ``measure(xp, v, data, p)`` is an array at the variables ``v``, the given arrays ``data`` and the
parameters ``p``, which map symbols to values."""
