"""Ways out of local minima: hidden units drawn anew, singular directions dropped."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from numerics.backends.tensors import DTYPE
from numerics.training.budget import Budget
from numerics.training.layout import draw
from numerics.training.newton import Search

PATIENCE = 2
"""Fewest rounds of redrawing one hidden unit that must all end no lower, until a problem with bounds counts as minimised. With
entries ≥ 0 there are saddles no derivative shows (a unit unused by W and H alike) and local minima in which one class holds
several units and a smaller class none; see ``_redraw_units``."""
UNIT_DECADES = 3.0
"""A redrawn unit is smaller than a start by up to this many decades, drawn anew each time: a tiny one grows along whatever
direction of negative curvature there is, also a weak one near a threshold; a large one reaches basins further off."""
IMPROVED = 1e-10
"""Relative decrease of the loss that counts as lower."""
RAMP = (1e-3, 1e-2, 1e-1)
"""Shares of a ramped penalty that training starts under, before the whole of it."""
MAX_ROUNDS = 30

StillOpen = Callable[[Int64[Tensor, " i"]], Int64[Tensor, " o"]]
"""Given some of the instances, those of them whose lowest point is not known to be a global minimum."""


def redraw_units(search: Search, generator: torch.Generator, still_open: StillOpen, budget: Budget) -> None:
    """Try to leave local minima by drawing one hidden unit anew; keeps whatever lowers the loss.

    In each round every run of an instance that is still open continues from the best point of its instance, with a unit of its own:
    the other units are minimised without it, then it alone from a random start, then everything. An instance is left after
    PATIENCE rounds in which no run got lower, and not before every unit has had its turn.
    """
    objective, layout, starts = search.objective, search.objective.layout, search.objective.starts
    units = int(layout.unit.max()) + 1
    patience = max(PATIENCE, math.ceil(units / starts))
    rounds_in_vain = torch.zeros(len(objective), dtype=torch.int64, device=search.x.device)
    for number in range(MAX_ROUNDS):
        tried = still_open((rounds_in_vain < patience).nonzero()[:, 0])
        if len(tried) == 0:
            return
        values = search.f.reshape(-1, starts).nan_to_num(torch.inf)
        best = values.argmin(1)[tried] + tried * starts
        own = torch.arange(len(tried) * starts, device=tried.device)
        runs = (tried[:, None] * starts + torch.arange(starts, device=tried.device)).flatten()
        chosen = (own + number * starts) % units
        redrawn = layout.unit == chosen[:, None]
        x = torch.where(redrawn, 0.0, search.x[best.repeat_interleave(starts)])
        without = Search(objective, x, runs, frozen=redrawn)
        without.descend(budget)
        # Every second run goes on from the unit of its instance that was missed least: most likely a spare one.
        spare = without.f.reshape(-1, starts).argmin(1) + torch.arange(len(tried), device=tried.device) * starts
        source = torch.where(own % 2 == 0, spare.repeat_interleave(starts), own)
        redrawn = redrawn[source]
        smaller = 10 ** (-UNIT_DECADES * torch.rand(len(runs), 1, generator=generator, dtype=DTYPE)).to(x.device)
        drawn = smaller * draw(generator, len(runs), layout)
        # Bounded entries start at zero: which of them are wanted follows from the unit's others, whatever the class sizes, if there are any.
        if not bool(layout.bounded[layout.unit >= 0].all()):
            drawn = drawn.masked_fill(layout.bounded, 0.0)
        x = torch.where(redrawn, drawn, without.x[source])
        alone = Search(objective, x, runs, frozen=~redrawn)
        alone.descend(budget)
        together = Search(objective, alone.x, runs).solve(budget)
        lowest = values[tried].min(1).values
        search.adopt(together, runs)
        improved = together.f.reshape(-1, starts).min(1).values < lowest - IMPROVED * lowest.abs()
        rounds_in_vain[tried] = torch.where(improved, 0, rounds_in_vain[tried] + 1)


def ramp(search: Search, start: Float64[Tensor, "B n"], still_open: StillOpen, budget: Budget) -> None:
    """Train the instances that are still open again from their starts, under a penalty that grows, then without some of their directions.

    Keeps whatever lowers the loss. ``start`` are the starts of all runs.
    """
    objective, starts = search.objective, search.objective.starts
    opened = still_open(torch.arange(len(objective), device=start.device))
    if len(opened) == 0:
        return
    runs = (opened[:, None] * starts + torch.arange(starts, device=opened.device)).flatten()
    x = start[runs]
    for share in RAMP:
        early = Search(objective.under(share), x, runs)
        early.descend(budget.exploring())
        x = early.x
    ramped = Search(objective, x, runs).solve(budget)
    search.adopt(ramped, runs)
    _drop_directions(search, ramped, opened, still_open, budget)


def _drop_directions(
    search: Search, ramped: Search, opened: Int64[Tensor, " o"], still_open: StillOpen, budget: Budget
) -> None:
    """Try to leave local minima by deleting singular directions of the largest point of each instance; keeps what is lower.

    Where zero is a local minimum a direction may be kept at a cost above that of giving it up, and one given up does not come
    back: so the largest of the ramped points is the one to start from, not the lowest. In each round it goes on without the direction
    that is best dropped, found by dropping a different one in each run, until no drop lowers it or the instance is no longer open.
    Dropping at once all that are each better dropped is tried as well, but not gone on from: together they may be worth more than
    what is left.
    """
    layout, starts = search.objective.layout, search.objective.starts
    position = min(layout.factors, key=lambda i: min(layout.shapes[i]))
    directions = min(layout.shapes[position])
    largest = ramped.x.norm(dim=1).reshape(-1, starts).nan_to_num(0.0).argmax(1)
    path = ramped.rows(largest + torch.arange(len(largest), device=search.x.device) * starts)
    for _ in range(MAX_ROUNDS):
        left = torch.isin(opened, still_open(opened))
        opened, path = opened[left], path.rows(left)
        if len(opened) == 0:
            return
        dropped = torch.eye(directions, dtype=torch.bool, device=opened.device).repeat(len(opened), 1)
        every = torch.arange(len(opened), device=opened.device)
        explore = budget.exploring()
        single = _without(path, position, every.repeat_interleave(directions), dropped, explore)
        single.descend(explore)
        values = single.f.reshape(-1, directions).nan_to_num(torch.inf)
        gain = values < (path.f - IMPROVED * path.f.abs())[:, None]
        useful = gain.any(1)
        if not bool(useful.any()):
            return
        opened, path = opened[useful], path.rows(useful)
        one = torch.nn.functional.one_hot(values[useful].argmin(1), directions).bool()
        both = _without(path, position, every[: len(opened)].repeat(2), torch.cat([one, gain[useful]]), budget)
        both.solve(budget)
        path, together = both.rows(slice(0, len(opened))), both.rows(slice(len(opened), None))
        search.adopt(path, path.runs)
        search.adopt(together, path.runs)


def _without(
    search: Search, position: int, source: Int64[Tensor, " b"], dropped: Bool[Tensor, "b directions"], budget: Budget
) -> Search:
    """Return searches that start at the source runs with the dropped singular directions of one variable deleted.

    The other variables have been minimised, so that they give up these directions too.
    """
    layout = search.objective.layout
    x = search.x[source].clone()
    first = sum(layout.lengths[:position])
    block = slice(first, first + layout.lengths[position])
    left, sizes, right = torch.linalg.svd(x[:, block].reshape(-1, *layout.shapes[position]), full_matrices=False)
    x[:, block] = ((left * sizes.masked_fill(dropped, 0.0)[:, None, :]) @ right).flatten(1)
    frozen = torch.zeros_like(x, dtype=torch.bool)
    frozen[:, block] = True
    others = Search(search.objective, x, search.runs[source], frozen)
    others.descend(budget)
    together = Search(search.objective, others.x, search.runs[source])
    together.first_gradient = search.first_gradient[source]  # the gradient here is small from the start
    return together
