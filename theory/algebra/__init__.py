"""Linear algebra on SymPy expressions: matrices of symbolic size, and two backends of the array namespace."""

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
