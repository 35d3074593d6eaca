"""Comparison of named results, and of the collapse of latent levels, with measurements at trained points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sympy as sp
import torch
from jaxtyping import Bool
from sympy.logic.boolalg import Boolean
from torch import Tensor

from numerics.backends.bindings import setting
from numerics.backends.evaluation import Evaluator
from numerics.judging.known import Known
from numerics.tolerances import (
    INVARIANT,
    NEAR_SIZE,
    NEGLIGIBLE_SIZE,
    NO_DIVERGENCE,
    ON_THRESHOLD,
    THRESHOLD_BAND,
    VALUE_GAP,
)
from theory.claim import Claim
from theory.errors import ParameterError
from theory.expressions import Formula
from theory.point import Point
from theory.results import Decides, Level, Measured, Minimised, Reading, Result, TotalCollapse
from theory.symbols import indexed, k

CROSSES = 1e-10
"""Relative distance at which a ratio counts as 1 where the ratio of its threshold is 1. Both ratios are rounded, and
one may be a power of the other."""
STEPS = (1e-3, 1e-2, 0.1, 0.5)
"""Relative steps from a minimiser at which the minimised function must not be lower."""


@dataclass(frozen=True)
class Readings:
    """The measurements for the named results and levels of a claim at one batch of points.

    ``results`` maps a name to the value that its result reads, [B, *axes]. ``given`` maps a name to the measured values
    of symbols in its formula. ``divergences`` maps a level to twice the divergence of each latent direction,
    descending, [B, directions].
    """

    results: dict[str, Tensor]
    given: dict[str, dict[sp.Basic, Tensor]]
    divergences: dict[str, Tensor]


def read(claim: Claim, evaluator: Evaluator, point: Point, invariants: dict[str, Tensor]) -> Readings:
    """Return the readings of a claim's named results and levels at a batch of points, whose invariants are measured already."""
    xp, data = setting(claim.problem, evaluator.fixed)
    reading = Reading(xp, point, data, evaluator.fixed, invariants)
    named = claim.prediction.named
    return Readings(
        {name: r.read(reading) for name, r in named.items() if isinstance(r, Measured | Minimised | TotalCollapse)},
        {
            name: {symbol: measure(reading) for symbol, measure in r.given.items()}
            for name, r in named.items()
            if isinstance(r, Measured | Decides)
        },
        {level.name: level.divergences(xp, point, data, evaluator.fixed) for level in claim.prediction.levels},
    )


@dataclass(frozen=True)
class Run:
    """One batch of points: its readings, the instances at which it counts, and the directions alive at each threshold."""

    readings: Readings
    counts: Bool[Tensor, " B"]
    alive: tuple[Bool[Tensor, "B K"], ...]


