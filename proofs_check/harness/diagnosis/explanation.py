"""Explanations of a quantity that differs: a factor of the whole, or corrections of one part of its formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp
import torch
from torch import Tensor

from numerics.tolerances import INVARIANT
from proofs_check.harness.diagnosis.corrections import Correction, Trial, corrections, factors_of, recognised
from proofs_check.harness.diagnosis.quantities import Quantity
from proofs_check.harness.diagnosis.trained import Trained, differing_in


@dataclass(frozen=True)
class Explanation:
    """The factor by which a quantity is off as a whole, or corrections of one part of its formula. Without both, none is known.

    ``everywhere`` says that they mend all trained instances, and not only those at which the quantity differs. ``searched`` says
    that a search found neither.
    """

    factor: sp.Expr | None = None
    corrections: tuple[Correction, ...] = ()
    everywhere: bool = True
    searched: bool = False

    @property
    def found(self) -> bool:
        return self.factor is not None or bool(self.corrections)


def explain(quantity: Quantity, known: Sequence[Trained]) -> Explanation:
    """Find what mends a quantity at all instances away from thresholds, or else at those at which the quantity differs."""
    differs = differing_in(quantity.name)
    everywhere = [(t, t.part(t.away)) for t in known]
    failing = [(t, [m for m in members if differs(t, m)]) for t, members in everywhere]
    if sum(len(members) for _, members in failing) < 2:
        return Explanation()
    scopes = [everywhere] if failing == everywhere else [everywhere, failing]
    for scope in scopes:
        used = [(t, members) for t, members in scope if members]
        factor = _whole(quantity, used)
        if factor is not None:
            return Explanation(factor, everywhere=scope is everywhere)
        found = corrections(quantity.formula, [_trial(quantity, t, members) for t, members in used])
        if found:
            return Explanation(corrections=tuple(found), everywhere=scope is everywhere)
    return Explanation(searched=True)


def _trial(quantity: Quantity, trained: Trained, members: Sequence[int]) -> Trial:
    """Return a trial on a batch that counts these instances alone."""
    counted = torch.zeros(len(trained.instances), dtype=torch.bool)
    counted[list(members)] = True
    found = quantity.best(trained)

    def agrees(values: Tensor) -> Tensor:
        return (quantity.deviation(values, found, trained) <= quantity.allowed) | ~counted

    return Trial(trained.instances, agrees, trained.entries)


def _whole(quantity: Quantity, scope: Sequence[tuple[Trained, list[int]]]) -> sp.Expr | None:
    """Return the factor by which trained and predicted differ as a whole; None where only one of them is zero."""
    sides: tuple[list[Tensor], list[Tensor]] = [], []
    factors: dict[sp.Basic, list[float]] = {}
    for trained, members in scope:
        pair = [_telling(quantity, a[members]) for a in (quantity.best(trained), quantity.predicted(trained))]
        for side, array in zip(sides, pair, strict=True):
            side.append(array.flatten())
        for member in members:
            for factor, values in factors_of(trained.instances[member], pair[0].shape[1]):
                factors.setdefault(factor, []).extend(values)
    found, predicted = map(torch.cat, sides)
    zero = [a.abs() <= INVARIANT * a.abs().max() for a in (found, predicted)]
    if bool((zero[0] != zero[1]).any()):
        return None
    return recognised(found, predicted, {f: torch.tensor(v, dtype=torch.float64) for f, v in factors.items()})


def _telling(quantity: Quantity, array: Tensor) -> Tensor:
    """Return the entries that stand for one class or direction each, [I, entries]; those of a matrix are on its diagonal."""
    kept = array.diagonal(dim1=-2, dim2=-1) if quantity.axes == 2 else array
    return kept.reshape(len(array), -1)
