"""A step of Newton's method within a trust region: the least value of a quadratic model over a ball, for many runs at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from numerics.training.quasi_newton import TINY

MAX_CG_STEPS = 250
RESOLVED = 1e-15
"""Share of the largest eigenvalue up to which another one is rounding. No step is taken along its direction."""
HALVINGS = 20
"""Halvings of the logarithm of a shift. Over sixteen decades they leave it known to a ten-thousandth, and a radius is a rough thing."""


def by_conjugate_gradients(
    curvature: Callable[[Tensor], Tensor],
    slope: Float64[Tensor, "B n"],
    held: Bool[Tensor, "B n"],
    radius: Float64[Tensor, " B"],
    forcing: Float64[Tensor, " B"],
) -> tuple[Float64[Tensor, "B n"], Float64[Tensor, " B"], Bool[Tensor, " B"]]:
    """Minimise slope·s + ½ s·H s over ‖s‖ ≤ radius on the entries that are not held, by conjugate gradients (Steihaug 1983).

    Stops when the gradient of the quadratic has fallen to ``forcing`` times its start. Negative curvature and the radius end a run
    at the boundary.

    Returns the steps, the decrease the quadratic promises, and which runs had not come to their end when the curvatures were spent.
    """
    step, promised = torch.zeros_like(slope), torch.zeros_like(radius)
    remainder, direction = slope, -slope
    size = slope.square().sum(1)
    enough, within = forcing.square() * size, radius.square()
    active = size > 0
    for _ in range(min(MAX_CG_STEPS, slope.shape[1] + 5)):
        if not bool(active.any()):
            break
        bent = curvature(direction).masked_fill(held, 0.0)
        quadratic = (direction * bent).sum(1)
        alpha = torch.where(active, size / torch.where(quadratic > 0, quadratic, 1.0), 0.0)
        ahead = torch.addcmul(step, alpha[:, None], direction)
        outward = active & ((quadratic <= 0) | (ahead.square().sum(1) >= within))
        if bool(outward.any()):
            alpha = torch.where(outward, _reach(step, direction, within), alpha)
            ahead = torch.addcmul(step, alpha[:, None], direction)
        # The slope along the direction is minus the size of the remainder.
        promised, step = promised + alpha * (size - 0.5 * alpha * quadratic), ahead
        remainder = torch.addcmul(remainder, alpha[:, None], bent)
        new_size = remainder.square().sum(1)
        active = active & ~outward & (new_size > enough)
        direction = torch.addcmul(-remainder, (new_size / size.clamp(min=TINY))[:, None], direction)
        size = new_size
    return step, promised, active


def _reach(
    step: Float64[Tensor, "B n"], direction: Float64[Tensor, "B n"], within: Float64[Tensor, " B"]
) -> Float64[Tensor, " B"]:
    """Return how far a step goes on along a direction until its square has grown to that of the radius."""
    dd, sd, ss = direction.square().sum(1), (step * direction).sum(1), step.square().sum(1)
    return (-sd + torch.sqrt((sd.square() + dd * (within - ss)).clamp(min=0))) / dd.clamp(min=TINY)


def by_eigenvalues(
    matrix: Float64[Tensor, "B n n"],
    slope: Float64[Tensor, "B n"],
    held: Bool[Tensor, "B n"],
    radius: Float64[Tensor, " B"],
) -> tuple[Float64[Tensor, "B n"], Float64[Tensor, " B"]]:
    """Minimise slope·s + ½ s·H s over ‖s‖ ≤ radius on the entries that are not held, exactly (Moré and Sorensen 1983).

    Where the curvatures differ by many orders of magnitude, rounding keeps conjugate gradients from the flattest directions.

    Returns the steps and the decrease the quadratic promises, which is nan where the matrix is not finite.
    """
    broken = ~matrix.isfinite().flatten(1).all(1)
    matrix = matrix.masked_fill(held[:, :, None] | held[:, None, :] | broken[:, None, None], 0.0)
    values, directions = torch.linalg.eigh(matrix)
    along = (slope[:, None] @ directions)[:, 0]
    rounding = RESOLVED * values.abs().amax(1).clamp(min=TINY)
    lowest = torch.where(values[:, 0] < -rounding, -values[:, 0], 0.0)

    def step(shift: Float64[Tensor, " B"]) -> Float64[Tensor, "B n"]:
        shifted = values + shift[:, None]
        return torch.where(shifted > rounding[:, None], -along / shifted, 0.0)

    # So far above the lowest shift every step is within the radius.
    low, high = rounding, torch.maximum(rounding, slope.norm(dim=1) / radius.clamp(min=TINY))
    for _ in range(HALVINGS):
        middle = (low * high).sqrt()
        outside = step(lowest + middle).norm(dim=1) > radius
        low, high = torch.where(outside, middle, low), torch.where(outside, high, middle)
    inner, chosen = step(lowest), step(lowest + high)
    within = (lowest == 0) & (inner.norm(dim=1) <= radius)
    chosen = torch.where(within[:, None], inner, chosen)
    # A quadratic without a minimum has its least value on the boundary, also where the gradient does not lead there.
    reach = (radius.square() - chosen.square().sum(1)).clamp(min=0).sqrt()
    chosen[:, 0] += torch.where((lowest > 0) & (low == rounding), reach, 0.0)
    promised = -(along * chosen + 0.5 * values * chosen.square()).sum(1)
    moved = (directions @ chosen[..., None])[..., 0].masked_fill(held, 0.0)
    return moved, torch.where(broken, torch.nan, promised)
