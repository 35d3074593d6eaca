"""A batched trust-region Newton–CG minimiser for any problem: many instances and many random starts at once.

It sees the loss and the declared units of the variables, nothing else: no prediction, no structure, all features free.
Bounds (entries ≥ 0) are kept by projection, with the Newton step taken on the entries that are not held at their bound.
"""

from __future__ import annotations

import copy
import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import psutil
import sympy as sp
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from numerics.backends.bindings import select, stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.tensors import DTYPE, TorchArrays
from theory.errors import ParameterError, quoted
from theory.expressions import Bindings, Formula
from theory.point import Point
from theory.problem import Instance, Problem, Variable
from theory.symbols import j, k

ROUNDING = 1e-15
"""Relative error of an evaluated loss: a few units in the last place of float64."""
NEGLIGIBLE_DECREASE = 1e-14
"""A run has converged when its quadratic model promises less than this share of the loss: ten roundings of it."""
POLISHING_STEPS = 6
"""Newton steps taken after that while they still halve the gradient: they cost little and sharpen the invariants."""
POLISHING_IN_VAIN = 2
"""Of these, steps in a row that may fail to halve the least gradient so far; where an inexact step overshoots a flat direction
the next one mends it."""
WAVERING = 1e-12
"""Share of the loss by which a polishing step may raise it: there a rise is rounding of its terms, and the gradient decides."""
FORCING = (1e-2, 0.1)
"""Share to which a Newton step reduces the gradient of the quadratic model, least and largest. Close to rounding a more exact
step takes several times as many curvatures, and what it adds along flat directions is noise."""
START_SCALE = 0.5
"""Standard deviation of the random starts, in units of each variable."""
PATIENCE = 2
"""Rounds of redrawing one hidden unit that must all end no lower, until a problem with bounds counts as minimised. With
entries ≥ 0 there are saddles no derivative shows (a unit unused by W and H alike) and local minima in which one class holds
several units and a smaller class none; see ``_redraw_units``."""
UNIT_DECADES = 3.0
"""A redrawn unit is smaller than a start by up to this many decades, drawn anew each time: a tiny one grows along whatever
direction of negative curvature there is, also a weak one near a threshold; a large one reaches basins further off."""
IMPROVED = 1e-10
"""Relative decrease of the loss that counts as lower."""
FLAT = 1e-8
"""A run whose trust region has shrunk to rounding counts as converged, not stalled, when its gradient has fallen by this."""
RAMP = (1e-3, 1e-2, 1e-1)
"""Shares of a ramped penalty that training starts under, before the whole of it."""
EXPLORING = 25
"""Iterations, and steps of CG in each, for points that only have to lie in the right basin."""
TINY = 1e-300
"""Stands for zero in a denominator."""
PROBED = 64
"""Entries of each variable along which curvatures are looked at, spread evenly over it."""
MAX_ROUNDS = 30
MAX_ITERATIONS = 600
MAX_CG_STEPS = 250
WORKING_COPIES = 40
"""Arrays of the size of a point that are alive at once: the graph of two derivatives and the vectors of CG."""


class _OutOfTime(Exception):
    """The time that training may take is spent."""


class Ending(IntEnum):
    """How a run ended."""

    RUNNING = 0
    CONVERGED = 1
    STALLED = 2
    DIVERGED = 3


@dataclass(frozen=True)
class Solution:
    """What training came to, for I instances and S starts each.

    ``values``, ``endings``, ``residuals`` (norm of the KKT residual, in units of the variables) and ``iterations`` are
    [I, S]; ``points`` maps variable name to [I, S, rows, columns].
    """

    problem: Problem
    instances: tuple[Instance, ...]
    points: dict[str, Float64[Tensor, "I S r c"]]
    values: Float64[Tensor, "I S"]
    endings: Int64[Tensor, "I S"]
    residuals: Float64[Tensor, "I S"]
    iterations: Int64[Tensor, "I S"]
    seconds: float
    device: str
    interrupted: bool = False
    out_of_time: bool = False

    @property
    def best(self) -> Int64[Tensor, " I"]:
        """The start with the lowest value, for each instance; among equals one that converged. Diverged runs do not count."""
        values = self.values.nan_to_num(torch.inf, posinf=torch.inf, neginf=torch.inf)
        lowest = values.min(1, keepdim=True).values
        equal = values <= lowest + NEGLIGIBLE_DECREASE * lowest.abs()
        return torch.where(equal & (self.endings == Ending.CONVERGED), -torch.inf, values).argmin(1)

    def best_value(self) -> Float64[Tensor, " I"]:
        return self.values.gather(1, self.best[:, None])[:, 0]

    def best_ending(self) -> list[Ending]:
        return [Ending(int(e)) for e in self.endings.gather(1, self.best[:, None])[:, 0]]

    def best_point(self) -> Point:
        """The best point of each instance: variables as tensors [I, rows, columns]."""
        rows = torch.arange(len(self.instances), device=self.best.device)
        return Point({name: array[rows, self.best] for name, array in self.points.items()})


