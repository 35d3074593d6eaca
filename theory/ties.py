"""Equal classes or directions that a minimiser treats differently: which of them it treats how is free."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import groupby


def unlike_equals(tied: Sequence[Hashable], fates: Sequence[Hashable]) -> list[list[int]]:
    """Return the groups of neighbouring positions with equal entries of ``tied`` and different ``fates``, counted from 0.

    Where equal entries have different fates the minimisers form an orbit: the members of a group may be rotated into one another.
    """
    groups = [list(members) for _, members in groupby(range(len(tied)), key=tied.__getitem__)]
    return [members for members in groups if len({fates[i] for i in members}) > 1]
