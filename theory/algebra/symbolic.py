"""The array namespace on matrices of symbolic size."""

from __future__ import annotations

import operator
from functools import reduce

import sympy as sp

from theory import symbols as sym
from theory.algebra.matrices import _INNER, Beside, Layered, SymbolicLayers, SymbolicMatrix, sum_over


class SymbolicArrays:
    """The operations of ``theory.namespace.ArrayNamespace`` on matrices of symbolic size, one column for each class or direction.

    A row is an expression in the index k. A column, such as a bias, is also an expression in k, where k runs over the
    rows of a matrix.
    ``multiplicity`` is the number of samples that a column stands for. ``label`` is the entry of the labels where they
    are written along their singular directions, with one column for each direction.
    """

    def __init__(self, size: sp.Expr, multiplicity: sp.Expr = sp.Integer(1), label: sp.Expr = sp.Integer(1)) -> None:
        self.size = size
        self.multiplicity = multiplicity
        self.label = label

    def labels(self) -> SymbolicMatrix:
        """Return the diagonal matrix of ``label``."""
        return SymbolicMatrix.diag(self.size, self.label)

    def label_axes(self, y: SymbolicMatrix) -> tuple[SymbolicMatrix, SymbolicMatrix]:
        """Return the coordinate axes, since the labels are written along them."""
        return SymbolicMatrix.identity(self.size), SymbolicMatrix.identity(self.size)

    def standard_rows(self, rows: sp.Symbol, columns: sp.Symbol) -> SymbolicMatrix:
        """Return the rows in the coordinates of their own axes in the space of the samples: there they are a diagonal matrix."""
        return SymbolicMatrix.diag(self.size, sp.sqrt(columns))

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> SymbolicMatrix:
        """Return the diagonal matrix of a list. All matrices have the same size here, so ``count`` changes nothing."""
        return SymbolicMatrix.diag(self.size, entries[sym.k])

    def diagonal_root(self, entries: sp.IndexedBase) -> SymbolicMatrix:
        return SymbolicMatrix.diag(self.size, sp.sqrt(entries[sym.k]))

    def given(self, matrix: sp.MatrixSymbol) -> SymbolicMatrix:
        """Return a diagonal matrix with arbitrary entries."""
        return SymbolicMatrix.diag(self.size, sym.indexed(matrix.name, real=True)[sym.k])

    def eye(self, size: sp.Symbol) -> SymbolicMatrix:
        return SymbolicMatrix.identity(self.size)

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> SymbolicMatrix:
        return SymbolicMatrix.diag(self.size, sp.Integer(0))

    def beside(self, a: SymbolicMatrix, b: SymbolicMatrix) -> Beside:
        return Beside((a, b))

    def cross(self, a: SymbolicMatrix | Beside, b: SymbolicMatrix | Beside) -> SymbolicMatrix:
        pairs = zip(_blocks(a), _blocks(b), strict=True)
        return reduce(operator.add, (x @ y.T for x, y in pairs))

    def transpose(self, a: SymbolicMatrix) -> SymbolicMatrix:
        return a.T

    def add_column(self, a: SymbolicMatrix, column: sp.Expr) -> SymbolicMatrix:
        return a + SymbolicMatrix(a.size, sp.Integer(0), ((column, sp.Integer(1)),))

    def relu(self, a: SymbolicMatrix) -> SymbolicMatrix:
        """Return a matrix with the entries below zero replaced by zero.

        Raises ValueError unless the matrix is diagonal, of the form aI + bJ, or a sum of matrices that are provably nonnegative.
        """
        if all((u * v).is_nonnegative for u, v in a.rank_one) and a.diagonal.is_nonnegative:
            return a
        other = sum((u * v for u, v in a.rank_one), sp.Integer(0))
        if any(x.has(sym.k) for term in a.rank_one for x in term):
            raise ValueError("the symbolic relu is defined for diagonal and nonnegative matrices, and for aI + bJ")
        rest = sp.Max(other, 0)
        diagonal = SymbolicMatrix.diag(a.size, sp.Max(a.diagonal + other, 0) - rest)
        return diagonal if rest == 0 else diagonal + SymbolicMatrix.ones(a.size) * rest

    def centre(self, a: SymbolicMatrix) -> SymbolicMatrix:
        return (SymbolicMatrix.identity(a.size) - SymbolicMatrix.ones(a.size) * (1 / a.size)) @ a

    def class_means(self, h: SymbolicMatrix, y: SymbolicMatrix) -> SymbolicMatrix:
        return h @ SymbolicMatrix.diag(y.size, 1 / y.diagonal)

    def column_squares(self, a: SymbolicMatrix) -> sp.Expr:
        return sp.simplify((a.T @ a).entry(sym.k, sym.k))

    def column_inner(self, a: SymbolicMatrix, b: SymbolicMatrix) -> sp.Expr:
        return sp.simplify((a.T @ b).entry(sym.k, sym.k))

    def entries(self, column: sp.Expr) -> sp.Expr:
        return column

    def sum_of_entries(self, a: SymbolicMatrix | sp.Expr) -> sp.Expr:
        return sum_over(self.column_sums(a) if isinstance(a, SymbolicMatrix) else a, sym.k, self.size)

    def column_sums(self, a: SymbolicMatrix) -> sp.Expr:
        return sp.simplify(a.diagonal + sum(sum_over(u, sym.k, a.size) * v for u, v in a.rank_one))

    def diagonal_of(self, a: SymbolicMatrix) -> sp.Expr:
        return sp.simplify(a.entry(sym.k, sym.k))

    def mean_entry(self, column: sp.Expr) -> sp.Expr:
        return self.sum_of_entries(column) / self.size

    def spread(self, column: sp.Expr) -> sp.Expr:
        return self.squared_norm(column - self.mean_entry(column))

    def apply_layers(self, layers: SymbolicLayers, h: SymbolicMatrix) -> SymbolicMatrix:
        return (layers.power(layers.depth) @ h) * (1 / sp.sqrt(layers.total))

    def apply_rectified(self, layers: SymbolicLayers, h: SymbolicMatrix) -> SymbolicMatrix:
        """Return the product of the layers where what leaves every layer is provably nonnegative. Raises ValueError where it is not."""
        below = layers.power(sym.layer) @ h
        if self.relu(below) != below:
            raise ValueError("the symbolic rectified layers are defined where what leaves every layer is nonnegative")
        return self.apply_layers(layers, h)

    def layer_decays(self, layers: SymbolicLayers, decay: sp.IndexedBase) -> sp.Expr:
        """Return Σ_l (λ_l/2) ‖W_l‖², to which every layer contributes the same."""
        one = self.squared_norm(layers.power(sp.Integer(1))) / layers.decay[sym.layer]
        return sum_over(sp.simplify(decay[sym.layer] / 2 * one), sym.layer, layers.depth)

    def top_grams(self, layers: SymbolicLayers) -> Layered:
        above = 2 * (layers.depth - sym.layer + 1)
        return Layered(layers.depth, layers.power(above) * (1 / layers.decays(sym.layer, layers.depth)))

    def bottom_grams(self, layers: SymbolicLayers, means: SymbolicMatrix) -> Layered:
        gram = means.T @ layers.power(2 * sym.layer) @ means
        return Layered(layers.depth, gram * (1 / layers.decays(sp.Integer(1), sym.layer)))

    def layer_spectra(self, layers: SymbolicLayers, y: SymbolicMatrix) -> Layered:
        """Return the spectrum of each layer. The trace of the projection is the number of its nonzero entries."""
        size = layers.scale**2 / layers.decay[sym.layer]
        rank = sp.simplify(layers.frame.trace())
        whole = rank == layers.frame.size
        return Layered(layers.depth, size if whole else sp.Piecewise((size, sym.k <= rank), (0, True)))

    def column_cross_entropy(self, z: SymbolicMatrix, y: SymbolicMatrix) -> sp.Expr:
        """Return the cross-entropy for one column per class, Y = I.

        Raises ValueError for other labels, and for unequal logits of the wrong classes within a column.
        """
        correct, other = _two_logits(z, y)
        return sp.log(1 + (z.size - 1) * sp.exp(sp.simplify(other - correct)))

    def column_softmax(self, z: SymbolicMatrix) -> SymbolicMatrix:
        """Return the probabilities of logits that are equal for all wrong classes within a column. Raises ValueError for others."""
        correct, other = _two_logits(z, SymbolicMatrix.identity(z.size))
        wrong = 1 / (sp.exp(sp.simplify(correct - other)) + z.size - 1)
        rest = SymbolicMatrix(z.size, sp.Integer(0), ((sp.Integer(1), wrong),))
        return SymbolicMatrix.diag(z.size, 1 - z.size * wrong) + rest

    def column_binary_cross_entropy(self, z: SymbolicMatrix, y: SymbolicMatrix) -> sp.Expr:
        """Return the sum of the binary cross-entropies for one column per class, Y = I.

        Raises ValueError for other labels, and for unequal logits of the wrong classes within a column.
        """
        correct, other = _two_logits(z, y)
        return sp.log(1 + sp.exp(-correct)) + (z.size - 1) * sp.log(1 + sp.exp(other))

    def column_cumulative_link(self, z: sp.Expr, y: SymbolicMatrix, odds: sp.IndexedBase) -> sp.Expr:
        """Return the cumulative link loss for one column per class, Y = I. Raises ValueError for other labels."""
        if y != SymbolicMatrix.identity(y.size):
            raise ValueError("the symbolic cumulative link loss is defined for one column per class, Y = I")
        up_to = sp.Piecewise((1 / (1 + odds[sym.k] * sp.exp(z)), sym.k < y.size), (1, True))
        below = sp.Piecewise((1 / (1 + odds[sym.k - 1] * sp.exp(z)), sym.k > 1), (0, True))
        return -sp.log(up_to - below)

    def column_contrastive_loss(self, s: SymbolicMatrix, y: SymbolicMatrix) -> sp.Expr:
        """Return the supervised contrastive loss for one column per class, Y = I: samples of a class are as similar as its entry says.

        Raises ValueError for other labels, and for unequal similarities to the other classes within a column.
        """
        own, other = _two_logits(s, y)
        classes_of_n_k = self.multiplicity == sym.n_k[sym.k] and self.size == sym.K
        samples = sym.N if classes_of_n_k else sum_over(self.multiplicity, sym.k, self.size)
        positives, negatives = self.multiplicity - 1, samples - self.multiplicity
        return sp.log(positives) + sp.log(1 + negatives / positives * sp.exp(sp.simplify(other - own)))

    def total(self, row: sp.Expr) -> sp.Expr:
        return sum_over(row * self.multiplicity, sym.k, self.size)

    def squared_norm(self, a: SymbolicMatrix | Beside | sp.Expr) -> sp.Expr:
        if isinstance(a, sp.Expr):
            return sum_over(sp.expand(a**2), sym.k, self.size)
        return sum(((block.T @ block).trace() for block in _blocks(a)), sp.Integer(0))

    def norm(self, a: SymbolicMatrix | Beside | sp.Expr) -> sp.Expr:
        return sp.sqrt(self.squared_norm(a))

    def scale(self, a: SymbolicMatrix | Beside, factor: sp.Expr) -> SymbolicMatrix | Beside:
        return a * factor

    def singular_values(self, a: SymbolicMatrix, count: sp.Expr) -> sp.Expr:
        """Return the singular values of a diagonal matrix, or of aI + bJ with b ≤ 0.

        The entries of a diagonal matrix must be nonnegative and descending, and a and a + Kb must not be negative.
        Raises ValueError for a matrix of another form.
        """
        if not a.rank_one:
            return a.diagonal
        total = sum((u * v for u, v in a.rank_one), sp.Integer(0))
        if a.diagonal.has(sym.k) or any(vector.has(sym.k) for term in a.rank_one for vector in term):
            raise ValueError("the symbolic singular values are defined for diagonal matrices and for aI + bJ")
        return sp.Piecewise((a.diagonal, sym.k < a.size), (sp.simplify(a.diagonal + a.size * total), True))

    def smallest_first(self, a: SymbolicMatrix, count: sp.Expr) -> sp.Expr:
        """Return the singular values of a diagonal matrix, whose entries must be nonnegative and descending."""
        return _diagonal(a, "singular values in ascending order").subs(sym.k, a.size + 1 - sym.k)

    def divergences(self, mean: SymbolicMatrix, noise: SymbolicMatrix) -> sp.Expr:
        """Return the divergences of diagonal matrices whose entries are such that the divergences descend."""
        a, b = _diagonal(mean, "divergences") ** 2, _diagonal(noise, "divergences") ** 2
        return a + b - 1 - sp.log(b)

    def explained(self, factor: SymbolicMatrix, root: SymbolicMatrix) -> sp.Expr:
        """Return tr(rootᵀ (I + factorᵀ factor)⁻¹ root) for diagonal matrices."""
        a, b = _diagonal(factor, "explained trace"), _diagonal(root, "explained trace")
        return sum_over(b**2 / (1 + a**2), sym.k, root.size)

    def inner(self, a: SymbolicMatrix, b: SymbolicMatrix) -> sp.Expr:
        return (a.T @ b).trace()

    def identity(self, like: SymbolicMatrix) -> SymbolicMatrix:
        return SymbolicMatrix.identity(like.size)

    def solve(self, a: SymbolicMatrix, b: SymbolicMatrix) -> SymbolicMatrix:
        """Return a⁻¹ b for a diagonal matrix a."""
        return SymbolicMatrix.diag(a.size, 1 / _diagonal(a, "inverse")) @ b

    def rows(self, a: SymbolicMatrix) -> sp.Expr:
        return a.size

    def log(self, x: sp.Expr) -> sp.Expr:
        return sp.log(x)

    def logdet_of_gram(self, s: SymbolicMatrix | Beside) -> sp.Expr:
        """Return log det(S Sᵀ) for a diagonal matrix S, or for diagonal matrices beside each other."""
        squares = [_diagonal(block, "log-determinant") ** 2 for block in _blocks(s)]
        return sum_over(sp.log(sum(squares, sp.Integer(0))), sym.k, _blocks(s)[0].size)

    def log_of_row_squares(self, s: SymbolicMatrix | Beside) -> sp.Expr:
        return sum_over(sp.log(self.diagonal_of(self.cross(s, s))), sym.k, _blocks(s)[0].size)