class _Layout:
    """Packs the variables of a problem into one vector per run, measured in the variables' units."""

    def __init__(self, variables: Sequence[Variable], bindings: dict) -> None:
        sizes = {s: v for s, v in bindings.items() if isinstance(v, int)}
        self.shapes = [(int(v.shape[0].subs(sizes)), int(v.shape[1].subs(sizes))) for v in variables]
        self.names = [v.name for v in variables]
        self.factors = [i for i, v in enumerate(variables) if 1 not in v.shape]
        self.lengths = [rows * columns for rows, columns in self.shapes]
        scales = [
            evaluate(Formula(v.scale, ((k, sp.Integer(rows)), (j, sp.Integer(columns)))), bindings)
            for v, (rows, columns) in zip(variables, self.shapes, strict=True)
        ]
        self.scale: Float64[Tensor, "B n"] = torch.cat([s.reshape(s.shape[0], -1) for s in scales], 1)
        self.unit: Int64[Tensor, " n"] = torch.cat(
            [_units(v, shape) for v, shape in zip(variables, self.shapes, strict=True)]
        ).to(self.scale.device)
        self.bounded: Bool[Tensor, " n"] = torch.cat(
            [
                torch.full((length,), v.nonnegative, device=self.scale.device)
                for v, length in zip(variables, self.lengths, strict=True)
            ]
        )

    def unpack(self, x: Float64[Tensor, "B n"], scale: Float64[Tensor, "B n"]) -> Point:
        parts = (x * scale).split(self.lengths, dim=1)
        return Point(
            {name: part.reshape(-1, *shape) for name, part, shape in zip(self.names, parts, self.shapes, strict=True)}
        )


def _units(variable: Variable, shape: tuple[int, int]) -> Int64[Tensor, " n"]:
    """Number the hidden unit each entry of a variable belongs to, by its hidden axis; −1 where it has none."""
    positions = torch.meshgrid(*map(torch.arange, shape), indexing="ij")
    if variable.hidden_axis is not None:
        return positions[variable.hidden_axis].flatten()
    return torch.full((positions[0].numel(),), -1)


def choose_device(name: str) -> torch.device:
    """Return the device for "cpu", "cuda" or "auto". Raises ParameterError when it is unknown or absent."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise ParameterError(f"device: {quoted(name)} is not allowed; device is cpu, cuda or auto")
    if name == "cuda" and not torch.cuda.is_available():
        raise ParameterError("device: 'cuda' is not allowed; no CUDA device is at hand, use cpu or auto")
    return torch.device(name)


def require_memory(problem: Problem, instances: Sequence[Instance], starts: int, device: torch.device) -> None:
    """Raise ParameterError, before anything is allocated, when the problem cannot fit."""
    instance = instances[0]
    sizes = instance.bindings
    entries = sum(
        int(v.shape[0].subs(_numbers(sizes))) * int(v.shape[1].subs(_numbers(sizes)))
        for v in problem.active_variables(instance)
    )
    needed = 8 * WORKING_COPIES * entries * starts * len(instances)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if needed > free:
        name, shown = _largest(problem, instance)
        if needed / starts <= free:
            name, shown = "starts", str(starts)
        raise ParameterError(
            f"{name}: {quoted(shown)} is too large; training needs about {needed / 2**30:.3g} GiB and "
            f"{free / 2**30:.3g} GiB are free"
        )


def _largest(problem: Problem, instance: Instance) -> tuple[str, str]:
    """Return name and value of the parameter that makes an instance large: a width above the list's length, or the list."""
    listed = instance.values[problem.sorted_parameter]
    for parameter in problem.parameters:
        value = instance.values[parameter.name]
        if parameter.domain.whole and isinstance(value, int) and value > sum(listed):
            return parameter.name, str(value)
    return problem.sorted_parameter, ",".join(map(str, listed))


