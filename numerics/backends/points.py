"""Points of a problem: random batches, and batches split into points."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
import torch

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.tensors import DTYPE
from numerics.backends.unit_norm import normalised
from theory.claim import Claim
from theory.expressions import Formula
from theory.point import Point
from theory.problem import Instance
from theory.symbols import j, k


def points_of(batch: Point) -> list[Point]:
    """Return the points of a batch (variables [instances, rows, columns]) on the CPU, one for each instance."""
    arrays = {name: array.detach().cpu() for name, array in batch.items()}
    size = len(next(iter(arrays.values())))
    return [Point({name: array[number] for name, array in arrays.items()}) for number in range(size)]


def random_point(claim: Claim, instances: Sequence[Instance], scale: float, generator: torch.Generator) -> Point:
    """Draw a point for each instance, with entries of the given scale in the unit of each variable."""
    bindings = stack_bindings(instances)
    sizes = {s: v for s, v in bindings.items() if isinstance(v, int)}
    arrays = {}
    for variable in claim.problem.active_variables(instances[0]):
        rows, columns = (int(side.subs(sizes)) for side in variable.shape)
        unit = evaluate(Formula(variable.scale, ((k, sp.Integer(rows)), (j, sp.Integer(columns)))), bindings)
        entries = scale * unit * torch.randn(len(instances), rows, columns, generator=generator, dtype=DTYPE)
        arrays[variable.name] = normalised(variable, entries.abs() if variable.nonnegative else entries)
    return Point(arrays)


def predicted_point(claim: Claim, instances: Sequence[Instance]) -> Point:
    """Return the predicted minimiser of a VAE at each instance: the variables that the claim predicts to be diagonal.

    They are written along the principal axes of the data. The claim has a closed form of its minimiser, and the
    instances share their sizes.
    """
    bindings = stack_bindings(instances)
    sizes = {s: v for s, v in bindings.items() if isinstance(v, int)}
    arrays = {}
    for variable in claim.problem.active_variables(instances[0]):
        if formula := claim.prediction.minimiser.get(variable.name):
            rows, columns = (int(side.subs(sizes)) for side in variable.shape)
            diagonal = evaluate(formula, bindings)
            kept = min(rows, columns, diagonal.shape[1])
            arrays[variable.name] = torch.zeros(len(instances), rows, columns, dtype=DTYPE)
            arrays[variable.name][:, range(kept), range(kept)] = diagonal[:, :kept]
    return Point(arrays)
