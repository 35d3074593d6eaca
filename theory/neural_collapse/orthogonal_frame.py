"""Deep linear MSE networks without a bias: the derivation of an orthogonal frame, an axis for each class."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.claim import Derivation
from theory.neural_collapse.deep_directions import Directions, balanced_layers, minimised_directions
from theory.neural_collapse.schatten_chain import chain
from theory.problem import Problem
from theory.proof import Identity, Prediction, StepRecorder, StructuredPoint
from theory.symbols import K, R, indexed, k, n_k


@dataclass(frozen=True)
class Reduction:
    """The ``point`` with all layers along the axes of the classes, and the loss there as a sum of scalar problems."""

    point: StructuredPoint
    summed: sp.Expr


def derive_orthogonal_frame(problem: Problem) -> Derivation:
    """Derive the minimiser for every depth, all widths and all class counts."""
    directions = minimised_directions()
    record = StepRecorder(directions.steps)
    reduction = reduce(record, problem, directions)
    prediction = predict(reduction, directions)
    letter = directions.singular_value(prediction.threshold.alive, n_k[k], indexed("q", nonnegative=True)[k])
    return Derivation(chain(record, directions, prediction.minimum), prediction, (letter,))


def reduce(record: StepRecorder, problem: Problem, directions: Directions) -> Reduction:
    """Put all layers along the axes of the classes: the loss is the sum of the scalar problems, one a class."""
    q_k = indexed("q", positive=True)
    v = balanced_layers(q_k[k], SymbolicMatrix.identity(K), n_k[k])
    point = StructuredPoint(problem, SymbolicArrays(K, n_k[k]), v, {q_k: directions.minimum(n_k[k], k)})
    summed = sum_over(directions.objective(q_k[k]), k, K)
    record(
        Identity(
            "reduction",
            "With all layers along the axes of the classes the loss is the sum of the one-direction objectives.",
            point.loss(),
            summed,
        )
    )
    return Reduction(point, summed)


def predict(reduction: Reduction, directions: Directions) -> Prediction:
    """Predict the value and the invariants at the minimisers of the scalar problems; at most R classes live."""
    return reduction.point.predict(reduction.summed, directions.threshold(R), named=directions.named())