def _numbers(bindings: Bindings) -> Bindings:
    return {s: v for s, v in bindings.items() if isinstance(v, int)}


def minimise(
    problem: Problem,
    instances: Sequence[Instance],
    starts: int = 8,
    seed: int = 0,
    device: str = "cpu",
    max_iterations: int = MAX_ITERATIONS,
    progress: Callable[[int, int], None] | None = None,
    time_limit: float = math.inf,
) -> Solution:
    """Minimise the loss of a problem from random starts.

    ``instances`` share their sizes (they differ in decays and the like); ``starts`` ≥ 1 runs are made for each, all in
    one batch. ``progress(iteration, running)`` is called after each iteration. A KeyboardInterrupt stops the runs where
    they are and returns them with ``interrupted`` set; so does the end of ``time_limit`` seconds, with ``out_of_time`` set.
    A run that had not converged by then counts as stalled; one that had may still stand in a local minimum that would have been left.

    Raises ParameterError when the instances differ in size, need more memory than there is, or the device is absent.
    """
    if starts < 1:
        raise ParameterError(f"starts: {starts!r} is not allowed; starts is a positive integer")
    began = time.perf_counter()
    where = choose_device(device)
    require_memory(problem, instances, starts, where)
    bindings = stack_bindings(instances, where)
    repeated = select(bindings, torch.arange(len(instances), device=where).repeat_interleave(starts))
    layout = _Layout(problem.active_variables(instances[0]), repeated)
    data = problem.given(TorchArrays(repeated))
    runs = len(instances) * starts
    scale = layout.scale.expand(runs, -1)

    ramped = problem.ramped(instances[0].values)

    def loss(x: Tensor, runs: Tensor, share: float = 1.0) -> Tensor:
        subset = select(repeated, runs)
        if share < 1:
            subset |= {symbol: share * subset[symbol] for symbol in ramped}
        given = data.map(lambda a: a[runs] if a.ndim > 2 else a)
        return problem.loss(TorchArrays(subset), layout.unpack(x, scale[runs]), given, subset)

    generator = torch.Generator().manual_seed(seed)
    watch = _Watch(max_iterations, progress, deadline=began + time_limit)
    every = torch.arange(runs, device=where)
    drawn = _draw(generator, runs, layout)
    search = _Search(loss, _isometries(drawn, layout) if ramped else drawn, layout.bounded, every)
    interrupted = out_of_time = False
    try:
        for share in RAMP if ramped else ():
            early = _Search(functools.partial(loss, share=share), search.x, layout.bounded, every)
            try:
                early.run(watch.exploring())
            finally:  # what is stopped here has still got somewhere
                search = _Search(loss, early.x, layout.bounded, every)
        search.run(watch)
        if bool(layout.bounded.any()):
            _redraw_units(search, layout, generator, starts, watch)
        if ramped:
            _drop_directions(search, layout, starts, watch)
    except KeyboardInterrupt:
        interrupted = True
    except _OutOfTime:
        out_of_time = True
    search.evaluate()
    search.endings[search.endings == Ending.RUNNING] = Ending.STALLED
    shape = (len(instances), starts)
    points = layout.unpack(search.x, scale)
    return Solution(
        problem=problem,
        instances=tuple(instances),
        points={name: array.reshape(*shape, *array.shape[1:]) for name, array in points.items()},
        values=search.f.reshape(shape),
        endings=search.endings.reshape(shape),
        residuals=search.residual.reshape(shape),
        iterations=search.iterations.reshape(shape),
        seconds=time.perf_counter() - began,
        device=torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu",
        interrupted=interrupted,
        out_of_time=out_of_time,
    )


def curvature_spread(problem: Problem, instance: Instance, seed: int = 0) -> float:
    """Return the ratio of the largest to the smallest curvature of the loss along single entries, in the variables' units.

    They are those at the first random start of ``seed``, along at most PROBED entries of each variable. 1 or more; entries on
    which the loss does not depend are left out. nan where the loss is not finite.
    """
    bindings = stack_bindings([instance])
    layout = _Layout(problem.active_variables(instance), bindings)
    x = _draw(torch.Generator().manual_seed(seed), 1, layout).requires_grad_()
    xp = TorchArrays(bindings)
    loss = problem.loss(xp, layout.unpack(x, layout.scale), problem.given(xp), bindings)
    (g,) = torch.autograd.grad(loss.sum(), x, create_graph=True)
    first, curvatures = 0, []
    for length in layout.lengths:
        for entry in torch.linspace(first, first + length - 1, min(length, PROBED)).round().int().tolist():
            (row,) = torch.autograd.grad(g[0, entry], x, retain_graph=True)
            curvatures.append(float(row[0, entry].abs()))
        first += length
    if not all(map(math.isfinite, curvatures)):
        return math.nan
    present = [c for c in curvatures if c > 0]
    return max(present) / min(present) if present else 1.0


