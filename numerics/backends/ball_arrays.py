"""The array namespace on matrices of balls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import flint
import sympy as sp

from numerics.backends.ball_spectra import eigenvalues, eigenvectors, smaller_gram
from numerics.backends.balls import Ball, BallMatrix
from theory.symbols import n_k


class BallArrays:
    """The operations of ``theory.namespace.ArrayNamespace`` on matrices of balls. Each operation encloses its result.

    An operation that needs singular vectors raises Undecided where balls cannot tell them apart.
    """

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self.bindings = bindings

    def labels(self) -> BallMatrix:
        counts = self.bindings[n_k]
        return BallMatrix.of(
            [[int(a == b) for b, n in enumerate(counts) for _ in range(n)] for a in range(len(counts))]
        )

    def standard_rows(self, rows: sp.Symbol, columns: sp.Symbol) -> BallMatrix:
        """Return the rows of the discrete cosine transform, but the constant one."""
        r, c = self.bindings[rows], self.bindings[columns]
        turns = [[flint.fmpq((a + 1) * (2 * b + 1), 2 * c) for b in range(c)] for a in range(r)]
        return BallMatrix.of([[Ball(2).sqrt() * flint.arb.cos_pi_fmpq(turn) for turn in row] for row in turns])

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> BallMatrix:
        return BallMatrix.diagonal(self.bindings[entries][: None if count is None else self.bindings[count]])

    def diagonal_root(self, entries: sp.IndexedBase) -> BallMatrix:
        return BallMatrix.diagonal([Ball(x).sqrt() for x in self.bindings[entries]])

    def given(self, matrix: sp.MatrixSymbol) -> BallMatrix:
        return BallMatrix.of(self.bindings[matrix])

    def eye(self, size: sp.Symbol) -> BallMatrix:
        return BallMatrix.diagonal([Ball(1)] * self.bindings[size])

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> BallMatrix:
        return BallMatrix(flint.arb_mat(self.bindings[rows], self.bindings[columns]))

    def beside(self, a: BallMatrix, b: BallMatrix) -> BallMatrix:
        return BallMatrix(flint.arb_mat([[*x, *y] for x, y in zip(a.tolist(), b.tolist(), strict=True)]))

    def transpose(self, a: BallMatrix) -> BallMatrix:
        return a.transposed

    def add_column(self, a: BallMatrix, column: BallMatrix) -> BallMatrix:
        return BallMatrix(
            flint.arb_mat([[x + b for x in row] for row, (b,) in zip(a.tolist(), column.tolist(), strict=True)])
        )

    def relu(self, a: BallMatrix) -> BallMatrix:
        return BallMatrix.of([[x.max(Ball(0)) for x in row] for row in a.tolist()])

    def centre(self, a: BallMatrix) -> BallMatrix:
        rows, columns = a.shape
        means = [sum(column, Ball(0)) / rows for column in a.transposed.tolist()]
        return a - BallMatrix(flint.arb_mat(rows, columns, means * rows))

    def cross(self, a: BallMatrix, b: BallMatrix) -> BallMatrix:
        return a @ b.transposed

    def class_means(self, h: BallMatrix, y: BallMatrix) -> BallMatrix:
        counts = [sum(row, Ball(0)) for row in y.tolist()]
        return h @ y.transposed @ BallMatrix.diagonal([1 / n for n in counts])

    def identity(self, like: BallMatrix) -> BallMatrix:
        return BallMatrix.diagonal([Ball(1)] * like.shape[1])

    def solve(self, a: BallMatrix, b: BallMatrix) -> BallMatrix:
        return BallMatrix(a.entries.solve(b.entries))

    def label_axes(self, y: BallMatrix) -> tuple[BallMatrix, BallMatrix]:
        rows, columns = y.shape
        means = [sum(row, Ball(0)) / columns for row in y.tolist()]
        centred = y - BallMatrix.of([[mean] * columns for mean in means])
        values, vectors = eigenvectors(centred @ centred.transposed)
        order = sorted(range(rows), key=lambda i: -float(values[i].mid()))[:-1]
        left = BallMatrix.of([vectors[i] for i in order]).transposed
        right = centred.transposed @ left @ BallMatrix.diagonal([1 / values[i].sqrt() for i in order])
        return left, right

    def apply_layers(self, layers: Sequence[BallMatrix], h: BallMatrix) -> BallMatrix:
        return reduce(lambda below, w: w @ below, layers, h)

    def apply_rectified(self, layers: Sequence[BallMatrix], h: BallMatrix) -> BallMatrix:
        first, *others = layers
        return reduce(lambda below, w: w @ self.relu(below), others, first @ h)

    def layer_decays(self, layers: Sequence[BallMatrix], decay: Sequence[Ball]) -> Ball:
        return sum((weight / 2 * w.squared_norm() for weight, w in zip(decay, layers, strict=True)), Ball(0))

    def top_grams(self, layers: Sequence[BallMatrix]) -> list[BallMatrix]:
        above = [reduce(lambda below, w: w @ below, layers[i:]) for i in range(len(layers))]
        return [self.cross(p, p) for p in above]

    def bottom_grams(self, layers: Sequence[BallMatrix], means: BallMatrix) -> list[BallMatrix]:
        below = [self.apply_layers(layers[: i + 1], means) for i in range(len(layers))]
        return [b.transposed @ b for b in below]

    def layer_spectra(self, layers: Sequence[BallMatrix], y: BallMatrix) -> list[BallMatrix]:
        return [BallMatrix.of([[x * x for x in self.singular_values(w, y.shape[0]).tolist()[0]]]) for w in layers]

    def column_squares(self, a: BallMatrix) -> BallMatrix:
        return BallMatrix.of([[sum((x * x for x in column), Ball(0)) for column in a.transposed.tolist()]])

    def column_inner(self, a: BallMatrix, b: BallMatrix) -> BallMatrix:
        pairs = zip(a.transposed.tolist(), b.transposed.tolist(), strict=True)
        return BallMatrix.of([[sum((x * y for x, y in zip(*pair, strict=True)), Ball(0)) for pair in pairs]])

    def column_cross_entropy(self, z: BallMatrix, y: BallMatrix) -> BallMatrix:
        """Return log Σ_k exp(z_k − z_c) + Σ_k y_k (z_c − z_k) for each column, where c is the largest entry of the label.

        The labels are probabilities, or enclose them.
        """
        losses = []
        for logits, label in zip(z.transposed.tolist(), y.transposed.tolist(), strict=True):
            largest = max(range(len(label)), key=lambda i: float(label[i].mid()))
            others = [
                (x - logits[largest], share)
                for i, (x, share) in enumerate(zip(logits, label, strict=True))
                if i != largest
            ]
            wrong = sum((lead.exp() for lead, _ in others), Ball(0))
            losses.append(wrong.log1p() - sum((share * lead for lead, share in others), Ball(0)))
        return BallMatrix.of([losses])

    def column_softmax(self, z: BallMatrix) -> BallMatrix:
        """Return 1 / Σ_j exp(z_j − z_k) for each entry k."""
        columns = z.transposed.tolist()
        found = [[1 / sum(((x - own).exp() for x in logits), Ball(0)) for own in logits] for logits in columns]
        return BallMatrix.of(found).transposed

    def column_binary_cross_entropy(self, z: BallMatrix, y: BallMatrix) -> BallMatrix:
        columns = zip(z.transposed.tolist(), y.transposed.tolist(), strict=True)
        wrong = [[x * (1 - 2 * own) for x, own in zip(*column, strict=True)] for column in columns]
        return BallMatrix.of([[sum((x.exp().log1p() for x in column), Ball(0)) for column in wrong]])

    def column_cumulative_link(self, z: BallMatrix, y: BallMatrix, odds: sp.IndexedBase) -> BallMatrix:
        """Return log(1 + o_k exp(z)) + log(1 + exp(−z)/o_(k−1)) − log(1 − o_k/o_(k−1)) for class k. The labels are exact."""
        held, losses = self.bindings[odds], []
        for x, label in zip(z.entries.entries(), y.transposed.tolist(), strict=True):
            k, last = next(i for i, own in enumerate(label) if 2 * own > 1), len(label) - 1
            loss = Ball(0) if k == last else (held[k] * x.exp()).log1p()
            if k > 0:
                loss += ((-x).exp() / held[k - 1]).log1p()
            if 0 < k < last:
                loss -= ((held[k - 1] - held[k]) / held[k - 1]).log()
            losses.append(loss)
        return BallMatrix.of([losses])

    def column_contrastive_loss(self, s: BallMatrix, y: BallMatrix) -> BallMatrix:
        """Return log Σ_{a ≠ i} exp(s_ai − m_i) for each sample i, where m_i is the mean over its positives. The labels are exact."""
        labels, losses = [next(k for k, x in enumerate(label) if 2 * x > 1) for label in y.transposed.tolist()], []
        for i, column in enumerate(s.transposed.tolist()):
            others = [
                (x, label == labels[i]) for a, (x, label) in enumerate(zip(column, labels, strict=True)) if a != i
            ]
            own = [x for x, positive in others if positive]
            mean = sum(own, Ball(0)) / len(own)
            above = sum(
                ((x - mean).expm1() for x in own), Ball(0)
            )  # zero for one positive, so that a tiny loss stays accurate
            wrong = sum(((x - mean).exp() for x, positive in others if not positive), Ball(0))
            losses.append(Ball(len(own)).log() + ((above + wrong) / len(own)).log1p())
        return BallMatrix.of([losses])

    def column_sums(self, a: BallMatrix) -> BallMatrix:
        return BallMatrix.of([[sum(column, Ball(0)) for column in a.transposed.tolist()]])

    def diagonal_of(self, a: BallMatrix) -> BallMatrix:
        return BallMatrix.of([[a.entries[i, i] for i in range(min(a.shape))]])

    def entries(self, column: BallMatrix) -> BallMatrix:
        return column.transposed

    def sum_of_entries(self, a: BallMatrix) -> Ball:
        return a.total()

    def mean_entry(self, column: BallMatrix) -> Ball:
        return column.total() / column.shape[0]

    def spread(self, column: BallMatrix) -> Ball:
        return self.centre(column).squared_norm()

    def total(self, row: BallMatrix) -> Ball:
        return row.total()

    def squared_norm(self, a: BallMatrix) -> Ball:
        return a.squared_norm()

    def norm(self, a: BallMatrix) -> Ball:
        return a.squared_norm().sqrt()

    def inner(self, a: BallMatrix, b: BallMatrix) -> Ball:
        return sum((x * y for x, y in zip(a.entries.entries(), b.entries.entries(), strict=True)), Ball(0))

    def explained(self, factor: BallMatrix, root: BallMatrix) -> Ball:
        gram = self.identity(factor) + factor.transposed @ factor
        return self.inner(root, self.solve(gram, root))

    def singular_values(self, a: BallMatrix, count: int) -> BallMatrix:
        found = [x.nonnegative_part().sqrt() for x in eigenvalues(smaller_gram(a))][:count]
        return BallMatrix.of([[*found, *[Ball(0)] * (count - len(found))]])

    def smallest_first(self, a: BallMatrix, count: int) -> BallMatrix:
        found = [x.nonnegative_part().sqrt() for x in eigenvalues(smaller_gram(a))[::-1]][:count]
        return BallMatrix.of([[*found, *[Ball("inf")] * (count - len(found))]])

    def divergences(self, mean: BallMatrix, noise: BallMatrix) -> BallMatrix:
        variances, axes = eigenvectors(self.cross(noise, noise))
        back = BallMatrix.of(axes)
        own = back.transposed @ BallMatrix.diagonal([x - 1 - x.log() for x in variances]) @ back
        return BallMatrix.of([eigenvalues(self.cross(mean, mean) + own)])

    def rows(self, a: BallMatrix) -> int:
        return a.shape[0]

    def log(self, x: Ball) -> Ball:
        return x.log()

    def scale(self, a: BallMatrix, factor: Ball) -> BallMatrix:
        return a * factor

    def logdet_of_gram(self, s: BallMatrix) -> Ball:
        rows, columns = s.shape
        return 2 * abs(s.entries.det()).log() if rows == columns else self.cross(s, s).entries.det().log()

    def log_of_row_squares(self, s: BallMatrix) -> Ball:
        return sum((x.log() for x in self.column_squares(s.transposed).entries.entries()), Ball(0))
