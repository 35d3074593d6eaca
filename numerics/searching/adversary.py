"""An adversary that tries to break a claim: it descends on the slack of every link of the chain, and trains below its value.

Points and parameters move together, and the parameters stay within the claim's domain. A violation is made small, and
one command finds it again.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.balls import Ball, highest
from numerics.backends.bindings import stack_bindings
from numerics.backends.points import points_of, random_point
from numerics.backends.recording import recorded
from numerics.backends.tensors import DTYPE
from numerics.backends.unit_norm import normalised
from numerics.bounds.enclosures import predicted_value, value_at
from numerics.bounds.separable import separable_bound
from numerics.judging.chain import Chain
from numerics.tolerances import LINK
from numerics.training.optimise import minimise
from theory.claim import Claim
from theory.cli.arguments import written_parameters
from theory.errors import ParameterError
from theory.point import Point
from theory.problem import Instance, Problem

STEPS = 80
"""Descent steps on a link in a check of a proof; a search of its own takes more."""
RATE = 0.03
"""Step of the descent, relative to a variable's size, and in the logarithm of a parameter."""
FARTHEST = math.log(30.0)
"""Largest displacement of a parameter, in logarithms."""
SHRINKING_TRIES = 25
FRESH_STARTS = 2
"""Random starts from which a violation is searched for again in a smaller instance."""


class _Displacing:
    """The operations with which a domain keeps displaced tensors within itself."""

    @staticmethod
    def descending(x: Tensor) -> Tensor:
        return x.sort(descending=True).values

    @staticmethod
    def within(x: Tensor, low: float, high: float) -> Tensor:
        return x.clamp(low, high)

    @staticmethod
    def above(x: Tensor, level: Tensor) -> Tensor:
        return torch.maximum(x, torch.nextafter(level.detach(), torch.full_like(level, torch.inf)))


class _Moving:
    """The real numbers among the parameters of some instances, with displacements on which one can descend.

    A displacement multiplies a positive number, each entry of a sorted list of such numbers, the odds of a number
    between two limits, or the relative excess of a number above another parameter.
    """

    def __init__(self, problem: Problem, instances: Sequence[Instance]) -> None:
        self.problem, self.instances = problem, instances
        moved = {p.name: p.domain for p in problem.parameters if p.domain.moves}
        # A parameter moves after the parameters that it depends on.
        self.domains = dict(sorted(moved.items(), key=lambda item: len(item[1].depends())))
        needed = {*self.domains, *(name for domain in moved.values() for name in domain.depends())}
        self.given = {name: torch.tensor([i.values[name] for i in instances], dtype=DTYPE) for name in needed}
        self.shifts = {name: torch.zeros_like(self.given[name], requires_grad=True) for name in self.domains}
        self.start = stack_bindings(instances)

    def _displaced(self) -> dict[str, Float64[Tensor, " B"] | Float64[Tensor, "B n"]]:
        """Return the displaced parameters, within their domains."""
        values: dict[str, Tensor] = {}
        for name, domain in self.domains.items():
            values[name] = domain.displaced(_Displacing, name, self.given, self.shifts[name].exp(), values)
        return values

    def bindings(self) -> dict[Any, Any]:
        """Return the bindings at the displaced parameters, differentiable in the displacements."""
        displaced = {name: tuple(v.unbind(1)) if v.ndim > 1 else v for name, v in self._displaced().items()}
        values = {**self.instances[0].values, **displaced}
        bindings = dict(self.start)
        for symbol, value in self.problem.bind(values).items():
            if isinstance(value, Tensor):
                bindings[symbol] = value
            elif isinstance(value, tuple) and any(isinstance(v, Tensor) for v in value):
                columns = [v if isinstance(v, Tensor) else self.start[symbol][:, i] for i, v in enumerate(value)]
                bindings[symbol] = torch.stack(columns, 1)
        return bindings

    def moved(self) -> list[Instance]:
        """Return the instances at the displaced parameters."""
        displaced = {name: values.tolist() for name, values in self._displaced().items()}
        return [
            self.problem.instance(**{**instance.values, **{name: v[i] for name, v in displaced.items()}})
            for i, instance in enumerate(self.instances)
        ]


class _Adam:
    """Adam (Kingma and Ba, arXiv:1412.6980) with its usual constants; ``rates`` are (tensor, step size).

    ``torch.optim`` is not used: its first optimiser loads a compiler, which takes a process longer than most descents.
    """

    MEAN, SQUARE, LEAST = 0.9, 0.999, 1e-8

    def __init__(self, rates: Sequence[tuple[Tensor, float]]) -> None:
        self.rates, self.steps = rates, 0
        self.moments = [(torch.zeros_like(x), torch.zeros_like(x)) for x, _ in rates]

    @property
    def moved(self) -> list[Tensor]:
        """The tensors that move."""
        return [x for x, _ in self.rates]

    @torch.no_grad()
    def step(self, slope: Sequence[Tensor | None]) -> None:
        """Move each tensor that has a gradient."""
        self.steps += 1
        scale = math.sqrt(1 - self.SQUARE**self.steps)
        for gradient, (x, rate), (mean, square) in zip(slope, self.rates, self.moments, strict=True):
            if gradient is not None:
                pull = gradient.nan_to_num(0.0, 0.0, 0.0)  # where singular values coincide the slack has no gradient
                mean.lerp_(pull, 1 - self.MEAN)
                square.mul_(self.SQUARE).addcmul_(pull, pull, value=1 - self.SQUARE)
                size = (square.sqrt() / scale).add_(self.LEAST)
                x.addcdiv_(mean, size, value=-rate / (1 - self.MEAN**self.steps))