def _two_logits(z: SymbolicMatrix, y: SymbolicMatrix) -> tuple[sp.Expr, sp.Expr]:
    """Return the logit of the correct class and that of every other class, for one column per class, Y = I.

    Of two classes, class 3 − k is the other one of class k.
    """
    if y != SymbolicMatrix.identity(y.size):
        raise ValueError("the symbolic cross-entropy is defined for one column per class, Y = I")
    correct = sp.simplify(z.entry(sym.k, sym.k))
    if y.size == 2:
        return correct, sp.simplify(z.entry(3 - sym.k, sym.k))
    other = sp.simplify(sum((u.subs(sym.k, _INNER) * v for u, v in z.rank_one), sp.Integer(0)))
    if other.has(_INNER):
        raise ValueError("the symbolic cross-entropy needs equal wrong-class logits within a column")
    return correct, other


def _diagonal(a: SymbolicMatrix, what: str) -> sp.Expr:
    """Return the entries of a diagonal matrix. Raises ValueError, which names the operation ``what``, for another matrix."""
    if a.rank_one:
        raise ValueError(f"the symbolic {what} is defined for diagonal matrices")
    return a.diagonal


def _blocks(a: SymbolicMatrix | Beside) -> tuple[SymbolicMatrix, ...]:
    return a.blocks if isinstance(a, Beside) else (a,)