class Judge:
    """The comparison of runs with the named results of a claim, whose ``crossings`` are its thresholds at these instances.

    Instances with a direction near a threshold without a jump are judged in units, as their invariants are. ``known``
    holds what was found of results at the same crossings, which is not judged again.
    """

    def __init__(self, claim: Claim, evaluator: Evaluator, crossings: Sequence[Any], known: Known) -> None:
        self.claim, self.evaluator, self.crossings, self.known = claim, evaluator, crossings, known
        self.near, self.jump = [c.near for c in crossings], [c.jump for c in crossings]
        self.shrinking = torch.zeros(evaluator.batch, dtype=torch.bool, device=evaluator.device)
        for close, jumps in zip(self.near, self.jump, strict=True):
            if not jumps:
                self.shrinking = self.shrinking | close.any(1)

    def deviations(self, runs: Sequence[Run]) -> dict[str, list[float]]:
        """Return, for each measured result and instance, the largest relative deviation over the runs that count."""
        return {
            name: self.known.once("deviation", (result, *self.crossings), self._largest, name, result, runs)
            for name, result in self.claim.prediction.named.items()
            if isinstance(result, Measured)
        }

    def failures(self, runs: Sequence[Run]) -> list[list[str]]:
        """Return the failures of named results and levels, for each instance."""
        found: list[list[str]] = [[] for _ in range(self.evaluator.batch)]
        for of, text, wrong in self._judgements():
            for number in self.known.once("wrong", (of, *self.crossings), _where, wrong, runs):
                found[number].append(text)
        return found

    def _judgements(self) -> Iterator[tuple[Result | Level, str, Callable[[Run], Bool[Tensor, " B"]]]]:
        """Yield each named result or level, the message for its failure, and the function that finds the failing instances of a run."""
        for name, result in self.claim.prediction.named.items():
            if isinstance(result, Decides):
                yield (
                    result,
                    f"what lives is not what {name} decides",
                    partial(self._decided_wrongly, name, result),
                )
            elif isinstance(result, Minimised):
                yield result, f"what is trained does not minimise {name}", partial(self._not_least, name, result)
            elif isinstance(result, TotalCollapse):
                yield (
                    result,
                    f"everything is zero on one side of {name} alone, and not on the predicted one",
                    partial(self._zero_otherwise, name, result),
                )
        for level in self.claim.prediction.levels:
            yield (
                level,
                f"{level.name}: another number of latent directions than predicted has the prior for posterior",
                partial(self._collapsed_otherwise, level),
            )

    def _largest(self, name: str, result: Measured, runs: Sequence[Run]) -> list[float]:
        return torch.stack([self._deviation(name, result, run) for run in runs]).amax(0).tolist()

    def _kept(self, where: Boolean, axes: Sequence[tuple[sp.Symbol, Any]]) -> Bool[Tensor, "*axes"]:
        return self.evaluator.evaluate(Formula(where, tuple(axes))).bool()

    def _along(self, close: Bool[Tensor, "B K"], like: Tensor) -> Bool[Tensor, "*axes"]:
        """Return whether each entry belongs to a ``close`` direction. The last axis counts directions from the first one on."""
        if like.ndim == 1:
            return close.any(1)
        count = like.shape[-1]
        padded = torch.nn.functional.pad(close, (0, max(0, count - close.shape[1])))[:, :count]
        return padded.reshape(padded.shape[0], *[1] * (like.ndim - 2), count)

    def _deviation(self, name: str, result: Measured, run: Run) -> Tensor:
        got = run.readings.results[name]
        expected = self.evaluator.evaluate(Formula(result.expression, result.axes), run.readings.given[name])
        if got.shape != expected.shape:
            raise ParameterError(
                f"{self.claim.id}: named: {name} reads {tuple(got.shape[1:])} numbers, and its axes say {tuple(expected.shape[1:])}"
            )
        kept = self._kept(result.where, result.axes)
        on = [self._along(close, got) for close, jumps in zip(self.near, self.jump, strict=True) if jumps]
        on_jump = on[0] if on else torch.zeros_like(got, dtype=torch.bool)
        kept = kept & ((on_jump & (got > INVARIANT)) if result.at_threshold else ~on_jump)
        unit = self.evaluator.evaluate(Formula(result.unit, result.axes))
        got, expected = (torch.where(kept, a, 0.0) for a in (got, expected))
        if got.ndim > 1:
            distance, size, unit = (got - expected).norm(dim=-1), expected.norm(dim=-1), unit.abs().amax(-1)
        else:
            distance, size = (got - expected).abs(), expected.abs()
        near = self.shrinking.reshape(-1, *[1] * (distance.ndim - 1))
        scale = torch.where(near, torch.maximum(size, unit), torch.where(size > NEGLIGIBLE_SIZE * unit, size, unit))
        relative = torch.where(near, INVARIANT / NEAR_SIZE, 1.0) * distance / scale
        worst = relative.reshape(relative.shape[0], -1).amax(1)
        return torch.where(run.counts, worst, 0.0)

    def _decided_wrongly(self, name: str, result: Decides, run: Run) -> Bool[Tensor, " B"]:
        threshold = self.claim.prediction.thresholds[result.threshold]
        axes = ((threshold.index, threshold.count),)
        ratio = self.evaluator.evaluate(Formula(result.ratio(result.expression), axes), run.readings.given[name])
        within, considered = (self._kept(condition, axes) for condition in (threshold.within_rank, result.where))
        lives = (ratio > 1) & within
        wrong = (lives != run.alive[result.threshold]) & ~self.near[result.threshold]
        if not result.given:
            # The formula depends on parameters alone, so its ratio has to cross 1 exactly where the threshold's ratio does.
            own = self.evaluator.evaluate(Formula(threshold.ratio, axes))
            on = (own - 1).abs() <= ON_THRESHOLD
            crosses = (ratio - 1).abs() <= CROSSES
            wrong = wrong | torch.where(on, within & ~crosses, lives != ((own > 1) & within))
        return (wrong & considered).any(1)

    def _not_least(self, name: str, result: Minimised, run: Run) -> Bool[Tensor, " B"]:
        """Return the instances at which the function is lower somewhere else than at the measured value.

        The function is tried a step to either side, at zero, and at powers of two times the largest measured value.
        """
        variable = indexed(f"{result.variable.name}_", nonnegative=True)
        index = result.axes[-1][0]
        formula = Formula(result.expression.subs(result.variable, variable[index]), result.axes)
        at = run.readings.results[name]

        def value(points: Tensor) -> Tensor:
            return self.evaluator.evaluate(formula, {variable: points})

        here = value(at)
        top = at.amax(-1, keepdim=True)
        top = torch.where(top > 0, top, torch.ones_like(top))
        others = [at * (1 + side * step) for step in STEPS for side in (1, -1)]
        others += [torch.zeros_like(at), *(top.expand_as(at) * 2.0**e for e in range(-3, 3))]
        lower = torch.stack([value(other) < here - VALUE_GAP * here.abs() for other in others]).any(0)
        return (lower & self._kept(result.where, result.axes)).any(1)

    def _zero_otherwise(self, name: str, result: TotalCollapse, run: Run) -> Bool[Tensor, " B"]:
        """Return the instances that are zero above the threshold, or not zero up to it. Close above it their size decides nothing."""
        ratio = self.evaluator.evaluate(Formula(result.expression))
        zero = run.readings.results[name] <= INVARIANT
        close = (ratio > 1) & (ratio.log() < THRESHOLD_BAND)
        return (zero != (ratio <= 1)) & ~close

    def _collapsed_otherwise(self, level: Level, run: Run) -> Bool[Tensor, " B"]:
        """Return the instances at which the number of latent directions without divergence differs from the prediction."""
        prediction = self.claim.prediction
        collapsed = self.evaluator.evaluate(prediction.collapses[level.name]).bool()
        keeps = self._kept(level.keeps_prior, ((k, level.latent),))
        paired = min(collapsed.shape[1], keeps.shape[1])
        sure = collapsed[:, :paired]
        close = torch.zeros_like(sure)
        for position in level.thresholds:
            close = close | self._along(self.near[position], sure)
        spare = keeps[:, paired:].sum(1)
        least = (sure & ~close).sum(1) + spare
        found = (run.readings.divergences[level.name] <= NO_DIVERGENCE).sum(1)
        return (found < least) | (found > least + close.sum(1))


def _where(wrong: Callable[[Run], Bool[Tensor, " B"]], runs: Sequence[Run]) -> list[int]:
    """Return the numbers of the instances at which a run that counts is wrong."""
    return torch.stack([wrong(run) & run.counts for run in runs]).any(0).nonzero()[:, 0].tolist()
