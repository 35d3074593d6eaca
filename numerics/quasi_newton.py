"""A batched L-BFGS method with projection: brings many runs close to their minima at the cost of one gradient an iteration.

Each run has a step length of its own, and one that has ended leaves the batch, whose place the next start takes. No iteration
waits for the device: what it finds is looked at once every CHECKED iterations.

The inverse Hessian is the compact form of Byrd, Nocedal and Schnabel (1994), γ I + [S, γ Y] M [S, γ Y]ᵀ with the last MEMORY
steps S and differences of gradients Y. Entries held at their bound take no part (two-metric projection, Bertsekas 1982).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from numerics.arrays import DTYPE
from numerics.budget import Budget

MEMORY = 6
"""Pairs of steps and differences kept: more save few iterations, and each costs two passes over a point."""
CHECKED = 8
"""Iterations between two looks at which runs have ended."""
FULL, HALF = 0.75, 0.5
"""Shares of a block below which ended runs leave it: while others wait for their places, and after that."""
CACHED = 2**16
"""Entries of a point of all runs that are advanced together on a processor: with their pairs they stay in its cache."""
DECREASE = 1e-4
"""Share of the decrease promised by the slope that a step must bring (Armijo)."""
SETTLED = 1e-13
"""Relative decrease still promised at which a run is left to the Newton steps."""
CURVED = 1e-10
"""Cosine between step and difference of gradients below which the pair says nothing of a positive curvature."""
FIRST_STEP = 0.1
"""Length of the first step, as a share of the length of the point."""
STRAIGHT = 5
"""Steps refused in a row after which the direction is that of steepest descent, and GIVEN_UP, after which the run ends."""
GIVEN_UP = 25
ROUNDING = 1e-15
"""Relative error of an evaluated loss: a few units in the last place of float64."""
TINY = 1e-300
"""Stands for zero in a denominator."""


@dataclass
class _State:
    """Runs that are advanced together; ``gradient`` is whole, ``slope`` only where entries are ``free`` to move."""

    row: Int64[Tensor, " B"]
    x: Float64[Tensor, "B n"]
    value: Float64[Tensor, " B"]
    gradient: Float64[Tensor, "B n"]
    slope: Float64[Tensor, "B n"]
    direction: Float64[Tensor, "B n"]
    length: Float64[Tensor, " B"]
    frozen: Bool[Tensor, "B n"] | None
    pairs: Float64[Tensor, "B 2m n"]
    triangle: Float64[Tensor, "B m m"]  # the inverse of the upper triangle of SᵀY
    products: Float64[Tensor, "B m m"]  # YᵀY
    curvatures: Float64[Tensor, "B m"]  # the diagonal of SᵀY
    spread: Float64[Tensor, " B"]  # γ
    iterations: Int64[Tensor, " B"]
    refused: Int64[Tensor, " B"]
    running: Bool[Tensor, " B"]
    settled: Bool[Tensor, " B"]

    def part(self, chosen: Tensor) -> _State:
        return _State(*(None if (a := getattr(self, f.name)) is None else a[chosen] for f in fields(self)))

    def joined(self, other: _State) -> _State:
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return _State(*(None if a is None else torch.cat([a, b]) for a, b in pairs))


class Descent:
    """A batch of runs brought close to their minima by ``run``, which keeps what it has when it is stopped.

    ``x`` [B, n] are the points and ``value`` [B] their losses (infinite where none was evaluated), ``first`` [B] the norms of the
    projected gradients at the start, ``iterations`` [B] counts, and ``settled`` [B] tells which runs promise no further decrease.
    ``at(runs)`` gives the loss of runs, ``runs`` [B] says which each is, entries ≥ 0 are ``bounded``, ``frozen`` ones do not move.
    """

    def __init__(
        self,
        at: Callable[[Tensor], Callable[[Tensor], Tensor]],
        x: Float64[Tensor, "B n"],
        bounded: Bool[Tensor, " n"],
        runs: Int64[Tensor, " B"],
        frozen: Bool[Tensor, "B n"] | None = None,
    ) -> None:
        self.at, self.x, self.runs, self.frozen = at, x.clone(), runs, frozen
        self.bounded = bounded if bool(bounded.any()) else None
        self.value = torch.full((len(x),), torch.inf, dtype=DTYPE, device=x.device)
        self.first = torch.full_like(self.value, torch.nan)
        self.iterations = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        self.settled = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        self.slot = 0

    def run(self, budget: Budget) -> None:
        """Iterate until every run has settled, or makes no headway, or has spent its iterations.

        Raises what the budget raises, and KeyboardInterrupt, with the points reached so far kept.
        """
        waiting = torch.arange(len(self.x), device=self.x.device)
        size, state = block_size(self.x), None
        try:
            while len(waiting) or state is not None:
                room = size - (0 if state is None else len(state.row))
                if room and len(waiting):
                    budget.require_time()
                    started = self._started(waiting[:room], budget.max_iterations)
                    state, waiting = started if state is None else state.joined(started), waiting[room:]
                loss = self.at(self.runs[state.row])
                left = len(state.row)
                enough = (FULL if len(waiting) else HALF) * left
                while left > enough:
                    for _ in range(CHECKED):
                        budget.require_time()
                        self._iterate(state, loss, budget.max_iterations)
                        budget.tell(left + len(waiting))
                    left = int(state.running.sum())
                self._keep(state)
                state = state.part(state.running) if left else None
        except BaseException:
            if state is not None:
                state.value.fill_(torch.inf)  # it may be that of another point, where an iteration was cut short
                self._keep(state)
            raise

    def _keep(self, state: _State) -> None:
        """Take over what these runs have reached."""
        for name in ("x", "value", "iterations", "settled"):
            getattr(self, name)[state.row] = getattr(state, name)

    def _started(self, row: Int64[Tensor, " b"], max_iterations: int) -> _State:
        """Evaluate some runs for the first time."""
        x = self.x[row]
        frozen = None if self.frozen is None else self.frozen[row]
        value, gradient = value_and_gradient(self.at(self.runs[row]), x)
        slope = self._free(x, gradient, frozen)
        if self.bounded is None:
            residual = slope.norm(dim=1)
        else:
            residual = torch.where(self.bounded, x - (x - slope).clamp(min=0), slope).norm(dim=1)
        self.first[row] = residual
        size = slope.norm(dim=1)
        memory = x.new_zeros(len(row), MEMORY, MEMORY)
        return _State(
            row=row,
            x=x,
            value=value,
            gradient=gradient,
            slope=slope,
            direction=-slope,
            length=FIRST_STEP * x.norm(dim=1).clamp(min=1) / size.clamp(min=TINY),
            frozen=frozen,
            pairs=x.new_zeros(len(row), 2 * MEMORY, x.shape[1]),
            triangle=memory,
            products=memory.clone(),
            curvatures=memory[:, 0].clone(),
            spread=torch.ones_like(value),
            iterations=torch.zeros_like(row),
            refused=torch.zeros_like(row),
            running=value.isfinite() & size.isfinite() & (size > 0) & (max_iterations > 0),
            settled=size == 0,
        )

    def _free(self, x: Tensor, gradient: Tensor, frozen: Tensor | None) -> Tensor:
        """Return the gradient on the entries that may move."""
        if self.bounded is not None:
            gradient = gradient.masked_fill(self.bounded & (x <= 0) & (gradient > 0), 0.0)
        return gradient if frozen is None else gradient.masked_fill(frozen, 0.0)

    def _iterate(self, state: _State, loss: Callable[[Tensor], Tensor], max_iterations: int) -> None:
        """Try one step of every run, and find the next direction of those that took it."""
        x = torch.addcmul(state.x, state.length[:, None], state.direction)
        if self.bounded is not None:
            x = torch.where(self.bounded, x.clamp(min=0), x)
        value, gradient = value_and_gradient(loss, x)
        step = x.sub_(state.x)
        promised = (state.slope * step).sum(1)
        noise = ROUNDING * state.value.abs()
        taken = (value <= state.value + DECREASE * promised.clamp(max=0) + noise) & state.running
        change = torch.where(taken[:, None], gradient - state.gradient, 0.0)
        step *= taken[:, None]
        state.x += step
        state.gradient += change
        state.slope = self._free(state.x, state.gradient, state.frozen)
        if self.bounded is not None or state.frozen is not None:
            free = state.slope != 0
            step, change = step * free, change * free
        shrink = (-0.5 * promised / (value - state.value - promised).clamp(min=TINY)).clamp(0.1, 0.5)
        shrink = torch.where(value.isfinite(), shrink, 0.1)
        state.value = torch.where(taken, value, state.value)
        state.refused = torch.where(taken, 0, state.refused + 1)
        state.iterations += state.running
        direction, decrease = self._direction(state, step, change)
        straight = state.refused == STRAIGHT
        upward = decrease <= 0
        state.direction = torch.where(taken[:, None], direction, state.direction)
        state.direction = torch.where(
            (straight | upward)[:, None], -state.spread[:, None] * state.slope, state.direction
        )
        state.length = torch.where(taken | straight, 1.0, state.length * shrink)
        state.settled |= taken & (decrease >= 0) & (decrease <= 2 * SETTLED * state.value.abs())
        ended = state.settled | (state.refused > GIVEN_UP) | (state.iterations >= max_iterations)
        state.running &= ~ended

    def _direction(self, state: _State, step: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """Put a pair into the memory of each run and return the directions, with the slopes downward along them."""
        slot, m = self.slot, MEMORY
        self.slot = (slot + 1) % m
        curvature, square = (step * change).sum(1), change.square().sum(1)
        good = curvature > CURVED * step.norm(dim=1) * square.sqrt()
        torch.mul(step, good[:, None], out=state.pairs[:, slot])
        torch.mul(change, good[:, None], out=state.pairs[:, m + slot])
        inverse = torch.where(good, 1 / curvature, 0.0)
        state.spread = torch.where(good, curvature / square, state.spread)
        along = torch.stack([state.slope, state.pairs[:, m + slot]], 1) @ state.pairs.mT
        steps, changes, over, products = along[:, 0, :m], along[:, 0, m:], along[:, 1, :m], along[:, 1, m:]
        # The oldest pair leaves its place to the new one: its row and column of the inverse triangle are dropped.
        state.triangle[:, slot] = 0
        state.triangle[:, :, slot] = 0
        over = over.clone()
        over[:, slot] = 0
        column = -inverse[:, None] * _times(state.triangle, over)
        column[:, slot] = inverse
        state.triangle[:, :, slot] = column
        state.products[:, slot] = products
        state.products[:, :, slot] = products
        state.curvatures[:, slot] = torch.where(good, curvature, 0.0)
        u = _times(state.triangle, steps)
        inner = state.curvatures * u + state.spread[:, None] * (_times(state.products, u) - changes)
        shares = torch.cat([_times(state.triangle.mT, inner), -state.spread[:, None] * u], 1)
        direction = -torch.addcmul((shares[:, None] @ state.pairs)[:, 0], state.spread[:, None], state.slope)
        if self.bounded is not None or state.frozen is not None:
            direction = direction * (state.slope != 0)
        return direction, -(direction * state.slope).sum(1)


def _times(matrix: Float64[Tensor, "B m m"], vector: Float64[Tensor, "B m"]) -> Float64[Tensor, "B m"]:
    return (matrix @ vector[..., None])[..., 0]


def value_and_gradient(
    loss: Callable[[Tensor], Tensor], x: Float64[Tensor, "B n"]
) -> tuple[Float64[Tensor, " B"], Float64[Tensor, "B n"]]:
    """Return the losses at x, one a run, and their gradients."""
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        value = loss(at)
        (gradient,) = torch.autograd.grad(value.sum(), at)
    return value.detach(), gradient


def block_size(x: Float64[Tensor, "B n"]) -> int:
    """Return how many runs are advanced together: all on a GPU, as many as stay in the cache of a processor."""
    return len(x) if x.device.type == "cuda" else max(1, CACHED // x.shape[1])
