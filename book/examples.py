"""The example each page shows, chosen from the domains of a claim's parameters alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.points import points_of
from numerics.bounds.certificates import Certificate
from numerics.judging.comparison import Comparison, compare
from numerics.judging.invariants import measure
from numerics.searching.thresholds import tuned_to
from numerics.tolerances import NEAR_CERTIFICATE_GAP
from numerics.training.certified import train
from numerics.training.optimise import Solution
from theory.claim import Claim, Verdict, find
from theory.expressions import Formula
from theory.point import Point
from theory.problem import (
    REQUIRED,
    Instance,
    Invariant,
)
from theory.proof import Threshold

STARTS = 8
SWEEP_STARTS = 3
SWEEP_POINTS = 14
SHOWN_DIRECTIONS = 3
"""As many classes or directions are alive in the example where thresholds differ: three can be drawn."""
LIVELY = 4.0
"""Ratio to its threshold at which the last class or direction is kept while another threshold is crossed."""


def noun(claim: Claim) -> str:
    """Return what collapses in a claim's problem: a class or a direction."""
    counted = any(parameter.domain.counts for parameter in claim.problem.parameters)
    return "class" if counted and not claim.problem.spectral else "direction"


@dataclass(frozen=True)
class Crossing:
    """A threshold of a claim, and the line in its parameters on which it is crossed.

    ``values`` are the parameters but for the tuned one. ``critical`` lists, in ascending order, where in the tuned parameter
    classes or directions collapse, and ``falling`` tells whether they do so as it grows.
    """

    claim: Claim
    threshold: Threshold
    values: dict[str, Any]
    critical: tuple[float, ...]
    falling: bool

    @property
    def tuned(self) -> str:
        return self.threshold.tuned

    @property
    def telling(self) -> Invariant:
        """The invariant that shows the collapse."""
        name = self.threshold.telling or self.claim.problem.telling
        return next(i for i in self.claim.problem.invariants if i.name == name)

    def at(self, tuned: float) -> Instance:
        """Return the instance with a value of the tuned parameter."""
        return self.claim.problem.instance(**{**self.values, self.tuned: tuned})

    def jumps(self) -> bool:
        """Tell whether the minimiser jumps at the threshold, at these parameters."""
        return bool(evaluate(Formula(self.threshold.jump), self.at(self.critical[0]).bindings))

    def sizes(self, array: torch.Tensor) -> torch.Tensor:
        """Return the entries of the telling invariant that show the collapse, one a direction."""
        return array if self.telling.kind == "spectrum" else array.diagonal(dim1=-2, dim2=-1)

    def predicted(self, tuned: Sequence[float]) -> torch.Tensor:
        """Return the predicted sizes [values, directions]."""
        bindings = stack_bindings([self.at(value) for value in tuned])
        return self.sizes(evaluate(self.claim.prediction.invariants[self.telling.name], bindings))

    def alive_by(self, factor: float) -> float:
        """Return the value that lies this factor on the side where all are alive."""
        return self.critical[0] / factor if self.falling else self.critical[-1] * factor

    def sweep(self, count: int) -> list[float]:
        """Return values of the tuned parameter from where all are alive to where all have collapsed."""
        start, end = (min(self.critical) / 5, 1.7 * max(self.critical))
        if not self.falling:
            start, end = 5 * max(self.critical), min(self.critical) / 1.7
        low, high = math.log(start), math.log(end)
        return [math.exp(low + (high - low) * i / (count - 1)) for i in range(count)]


@dataclass(frozen=True)
class Example:
    """A claim at concrete parameters, and how each of its thresholds is crossed from there."""

    claim: Claim
    values: dict[str, Any]
    crossings: tuple[Crossing, ...]

    @property
    def instance(self) -> Instance:
        return self.claim.problem.instance(**self.values)

    def predicted(self, invariant: Invariant) -> torch.Tensor | None:
        """Return the predicted invariant, or None where the claim does not say."""
        formula = self.claim.prediction.invariants.get(invariant.name)
        return None if formula is None else evaluate(formula, stack_bindings([self.instance]))[0]


@dataclass(frozen=True)
class TrainedExample:
    """An example with its best trained point and what the checks say of it."""

    example: Example
    solution: Solution
    comparison: Comparison
    certificate: Certificate | None

    @property
    def point(self) -> Point:
        """The best point, variables as [rows, columns]."""
        (point,) = points_of(self.solution.best_point())
        return point

    def measured(self) -> dict[str, torch.Tensor]:
        """Return the invariants of the best point."""
        batch = measure(self.example.claim, [self.example.instance], self.solution.best_point())
        return {name: array[0] for name, array in batch.items()}


