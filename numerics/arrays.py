"""The array namespace on batched float64 tensors, and formulas evaluated on them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from types import SimpleNamespace
from typing import Any

import sympy as sp
import torch
from jaxtyping import Float64
from torch import Tensor

from theory.errors import ParameterError
from theory.expressions import Formula
from theory.problem import Instance, Problem
from theory.scalar import Shrinkage
from theory.symbols import n_k

DTYPE = torch.float64
ROUNDED_AWAY = 1e-14
"""Singular values below this share of the largest are rounding."""
COMPARISONS = {sp.Gt: torch.gt, sp.Ge: torch.ge, sp.Lt: torch.lt, sp.Le: torch.le, sp.Eq: torch.eq, sp.Ne: torch.ne}
SHRINKAGE_HALVINGS = 60
"""Halvings of a bracket of length 1: down to neighbouring numbers."""


def points_of(batch: SimpleNamespace) -> list[SimpleNamespace]:
    """Return the points of a batch (variables [instances, rows, columns]), one an instance, on the CPU."""
    arrays = {name: array.detach().cpu() for name, array in vars(batch).items()}
    size = len(next(iter(arrays.values())))
    return [SimpleNamespace(**{name: array[number] for name, array in arrays.items()}) for number in range(size)]


class _ColumnCrossEntropy(torch.autograd.Function):
    """The cross-entropy of each column of logits against its one-hot label, with a gradient that reads the logits once."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, y: Tensor) -> Tensor:
        wrong, shares, total = _wrong_logits(z, y)
        ctx.save_for_backward(z, y, wrong, shares, total)
        return torch.nn.functional.softplus(wrong, threshold=700.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        z, y, wrong, shares, total = ctx.saved_tensors
        if torch.is_grad_enabled():  # second derivatives see what depends on the logits
            wrong, shares, total = _wrong_logits(z, y)
        pull = gradient * torch.sigmoid(wrong)
        return shares * (pull / total)[..., None, :] - y * pull[..., None, :], None


def _wrong_logits(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log-sum-exp of the wrong logits less the correct one, and their exponentials with the sum of these.

    The exponentials are shares of the largest of them, and zero in the place of the correct logit. Shifting by that logit first
    keeps full relative accuracy when the loss is tiny.
    """
    lead = z - (z * y).sum(-2, keepdim=True)
    lead = lead.masked_fill(y.bool(), -torch.inf)
    largest = lead.detach().amax(-2, keepdim=True)
    shares = torch.exp(lead - largest)
    total = shares.sum(-2)
    return largest[..., 0, :] + torch.log(total), shares, total


class TorchArrays:
    """The namespace of ``theory.algebra.SymbolicArrays`` on tensors with leading batch axes; one column a sample."""

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self.bindings = bindings

    def labels(self) -> Float64[Tensor, "K N"]:
        counts = self.bindings[n_k].to(torch.int64)
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

    def entries(self, column: Tensor) -> Tensor:
        return column[..., 0]

    def mean_entry(self, column: Tensor) -> Tensor:
        return column.mean((-2, -1))

    def spread(self, column: Tensor) -> Tensor:
        return (column - column.mean((-2, -1), keepdim=True)).square().sum((-2, -1))

    def apply_layers(self, layers: Sequence[Tensor], h: Tensor) -> Tensor:
        for w in layers:
            h = w @ h
        return h

    def layer_decays(self, layers: Sequence[Tensor], decay: Float64[Tensor, "*b M"]) -> Tensor:
        return sum(decay[..., i] / 2 * self.squared_norm(w) for i, w in enumerate(layers))

    def top_grams(self, layers: Sequence[Tensor]) -> Float64[Tensor, "*b M K K"]:
        grams, product = [], None
        for w in reversed(layers):
            product = w if product is None else product @ w
            grams.append(product @ product.mT)
        return torch.stack(grams[::-1], -3)

    def bottom_grams(self, layers: Sequence[Tensor], means: Tensor) -> Float64[Tensor, "*b M K K"]:
        grams = []
        for w in layers:
            means = w @ means
            grams.append(means.mT @ means)
        return torch.stack(grams, -3)

    def label_axes(self, y: Float64[Tensor, "K N"]) -> tuple[Float64[Tensor, "K r"], Float64[Tensor, "N r"]]:
        counts = y.sum(-1)
        # Orthonormal vectors, one a class, span what is constant on classes; there the centred labels are square.
        classes = y.mT / counts.sqrt()
        left, _, right = torch.linalg.svd((y - counts[:, None] / y.shape[-1]) @ classes)
        return left[:, :-1], classes @ right.mT[:, :-1]

    def layer_spectra(self, layers: Sequence[Tensor], y: Float64[Tensor, "K N"]) -> Float64[Tensor, "*b M K"]:
        return torch.stack([self.singular_values(w, y.shape[-2]) ** 2 for w in layers], -2)

    def column_squares(self, a: Tensor) -> Tensor:
        return a.square().sum(-2)

    def column_inner(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(-2)

    def column_cross_entropy(self, z: Tensor, y: Tensor) -> Tensor:
        return _ColumnCrossEntropy.apply(z, y)

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
        """Singular values in descending order, padded with zeros to ``count``.

        Those that rounding cannot tell from zero are zero: a small power of them would not be small.
        """
        values = torch.linalg.svdvals(a)[..., :count]
        values = torch.where(values > ROUNDED_AWAY * values[..., :1], values, 0.0)
        return torch.nn.functional.pad(values, (0, count - values.shape[-1]))

    def explained(self, factor: Tensor, root: Tensor) -> Tensor:
        """tr(rootᵀ (I + factorᵀ factor)⁻¹ root), by a QR decomposition: the Gram matrix would square the condition number."""
        identity = self.identity(factor.mT @ factor)
        triangle = torch.linalg.qr(torch.cat([factor, identity], -2)).R
        solved = torch.linalg.solve_triangular(
            triangle.mT, root.expand(*factor.shape[:-2], *root.shape[-2:]), upper=False
        )
        return solved.square().sum((-2, -1))

    def smallest_first(self, a: Tensor, count: int) -> Float64[Tensor, "*b count"]:
        """Singular values in ascending order, as many as ``count``; where there are fewer, infinity in the places that are left."""
        values = torch.linalg.svdvals(a).flip(-1)[..., :count]
        return torch.nn.functional.pad(values, (0, count - values.shape[-1]), value=torch.inf)

    def divergences(self, mean: Tensor, noise: Tensor) -> Float64[Tensor, "*b n"]:
        """Eigenvalues of A + B − I − log B in descending order, for A = mean meanᵀ and B = noise noiseᵀ.

        Twice the divergence of N(m, B) from N(0, I) in each direction, with A the second moment of m: zero iff A is zero and B one there.
        """
        axes, sizes, _ = torch.linalg.svd(noise)
        own = (axes * (sizes.square() - 1 - 2 * sizes.log())[..., None, :]) @ axes.mT
        return torch.linalg.eigvalsh(mean @ mean.mT + own).flip(-1)

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        """Inner product of two matrices."""
        return (a * b).sum((-2, -1))

    def sum_of_entries(self, a: Tensor) -> Tensor:
        return a.sum((-2, -1))

    def column_sums(self, a: Tensor) -> Tensor:
        """Sum of the entries of each column, as a row."""
        return a.sum(-2)

    def diagonal_of(self, a: Tensor) -> Tensor:
        """Diagonal entries of a matrix, as a row."""
        return a.diagonal(dim1=-2, dim2=-1)

    def scale(self, a: Tensor, factor: Tensor) -> Tensor:
        return a * torch.as_tensor(factor)[..., None, None]

    def identity(self, like: Tensor) -> Tensor:
        """Identity matrix with as many columns as another matrix."""
        return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device).expand_as(like)

    def solve(self, a: Tensor, b: Tensor) -> Tensor:
        """a⁻¹ b."""
        return torch.linalg.solve(a, b.expand(*a.shape[:-2], *b.shape[-2:]))


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
    """Turn the exact numbers in nested sequences into doubles."""
    if isinstance(value, Sequence):
        return [_in_doubles(symbol, v) for v in value]
    double = float(value)
    # Of a product of many small or large parameters nothing would be left.
    if value != 0 and not sys.float_info.min <= abs(double) <= sys.float_info.max:
        raise ParameterError(
            f"{symbol}: {sp.N(value, 6)} is not allowed for tensors; {symbol} is a number that float64 holds, from "
            f"{sys.float_info.min:.2g} to {sys.float_info.max:.2g}"
        )
    return double


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
        """Evaluate one formula; ``varying`` adds bindings for this call alone, always for the same symbols."""
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
            self.lengths[axis] = int(sp.sympify(axis).subs(self.sizes))
        return self.lengths[axis]

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

    def _over_limits(self, e: sp.Sum | sp.Product, scope: Scope, reduce_axis: Any, neutral: float) -> Tensor:
        """Sum or product over indices; limits that depend on an index in scope leave out entries by a mask."""
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
    """Rename an index; kept, as formulas are evaluated again and again and SymPy's substitution is slow."""
    return body.subs(index, name)


def shrinkage(depth: Tensor, kappa: Tensor) -> Tensor:
    """Evaluate ``theory.scalar.Shrinkage`` by halving; nan beyond the fold, where there is no root.

    Differentiable in kappa, by the derivative of the inverse function.
    """
    depth, kappa = torch.broadcast_tensors(depth, kappa)
    with torch.no_grad():
        power = (depth - 1) / (depth + 1)
        low, high = (depth - 1) / (2 * depth), torch.ones_like(kappa)
        beyond = kappa > (1 - low) * low**power
        for _ in range(SHRINKAGE_HALVINGS):
            middle = (low + high) / 2
            above = (1 - middle) * middle**power >= kappa
            low, high = torch.where(above, middle, low), torch.where(above, high, middle)
        root = torch.where(beyond, torch.nan, (low + high) / 2)
        slope = ((1 - root) * power / root - 1) * root**power
    return root + (kappa - kappa.detach()) / slope


Scope = tuple[tuple[sp.Symbol, int, int], ...]
"""The indices that run, with first and last value, in the order of their axes."""
