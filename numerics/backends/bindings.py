"""The parameters of instances as tensors, and the arrays that a problem is given at these parameters."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from numerics.backends.tensors import DTYPE, TorchArrays
from theory.errors import ParameterError
from theory.point import Point
from theory.problem import Instance, Problem


def stack_bindings(instances: Sequence[Instance], device: torch.device | str = "cpu") -> dict[sp.Basic, Any]:
    """Return bindings of several instances of equal sizes as tensors: scalars [B], lists [B, K]; sizes stay integers.

    Raises ValueError when the instances differ in a size or in their class counts, and ParameterError for a number that leaves
    the range of float64.
    """
    stacked: dict[sp.Basic, Any] = {}
    for symbol, first in instances[0].bindings.items():
        values = [instance.bindings[symbol] for instance in instances]
        if isinstance(first, int):
            if any(v != first for v in values):
                raise ValueError(f"{symbol}: instances trained together must share it, got {sorted(set(values))}")
            stacked[symbol] = first
        elif isinstance(symbol, sp.IndexedBase) and all(isinstance(v, int) for v in first):
            if any(v != first for v in values):
                raise ValueError(f"{symbol}: instances trained together must share it")
            stacked[symbol] = torch.tensor(first, dtype=DTYPE, device=device)
        else:
            stacked[symbol] = torch.tensor(_in_doubles(symbol, values), dtype=DTYPE, device=device)
    return stacked


def _in_doubles(symbol: sp.Basic, value: Any) -> Any:
    """Return nested sequences of exact numbers as doubles. Raises ParameterError for a number outside the range of float64."""
    if isinstance(value, Sequence):
        return [_in_doubles(symbol, v) for v in value]
    double = float(value)
    # A product of many small or large parameters would become zero or infinite.
    if value != 0 and not sys.float_info.min <= abs(double) <= sys.float_info.max:
        raise ParameterError(
            f"{symbol}: {sp.N(value, 6)} is not allowed for tensors; {symbol} is a number that float64 holds, from "
            f"{sys.float_info.min:.2g} to {sys.float_info.max:.2g}"
        )
    return double


def select(bindings: Mapping[sp.Basic, Any], keep: Tensor) -> dict[sp.Basic, Any]:
    """Return the bindings of the batch members that ``keep`` selects; shared sizes and counts are not changed."""
    return {s: v[keep] if isinstance(v, Tensor) and not shared(s, v) else v for s, v in bindings.items()}


def shared(symbol: sp.Basic, value: Tensor) -> bool:
    """Tell whether a binding is one list for the whole batch (class counts), and not one value for each instance."""
    return isinstance(symbol, sp.IndexedBase) and value.ndim == 1


def single_bindings(instance: Instance) -> dict[sp.Basic, Any]:
    """Return the bindings of one instance as tensors without an axis of instances. Raises ParameterError as ``stack_bindings`` does."""
    stacked = stack_bindings([instance])
    return {s: v[0] if isinstance(v, Tensor) and not shared(s, v) else v for s, v in stacked.items()}


def setting(problem: Problem, bindings: Mapping[sp.Basic, Any]) -> tuple[TorchArrays, Point]:
    """Return the namespace and the given arrays of a problem at these bindings."""
    xp = TorchArrays(bindings)
    return xp, problem.given(xp)
