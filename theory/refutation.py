"""A refutation: points of another structure whose loss, margin by margin, lies below that of the published structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix
from theory.point import Point
from theory.proof import Separable


@dataclass(frozen=True)
class Factor:
    """A variable of a point of some structure: the matrix ``size`` · ``shape``, with a column for each class where it holds features."""

    size: sp.Expr
    shape: sp.Matrix


Factors = Callable[[Values], Mapping[str, Factor]]
"""The variables of a structure at these parameters, at which all widths are the number of classes, as functions of the margin."""


@dataclass(frozen=True)
class Family:
    """A family of points with one margin.

    ``objective`` is the loss at such a point with balanced factors, as a function of the margin t. ``where`` is the
    condition on the sizes under which the family beats the published structure. The points are either simplices over
    groups of classes or given by their ``factors``. ``blocks(K)`` lists the number of classes of each simplex; a block
    of s classes has the logits t s/(s−1) (I − J/s), so that its correct logits are t.
    """

    name: str
    says: str
    objective: sp.Expr
    blocks: Callable[[int], list[int]] | None = None
    where: Boolean = sp.true
    factors: Factors | None = None


@dataclass(frozen=True)
class Refutation:
    """The proof that a published claim is false, with the part of the claim that holds.

    ``published`` is the least loss of the published structure at margin ``t``. ``least`` is the minimum of
    ``published`` over t as a scalar problem, which gives a certified lower bound. ``logits(xp, v)`` returns the
    logits of a point. ``factors`` gives the published point; a refutation by simplices has another way to build points.
    ``holds_where`` is the condition under which the claim holds; ``open_where`` says in words where neither is known.
    ``shown`` are settings for a reader to look at; at the first of them a family beats the published structure.
    """

    t: sp.Symbol
    published: sp.Expr
    least: Separable
    families: tuple[Family, ...]
    logits: Callable[[ArrayNamespace, Point], Matrix]
    holds_where: Boolean
    open_where: str
    factors: Callable[[Values], Mapping[str, Any]]
    shown: tuple[Mapping[str, Any], ...]

    @property
    def refuted_where(self) -> Boolean:
        """The condition on the sizes under which some family beats the published structure."""
        return sp.Or(*[family.where for family in self.families])

    def status(self, bindings: Bindings) -> str:
        """Return the state of knowledge at these sizes: "holds", "refuted" or "open"."""
        symbols = self.holds_where.free_symbols | self.refuted_where.free_symbols
        sizes = {symbol: bindings[symbol] for symbol in symbols}
        if self.holds_where.subs(sizes) == sp.true:
            return "holds"
        return "refuted" if self.refuted_where.subs(sizes) == sp.true else "open"


@dataclass(frozen=True)
class SimplexRefutation(Refutation):
    """A refutation of a simplex over all classes, by simplices over groups of them.

    ``objective(blocks)`` is the least loss, as a function of ``t``, at simplices of any sizes such as those of a family.
    ``factors(values)`` gives the singular value of each variable (for features, of their class means) where the logits
    have the singular value ``logit``. At a point whose variables share these axes and whose widths are all the number
    of classes, the loss is the ``objective``.
    """

    factors: Callable[[Values], Mapping[str, sp.Expr]]
    objective: Callable[[Sequence[int]], sp.Expr]
    logit: sp.Symbol
