"""The array namespace on SymPy matrices of a concrete size."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import sympy as sp

from theory.symbols import indexed


class ConcreteArrays:
    """The operations of ``theory.namespace.ArrayNamespace`` on SymPy matrices of a concrete size, one column for each sample.

    ``classes`` lists the class of each column, counted from 0. ``entries`` is the diagonal of the matrix that
    ``diagonal`` returns.
    """

    def __init__(self, size: int, classes: tuple[int, ...] = (), entries: tuple[sp.Expr, ...] = ()) -> None:
        self.size, self.classes, self.listed = size, classes, entries

    def labels(self) -> sp.Matrix:
        return sp.Matrix(self.size, len(self.classes), lambda a, b: int(self.classes[b] == a))

    def standard_rows(self, rows: sp.Symbol, columns: sp.Symbol) -> sp.Matrix:
        """Return the rows of the discrete cosine transform, but the constant one."""
        n = len(self.classes)
        return sp.Matrix(self.size, n, lambda a, b: sp.sqrt(2) * sp.cos(sp.pi * (a + 1) * (2 * b + 1) / (2 * n)))

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> sp.Matrix:
        return sp.diag(*self.listed)

    def diagonal_root(self, entries: sp.IndexedBase) -> sp.Matrix:
        return sp.diag(*(sp.sqrt(e) for e in self.listed))

    def given(self, matrix: sp.MatrixSymbol) -> sp.Matrix:
        base = indexed(matrix.name, real=True)
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

    def relu(self, a: sp.Matrix) -> sp.Matrix:
        return a.applyfunc(lambda x: sp.Max(x, 0))

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
        return sum(a, sp.Integer(0))

    def mean_entry(self, column: sp.Matrix) -> sp.Expr:
        return self.sum_of_entries(column) / len(column)

    def spread(self, column: sp.Matrix) -> sp.Expr:
        return sum(((x - self.mean_entry(column)) ** 2 for x in column), sp.Integer(0))

    def column_cross_entropy(self, z: sp.Matrix, y: sp.Matrix) -> sp.Matrix:
        return sp.Matrix(
            1, z.cols, lambda _, b: sp.log(sum(sp.exp(z[r, b]) for r in range(z.rows))) - z[:, b].dot(y[:, b])
        )

    def column_softmax(self, z: sp.Matrix) -> sp.Matrix:
        powers = z.applyfunc(sp.exp)
        return sp.Matrix(z.rows, z.cols, lambda r, b: powers[r, b] / sum(powers[:, b]))

    def column_binary_cross_entropy(self, z: sp.Matrix, y: sp.Matrix) -> sp.Matrix:
        return sp.Matrix(
            1, z.cols, lambda _, b: sum(sp.log(1 + sp.exp(z[r, b] * (1 - 2 * y[r, b]))) for r in range(z.rows))
        )

    def column_cumulative_link(self, z: sp.Matrix, y: sp.Matrix, odds: sp.IndexedBase) -> sp.Matrix:
        def loss(i: int) -> sp.Expr:
            up_to = [sp.Integer(0), *(1 / (1 + o * sp.exp(z[i])) for o in self.listed[: y.rows - 1]), sp.Integer(1)]
            label = next(k for k in range(y.rows) if y[k, i] == 1)
            return -sp.log(up_to[label + 1] - up_to[label])

        return sp.Matrix(1, y.cols, lambda _, i: loss(i))

    def column_contrastive_loss(self, s: sp.Matrix, y: sp.Matrix) -> sp.Matrix:
        def loss(i: int) -> sp.Expr:
            others = [a for a in range(s.cols) if a != i]
            own = [s[p, i] for p in others if y[:, p] == y[:, i]]
            return sp.log(sum(sp.exp(s[a, i]) for a in others)) - sum(own) / len(own)

        return sp.Matrix(1, s.cols, lambda _, i: loss(i))

    def total(self, row: sp.Matrix) -> sp.Expr:
        return sum(row, sp.Integer(0))

    def squared_norm(self, a: sp.Matrix) -> sp.Expr:
        return sum((x**2 for x in a), sp.Integer(0))

    def norm(self, a: sp.Matrix) -> sp.Expr:
        return sp.sqrt(self.squared_norm(a))

    def scale(self, a: sp.Matrix, factor: sp.Expr) -> sp.Matrix:
        return a * factor

    def rows(self, a: sp.Matrix) -> int:
        return a.rows

    def log(self, x: sp.Expr) -> sp.Expr:
        return sp.log(x)

    def column_sums(self, a: sp.Matrix) -> sp.Matrix:
        return sp.ones(1, a.rows) * a

    def diagonal_of(self, a: sp.Matrix) -> sp.Matrix:
        return a.diagonal()

    def inner(self, a: sp.Matrix, b: sp.Matrix) -> sp.Expr:
        return (a.T * b).trace()

    def identity(self, like: sp.Matrix) -> sp.Matrix:
        return sp.eye(like.cols)

    def solve(self, a: sp.Matrix, b: sp.Matrix) -> sp.Matrix:
        return a.LUsolve(b)

    def explained(self, factor: sp.Matrix, root: sp.Matrix) -> sp.Expr:
        return (root.T * (self.identity(factor) + factor.T * factor).LUsolve(root)).trace()

    def singular_values(self, a: sp.Matrix, count: int) -> sp.Matrix:
        found = _descending(sp.sqrt(x) for x in _eigenvalues(a * a.T))[:count]
        return sp.Matrix([[*found, *[0] * (count - len(found))]])

    def smallest_first(self, a: sp.Matrix, count: int) -> sp.Matrix:
        gram = a * a.T if a.rows <= a.cols else a.T * a
        found = _descending(sp.sqrt(x) for x in _eigenvalues(gram))[::-1][:count]
        return sp.Matrix([[*found, *[sp.oo] * (count - len(found))]])

    def divergences(self, mean: sp.Matrix, noise: sp.Matrix) -> sp.Matrix:
        axes, sizes = (noise * noise.T).diagonalize(normalize=True)
        own = axes * sp.diag(*(x - 1 - sp.log(x) for x in sizes.diagonal())) * axes.inv()
        return sp.Matrix([_descending(_eigenvalues(mean * mean.T + own))])

    def label_axes(self, y: sp.Matrix) -> tuple[sp.Matrix, sp.Matrix]:
        centred = y - y * sp.ones(y.cols, y.cols) / y.cols
        pairs = [(x, v) for x, _, vectors in (centred * centred.T).eigenvects() for v in sp.GramSchmidt(vectors, True)]
        pairs = sorted(pairs, key=lambda pair: -_real_part(pair[0]))[:-1]
        left = sp.Matrix.hstack(*(v for _, v in pairs))
        return left, sp.Matrix.hstack(*(centred.T * v / sp.sqrt(x) for x, v in pairs))

    def logdet_of_gram(self, s: sp.Matrix) -> sp.Expr:
        return sp.log((s * s.T).det())

    def log_of_row_squares(self, s: sp.Matrix) -> sp.Expr:
        return sum((sp.log(x) for x in self.column_squares(s.T)), sp.Integer(0))

    def apply_layers(self, layers: tuple[sp.Matrix, ...], h: sp.Matrix) -> sp.Matrix:
        return reduce(lambda below, w: w * below, layers, h)

    def apply_rectified(self, layers: tuple[sp.Matrix, ...], h: sp.Matrix) -> sp.Matrix:
        first, *others = layers
        return reduce(lambda below, w: w * self.relu(below), others, first * h)

    def top_grams(self, layers: tuple[sp.Matrix, ...]) -> list[sp.Matrix]:
        above = [self.apply_layers(layers[i:], sp.eye(w.cols)) for i, w in enumerate(layers)]
        return [p * p.T for p in above]

    def bottom_grams(self, layers: tuple[sp.Matrix, ...], means: sp.Matrix) -> list[sp.Matrix]:
        below = [self.apply_layers(layers[: i + 1], means) for i in range(len(layers))]
        return [b.T * b for b in below]

    def layer_spectra(self, layers: tuple[sp.Matrix, ...], y: sp.Matrix) -> list[sp.Matrix]:
        return [self.singular_values(w, y.rows).applyfunc(lambda x: x**2) for w in layers]

    def layer_decays(self, layers: tuple[sp.Matrix, ...], decay: sp.IndexedBase) -> sp.Expr:
        return sum((decay[i] / 2 * self.squared_norm(w) for i, w in enumerate(layers, start=1)), sp.Integer(0))


def _eigenvalues(a: sp.Matrix) -> list[sp.Expr]:
    """Return the eigenvalues of a symmetric matrix, each repeated by its multiplicity."""
    return [x for x, times in a.eigenvals().items() for _ in range(times)]


def _descending(numbers: Iterable[sp.Expr]) -> list[sp.Expr]:
    """Sort real numbers in descending order.

    Casus irreducibilis may leave imaginary parts that vanish, so real parts are compared.
    """
    return sorted(numbers, key=lambda x: -_real_part(x))


def _real_part(x: sp.Expr) -> float:
    return float(sp.re(sp.N(x)))
