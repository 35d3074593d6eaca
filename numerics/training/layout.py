"""The variables of a problem as one vector a run, measured in the variables' units, and random starts in it."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from numerics.backends.evaluation import evaluate
from numerics.backends.tensors import DTYPE
from numerics.backends.unit_norm import normalised
from theory.expressions import Formula
from theory.point import Point
from theory.problem import Variable
from theory.symbols import j, k

START_SCALE = 0.5
"""Standard deviation of the random starts, in units of each variable."""


class Layout:
    """Packs the variables of a problem into one vector per run, measured in the variables' units."""

    def __init__(self, variables: Sequence[Variable], bindings: dict) -> None:
        sizes = {s: v for s, v in bindings.items() if isinstance(v, int)}
        self.shapes = [(int(v.shape[0].subs(sizes)), int(v.shape[1].subs(sizes))) for v in variables]
        self.names = [v.name for v in variables]
        self.variables = tuple(variables)
        self.factors = [i for i, v in enumerate(variables) if 1 not in v.shape]
        self.lengths = [rows * columns for rows, columns in self.shapes]
        scales = [
            evaluate(Formula(v.scale, ((k, sp.Integer(rows)), (j, sp.Integer(columns)))), bindings)
            for v, (rows, columns) in zip(variables, self.shapes, strict=True)
        ]
        self.scale: Float64[Tensor, "B n"] = torch.cat([s.reshape(s.shape[0], -1) for s in scales], 1)
        self.unit: Int64[Tensor, " n"] = torch.cat(
            [_units(v, shape) for v, shape in zip(variables, self.shapes, strict=True)]
        ).to(self.scale.device)
        self.bounded: Bool[Tensor, " n"] = torch.cat(
            [
                torch.full((length,), v.nonnegative, device=self.scale.device)
                for v, length in zip(variables, self.lengths, strict=True)
            ]
        )

    def unpack(self, x: Float64[Tensor, "B n"], scale: Float64[Tensor, "B n"]) -> Point:
        """Return the variables. A variable of unit norm is packed as any array that gives it when it is normalised."""
        parts = (x * scale).split(self.lengths, dim=1)
        return Point(
            {
                v.name: normalised(v, part.reshape(-1, *shape))
                for v, part, shape in zip(self.variables, parts, self.shapes, strict=True)
            }
        )


def _units(variable: Variable, shape: tuple[int, int]) -> Int64[Tensor, " n"]:
    """Number the hidden unit each entry of a variable belongs to, by its hidden axis; −1 where it has none."""
    positions = torch.meshgrid(*map(torch.arange, shape), indexing="ij")
    if variable.hidden_axis is not None:
        return positions[variable.hidden_axis].flatten()
    return torch.full((positions[0].numel(),), -1)


def draw(generator: torch.Generator, runs: int, layout: Layout) -> Float64[Tensor, "B n"]:
    """Draw random points; on the CPU, so that the same seed gives the same starts on every device."""
    x = (START_SCALE * torch.randn(runs, len(layout.bounded), generator=generator, dtype=DTYPE)).to(
        layout.bounded.device
    )
    return torch.where(layout.bounded, x.abs(), x)


def isometries(x: Float64[Tensor, "B n"], layout: Layout) -> Float64[Tensor, "B n"]:
    """Replace each drawn matrix by the nearest one with equal singular values: products of many layers keep their rank."""
    parts = []
    for part, shape in zip(x.split(layout.lengths, dim=1), layout.shapes, strict=True):
        left, _, right = torch.linalg.svd(part.reshape(-1, *shape), full_matrices=False)
        parts.append((max(shape) ** 0.5 * left @ right).flatten(1))
    return torch.cat(parts, 1)