def _draw(generator: torch.Generator, runs: int, layout: _Layout) -> Float64[Tensor, "B n"]:
    """Draw random points; on the CPU, so that the same seed gives the same starts on every device."""
    x = (START_SCALE * torch.randn(runs, len(layout.bounded), generator=generator, dtype=DTYPE)).to(
        layout.bounded.device
    )
    return torch.where(layout.bounded, x.abs(), x)


def _isometries(x: Float64[Tensor, "B n"], layout: _Layout) -> Float64[Tensor, "B n"]:
    """Replace each drawn matrix by the nearest one with equal singular values: products of many layers keep their rank."""
    parts = []
    for part, shape in zip(x.split(layout.lengths, dim=1), layout.shapes, strict=True):
        left, _, right = torch.linalg.svd(part.reshape(-1, *shape), full_matrices=False)
        parts.append((max(shape) ** 0.5 * left @ right).flatten(1))
    return torch.cat(parts, 1)


def _redraw_units(search: _Search, layout: _Layout, generator: torch.Generator, starts: int, watch: _Watch) -> None:
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
        without = _Search(search.loss, x, layout.bounded, search.runs[runs], frozen=redrawn)
        without.run(watch)
        # Every second run goes on from the unit of its instance that was missed least: most likely a spare one.
        spare = without.f.reshape(-1, starts).argmin(1) + torch.arange(len(tried), device=tried.device) * starts
        own = torch.arange(len(runs), device=tried.device)
        source = torch.where(own % 2 == 0, spare.repeat_interleave(starts), own)
        redrawn = redrawn[source]
        smaller = 10 ** (-UNIT_DECADES * torch.rand(len(runs), 1, generator=generator, dtype=DTYPE)).to(x.device)
        drawn = smaller * _draw(generator, len(runs), layout)
        # Bounded entries start at zero: which of them are wanted follows from the others, whatever the class sizes.
        x = torch.where(redrawn, drawn.masked_fill(layout.bounded, 0.0), without.x[source])
        alone = _Search(search.loss, x, layout.bounded, search.runs[runs], frozen=~redrawn)
        alone.run(watch)
        together = _Search(search.loss, alone.x, layout.bounded, search.runs[runs])
        together.run(watch)
        lowest = values[tried].min(1).values
        search.adopt(together, runs)
        improved = together.f.reshape(-1, starts).min(1).values < lowest - IMPROVED * lowest.abs()
        rounds_in_vain[tried.cpu()] = torch.where(improved.cpu(), 0, rounds_in_vain[tried.cpu()] + 1)
        offset += starts


def _drop_directions(search: _Search, layout: _Layout, starts: int, watch: _Watch) -> None:
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
        single = _without(path, layout, position, every.repeat_interleave(directions), dropped, watch.exploring())
        values = single.f.reshape(-1, directions).nan_to_num(torch.inf)
        gain = values < (path.f - IMPROVED * path.f.abs())[:, None]
        useful = gain.any(1)
        if not bool(useful.any()):
            return
        best, path = best[useful], path.rows(useful)
        one = torch.nn.functional.one_hot(values[useful].argmin(1), directions).bool()
        both = _without(path, layout, position, every[: len(best)].repeat(2), torch.cat([one, gain[useful]]), watch)
        path, together = both.rows(slice(0, len(best))), both.rows(slice(len(best), None))
        search.adopt(path, best)
        search.adopt(together, best)


def _without(
    search: _Search,
    layout: _Layout,
    position: int,
    source: Int64[Tensor, " b"],
    dropped: Bool[Tensor, "b directions"],
    watch: _Watch,
) -> _Search:
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
    others = _Search(search.loss, x, layout.bounded, search.runs[source], frozen=frozen)
    others.run(watch)
    together = _Search(search.loss, others.x, layout.bounded, search.runs[source])
    together.first_gradient = search.first_gradient[
        source
    ]  # what counts as flat: the gradient here is small from the start
    together.run(watch)
    return together


