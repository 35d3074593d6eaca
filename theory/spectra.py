"""Exact eigenvalues of symmetric matrices of fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

import sympy as sp
from sympy.polys.domains import ZZ
from sympy.polys.matrices import DomainMatrix

from theory.exact_roots import PolynomialRoot, at_root, floor_of_root


def largest_eigenvalues(matrix: Sequence[Sequence[Fraction]], count: int) -> tuple[sp.Expr, ...]:
    """Return the ``count`` largest eigenvalues of a positive semidefinite matrix of fractions, in descending order, each as often as it occurs.

    A rational eigenvalue is a Rational: times the common denominator of the entries it is an eigenvalue of a matrix of integers,
    and so an integer. An irrational eigenvalue is a PolynomialRoot over that denominator.
    """
    size, unit = len(matrix), lcm(*(x.denominator for row in matrix for x in row))
    integers = [[ZZ(int(x * unit)) for x in row] for row in matrix]
    polynomial = tuple(map(int, DomainMatrix(integers, (size, size), ZZ).charpoly()))
    positive = size - at_root(polynomial, 0)
    found: list[sp.Expr] = []
    while len(found) < min(count, positive):
        above = floor_of_root(len(found) + 1, polynomial, 1) + 1
        # Of the roots in the interval, an integer at its upper end is the largest, and may occur several times.
        times = at_root(polynomial, above)
        new = [sp.Integer(above)] * times or [PolynomialRoot(len(found) + 1, sp.Tuple(*polynomial))]
        found += [root / sp.Integer(unit) for root in new]
    return (*found, *[sp.Integer(0)] * (size - positive))[:count]
