"""Formulas evaluated on batched float64 tensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, reduce
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from numerics.backends.bindings import shared
from numerics.backends.tensors import DTYPE
from theory.expressions import Formula
from theory.scalar import Shrinkage

COMPARISONS = {sp.Gt: torch.gt, sp.Ge: torch.ge, sp.Lt: torch.lt, sp.Le: torch.le, sp.Eq: torch.eq, sp.Ne: torch.ne}

SHRINKAGE_HALVINGS = 60
"""Number of halvings that take a bracket of length 1 down to neighbouring numbers."""
AT_THE_FOLD = 1e-14
"""Relative excess of κ over its value at the fold that is rounding. For one layer the fold is the threshold: the ratio that has a
direction alive and κ are rounded apart there, each a product of a few powers."""


def evaluate(formula: Formula, bindings: Mapping[sp.Basic, Any]) -> Tensor:
    """Return the values of a formula at batched bindings, a tensor [B, *axes].

    Each index symbol runs along an axis of its own, so that a sum over classes is one tensor operation.
    Raises KeyError when a symbol of the formula is not bound.
    """
    return Evaluator(bindings).evaluate(formula)


class Evaluator:
    """An evaluator of formulas at batched bindings that keeps every value it has computed.

    Within a walk every value is a tensor [batch or 1, one axis for each index in scope]. Common subexpressions are
    computed once. With ``varying`` bindings, values that do not depend on these bindings are kept from call to call.
    """

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self.fixed = dict(bindings)
        self.bindings = self.fixed
        self.sizes = {s: sp.Integer(v) for s, v in bindings.items() if isinstance(v, int)}
        self.lengths: dict[Any, int] = {}
        tensors = [v for v in bindings.values() if isinstance(v, Tensor)]
        self.device = tensors[0].device if tensors else torch.device("cpu")
        self.batch = max(
            (v.shape[0] for s, v in bindings.items() if isinstance(v, Tensor) and not shared(s, v)), default=1
        )
        self.kept: dict[tuple, Tensor] = {}
        self.passing: dict[tuple, Tensor] = {}
        self.varies: dict[sp.Basic, bool] = {}

    def evaluate(self, formula: Formula, varying: Mapping[sp.Basic, Any] | None = None) -> Tensor:
        """Return the values of a formula. ``varying`` adds bindings for this call alone, for the same symbols in every call."""
        varying = varying or {}
        self.bindings = {**self.fixed, **varying}
        self.passing = {}
        self._varying_symbols = {s.label if isinstance(s, sp.IndexedBase) else s for s in varying}
        self._varying_bases = {s for s in varying if isinstance(s, sp.IndexedBase)}
        scope = tuple((index, 1, self._length(length)) for index, length in formula.axes)
        result = self._walk(sp.sympify(formula.expression), scope)
        batch = max([self.batch, *(v.shape[0] for v in varying.values())])
        return result.expand(batch, *(last for _, _, last in scope))

    def _length(self, axis: Any) -> int:
        if axis not in self.lengths:
            known = self.sizes.get(axis)  # SymPy's substitution is slow, and most axes are as long as a size
            self.lengths[axis] = int(sp.sympify(axis).subs(self.sizes) if known is None else known)
        return self.lengths[axis]

    def _walk(self, e: sp.Basic, scope: Scope) -> Tensor:
        memory = self.passing if self._varying_symbols and self._is_varying(e) else self.kept
        name = (e, scope)
        if name not in memory:
            memory[name] = self._compute(e, scope)
        return memory[name]

    def _is_varying(self, e: sp.Basic) -> bool:
        if e not in self.varies:
            if isinstance(e, sp.Indexed):
                self.varies[e] = e.base in self._varying_bases
            elif isinstance(e, sp.Symbol):
                self.varies[e] = e in self._varying_symbols
            else:
                # The limits of a sum are plain tuples that begin with its index; the cases of a Piecewise belong to a class of their own.
                parts = (part for a in e.args for part in (a.args[1:] if type(a) is sp.Tuple else (a,)))
                self.varies[e] = any(map(self._is_varying, parts))
        return self.varies[e]

    def _tensor(self, value: Any, axes: int) -> Tensor:
        return torch.as_tensor(value, dtype=DTYPE, device=self.device).reshape(-1, *[1] * axes)

    def _compute(self, e: sp.Basic, scope: Scope) -> Tensor:
        def walk(part: sp.Basic) -> Tensor:
            return self._walk(part, scope)

        axes = len(scope)
        match e:
            case sp.Symbol():
                for position, (index, first, last) in enumerate(scope):
                    if e == index:
                        shape = [1] * (axes + 1)
                        shape[position + 1] = last - first + 1
                        return torch.arange(first, last + 1, dtype=DTYPE, device=self.device).reshape(shape)
                return self._tensor(self.bindings[e], axes)
            case sp.Indexed():
                return self._entry(e, scope)
            case sp.Sum():
                return self._over_limits(e, scope, torch.sum, 0.0)
            case sp.Product():
                return self._over_limits(e, scope, torch.prod, 1.0)
            case Shrinkage():
                return shrinkage(*map(walk, e.args))
            case sp.KroneckerDelta():
                return (walk(e.args[0]) == walk(e.args[1])).to(DTYPE)
            case sp.Piecewise():
                result = self._tensor(torch.nan, axes)
                for value, condition in reversed(e.args):
                    result = torch.where(walk(condition).bool(), walk(value), result)
                return result
            case sp.Add():
                return reduce(torch.add, map(walk, e.args))
            case sp.Mul():
                return reduce(torch.mul, map(walk, e.args))
            case sp.Pow():
                return torch.sqrt(walk(e.base)) if e.exp == sp.S.Half else walk(e.base) ** walk(e.exp)
            case sp.log(args=(sp.Add() as of,)) if sp.S.One in of.args:  # small beside 1, the rest keeps its digits
                return torch.log1p(walk(of - 1))
            case sp.log():
                return torch.log(walk(e.args[0]))
            case sp.exp():
                return torch.exp(walk(e.args[0]))
            case sp.Max():
                return reduce(torch.maximum, map(walk, e.args))
            case sp.Min():
                return reduce(torch.minimum, map(walk, e.args))
            case sp.And():
                return reduce(torch.mul, map(walk, e.args))
            case sp.Or():
                return reduce(torch.maximum, map(walk, e.args))
            case sp.Not():
                return 1 - walk(e.args[0])
            case sp.core.relational.Relational():
                return COMPARISONS[type(e)](walk(e.lhs), walk(e.rhs)).to(DTYPE)
            case sp.logic.boolalg.BooleanTrue():
                return self._tensor(1.0, axes)
            case sp.logic.boolalg.BooleanFalse():
                return self._tensor(0.0, axes)
        if isinstance(e, sp.Expr) and e.is_number:
            return self._tensor(float(e), axes)
        raise NotImplementedError(f"no tensor evaluation for {type(e).__name__}: {e}")

    def _entry(self, e: sp.Indexed, scope: Scope) -> Tensor:
        values = self.bindings[e.base]
        if values.ndim == len(e.indices):
            values = values[None]
        places: dict[sp.Basic, int] = {index: place for place, (index, _, _) in enumerate(scope)}
        positions = [places.get(i) for i in e.indices]
        for axis, position in reversed(list(enumerate(positions))):
            if position is None:
                values = values.select(axis + 1, int(e.indices[axis]) - 1)
            else:
                _, first, last = scope[position]
                values = values.narrow(axis + 1, first - 1, last - first + 1)
        used = [p for p in positions if p is not None]
        if len(set(used)) < len(used):
            values, used = values.diagonal(dim1=1, dim2=2), used[:1]
        elif used != sorted(used):
            values, used = values.transpose(1, 2), sorted(used)
        shape = [values.shape[0]] + [1] * len(scope)
        for axis, position in enumerate(used):
            shape[position + 1] = values.shape[axis + 1]
        return values.reshape(shape)

    def _over_limits(self, e: sp.Sum | sp.Product, scope: Scope, reduce_axis: Any, neutral: float) -> Tensor:
        """Return a sum or product over indices. Where limits depend on an index in scope, a mask leaves out entries."""
        body, inner, masked = e.function, list(scope), []
        for index, first, last in e.limits:
            name = index
            if index in [i for i, _, _ in scope]:
                name = sp.Symbol(f"{index.name}_inner{len(inner)}", integer=True, positive=True)
                body = _renamed(body, index, name)
            ends = [self._walk(end, tuple(inner)) for end in (first, last)]
            lowest, highest = int(ends[0].min()), int(ends[1].max())
            if any(end.numel() > 1 for end in ends):
                masked.append((name, first, last))
            inner.append((name, lowest, highest))
        values = self._walk(body, tuple(inner))
        for name, first, last in masked:
            inside = self._walk(sp.And(name >= first, name <= last, evaluate=False), tuple(inner))
            values = torch.where(inside.bool(), values, neutral)
        added = inner[len(scope) :]
        shape = [*values.shape[: 1 + len(scope)], *(max(0, last - first + 1) for _, first, last in added)]
        values = values.expand(shape)
        for _ in added:
            values = reduce_axis(values, -1)
        return values


@cache
def _renamed(body: sp.Basic, index: sp.Symbol, name: sp.Symbol) -> sp.Basic:
    """Rename an index. The result is kept, because formulas are evaluated again and again and SymPy's substitution is slow."""
    return body.subs(index, name)


def shrinkage(depth: Tensor, kappa: Tensor) -> Tensor:
    """Evaluate ``theory.scalar.Shrinkage`` by bisection, with nan beyond the fold, where there is no root.

    The result is differentiable in kappa, by the derivative of the inverse function.
    """
    depth, kappa = torch.broadcast_tensors(depth, kappa)
    with torch.no_grad():
        power = (depth - 1) / (depth + 1)
        low, high = (depth - 1) / (2 * depth), torch.ones_like(kappa)
        beyond = kappa > (1 + AT_THE_FOLD) * (1 - low) * low**power
        for _ in range(SHRINKAGE_HALVINGS):
            middle = (low + high) / 2
            above = (1 - middle) * middle**power >= kappa
            low, high = torch.where(above, middle, low), torch.where(above, high, middle)
        root = torch.where(beyond, torch.nan, (low + high) / 2)
        slope = ((1 - root) * power / root - 1) * root**power
    return root + (kappa - kappa.detach()) / slope


Scope = tuple[tuple[sp.Symbol, int, int], ...]
"""The running indices, each with its first and last value, in the order of their axes."""