def ratios(claim: Claim, threshold: Threshold, values: Mapping[str, Any]) -> list[float]:
    """Return the ratio of each class or direction to its threshold."""
    formula = Formula(threshold.ratio, ((threshold.index, threshold.count),))
    return evaluate(formula, stack_bindings([claim.problem.instance(**values)]))[0].tolist()


def find_crossing(claim: Claim, threshold: Threshold, values: dict[str, Any]) -> Crossing:
    """Return where a threshold is crossed; a direction that its parameter does not take there is left out."""
    critical = []
    for direction in range(1, len(ratios(claim, threshold, values)) + 1):
        with suppress(ValueError):
            critical.append(tuned_to(claim, threshold, values, direction, 1.0))
    if not critical:
        raise ValueError(f"{claim.id}: no value of {threshold.tuned} crosses its threshold")
    beyond = ratios(claim, threshold, {**values, threshold.tuned: 2 * max(critical)})
    falling = min(beyond) < 1
    others = {name: value for name, value in values.items() if name != threshold.tuned}
    return Crossing(claim, threshold, others, tuple(sorted(critical)), falling)


def sliding(claim: Claim) -> tuple[Threshold, ...]:
    """Return the thresholds a slider can cross: those tuned by a single number."""
    thresholds = claim.prediction.thresholds
    return tuple(t for t in thresholds if claim.problem.parameter(t.tuned).domain.scales)


def make_example(claim: Claim) -> Example:
    """Return the example of a claim: some directions alive, the last collapsed, where their thresholds differ.

    While one threshold is crossed the parameters of the others stay where all directions are alive.
    """
    values: dict[str, Any] = {}
    for parameter in claim.problem.in_dependency_order:
        if parameter.default is REQUIRED or parameter.domain.telling:
            values[parameter.name] = parameter.domain.example(values)
    values = {
        p.name: values[p.name] for p in claim.problem.parameters if p.name in values
    }  # in the order they are declared
    thresholds = sliding(claim)
    lively = dict(values)
    for threshold in reversed(thresholds[1:]):
        lively[threshold.tuned] = shown(find_crossing(claim, threshold, lively).alive_by(LIVELY))
    crossings = tuple(find_crossing(claim, threshold, lively) for threshold in thresholds[:1])
    if not crossings:
        return Example(claim, values, ())
    first = crossings[0]
    settled = {**lively, first.tuned: shown(first.alive_by(LIVELY))}
    crossings += tuple(find_crossing(claim, threshold, settled) for threshold in thresholds[1:])
    ordered = first.critical if not first.falling else first.critical[::-1]
    alive, dead = ordered[SHOWN_DIRECTIONS - 1 : SHOWN_DIRECTIONS + 1] if len(ordered) > SHOWN_DIRECTIONS else (1, 1)
    chosen = math.sqrt(alive * dead) if not math.isclose(alive, dead) else first.alive_by(16)
    return Example(claim, {**first.values, first.tuned: shown(chosen)}, crossings)


def shown(number: float) -> float:
    """Round to two digits, as an example is written down."""
    return float(f"{number:.2g}")


def checked(claim: Claim, solution: Solution) -> list[Comparison]:
    """Hold training against prediction.

    Raises AssertionError when a claim that HOLDS fails: no page shows it then.
    """
    comparisons = compare(claim, solution)
    failures = [failure for comparison in comparisons for failure in comparison.failures]
    if failures and claim.verdict is Verdict.HOLDS:
        raise AssertionError(f"{claim.id}: {'; '.join(failures)}")
    return comparisons


def train_example(claim_id: str) -> TrainedExample:
    """Train the example of a claim and hold it against prediction and certificate."""
    example = make_example(find(claim_id))
    training = train(example.claim, [example.instance], STARTS, seed=0, device="cpu")
    solution = training.solution
    return TrainedExample(example, solution, checked(example.claim, solution)[0], training.certificates[0])


def train_sweep(crossing: Crossing, tuned: Sequence[float]) -> tuple[torch.Tensor, int]:
    """Train at every value of the tuned parameter, all in one batch.

    Returns the sizes that show the collapse [values, directions] and how many of the trained points are certified.
    """
    instances = [crossing.at(value) for value in tuned]
    training = train(crossing.claim, instances, SWEEP_STARTS, seed=0, device="cpu")
    measured = measure(crossing.claim, instances, training.solution.best_point())[crossing.telling.name]
    certified = sum(c is not None and c.gap <= NEAR_CERTIFICATE_GAP for c in training.certificates)
    return crossing.sizes(measured), certified
