"""Eigenvalues and eigenvectors of symmetric matrices of balls: floating point proposes them, balls verify."""

from __future__ import annotations

import flint

from numerics.backends.balls import Ball, BallMatrix, Undecided


def smaller_gram(a: BallMatrix) -> BallMatrix:
    """Return the smaller one of a aᵀ and aᵀ a. The eigenvalues of both are the squared singular values."""
    return a @ a.transposed if a.shape[0] <= a.shape[1] else a.transposed @ a


def eigenvalues(a: BallMatrix) -> list[Ball]:
    """Enclose the eigenvalues of a symmetric matrix, in descending order. Eigenvalues may be equal.

    With nearly orthonormal columns Q, the matrix Qᵀ a Q is nearly diagonal. Its eigenvalues differ from its sorted
    diagonal by at most the norm of its other entries (Weyl). The eigenvalues of a are those of Qᵀ a Q up to a factor
    that the eigenvalues of Qᵀ Q bound (Ostrowski).
    """
    size = a.shape[0]
    q = _orthonormal_columns(a)
    turned, squares = q.transposed @ a @ q, q.transposed @ q
    rest = _norm_off_the_diagonal(turned)
    skew = (squares - BallMatrix.diagonal([Ball(1)] * size)).squared_norm().nonnegative_part().sqrt().upper()
    factor = Ball(1).union(1 / (1 - skew)).union(1 / (1 + skew))
    diagonal = [turned.entries[i, i] for i in range(size)]
    # The k-th largest number lies between the k-th largest of the lower and of the upper ends.
    lows = sorted((x.lower() for x in diagonal), reverse=True)
    highs = sorted((x.upper() for x in diagonal), reverse=True)
    return [(low - rest).union(high + rest) * factor for low, high in zip(lows, highs, strict=True)]


def eigenvectors(a: BallMatrix) -> tuple[list[Ball], list[list[Ball]]]:
    """Enclose eigenvalues and orthonormal eigenvectors of a symmetric matrix, in no particular order.

    The eigenvectors of a diagonal matrix are the coordinate axes. Raises Undecided where balls cannot tell eigenvalues
    apart.
    """
    size = a.shape[0]
    if _norm_off_the_diagonal(a).is_zero():
        return [a.entries[i, i] for i in range(size)], BallMatrix.diagonal([Ball(1)] * size).tolist()
    try:
        values, columns = flint.acb_mat(a.entries).eig(right=True)
    except ValueError:
        raise Undecided("eigenvectors of eigenvalues that balls cannot tell apart") from None
    vectors = []
    for column in columns.transpose().tolist():
        # An eigenvector of a simple eigenvalue is real up to a factor, since the matrix is: divide by the largest entry.
        lead = max(column, key=lambda x: float(abs(x).mid()))
        entries = [(x / lead).real for x in column]
        length = sum((x * x for x in entries), Ball(0)).sqrt()
        vectors.append([x / length for x in entries])
    return [value.real for value in values], vectors


def _orthonormal_columns(a: BallMatrix) -> BallMatrix:
    """Return columns that are orthonormal and diagonalise a symmetric matrix, both up to rounding and without error bounds."""
    _, proposed = flint.acb_mat(a.entries.mid()).eig(right=True, algorithm="approx")
    columns: list[list[Ball]] = []
    for column in proposed.transpose().tolist():
        entries = [x.real.mid() for x in column]
        for _ in range(2):  # one round leaves components of the size of rounding over the length
            for other in columns:
                along = sum((x * y for x, y in zip(entries, other, strict=True)), Ball(0)).mid()
                entries = [(x - along * y).mid() for x, y in zip(entries, other, strict=True)]
        length = sum((x * x for x in entries), Ball(0)).sqrt()
        columns.append([(x / length).mid() for x in entries])
    return BallMatrix.of(columns).transposed


def _norm_off_the_diagonal(a: BallMatrix) -> Ball:
    """Return an upper bound on the Frobenius norm of a matrix without its diagonal."""
    rest = sum((x * x for i, row in enumerate(a.tolist()) for j, x in enumerate(row) if i != j), Ball(0))
    return rest.nonnegative_part().sqrt().upper()