def descend(
    claim: Claim,
    instances: Sequence[Instance],
    links: Float64[Tensor, " B"],
    generator: torch.Generator,
    steps: int,
    parameters_move: bool,
) -> tuple[list[Instance], Point]:
    """Descend on a link of each instance from random starts, and return the instances and points where the link is nearly tight.

    ``links`` has the number of the link of each instance: link i leads to bound i from its predecessor. Where
    ``parameters_move``, the parameters are displaced, too. A wrong constant in a bound shows where the true inequality
    has no slack to hide it.
    """
    nonnegative = {v.name for v in claim.problem.variables if v.nonnegative}
    leaves = {name: a.clone().requires_grad_() for name, a in random_point(claim, instances, 1.0, generator).items()}
    rates = [(leaf, RATE * float(leaf.detach().abs().mean())) for leaf in leaves.values()]
    moving = _Moving(claim.problem, instances)
    if parameters_move and moving.shifts:
        rates += [(shift, RATE) for shift in moving.shifts.values()]
    chain = Chain(claim, instances)
    optimiser = _Adam(rates)

    def slope() -> tuple[Tensor | None, ...]:
        here = Chain(claim, instances, moving.bindings()) if parameters_move else chain
        with torch.enable_grad():
            values = here.run(Point(leaves)).values
            upper, lower = (values.gather(0, row[None])[0] for row in (links, links + 1))
            slack = (upper - lower) / values.detach().abs().amax(0)
            return torch.autograd.grad(slack.sum(), optimiser.moved, allow_unused=True)

    slope_again = recorded(slope, optimiser.moved, optimiser.moved[0])
    for _ in range(steps):
        optimiser.step(slope_again())
        with torch.no_grad():
            for name in nonnegative & leaves.keys():
                leaves[name].clamp_(min=0)
            for variable in claim.problem.active_variables(instances[0]):
                leaves[variable.name].copy_(normalised(variable, leaves[variable.name]))
            for shift in moving.shifts.values():
                shift.clamp_(-FARTHEST, FARTHEST)
    found = moving.moved() if parameters_move else list(instances)
    return found, Point({name: leaf.detach() for name, leaf in leaves.items()})


def tight_points(
    claim: Claim,
    instances: Sequence[Instance],
    generator: torch.Generator,
    steps: int = STEPS,
    links: Sequence[int] | None = None,
) -> list[Point]:
    """Return, for each of ``links`` (by default all), a point of every instance at which the link is nearly tight."""
    chosen, size = list(range(len(claim.proof.bounds)) if links is None else links), len(instances)
    which = torch.tensor(chosen).repeat_interleave(size)
    if not chosen:
        return []
    _, point = descend(claim, list(instances) * len(chosen), which, generator, steps, parameters_move=False)
    return [point.map(operator.itemgetter(slice(i * size, (i + 1) * size))) for i in range(len(chosen))]


@dataclass(frozen=True)
class Violation:
    """A point that breaks a claim: the instance, what is broken, and by how much (relative, positive)."""

    claim: Claim
    instance: Instance
    what: str
    excess: float

    def command(self) -> str:
        """Return the command that finds the violation again."""
        return f"python -m numerics attack {self.claim.id} {written_parameters(self.claim, self.instance)}"


@dataclass(frozen=True)
class Attack:
    """The result of an attack: starts made, the least relative slack seen (negative where something broke), and seconds."""

    starts: int
    margin: float
    seconds: float
    violation: Violation | None


def attack(
    claim: Claim,
    instances: Sequence[Instance],
    steps: int,
    starts: int = 1,
    seed: int = 0,
    parameters_move: bool = True,
) -> Attack:
    """Search for points that break a claim: links of its chain by descent, its value (or published structure) by training.

    ``instances`` share their sizes. The first violation found ends the search.
    """
    began = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    margin, made, found = math.inf, 0, None
    for least, violation in _attempts(claim, instances, steps, starts, seed, generator, parameters_move):
        made += 1
        margin = min(margin, least)
        if violation is not None:
            found = violation
            break
    return Attack(made * len(instances), margin, time.perf_counter() - began, found)


def _attempts(
    claim: Claim,
    instances: Sequence[Instance],
    steps: int,
    starts: int,
    seed: int,
    generator: torch.Generator,
    parameters_move: bool,
) -> Iterator[tuple[float, Violation | None]]:
    """Yield the least slack of each attempt, and the violation or None: every link first, then the value."""
    size, links = len(instances), len(claim.proof.bounds) if claim.refutation is None else 0
    if links:
        which = torch.arange(links).repeat_interleave(size * starts)
        everywhere = list(instances) * (links * starts)
        moved, point = descend(claim, everywhere, which, generator, steps, parameters_move)
        for first in range(0, len(moved), size):
            part = slice(first, first + size)
            yield _at_link(claim, moved[part], point.map(operator.itemgetter(part)))
    for start in range(starts):
        yield _at_value(claim, instances, seed + start)