@dataclass
class _Watch:
    """The iterations each search may take, until when all of them have to end, and whom to tell about them."""

    max_iterations: int
    progress: Callable[[int, int], None] | None
    max_cg_steps: int = MAX_CG_STEPS
    deadline: float = math.inf
    iteration: int = 0

    def exploring(self) -> _Watch:
        """The effort for points that only have to lie in the right basin."""
        return replace(self, max_iterations=EXPLORING, max_cg_steps=EXPLORING)

    def require_time(self) -> None:
        """Raise _OutOfTime at the deadline, in the clock of ``time.perf_counter``."""
        if time.perf_counter() >= self.deadline:
            raise _OutOfTime

    def tell(self, running: int) -> None:
        self.iteration += 1
        if self.progress is not None:
            self.progress(self.iteration, running)


class _Search:
    """The state of a batch of runs; ``run`` minimises until each has ended.

    ``runs`` says which run of the problem each row of ``x`` belongs to; ``frozen`` entries are not moved.
    """

    def __init__(
        self,
        loss: Callable[[Tensor, Tensor], Tensor],
        x: Float64[Tensor, "B n"],
        bounded: Bool[Tensor, " n"],
        runs: Int64[Tensor, " B"],
        frozen: Bool[Tensor, "B n"] | None = None,
    ) -> None:
        self.loss, self.x, self.bounded, self.runs = loss, x, bounded, runs
        self.frozen = torch.zeros_like(x, dtype=torch.bool) if frozen is None else frozen
        self.any_bounded = bool(bounded.any())
        self.f = torch.full((len(x),), torch.inf, dtype=DTYPE, device=x.device)
        self.residual = torch.full_like(self.f, torch.inf)
        self.first_gradient = torch.full_like(self.f, torch.nan)
        self.radius = x.norm(dim=1)
        self.endings = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        self.iterations = torch.zeros_like(self.endings)
        self.polished = torch.zeros_like(self.endings)
        self.in_vain = torch.zeros_like(self.endings)
        # While a run is polished, the point with the least residual, its value and that residual.
        self.kept, self.kept_value = x.clone(), self.f.clone()
        self.least = torch.full_like(self.f, torch.inf)

    def run(self, watch: _Watch) -> None:
        """Iterate until every run has ended or the budget is spent; a run left over counts as stalled."""
        for _ in range(watch.max_iterations):
            running = self.step(watch)
            watch.tell(running)
            if running == 0:
                return
        self.endings[self.endings == Ending.RUNNING] = Ending.STALLED

    def evaluate(self) -> None:
        """Evaluate the runs that were stopped before their first iteration."""
        rows = (self.iterations == 0).nonzero()[:, 0]
        if len(rows) == 0:
            return
        with torch.no_grad():
            self.f[rows] = self.loss(self.x[rows], self.runs[rows])

    def rows(self, chosen: Tensor | slice) -> _Search:
        """Return some of the runs, as they stand."""
        part = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and name != "bounded":
                setattr(part, name, value[chosen])
        return part

    def adopt(self, other: _Search, rows: Int64[Tensor, " b"]) -> None:
        """Take over those runs of another search that ended lower than here."""
        lower = other.f < self.f[rows]
        into = rows[lower]
        for name in ("x", "f", "residual", "endings"):
            getattr(self, name)[into] = getattr(other, name)[lower]
        self.iterations[rows] += other.iterations

    def step(self, watch: _Watch) -> int:
        """Advance all running runs by one iteration and return how many are left; out of time it leaves them as they were."""
        watch.require_time()
        members = (self.endings == Ending.RUNNING).nonzero()[:, 0]
        if len(members) == 0:
            return 0
        x = self.x[members].requires_grad_()
        f = self.loss(x, self.runs[members])
        (g,) = torch.autograd.grad(f.sum(), x, create_graph=True)

        def curvature(v: Tensor) -> Tensor:
            watch.require_time()
            return torch.autograd.grad(g, x, v, retain_graph=True)[0]

        at, value, slope = x.detach(), f.detach(), g.detach()
        frozen = self.frozen[members]
        held = frozen | (self.bounded & (at <= 0) & (slope > 0))
        free_slope = torch.where(held, 0.0, slope)
        projected = torch.where(self.bounded, at - (at - slope).clamp(min=0), slope).masked_fill(frozen, 0.0)
        residual = projected.norm(dim=1)
        first = torch.where(self.first_gradient[members].isnan(), residual, self.first_gradient[members])
        # Inner accuracy follows the gradient, so that convergence is superlinear (Dembo, Eisenstat, Steihaug 1982).
        forcing = (residual / first).sqrt().clamp(*FORCING)
        step, promised = _steihaug(curvature, free_slope, held, self.radius[members], forcing, watch.max_cg_steps)
        if self.any_bounded:
            step = torch.where(self.bounded, (at + step).clamp(min=0), at + step) - at
            promised = -((slope * step).sum(1) + 0.5 * (step * curvature(step)).sum(1))
        with torch.no_grad():
            trial = self.loss(at + step, self.runs[members])
        noise = ROUNDING * value.abs()
        agreement = (value - trial + noise) / (promised + noise)
        agreement = torch.where(trial.isfinite() & (promised + noise > 0), agreement, -1.0)
        accepted = agreement > 1e-4
        length = step.norm(dim=1)
        radius = self.radius[members]
        grown = torch.where(length > 0.9 * radius, 3 * radius, radius)
        radius = torch.where(agreement > 0.75, grown, radius)
        radius = torch.where(agreement < 0.25, torch.minimum(radius, length) / 4, radius)

        negligible = promised.abs() <= NEGLIGIBLE_DECREASE * value.abs()
        accepted |= negligible & (trial - value <= WAVERING * value.abs())
        polished = torch.where(negligible, self.polished[members] + 1, 0)
        improved = (polished == 1) | (residual < 0.5 * self.least[members])
        in_vain = torch.where(improved, 0, self.in_vain[members] + 1)
        best = negligible & improved
        self.kept[members] = torch.where(best[:, None], at, self.kept[members])
        self.kept_value[members] = torch.where(best, value, self.kept_value[members])
        self.least[members] = torch.where(best, residual, self.least[members])
        settled = negligible & (~accepted | (polished > POLISHING_STEPS) | (in_vain >= POLISHING_IN_VAIN))
        moved = torch.where(accepted[:, None], at + step, at)
        self.x[members] = torch.where(settled[:, None], self.kept[members], moved)
        self.f[members] = torch.where(settled, self.kept_value[members], torch.where(accepted, trial, value))
        self.residual[members] = torch.where(settled, self.least[members], residual)
        self.first_gradient[members] = first
        self.radius[members] = radius
        self.polished[members] = polished
        self.in_vain[members] = in_vain
        self.iterations[members] += 1
        stuck = radius < 1e-14 * (1 + at.norm(dim=1))
        done = settled | (residual == 0) | (stuck & ((residual <= FLAT * first) | negligible))
        lost = ~value.isfinite() | ~residual.isfinite()
        ending = torch.where(done, int(Ending.CONVERGED), torch.where(stuck, int(Ending.STALLED), int(Ending.RUNNING)))
        self.endings[members] = torch.where(lost, int(Ending.DIVERGED), ending)
        return int((self.endings == Ending.RUNNING).sum())


