"""Thresholds: the conditions under which classes or directions are alive at a minimiser."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from theory.expressions import Formula

ALIVE = sp.IndexedBase("alive", nonnegative=True)
"""Entry k is 1 where direction k is alive and 0 where it has collapsed. The symbol is free, so that both sides of a jump can be read."""


@dataclass(frozen=True)
class Threshold:
    """Direction k is alive iff ``ratio`` > 1 and ``within_rank`` holds; moving the parameter named ``tuned`` crosses the threshold.

    ``of`` names what lives or collapses: the classes, or the latent variable whose directions do.
    ``telling`` names the invariant whose k-th diagonal entry (k-th value of a spectrum) is zero iff direction k has
    collapsed; None stands for the invariant that the problem names. ``jump`` is a condition on the parameters. At a jump the
    minimiser does not shrink to zero: both points are optimal at the threshold.
    """

    ratio: sp.Expr
    index: sp.Symbol
    count: sp.Expr
    tuned: str
    within_rank: sp.Basic = sp.true
    of: str = "classes"
    telling: str | None = None
    jump: sp.Basic = sp.false

    @property
    def alive(self) -> sp.Basic:
        """The condition in the index under which a class or direction is alive."""
        return sp.And(self.ratio > 1, self.within_rank)

    @property
    def collapsed(self) -> Formula:
        """The condition under which each class or direction has collapsed, as a formula with one axis."""
        return Formula(sp.Not(self.alive), ((self.index, self.count),))
