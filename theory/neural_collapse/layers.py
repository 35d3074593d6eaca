"""What a deep linear network W_M ⋯ W_1 computes at a point."""

from __future__ import annotations

from theory.namespace import ArrayNamespace, Layers, Matrix
from theory.point import Point

DEEPEST = 8
"""The largest number of layers that problems are written for."""


def layers(v: Point) -> Layers:
    """The layers W_1, …, W_M of a point, in this order."""
    if "layers" in v:
        return v.layers
    return tuple(v[f"W_{i}"] for i in range(1, DEEPEST + 1) if f"W_{i}" in v)


def product(xp: ArrayNamespace, v: Point) -> Matrix:
    """Z = W_M ⋯ W_1 H."""
    return xp.apply_layers(layers(v), v.H)


def rectified_product(xp: ArrayNamespace, v: Point) -> Matrix:
    """W_M relu(W_{M−1} ⋯ relu(W_1 H)), with the linear map W_1 H where there is one layer."""
    return xp.apply_rectified(layers(v), v.H)


def logits(xp: ArrayNamespace, v: Point) -> Matrix:
    """W_M ⋯ W_1 H, plus the bias where the problem has one."""
    z = product(xp, v)
    return xp.add_column(z, v.b) if "b" in v else z
