"""A refutation: points of another structure that beat every point of the published one, margin by margin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix
from theory.point import Point
from theory.proof import Separable


@dataclass(frozen=True)
class Family:
    """Points with one margin, built from simplices of some classes each.

    ``blocks(K)`` lists how many classes each simplex has; a block of s classes has the logits t s/(s−1) (I − J/s), so that
    its correct logits are t. ``objective`` is the loss at such a point with balanced factors, in the margin t. ``where`` says for
    which sizes it beats the published structure.
    """

    name: str
    says: str
    objective: sp.Expr
    blocks: Callable[[int], list[int]]
    where: Boolean


@dataclass(frozen=True)
class Refutation:
    """Why a published claim is false, where, and what is left of it.

    ``published`` is the least loss of the published structure at margin ``t``, and ``least`` its minimum over t as a scalar
    problem, which gives a certified lower bound. ``objective(blocks)`` is the least loss at simplices of any sizes, as those of a
    family, in ``t``. ``logits(xp, v)`` are those of a point. ``factors(values)`` gives the singular value of each variable where the
    logits have the singular value ``logit``, of features that of their class means: where all share their axes, and all widths are
    the number of classes, the loss is the ``objective``.
    ``holds_where``: the part that holds; ``open_where``: where neither is known.
    """

    t: sp.Symbol
    published: sp.Expr
    least: Separable
    families: tuple[Family, ...]
    objective: Callable[[Sequence[int]], sp.Expr]
    logits: Callable[[ArrayNamespace, Point], Matrix]
    logit: sp.Symbol
    factors: Callable[[Values], Mapping[str, sp.Expr]]
    holds_where: Boolean
    open_where: str

    @property
    def refuted_where(self) -> Boolean:
        return sp.Or(*[family.where for family in self.families])

    def status(self, bindings: Bindings) -> str:
        """Return "holds", "refuted" or "open": what is known at these sizes."""
        symbols = self.holds_where.free_symbols | self.refuted_where.free_symbols
        sizes = {symbol: bindings[symbol] for symbol in symbols}
        if self.holds_where.subs(sizes) == sp.true:
            return "holds"
        return "refuted" if self.refuted_where.subs(sizes) == sp.true else "open"
