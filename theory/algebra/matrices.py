"""Matrices of symbolic size: a diagonal plus a few rank-one terms, with entries given as formulas in the index.

Products, sums and transposes of such matrices are again of this form, so that the structured points of the claims (simplex
ETF, general orthogonal frame) go through the loss for every size at once. ``aI + bJ`` is the special case of a
constant diagonal and one constant rank-one term.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy as sp

from theory import symbols as sym
from theory.expressions import with_merged_powers

_INNER = sp.Symbol("m", integer=True, positive=True)

_LAYER = sp.Symbol("i", integer=True, positive=True)


def substitute_indexed(expression: sp.Expr, base: sp.IndexedBase, formula: sp.Expr) -> sp.Expr:
    """Replace every ``base[i]`` by ``formula`` (written in the index k) at k = i."""
    entries = {e: formula.subs(sym.k, e.indices[0]) for e in expression.atoms(sp.Indexed) if e.base == base}
    return expression.xreplace(entries)


def sum_over(expression: sp.Expr, index: sp.Symbol, size: sp.Expr) -> sp.Expr:
    """Return Σ_{index=1..size} expression, in closed form where the size is a number or the expression does not depend on the index."""
    expression = sp.piecewise_fold(sp.sympify(expression))
    if not expression.has(index):
        return size * expression
    if isinstance(size, sp.Integer):
        return sp.Add(*(expression.subs(index, i) for i in range(1, int(size) + 1)))
    if isinstance(expression, sp.Piecewise) and len(expression.args) == 2:
        (inside, condition), (outside, _) = expression.args
        if outside == 0 and isinstance(condition, sp.Le) and condition.lhs == index:
            return sum_over(inside, index, condition.rhs)  # limits inside a Piecewise never exceed the size
    constant, varying = expression.as_independent(index, as_Add=False)
    return constant * sp.Sum(varying, (index, 1, size))


@cache
def _tidied(expression: sp.Expr) -> sp.Expr:
    """Simplify an expression.

    A sum of products of powers, the usual case, is simplified by merging powers, which is much faster.
    """
    terms = sp.Add.make_args(expression)
    if any(base.has(sp.Add) for term in terms for base in term.as_powers_dict()):
        return sp.simplify(expression)
    return sp.factor_terms(with_merged_powers(expression))


@dataclass(frozen=True)
class SymbolicMatrix:
    """A size × size matrix: entry (k, j) is ``diagonal(k) δ_kj + Σ_r left_r(k) right_r(j)``.

    ``diagonal`` and both vectors of each rank-one term are expressions in the index symbol k.
    """

    size: sp.Expr
    diagonal: sp.Expr
    rank_one: tuple[tuple[sp.Expr, sp.Expr], ...] = ()

    @staticmethod
    def identity(size: sp.Expr) -> SymbolicMatrix:
        """Return the identity matrix."""
        return SymbolicMatrix(size, sp.Integer(1))

    @staticmethod
    def ones(size: sp.Expr) -> SymbolicMatrix:
        """Return the matrix of ones."""
        return SymbolicMatrix(size, sp.Integer(0), ((sp.Integer(1), sp.Integer(1)),))

    @staticmethod
    def diag(size: sp.Expr, entry: sp.Expr) -> SymbolicMatrix:
        """Return the diagonal matrix whose k-th entry is ``entry``, a formula in the index k."""
        return SymbolicMatrix(size, sp.sympify(entry))

    def _collected(self) -> SymbolicMatrix:
        """Merge rank-one terms that share a vector up to an index-free factor, and drop zero terms."""
        merged: dict[sp.Expr, sp.Expr] = {}
        for left, right in self.rank_one:
            factor, vector = sp.sympify(right).as_independent(sym.k, as_Add=False)
            merged[vector] = merged.get(vector, sp.Integer(0)) + factor * left
        terms = tuple((_tidied(left), vector) for vector, left in merged.items())
        return SymbolicMatrix(self.size, sp.sympify(self.diagonal), tuple(t for t in terms if t[0] != 0 and t[1] != 0))

    def entry(self, row: sp.Expr = sym.k, column: sp.Expr = sym.j) -> sp.Expr:
        """Return the formula of entry (row, column)."""
        low_rank = sum((u.subs(sym.k, row) * v.subs(sym.k, column) for u, v in self.rank_one), sp.Integer(0))
        return sp.KroneckerDelta(row, column) * self.diagonal.subs(sym.k, row) + low_rank

    @property
    def T(self) -> SymbolicMatrix:
        return SymbolicMatrix(self.size, self.diagonal, tuple((v, u) for u, v in self.rank_one))

    def __add__(self, other: SymbolicMatrix) -> SymbolicMatrix:
        return SymbolicMatrix(self.size, self.diagonal + other.diagonal, self.rank_one + other.rank_one)._collected()

    def __neg__(self) -> SymbolicMatrix:
        return self * sp.Integer(-1)

    def __sub__(self, other: SymbolicMatrix) -> SymbolicMatrix:
        return self + (-other)

    def __mul__(self, scalar: sp.Expr) -> SymbolicMatrix:
        return SymbolicMatrix(
            self.size, scalar * self.diagonal, tuple((scalar * u, v) for u, v in self.rank_one)
        )._collected()

    __rmul__ = __mul__

    def __matmul__(self, other: SymbolicMatrix) -> SymbolicMatrix:
        if not isinstance(other, SymbolicMatrix):
            return NotImplemented
        terms = [(u, v * other.diagonal) for u, v in self.rank_one]
        terms += [(self.diagonal * x, y) for x, y in other.rank_one]
        terms += [
            (u * sum_over(sp.expand((v * x).subs(sym.k, _INNER)), _INNER, self.size), y)
            for u, v in self.rank_one
            for x, y in other.rank_one
        ]
        return SymbolicMatrix(self.size, _tidied(self.diagonal * other.diagonal), tuple(terms))._collected()

    def trace(self) -> sp.Expr:
        """Return the sum of the diagonal entries."""
        return sum_over(sp.expand(self.diagonal + sum(u * v for u, v in self.rank_one)), sym.k, self.size)

    def concrete(self, size: int) -> sp.Matrix:
        """Return a SymPy matrix of a given size, whose entries keep all other symbols."""
        return sp.Matrix(
            size, size, lambda a, b: self.entry(sp.Integer(a + 1), sp.Integer(b + 1)).subs(self.size, size).doit()
        )


@dataclass(frozen=True)
class Beside:
    """Matrices of symbolic size side by side: [A, B, …]."""

    blocks: tuple[SymbolicMatrix, ...]

    def __rmatmul__(self, left: SymbolicMatrix) -> Beside:
        return Beside(tuple(left @ block for block in self.blocks))

    def __add__(self, other: Beside) -> Beside:
        return Beside(tuple(a + b for a, b in zip(self.blocks, other.blocks, strict=True)))

    def __sub__(self, other: Beside) -> Beside:
        return Beside(tuple(a - b for a, b in zip(self.blocks, other.blocks, strict=True)))

    def __mul__(self, factor: sp.Expr) -> Beside:
        return Beside(tuple(block * factor for block in self.blocks))


@dataclass(frozen=True)
class Layered:
    """One symbolic array for each layer: ``entry`` is written in the layer symbol, which runs from 1 to ``depth``."""

    depth: sp.Expr
    entry: SymbolicMatrix | sp.Expr

    def _matrix(self) -> SymbolicMatrix:
        if not isinstance(self.entry, SymbolicMatrix):
            raise ValueError("the symbolic product of layers is defined for a matrix a layer, not for a row")
        return self.entry

    def __matmul__(self, right: SymbolicMatrix) -> Layered:
        return Layered(self.depth, self._matrix() @ right)

    def __rmatmul__(self, left: SymbolicMatrix) -> Layered:
        return Layered(self.depth, left @ self._matrix())


@dataclass(frozen=True)
class SymbolicLayers:
    """Linear layers W_l = ``scale`` · ``frame`` / √λ_l for l = 1, …, ``depth``, where ``depth`` is a symbol.

    ``frame`` is a projection. ``scale`` may depend on the index k only if the frame is the identity. ``total`` is the
    product of all decays λ_l. Raises ValueError when the frame is no projection, or ``scale`` depends on k with another
    frame than the identity.
    """

    scale: sp.Expr
    frame: SymbolicMatrix
    depth: sp.Expr
    decay: sp.IndexedBase
    total: sp.Expr

    def __post_init__(self) -> None:
        square = (self.frame @ self.frame).entry() - self.frame.entry()
        if sp.simplify(sp.piecewise_fold(square)) != 0:
            raise ValueError("the frame of the layers is not a projection")
        if self.scale.has(sym.k) and self.frame != SymbolicMatrix.identity(self.frame.size):
            raise ValueError("layers of unequal entries need the identity for frame")

    def power(self, exponent: sp.Expr) -> SymbolicMatrix:
        """Return (scale · frame)^exponent."""
        factor = self.scale**exponent
        terms = tuple((factor * u, v) for u, v in self.frame.rank_one)
        return SymbolicMatrix(self.frame.size, factor * self.frame.diagonal, terms)

    def decays(self, first: sp.Expr, last: sp.Expr) -> sp.Expr:
        """Return the product of the decays λ_first ⋯ λ_last."""
        return sp.Product(self.decay[_LAYER], (_LAYER, first, last))


class Symbols(dict):
    """A map of each parameter symbol to itself, except for some that are replaced: ``Symbols({N: K*n})[N]`` is K n."""

    def __missing__(self, symbol: sp.Basic) -> sp.Basic:
        return symbol
