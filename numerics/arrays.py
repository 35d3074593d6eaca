"""The array namespace on batched float64 tensors, and formulas evaluated on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from types import SimpleNamespace
from typing import Any

import sympy as sp
import torch
from jaxtyping import Float64
from torch import Tensor

from theory.expressions import Formula
from theory.problem import Instance, Problem

DTYPE = torch.float64


class TorchArrays:
    """The namespace of ``theory.algebra.SymbolicArrays`` on tensors with leading batch axes; one column a sample."""

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self.bindings = bindings

    def labels(self) -> Float64[Tensor, "K N"]:
        counts = next(v for s, v in self.bindings.items() if isinstance(s, sp.IndexedBase))
        counts = counts.to(torch.int64)
        classes = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
        return torch.nn.functional.one_hot(classes, len(counts)).to(DTYPE).mT.contiguous()

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> Float64[Tensor, "*b n n"]:
        kept = None if count is None else self.bindings[count]
        return torch.diag_embed(self.bindings[entries][..., :kept])

    def diagonal_root(self, entries: sp.IndexedBase) -> Float64[Tensor, "*b n n"]:
        return torch.diag_embed(self.bindings[entries].sqrt())

    def given(self, matrix: sp.MatrixSymbol) -> Float64[Tensor, "*b r c"]:
        return self.bindings[matrix]

    def eye(self, size: sp.Symbol) -> Float64[Tensor, "n n"]:
        return torch.eye(self.bindings[size], dtype=DTYPE, device=self._device)

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> Float64[Tensor, "r c"]:
        return torch.zeros(self.bindings[rows], self.bindings[columns], dtype=DTYPE, device=self._device)

    @property
    def _device(self) -> torch.device:
        return next(v.device for v in self.bindings.values() if isinstance(v, Tensor))

    def beside(self, a: Tensor, b: Tensor) -> Tensor:
        batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return torch.cat([part.expand(*batch, *part.shape[-2:]) for part in (a, b)], -1)

    def cross(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b.mT

    def transpose(self, a: Tensor) -> Tensor:
        return a.mT

    def add_column(self, a: Tensor, column: Tensor) -> Tensor:
        return a + column

    def centre(self, a: Tensor) -> Tensor:
        return a - a.mean(-2, keepdim=True)

    def class_means(self, h: Tensor, y: Tensor) -> Tensor:
        return (h @ y.mT) / y.sum(-1)[..., None, :]

    def column_squares(self, a: Tensor) -> Tensor:
        return a.square().sum(-2)

    def column_cross_entropy(self, z: Tensor, y: Tensor) -> Tensor:
        # Shifting by the correct logit first keeps full relative accuracy when the loss is tiny.
        lead = z - (z * y).sum(-2, keepdim=True)
        wrong = torch.logsumexp(lead.masked_fill(y.bool().expand_as(lead), -torch.inf), -2)
        return torch.nn.functional.softplus(wrong, threshold=700.0)

    def total(self, row: Tensor) -> Tensor:
        return row.sum(-1)

    def squared_norm(self, a: Tensor) -> Tensor:
        return a.square().sum((-2, -1))

    def norm(self, a: Tensor) -> Tensor:
        return torch.linalg.matrix_norm(a)

    def rows(self, a: Tensor) -> int:
        return a.shape[-2]

    def log(self, x: Tensor) -> Tensor:
        return torch.log(x)

    def logdet_of_gram(self, s: Tensor) -> Tensor:
        return 2 * torch.linalg.slogdet(s).logabsdet

    # Only statistics of the chains use what follows; proofs in SymPy never need it.

    def singular_values(self, a: Tensor, count: int) -> Float64[Tensor, "*b count"]:
        """Singular values in descending order, padded with zeros to ``count``."""
        values = torch.linalg.svdvals(a)[..., :count]
        return torch.nn.functional.pad(values, (0, count - values.shape[-1]))

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum((-2, -1))

    def sum_of_entries(self, a: Tensor) -> Tensor:
        return a.sum((-2, -1))

    def column_sums(self, a: Tensor) -> Tensor:
        return a.sum(-2)

    def diagonal_of(self, a: Tensor) -> Tensor:
        return a.diagonal(dim1=-2, dim2=-1)

    def scale(self, a: Tensor, factor: Tensor) -> Tensor:
        return a * torch.as_tensor(factor)[..., None, None]

    def identity(self, like: Tensor) -> Tensor:
        return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device).expand_as(like)

    def solve(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.linalg.solve(a, b.expand(*a.shape[:-2], *b.shape[-2:]))


def stack_bindings(instances: Sequence[Instance], device: torch.device | str = "cpu") -> dict[sp.Basic, Any]:
    """Return bindings of several instances of equal sizes as tensors: scalars [B], lists [B, K]; sizes stay integers.

    Raises ValueError when the instances differ in a size or in their class counts.
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
            stacked[symbol] = torch.tensor(values, dtype=DTYPE, device=device)
    return stacked


