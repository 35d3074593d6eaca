"""Points at which a chain is run: random points of many scales, points that make a link tight, and mixtures with the optimum."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from numerics.backends.points import random_point
from numerics.backends.unit_norm import feasible
from numerics.searching.adversary import tight_points
from theory.claim import Claim
from theory.point import Point
from theory.problem import Instance

SCALES = (1e-3, 0.1, 0.5, 1.0, 3.0, 30.0)


def mixture(a: Point, b: Point, share: float) -> Point:
    """Return (1 − share) a + share b. Entries that are nonnegative in both points stay nonnegative."""
    return a.map(lambda x, y: (1 - share) * x + share * y, b)


def chain_points(claim: Claim, instances: Sequence[Instance], trained: Point, seed: int) -> list[Point]:
    """Return the points at which a chain is run: random over SCALES, tight for each link, between these and the optimum, the optimum."""
    generator = torch.Generator().manual_seed(seed)
    randoms = [random_point(claim, instances, scale, generator) for scale in SCALES]
    tight = tight_points(claim, instances, generator)
    trained = trained.map(lambda array: array.cpu())
    variables = claim.problem.active_variables(instances[0])
    between = [feasible(variables, mixture(trained, p, share)) for p in (randoms[3], *tight) for share in (0.01, 0.3)]
    return [*randoms, *tight, *between, trained]
