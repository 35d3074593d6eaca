"""Points a chain is run at: random ones over many scales, optimised ones where a link is tight, and mixtures."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from numerics.backends.points import random_point
from numerics.searching.adversary import tight_points
from theory.claim import Claim
from theory.point import Point
from theory.problem import Instance

SCALES = (1e-3, 0.1, 0.5, 1.0, 3.0, 30.0)


def mixture(a: Point, b: Point, share: float) -> Point:
    """Return (1 − share) a + share b; entries stay nonnegative where both are."""
    return a.map(lambda x, y: (1 - share) * x + share * y, b)


def chain_points(claim: Claim, instances: Sequence[Instance], trained: Point, seed: int) -> list[Point]:
    """Return the points a chain is run at: random over SCALES, tight for each link, and between those and the optimum."""
    generator = torch.Generator().manual_seed(seed)
    randoms = [random_point(claim, instances, scale, generator) for scale in SCALES]
    tight = tight_points(claim, instances, generator)
    trained = trained.map(lambda array: array.cpu())
    between = [mixture(trained, p, share) for p in (randoms[3], *tight) for share in (0.01, 0.3)]
    return [*randoms, *tight, *between, trained]
