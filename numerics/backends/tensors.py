"""The array namespace on batched float64 tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import sympy as sp
import torch
from jaxtyping import Float64
from torch import Tensor

from theory.symbols import n_k

DTYPE = torch.float64

ROUNDED_AWAY = 1e-14
"""Singular values below this share of the largest are zero up to rounding."""


class _ColumnCrossEntropy(torch.autograd.Function):
    """The cross-entropy of each column of logits against its one-hot label, with a gradient that reads the logits once."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, y: Tensor) -> Tensor:
        wrong, shares, total = _wrong_logits(z, y)
        ctx.save_for_backward(z, y, wrong, shares, total)
        return torch.nn.functional.softplus(wrong, threshold=700.0)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (gradient,) = grad_outputs
        z, y, wrong, shares, total = ctx.saved_tensors
        if torch.is_grad_enabled():  # second derivatives need the dependence on the logits
            wrong, shares, total = _wrong_logits(z, y)
        pull = gradient * torch.sigmoid(wrong)
        return shares * (pull / total)[..., None, :] - y * pull[..., None, :], None


def _wrong_logits(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log-sum-exp of the wrong logits less the correct one, and the exponentials of these logits with their sum.

    The exponentials are shares of the largest one, and zero in the place of the correct logit. Shifting by the correct
    logit first keeps full relative accuracy when the loss is tiny.
    """
    lead = z - (z * y).sum(-2, keepdim=True)
    lead = lead.masked_fill(y.bool(), -torch.inf)
    largest = lead.detach().amax(-2, keepdim=True)
    shares = torch.exp(lead - largest)
    total = shares.sum(-2)
    return largest[..., 0, :] + torch.log(total), shares, total


class _ColumnContrastiveLoss(torch.autograd.Function):
    """The contrastive loss of each column of similarities, −∞ on the diagonal, where ``positive`` is 1 for the others of its class.

    Loss and gradient are written in what is left when the positives are alike, so that tiny ones keep their relative accuracy.
    """

    @staticmethod
    def forward(ctx: Any, s: Tensor, positive: Tensor) -> Tensor:
        rise, shift = _rises(s, positive)
        ctx.save_for_backward(s, positive, rise)
        count = positive.sum(-2)
        return count.log() + shift + torch.log1p(rise.sum(-2) / count)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (gradient,) = grad_outputs
        s, positive, rise = ctx.saved_tensors
        if torch.is_grad_enabled():  # second derivatives need the dependence on the similarities
            rise, _ = _rises(s, positive)
        count, excess = positive.sum(-2), rise.sum(-2)
        pull = gradient / (count + excess)
        return rise * pull[..., None, :] - positive * (pull * excess / count)[..., None, :], None


def _rises(s: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
    """Return the exponentials of the similarities less the mean positive one and a shift, less 1 for positives, and the shift of each column."""
    mean = (s.masked_fill(positive == 0, 0.0)).sum(-2) / positive.sum(-2)
    lead = s - mean[..., None, :]
    shift = lead.detach().amax(-2).clamp(min=0)  # keeps the exponentials finite
    lead = lead - shift[..., None, :]
    return torch.where(positive > 0, torch.expm1(lead), torch.exp(lead)), shift


class TorchArrays:
    """The operations of ``theory.namespace.ArrayNamespace`` on tensors with leading batch axes, with one column for each sample."""

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self.bindings = bindings
        self._looked_at: tuple[Tensor, Tensor, bool] | None = None

    def labels(self) -> Float64[Tensor, "K N"]:
        counts = self.bindings[n_k].to(torch.int64)
        classes = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
        return torch.nn.functional.one_hot(classes, len(counts)).to(DTYPE).mT.contiguous()

    def standard_rows(self, rows: sp.Symbol, columns: sp.Symbol) -> Float64[Tensor, "r c"]:
        """Return the rows of the discrete cosine transform, but the constant one."""
        r, c = self.bindings[rows], self.bindings[columns]
        turns = torch.outer(torch.arange(1, r + 1, dtype=DTYPE), 2 * torch.arange(c, dtype=DTYPE) + 1) / (2 * c)
        return (math.sqrt(2) * torch.cos(math.pi * turns)).to(self._device)

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

    def relu(self, a: Tensor) -> Tensor:
        return a.relu()

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

    def apply_rectified(self, layers: Sequence[Tensor], h: Tensor) -> Tensor:
        first, *others = layers
        return reduce(lambda below, w: w @ below.relu(), others, first @ h)

    def layer_decays(self, layers: Sequence[Tensor], decay: Float64[Tensor, "*b M"]) -> Tensor:
        return reduce(torch.add, (decay[..., i] / 2 * self.squared_norm(w) for i, w in enumerate(layers)))

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
        # One unit vector for each class spans the vectors constant on classes; in this basis the centred labels are square.
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
        """Return log Σ_k exp(z_k − z_c) + Σ_k y_k (z_c − z_k), where c is the largest entry of the label: no digit of a small loss is lost."""
        largest, are_labels = self._largest_entries(y)
        against_largest = _ColumnCrossEntropy.apply(z, largest)
        if are_labels:
            return against_largest
        own = (z * largest).sum(-2, keepdim=True)
        return against_largest + ((1 - largest) * y * (own - z)).sum(-2)

    def _largest_entries(self, y: Tensor) -> tuple[Tensor, bool]:
        """Return ones at the largest entry of each label, and whether these are the labels, which is looked at once: it reads values."""
        if self._looked_at is None or self._looked_at[0] is not y:
            largest = torch.zeros_like(y).scatter_(-2, y.argmax(-2, keepdim=True), 1.0)
            self._looked_at = y, largest, torch.equal(largest, y)
        return self._looked_at[1:]

    def column_softmax(self, z: Tensor) -> Tensor:
        return z.softmax(-2)

    def column_binary_cross_entropy(self, z: Tensor, y: Tensor) -> Tensor:
        return torch.nn.functional.softplus(z * (1 - 2 * y), threshold=700.0).sum(-2)

    def column_cumulative_link(self, z: Tensor, y: Tensor, odds: sp.IndexedBase) -> Tensor:
        """Return log(1 + o_k exp(z)) + log(1 + exp(−z)/o_(k−1)) − log(1 − o_k/o_(k−1)) for class k: no term is negative.

        Outside the lowest and the highest class the odds are infinite and zero.
        """
        held = self.bindings[odds][..., : y.shape[-2] - 1]
        above = torch.nn.functional.pad(held.log(), (0, 1), value=-torch.inf)
        below = torch.nn.functional.pad(-held.log(), (1, 0), value=-torch.inf)
        inner = torch.nn.functional.pad((held[..., :-1] - held[..., 1:]) / held[..., :-1], (1, 1), value=1.0)
        classes = y.argmax(-2)
        batch = torch.broadcast_shapes(held.shape[:-1], classes.shape[:-1])

        def of_sample(of_class: Tensor) -> Tensor:
            listed = of_class.expand(*batch, of_class.shape[-1])
            return listed.gather(-1, classes.expand(*batch, classes.shape[-1]))

        def softplus(x: Tensor) -> Tensor:
            return torch.nn.functional.softplus(x, threshold=700.0)

        return softplus(z + of_sample(above)) + softplus(of_sample(below) - z) - of_sample(inner).log()

    def column_contrastive_loss(self, s: Tensor, y: Tensor) -> Tensor:
        itself = torch.eye(s.shape[-1], dtype=torch.bool, device=s.device)
        return _ColumnContrastiveLoss.apply(s.masked_fill(itself, -torch.inf), (y.mT @ y).masked_fill(itself, 0.0))

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
        """Return the logarithm by a QR decomposition unless S is square: the Gram matrix would square the condition number."""
        square = s if s.shape[-2] == s.shape[-1] else torch.linalg.qr(s.mT).R
        return 2 * torch.linalg.slogdet(square).logabsdet

    def log_of_row_squares(self, s: Tensor) -> Tensor:
        return s.square().sum(-1).log().sum(-1)

    def singular_values(self, a: Tensor, count: int) -> Float64[Tensor, "*b count"]:
        """Return zero for singular values that rounding cannot tell from zero: a small power of them would not be small."""
        values = torch.linalg.svdvals(a)[..., :count]
        values = torch.where(values > ROUNDED_AWAY * values[..., :1], values, 0.0)
        return torch.nn.functional.pad(values, (0, count - values.shape[-1]))

    def explained(self, factor: Tensor, root: Tensor) -> Tensor:
        """Return the trace by a QR decomposition, because the Gram matrix would square the condition number."""
        identity = self.identity(factor.mT @ factor)
        triangle = torch.linalg.qr(torch.cat([factor, identity], -2)).R
        solved = torch.linalg.solve_triangular(
            triangle.mT, root.expand(*factor.shape[:-2], *root.shape[-2:]), upper=False
        )
        return solved.square().sum((-2, -1))

    def smallest_first(self, a: Tensor, count: int) -> Float64[Tensor, "*b count"]:
        values = torch.linalg.svdvals(a).flip(-1)[..., :count]
        return torch.nn.functional.pad(values, (0, count - values.shape[-1]), value=torch.inf)

    def divergences(self, mean: Tensor, noise: Tensor) -> Float64[Tensor, "*b n"]:
        axes, sizes, _ = torch.linalg.svd(noise)
        own = (axes * (sizes.square() - 1 - 2 * sizes.log())[..., None, :]) @ axes.mT
        return torch.linalg.eigvalsh(mean @ mean.mT + own).flip(-1)

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum((-2, -1))

    def sum_of_entries(self, a: Tensor) -> Tensor:
        return a.sum((-2, -1))

    def column_sums(self, a: Tensor) -> Tensor:
        return a.sum(-2)

    def diagonal_of(self, a: Tensor) -> Tensor:
        return a.diagonal(dim1=-2, dim2=-1)

    def scale(self, a: Tensor, factor: Tensor) -> Tensor:
        return a * torch.as_tensor(factor, dtype=DTYPE)[..., None, None]

    def identity(self, like: Tensor) -> Tensor:
        return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device).expand_as(like)

    def solve(self, a: Tensor, b: Tensor) -> Tensor:
        """Return entries that are not finite where a matrix is singular: the other points of the batch keep theirs."""
        return torch.linalg.solve_ex(a, b.expand(*a.shape[:-2], *b.shape[-2:])).result
