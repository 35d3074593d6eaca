"""A batched minimiser for any problem: many instances and many random starts at once.

It sees the loss and the declared units of the variables, nothing else: no prediction, no structure, all features free.
Bounds (entries ≥ 0) are kept by projection, with the Newton step taken on the entries that are not held at their bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from numerics.backends.bindings import stack_bindings
from numerics.backends.tensors import TorchArrays
from numerics.training.budget import Budget, OutOfTime
from numerics.training.escapes import ramp, redraw_units
from numerics.training.layout import Layout, draw, isometries
from numerics.training.newton import Ending, Search
from numerics.training.objective import Objective
from numerics.training.quasi_newton import NEGLIGIBLE_DECREASE
from theory.errors import ParameterError, quoted
from theory.expressions import Bindings
from theory.point import Point
from theory.problem import Instance, Problem

PROBED = 64
"""Entries of each variable along which curvatures are looked at, spread evenly over it."""
MAX_ITERATIONS = 600
Closed = Callable[[list[int], Point], Sequence[bool]]
WORKING_COPIES = 40
"""Arrays of the size of a point that are alive at once: the graph of two derivatives and the vectors of CG."""


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
        return _lowest(self.values, self.endings)

    def best_value(self) -> Float64[Tensor, " I"]:
        return self.values.gather(1, self.best[:, None])[:, 0]

    def best_ending(self) -> list[Ending]:
        return [Ending(int(e)) for e in self.endings.gather(1, self.best[:, None])[:, 0]]

    def best_point(self) -> Point:
        """The best point of each instance: variables as tensors [I, rows, columns]."""
        rows = torch.arange(len(self.instances), device=self.best.device)
        return Point({name: array[rows, self.best] for name, array in self.points.items()})


def _lowest(values: Float64[Tensor, "I S"], endings: Int64[Tensor, "I S"]) -> Int64[Tensor, " I"]:
    """Return the start with the lowest value, for each instance; among equals one that converged. Diverged runs do not count."""
    values = values.nan_to_num(torch.inf, posinf=torch.inf, neginf=torch.inf)
    lowest = values.min(1, keepdim=True).values
    equal = values <= lowest + NEGLIGIBLE_DECREASE * lowest.abs()
    return torch.where(equal & (endings == Ending.CONVERGED), -torch.inf, values).argmin(1)


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
    closed: Closed | None = None,
) -> Solution:
    """Minimise the loss of a problem from random starts.

    ``instances`` share their sizes (they differ in decays and the like); ``starts`` ≥ 1 runs are made for each, all in
    one batch. ``progress(iteration, running)`` is called after each iteration. A KeyboardInterrupt stops the runs where
    they are and returns them with ``interrupted`` set; so does the end of ``time_limit`` seconds, with ``out_of_time`` set.
    A run that had not converged by then counts as stalled; one that had may still stand in a local minimum that would have been left.
    ``closed(rows, points)`` may tell which instances, ``rows`` of them with their lowest points, need no search for a lower one; all are
    searched where it is not given.

    Raises ParameterError when the instances differ in size, need more memory than there is, or the device is absent.
    """
    if starts < 1:
        raise ParameterError(f"starts: {starts!r} is not allowed; starts is a positive integer")
    began = time.perf_counter()
    where = choose_device(device)
    require_memory(problem, instances, starts, where)
    objective = Objective(problem, instances, starts, where)
    every = torch.arange(len(instances) * starts, device=where)
    layout, budget = objective.layout, Budget(max_iterations, progress, deadline=began + time_limit)
    generator = torch.Generator().manual_seed(seed)
    start = draw(generator, len(every), layout)
    start = isometries(start, layout) if objective.ramped else start
    search = Search(objective, start, every)

    def still_open(among: Tensor) -> Tensor:
        if closed is None or len(among) == 0:
            return among
        runs = _lowest(search.f.reshape(-1, starts), search.endings.reshape(-1, starts))[among] + among * starts
        points = layout.unpack(search.x[runs], layout.scale[among])
        return among[~torch.tensor(closed(among.tolist(), points), device=where)]

    interrupted = out_of_time = False
    try:
        search.solve(budget)
        if bool(layout.bounded.any()):
            redraw_units(search, generator, still_open, budget)
        if objective.ramped:
            ramp(search, start, still_open, budget)
    except KeyboardInterrupt:
        interrupted = True
    except OutOfTime:
        out_of_time = True
    search.evaluate()
    search.endings[search.endings == Ending.RUNNING] = Ending.STALLED
    shape = (len(instances), starts)
    points = objective.points(search.x)
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
    layout = Layout(problem.active_variables(instance), bindings)
    x = draw(torch.Generator().manual_seed(seed), 1, layout).requires_grad_()
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
