"""Linear algebra on SymPy expressions: matrices of symbolic size, and two backends of the array namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theory.algebra.concrete import ConcreteArrays
from theory.algebra.matrices import (
    Beside,
    Layered,
    SymbolicLayers,
    SymbolicMatrix,
    Symbols,
    substitute_indexed,
    sum_over,
)
from theory.algebra.symbolic import SymbolicArrays

if TYPE_CHECKING:
    from theory.namespace import ArrayNamespace

    _answering: tuple[type[ArrayNamespace], ...] = (ConcreteArrays, SymbolicArrays)
    """The type checker fails where one of these lacks an operation, or takes other arguments."""

__all__ = [
    "Beside",
    "ConcreteArrays",
    "Layered",
    "SymbolicArrays",
    "SymbolicLayers",
    "SymbolicMatrix",
    "Symbols",
    "substitute_indexed",
    "sum_over",
]