def _steihaug(
    curvature: Callable[[Tensor], Tensor],
    slope: Float64[Tensor, "B n"],
    held: Bool[Tensor, "B n"],
    radius: Float64[Tensor, " B"],
    forcing: Float64[Tensor, " B"],
    max_steps: int,
) -> tuple[Float64[Tensor, "B n"], Float64[Tensor, " B"]]:
    """Minimise slope·s + ½ s·H s over ‖s‖ ≤ radius on the entries that are not held, by conjugate gradients.

    Stops when the gradient of the quadratic has fallen to ``forcing`` times its start.

    Returns the steps and the decrease the quadratic promises. Negative curvature and the radius end a run at the boundary.
    """
    step, promised = torch.zeros_like(slope), torch.zeros_like(radius)
    remainder, direction = slope, -slope
    size = slope.square().sum(1)
    enough, within = forcing.square() * size, radius.square()
    active = size > 0
    for _ in range(min(max_steps, slope.shape[1] + 5)):
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
    return step, promised


def _reach(
    step: Float64[Tensor, "B n"], direction: Float64[Tensor, "B n"], within: Float64[Tensor, " B"]
) -> Float64[Tensor, " B"]:
    """Return how far a step goes on along a direction until its square has grown to that of the radius."""
    dd, sd, ss = direction.square().sum(1), (step * direction).sum(1), step.square().sum(1)
    return (-sd + torch.sqrt((sd.square() + dd * (within - ss)).clamp(min=0))) / dd.clamp(min=TINY)
