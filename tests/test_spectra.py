"""Exact eigenvalues of matrices of fractions: against NumPy, with rational and repeated ones, and in balls."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
import sympy as sp

from numerics.backends.ball_evaluation import evaluate_in_balls
from theory.exact_roots import PolynomialRoot, at_root, roots_above
from theory.expressions import Formula, evaluate_exactly
from theory.secular import critical_counts
from theory.spectra import largest_eigenvalues

X = sp.Symbol("x")


def gram(rows: int, columns: int, seed: int) -> list[list[Fraction]]:
    """Return a positive semidefinite matrix of fractions of this size, of rank ``columns`` at most."""
    random = Random(seed)
    factor = [
        [Fraction(random.randint(-9, 9), random.choice((1, 2, 7, 1000))) for _ in range(columns)] for _ in range(rows)
    ]
    return [[sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0)) for y in factor] for x in factor]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("rank", [1, 2, 8])
def test_the_spectrum_is_that_of_the_matrix(size: int, rank: int) -> None:
    for seed in range(3):
        matrix = gram(size, rank, seed)
        found = largest_eigenvalues(matrix, size)
        assert largest_eigenvalues(matrix, 1) == found[:1]
        numbers = np.linalg.eigvalsh(np.array(matrix, dtype=float))[::-1]
        assert [float(x) for x in found] == pytest.approx(numbers.tolist(), rel=1e-12, abs=1e-9)
        assert sum(x == 0 for x in found) >= size - rank


@pytest.mark.parametrize("seed", range(4))
def test_an_irrational_eigenvalue_lies_in_every_bracket(seed: int) -> None:
    """The characteristic polynomial, from SymPy, changes sign within the bracket, and the enclosing ball meets it."""
    matrix = sp.Matrix(gram(4, 4, seed))
    polynomial = matrix.charpoly(X).as_expr()
    found = largest_eigenvalues(gram(4, 4, seed), 4)
    assert any(x.has(PolynomialRoot) for x in found)
    for eigenvalue in found:
        unit, root = eigenvalue.as_coeff_Mul()
        if isinstance(root, PolynomialRoot):
            low, high = (unit * end for end in root.bracket(2**100))
            assert polynomial.subs(X, low) * polynomial.subs(X, high) < 0
            ball = evaluate_in_balls(Formula(eigenvalue), {})
            assert ball.rad() <= 1e-30 * abs(ball)
            assert evaluate_exactly(Formula(eigenvalue), {}) == pytest.approx(float(low), rel=4e-16)
            assert float(ball) == pytest.approx(float(low), rel=1e-15)


def test_rational_and_repeated_eigenvalues_are_written_as_such() -> None:
    half, third = Fraction(1, 2), Fraction(1, 3)
    assert largest_eigenvalues([[half, 0 * half], [0 * half, third]], 2) == (sp.Rational(1, 2), sp.Rational(1, 3))
    twice = [[2 * third, -third, -third], [-third, 2 * third, -third], [-third, -third, 2 * third]]
    assert largest_eigenvalues(twice, 3) == (1, 1, 0)
    # Eigenvalues 2 ± √2, each twice.
    block = [[3, 1, 0, 0], [1, 1, 0, 0], [0, 0, 3, 1], [0, 0, 1, 1]]
    found = largest_eigenvalues([[Fraction(x) for x in row] for row in block], 4)
    assert [float(x) for x in found] == pytest.approx([2 + 2**0.5] * 2 + [2 - 2**0.5] * 2, rel=1e-15)


@pytest.mark.parametrize("counts", [(7, 3), (9, 4, 1), (6, 5, 5, 2), (4, 4, 4), (100, 1, 1)])
def test_one_hot_labels_have_the_critical_counts(counts: tuple[int, ...]) -> None:
    size = len(counts)
    off = [[Fraction(int(i == j)) - Fraction(1, size) for j in range(size)] for i in range(size)]
    matrix = [
        [sum((n * off[i][k] * off[j][k] for k, n in enumerate(counts)), Fraction(0)) for j in range(size)]
        for i in range(size)
    ]
    found, expected = largest_eigenvalues(matrix, size - 1), critical_counts(counts)
    assert [x.is_Rational for x in found] == [x.is_Rational for x in expected]
    for a, b in zip(found, expected, strict=True):
        assert a == b or abs(sp.N(a, 60) - sp.N(b, 60)) < sp.Float("1e-50")


def test_roots_are_counted_with_their_multiplicity() -> None:
    polynomial = [int(c) for c in sp.Poly(sp.expand((X - 2) ** 3 * (X - 5)), X).all_coeffs()]
    assert [roots_above(polynomial, x) for x in (0, 1, 2, 3, 5, 6)] == [4, 4, 1, 1, 0, 0]
    assert [at_root(polynomial, x) for x in (1, 2, 5)] == [0, 3, 1]