def select(bindings: Mapping[sp.Basic, Any], keep: Tensor) -> dict[sp.Basic, Any]:
    """Return the bindings of some batch members; shared sizes and counts stay as they are."""
    return {s: v[keep] if isinstance(v, Tensor) and not shared(s, v) else v for s, v in bindings.items()}


def shared(symbol: sp.Basic, value: Tensor) -> bool:
    """Tell whether a binding is one list for the whole batch (class counts) and not one value an instance."""
    return isinstance(symbol, sp.IndexedBase) and value.ndim == 1


def setting(problem: Problem, bindings: Mapping[sp.Basic, Any]) -> tuple[TorchArrays, SimpleNamespace]:
    """Return the namespace and the given arrays of a problem at these bindings."""
    xp = TorchArrays(bindings)
    return xp, problem.data(xp)


def evaluate(formula: Formula, bindings: Mapping[sp.Basic, Any]) -> Tensor:
    """Evaluate a formula at batched bindings; returns a tensor [B, *axes].

    Index symbols run along axes of their own, so sums over classes are one tensor operation.
    Raises KeyError when a symbol of the formula is not bound.
    """
    return Evaluator(bindings).evaluate(formula)


class Evaluator:
    """Evaluates formulas at batched bindings, keeping every value it has computed.

    Within a walk every value is a tensor [batch or 1, one axis for each index in scope]. Common subexpressions are
    computed once; with ``varying`` bindings, whatever does not depend on them is kept from call to call.
    """

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self.fixed = dict(bindings)
        self.bindings = self.fixed
        self.sizes = {s: sp.Integer(v) for s, v in bindings.items() if isinstance(v, int)}
        tensors = [v for v in bindings.values() if isinstance(v, Tensor)]
        self.device = tensors[0].device if tensors else torch.device("cpu")
        self.batch = max(
            (v.shape[0] for s, v in bindings.items() if isinstance(v, Tensor) and not shared(s, v)), default=1
        )
        self.kept: dict[tuple, Tensor] = {}
        self.passing: dict[tuple, Tensor] = {}
        self.varies: dict[sp.Basic, bool] = {}

    def evaluate(self, formula: Formula, varying: Mapping[sp.Basic, Any] | None = None) -> Tensor:
        """Evaluate one formula; ``varying`` adds bindings for this call alone, always for the same symbols."""
        varying = varying or {}
        self.bindings = {**self.fixed, **varying}
        self.passing = {}
        self._varying_symbols = {s.label if isinstance(s, sp.IndexedBase) else s for s in varying}
        self._varying_bases = {s for s in varying if isinstance(s, sp.IndexedBase)}
        scope = tuple((index, 1, int(sp.sympify(length).subs(self.sizes))) for index, length in formula.axes)
        result = self._walk(sp.sympify(formula.expression), scope)
        batch = max([self.batch, *(v.shape[0] for v in varying.values())])
        return result.expand(batch, *(last for _, _, last in scope))

    def _walk(self, e: sp.Basic, scope: Scope) -> Tensor:
        memory = self.passing if self._is_varying(e) else self.kept
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
                # Limits of sums are plain tuples; the cases of a Piecewise are tuples of a kind of their own.
                self.varies[e] = any(self._is_varying(a) for a in e.args if type(a) is not sp.Tuple)
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
                return self._sum(e, scope)
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
                compare = {sp.Gt: torch.gt, sp.Ge: torch.ge, sp.Lt: torch.lt, sp.Le: torch.le}[type(e)]
                return compare(walk(e.lhs), walk(e.rhs)).to(DTYPE)
            case sp.logic.boolalg.BooleanTrue():
                return self._tensor(1.0, axes)
            case sp.logic.boolalg.BooleanFalse():
                return self._tensor(0.0, axes)
        if e.is_number:
            return self._tensor(float(e), axes)
        raise NotImplementedError(f"no tensor evaluation for {type(e).__name__}: {e}")

    def _entry(self, e: sp.Indexed, scope: Scope) -> Tensor:
        values = self.bindings[e.base]
        if values.ndim == len(e.indices):
            values = values[None]
        names = [index for index, _, _ in scope]
        positions = [names.index(i) if i in names else None for i in e.indices]
        for axis in reversed(range(len(e.indices))):
            if positions[axis] is None:
                values = values.select(axis + 1, int(e.indices[axis]) - 1)
            else:
                _, first, last = scope[positions[axis]]
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

    def _sum(self, e: sp.Sum, scope: Scope) -> Tensor:
        body, inner = e.function, list(scope)
        for index, first, last in e.limits:
            name = index
            if index in [i for i, _, _ in scope]:
                name = sp.Symbol(f"{index.name}_inner{len(inner)}", integer=True, positive=True)
                body = body.subs(index, name)
            inner.append((name, int(first.subs(self.sizes)), int(last.subs(self.sizes))))
        values = self._walk(body, tuple(inner))
        added = inner[len(scope) :]
        shape = [*values.shape[: 1 + len(scope)], *(last - first + 1 for _, first, last in added)]
        return values.expand(shape).sum(tuple(range(len(scope) + 1, len(shape))))


Scope = tuple[tuple[sp.Symbol, int, int], ...]
"""The indices that run, with first and last value, in the order of their axes."""
