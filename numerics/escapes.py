"""Ways out of local minima: hidden units drawn anew, singular directions dropped."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from numerics.arrays import DTYPE
from numerics.budget import Budget
from numerics.layout import Layout, draw
from numerics.newton import Search

PATIENCE = 2
"""Rounds of redrawing one hidden unit that must all end no lower, until a problem with bounds counts as minimised. With
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


def redraw_units(search: Search, layout: Layout, generator: torch.Generator, starts: int, budget: Budget) -> None:
    """Try to leave local minima by drawing one hidden unit anew; keeps whatever lowers the loss.

    In each round every run continues from the best point of its instance, with a unit of its own: the other units are
    minimised without it, then it alone from a random start, then everything. An instance is left after PATIENCE rounds in
    which no run got lower.
    """
    units = int(layout.unit.max()) + 1
    rounds_in_vain = torch.zeros(len(search.f) // starts, dtype=torch.int64)
    offset = 0
    for _ in range(MAX_ROUNDS):
        tried = (rounds_in_vain < PATIENCE).nonzero()[:, 0].to(search.x.device)
        if len(tried) == 0:
            return
        values = search.f.reshape(-1, starts).nan_to_num(torch.inf)
        best = values.argmin(1)[tried] + tried * starts
        runs = (tried[:, None] * starts + torch.arange(starts, device=tried.device)).flatten()
        chosen = (torch.arange(len(runs), device=tried.device) + offset) % units
        redrawn = layout.unit == chosen[:, None]
        x = torch.where(redrawn, 0.0, search.x[best.repeat_interleave(starts)])
        without = Search(search.loss, x, layout.bounded, search.runs[runs], frozen=redrawn)
        without.run(budget)
        # Every second run goes on from the unit of its instance that was missed least: most likely a spare one.
        spare = without.f.reshape(-1, starts).argmin(1) + torch.arange(len(tried), device=tried.device) * starts
        own = torch.arange(len(runs), device=tried.device)
        source = torch.where(own % 2 == 0, spare.repeat_interleave(starts), own)
        redrawn = redrawn[source]
        smaller = 10 ** (-UNIT_DECADES * torch.rand(len(runs), 1, generator=generator, dtype=DTYPE)).to(x.device)
        drawn = smaller * draw(generator, len(runs), layout)
        # Bounded entries start at zero: which of them are wanted follows from the others, whatever the class sizes.
        x = torch.where(redrawn, drawn.masked_fill(layout.bounded, 0.0), without.x[source])
        alone = Search(search.loss, x, layout.bounded, search.runs[runs], frozen=~redrawn)
        alone.run(budget)
        together = Search(search.loss, alone.x, layout.bounded, search.runs[runs])
        together.run(budget)
        lowest = values[tried].min(1).values
        search.adopt(together, runs)
        improved = together.f.reshape(-1, starts).min(1).values < lowest - IMPROVED * lowest.abs()
        rounds_in_vain[tried.cpu()] = torch.where(improved.cpu(), 0, rounds_in_vain[tried.cpu()] + 1)
        offset += starts


def drop_directions(search: Search, layout: Layout, starts: int, budget: Budget) -> None:
    """Try to leave local minima by deleting singular directions of the largest point of each instance; keeps what is lower.

    Where zero is a local minimum a direction may be kept at a cost above that of giving it up, and one given up does not come
    back: so the largest point is the one to start from, not the lowest. In each round it goes on without the direction that
    is best dropped, found by dropping a different one in each run, until no drop lowers it. Dropping at once all that are
    each better dropped is tried as well, but not gone on from: together they may be worth more than what is left.
    """
    position = min(layout.factors, key=lambda i: min(layout.shapes[i]))
    directions = min(layout.shapes[position])
    largest = search.x.norm(dim=1).reshape(-1, starts).nan_to_num(0.0).argmax(1)
    best = largest + torch.arange(len(largest), device=search.x.device) * starts
    path = search.rows(best)
    for _ in range(MAX_ROUNDS):
        dropped = torch.eye(directions, dtype=torch.bool, device=best.device).repeat(len(best), 1)
        every = torch.arange(len(best), device=best.device)
        single = _without(path, layout, position, every.repeat_interleave(directions), dropped, budget.exploring())
        values = single.f.reshape(-1, directions).nan_to_num(torch.inf)
        gain = values < (path.f - IMPROVED * path.f.abs())[:, None]
        useful = gain.any(1)
        if not bool(useful.any()):
            return
        best, path = best[useful], path.rows(useful)
        one = torch.nn.functional.one_hot(values[useful].argmin(1), directions).bool()
        both = _without(path, layout, position, every[: len(best)].repeat(2), torch.cat([one, gain[useful]]), budget)
        path, together = both.rows(slice(0, len(best))), both.rows(slice(len(best), None))
        search.adopt(path, best)
        search.adopt(together, best)


def _without(
    search: Search,
    layout: Layout,
    position: int,
    source: Int64[Tensor, " b"],
    dropped: Bool[Tensor, "b directions"],
    budget: Budget,
) -> Search:
    """Minimise from the source runs with the dropped singular directions of one variable deleted.

    The other variables are minimised first, so that they give up these directions too; then everything.
    """
    x = search.x[source].clone()
    first = sum(layout.lengths[:position])
    block = slice(first, first + layout.lengths[position])
    left, sizes, right = torch.linalg.svd(x[:, block].reshape(-1, *layout.shapes[position]), full_matrices=False)
    x[:, block] = ((left * sizes.masked_fill(dropped, 0.0)[:, None, :]) @ right).flatten(1)
    frozen = torch.zeros_like(x, dtype=torch.bool)
    frozen[:, block] = True
    others = Search(search.loss, x, layout.bounded, search.runs[source], frozen=frozen)
    others.run(budget)
    together = Search(search.loss, others.x, layout.bounded, search.runs[source])
    together.first_gradient = search.first_gradient[
        source
    ]  # what counts as flat: the gradient here is small from the start
    together.run(budget)
    return together