def _at_link(claim: Claim, instances: Sequence[Instance], point: Point) -> tuple[float, Violation | None]:
    run = Chain(claim, instances).judged(point)
    slack = run.margins().nan_to_num(
        -math.inf
    )  # the slack of every link, because descent on one link may break another
    least = float(slack.min())
    if not least < -LINK:
        return least, None
    row, member = divmod(int(slack.argmin()), slack.shape[1])
    what = f"{run.names[row + 1]} exceeds {run.names[row]}"
    return least, Violation(claim, instances[member], what, -least)


def _at_value(claim: Claim, instances: Sequence[Instance], seed: int) -> tuple[float, Violation | None]:
    """Train, and compare the lowest point with the predicted value or the published structure, in balls.

    An instance that the first descent breaks is not searched for a point that is lower still.
    """
    levels = [_claimed(claim, instance) for instance in instances]

    def margins(rows: Sequence[int], points: Point) -> list[float]:
        return [
            _above(claim.problem, instances[i], point, levels[i])
            for i, point in zip(rows, points_of(points), strict=True)
        ]

    def broken(rows: Sequence[int], points: Point) -> list[bool]:
        return [margin < 0 for margin in margins(rows, points)]

    solution = minimise(claim.problem, instances, 1, seed, closed=broken)
    found = margins(range(len(instances)), solution.best_point())
    least = min(found)
    if not least < 0:
        return least, None
    what = "a trained point lies below the claimed minimum"
    return least, Violation(claim, instances[found.index(least)], what, -least)


def _claimed(claim: Claim, instance: Instance) -> Ball | None:
    """Return the predicted value, or for a refuted claim the value of the published structure, as a ball; None without either."""
    if claim.refutation is None:
        return predicted_value(claim, instance)
    return separable_bound(claim.refutation.least, ball_bindings(claim.problem, instance))


def _above(problem: Problem, instance: Instance, point: Point, level: Ball | None) -> float:
    """Return by how much the loss at a point lies above a level at most, relative to the level; infinity without a level."""
    return math.inf if level is None else highest((value_at(problem, instance, point) - level) / abs(level))


def shrunk(violation: Violation, steps: int, seed: int = 0) -> Violation:
    """Return a violation of the same claim in a smaller instance, or the violation itself.

    At most SHRINKING_TRIES attacks try instances with entries left out or numbers rounded.
    """
    tries = 0
    for way in _ways(violation.instance.values):
        while (values := way(violation.instance.values)) is not None and tries < SHRINKING_TRIES:
            tries += 1
            smaller = _found_again(violation, values, steps, seed)
            if smaller is None:
                break
            violation = smaller
    return violation


def _found_again(violation: Violation, values: Mapping[str, Any], steps: int, seed: int) -> Violation | None:
    """Return a violation of the same claim at these parameters.

    Returns None where none is found, where the claim does not allow them, and where they are another way to write the same.
    """
    try:
        instance = violation.claim.problem.instance(**values)
    except ParameterError:
        return None
    if instance.values == violation.instance.values:
        return None
    return attack(violation.claim, [instance], steps, FRESH_STARTS, seed, parameters_move=False).violation


def _ways(values: Mapping[str, Any]) -> Iterator[Callable[[Mapping[str, Any]], dict[str, Any] | None]]:
    """Yield the ways to simpler parameters: lists of one length made shorter by an entry, smaller integers, rounder numbers.

    Each way returns None where it leads no further.
    """
    lengths = {len(v) for v in values.values() if isinstance(v, tuple) and len(v) > 1}
    for length in sorted(lengths, reverse=True):
        names = [name for name, v in values.items() if isinstance(v, tuple) and len(v) == length]
        for step in (0, 1):
            yield partial(_shorter, names=names, step=step)
    for name in values:
        yield partial(_simpler, name=name)


def _shorter(values: Mapping[str, Any], names: Sequence[str], step: int) -> dict[str, Any] | None:
    """Return the parameters with an entry left out of these lists, and integers equal to their length lessened by ``step``."""
    length = len(values[names[0]])
    if length == 1:
        return None
    lessened = {name: v - step for name, v in values.items() if type(v) is int and v == length}
    return {**values, **lessened, **{name: values[name][:-1] for name in names}}


def _simpler(values: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return the parameters with half of these counts, with this integer less by one, or with this number rounded."""
    value, simpler = values[name], None
    if isinstance(value, tuple) and all(isinstance(v, int) for v in value) and max(value) > 1:
        simpler = tuple(max(1, v // 2) for v in value)
    elif type(value) is int and value > 1:
        simpler = value - 1
    elif isinstance(value, float) and (rounder := float(f"{value:.1g}")) != value:
        simpler = rounder
    return None if simpler is None else {**values, name: simpler}
