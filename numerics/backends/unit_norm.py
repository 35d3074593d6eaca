"""Points at which the variables of unit norm have it: every row or column divided by its norm, on tensors and in balls."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.balls import Ball, BallMatrix
from theory.point import Point
from theory.problem import Variable


def normalised(variable: Variable, array: Float64[Tensor, "*batch r c"]) -> Float64[Tensor, "*batch r c"]:
    """Return an array with its rows or columns divided by their norms, where the variable has unit norm."""
    if variable.unit_norm is None:
        return array
    along = -1 if variable.unit_norm == "rows" else -2
    return array / torch.linalg.vector_norm(array, dim=along, keepdim=True)


def feasible(variables: Sequence[Variable], point: Point) -> Point:
    """Return a point of tensors with the variables of unit norm normalised."""
    return point.extended(**{v.name: normalised(v, point[v.name]) for v in variables if v.unit_norm is not None})


def feasible_in_balls(variables: Sequence[Variable], point: Point) -> Point:
    """Return a point as balls. Doubles are taken exactly, and then variables of unit norm are normalised: no double has unit norm."""
    balls = point.map(BallMatrix.from_tensor)
    return balls.extended(**{v.name: _normalised_balls(v, balls[v.name]) for v in variables if v.unit_norm is not None})


def _normalised_balls(variable: Variable, matrix: BallMatrix) -> BallMatrix:
    by_rows = variable.unit_norm == "rows"
    vectors = (matrix if by_rows else matrix.transposed).tolist()
    lengths = [sum((x * x for x in vector), Ball(0)).sqrt() for vector in vectors]
    unit = BallMatrix.of([[x / length for x in vector] for vector, length in zip(vectors, lengths, strict=True)])
    return unit if by_rows else unit.transposed
