"""Balls, which are numbers with a bound on their error, and matrices of balls.

A ball is of python-flint's type ``arb``. Doubles and the numbers that a user wrote enter exactly; every operation
encloses its result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import flint
from torch import Tensor

from theory.expressions import to_exact

PRECISION = 192
"""Bits of every ball: three times the bits of a double, so that cancellation in a loss does not show."""

Ball = flint.arb

flint.ctx.prec = PRECISION


class Undecided(ArithmeticError):
    """A condition holds for some points of a ball and not for others."""


def exact(value: float | int) -> Ball:
    """Return a number that a user wrote as a ball: 0.01 is 1/100, not its nearest binary fraction."""
    number = to_exact(value)
    return Ball(flint.fmpq(int(number.p), int(number.q)))


def lowest(x: Ball) -> float:
    """Return a double not above any point of the ball."""
    return _outward(x.lower(), -1)


def highest(x: Ball) -> float:
    """Return a double not below any point of the ball."""
    return _outward(x.upper(), 1)


def _outward(x: Ball, side: int) -> float:
    if not x.is_finite():
        return side * math.inf
    near = float(x)
    while not (Ball(near) - x) * side >= 0:
        near = math.nextafter(near, side * math.inf)
    return near


def hull(balls: Iterable[Ball]) -> Ball:
    """Return a ball that contains all of these balls."""
    return reduce(lambda a, b: a.union(b), balls)


class BallMatrix:
    """A matrix of balls; ``@`` multiplies, ``*`` and ``/`` scale, ``**`` takes powers of the entries."""

    def __init__(self, entries: flint.arb_mat) -> None:
        self.entries = entries

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> BallMatrix:
        """Return the matrix with these rows, each entry a ball, an integer or a double taken exactly."""
        return cls(flint.arb_mat([[Ball(x) for x in row] for row in rows]))

    @classmethod
    def from_tensor(cls, a: Tensor) -> BallMatrix:
        """Return a matrix [rows, columns] of doubles, each taken exactly."""
        rows, columns = a.shape
        return cls(flint.arb_mat(rows, columns, [Ball(x) for x in a.flatten().tolist()]))

    @classmethod
    def diagonal(cls, entries: Sequence[Ball]) -> BallMatrix:
        """Return the diagonal matrix with these entries."""
        zero = Ball(0)
        return cls.of([[x if a == b else zero for b in range(len(entries))] for a, x in enumerate(entries)])

    @property
    def shape(self) -> tuple[int, int]:
        return self.entries.nrows(), self.entries.ncols()

    def tolist(self) -> list[list[Ball]]:
        return self.entries.tolist()

    @property
    def transposed(self) -> BallMatrix:
        return BallMatrix(self.entries.transpose())

    def __matmul__(self, other: BallMatrix) -> BallMatrix:
        return BallMatrix(self.entries * other.entries)

    def __add__(self, other: BallMatrix) -> BallMatrix:
        return BallMatrix(self.entries + other.entries)

    def __sub__(self, other: BallMatrix) -> BallMatrix:
        return BallMatrix(self.entries - other.entries)

    def __mul__(self, factor: Ball | int) -> BallMatrix:
        return BallMatrix(self.entries * Ball(factor))

    def __truediv__(self, factor: Ball | int) -> BallMatrix:
        return BallMatrix(self.entries * (1 / Ball(factor)))

    def __pow__(self, exponent: int) -> BallMatrix:
        return BallMatrix.of([[x**exponent for x in row] for row in self.tolist()])

    def total(self) -> Ball:
        """Return the sum of all entries."""
        return sum(self.entries.entries(), Ball(0))

    def squared_norm(self) -> Ball:
        """Return the sum of the squares of all entries."""
        return sum((x * x for x in self.entries.entries()), Ball(0))
