"""Training held against prediction: value gaps, deviations of invariants, and what fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import Tensor

from numerics.arrays import Evaluator, evaluate, setting, stack_bindings
from numerics.invariants import measure
from numerics.optimise import Ending, Solution
from numerics.tolerances import (
    BELOW,
    INVARIANT,
    LINK,
    NEAR_SIZE,
    NEGLIGIBLE_SIZE,
    ON_THRESHOLD,
    ROUNDED,
    SAME_MINIMUM,
    THRESHOLD_BAND,
    VALUE_GAP,
)
from theory.claim import Claim
from theory.expressions import Formula
from theory.problem import Instance


@dataclass(frozen=True)
class Comparison:
    """One instance: trained and predicted value, relative gap, relative deviation of each invariant, and the failures."""

    instance: Instance
    value: float
    predicted: float
    deviations: dict[str, float]
    ending: Ending
    near_threshold: bool
    failures: tuple[str, ...]

    @property
    def gap(self) -> float:
        """(trained − predicted) / the larger of both in size."""
        return relative_gap(self.value, self.predicted)


def relative_gap(value: float, predicted: float) -> float:
    """Return (value − predicted) / max(|value|, |predicted|), and 0 where both vanish."""
    return (value - predicted) / (max(abs(value), abs(predicted)) or 1.0)


def _near(claim: Claim, bindings: dict) -> Tensor:
    """Tell which directions lie within THRESHOLD_BAND of their threshold: [B, directions]."""
    threshold = claim.prediction.threshold
    axes = ((threshold.index, threshold.count),)
    distance = evaluate(Formula(threshold.ratio, axes), bindings).log().abs()
    return (distance < THRESHOLD_BAND) & evaluate(Formula(threshold.within_rank, axes), bindings).bool()


def compare(claim: Claim, solution: Solution) -> list[Comparison]:
    """Hold the lowest starts of each instance against the prediction.

    Away from thresholds value and invariants must agree to VALUE_GAP and INVARIANT, for every start that reached the lowest
    value, and the classes predicted to collapse must be those that did; nowhere may the value lie below the prediction by
    more than BELOW. Near a threshold the invariants must agree to NEAR_SIZE, in their units.
    """
    instances = list(solution.instances)
    device = solution.values.device
    bindings = stack_bindings(instances, device)
    predicted = evaluate(claim.prediction.value, bindings).tolist()
    values = solution.best_value().tolist()
    best = measure(claim, instances, solution.best_point())
    lowest_runs = _lowest_runs(claim, solution)
    near = _near(claim, bindings)
    collapse_failures = _collapse_failures(claim, best, bindings, near)
    deviations: dict[str, list[float]] = {}
    distances: dict[str, list[float]] = {}
    for invariant in claim.problem.invariants:
        formula = claim.prediction.invariants[invariant.name]
        expected, unit = evaluate(formula, bindings), evaluate(Formula(invariant.unit), bindings)
        size = _norms(expected)
        distance = _norms(best[invariant.name] - expected)
        for run_measured, reached in lowest_runs:
            further = _norms(run_measured[invariant.name] - expected)
            distance = torch.where(reached, torch.maximum(distance, further), distance)
        deviations[invariant.name] = (distance / torch.where(size > NEGLIGIBLE_SIZE * unit, size, unit)).tolist()
        distances[invariant.name] = (distance / torch.maximum(size, unit)).tolist()
    results = []
    for number, (instance, ending, is_near) in enumerate(
        zip(instances, solution.best_ending(), near.any(1).tolist(), strict=True)
    ):
        gap = relative_gap(values[number], predicted[number])
        against = f"the predicted {predicted[number]:.15g} (relative {gap:.1e})"
        failures = list(collapse_failures[number])
        if not gap >= -BELOW:
            failures.append(f"trained value {values[number]:.15g} lies below {against}")
        if ending is not Ending.CONVERGED:
            failures.append(f"the best start {ending.name.lower()}")
        if not is_near and not gap <= VALUE_GAP:
            failures.append(f"trained value {values[number]:.15g} lies above {against}")
        judged, allowed = (distances, NEAR_SIZE) if is_near else (deviations, INVARIANT)
        failures += [
            f"{name} deviates from its prediction by {d[number]:.1e}"
            for name, d in judged.items()
            if not d[number] <= allowed
        ]
        found = {name: d[number] for name, d in deviations.items()}
        results.append(Comparison(instance, values[number], predicted[number], found, ending, is_near, tuple(failures)))
    return results


def _lowest_runs(claim: Claim, solution: Solution) -> list[tuple[dict[str, Tensor], Tensor]]:
    """Measure every start; each comes with the instances whose lowest value it reached, [I]."""
    best = solution.best_value()[:, None]
    reached = (solution.values - best <= SAME_MINIMUM * best.abs()) & (solution.endings == Ending.CONVERGED)
    return [
        (
            measure(
                claim,
                list(solution.instances),
                SimpleNamespace(**{name: array[:, start] for name, array in solution.points.items()}),
            ),
            reached[:, start],
        )
        for start in range(solution.values.shape[1])
    ]


def _norms(batch: Tensor) -> Tensor:
    return batch.reshape(batch.shape[0], -1).norm(dim=1)


def _collapse_failures(claim: Claim, measured: dict[str, Tensor], bindings: dict, near: Tensor) -> list[list[str]]:
    """What is wrong with the predicted collapse of each instance.

    Read off the diagonal of the invariant that shows it: the trained one must vanish where collapse is predicted and nowhere
    else, and so must the predicted one; near the threshold the predicted one must be small.
    """
    telling = next(i for i in claim.problem.invariants if i.shows_collapse)
    unit = evaluate(Formula(telling.unit), bindings)[:, None]
    threshold = claim.prediction.threshold
    ratio = evaluate(Formula(threshold.ratio, ((threshold.index, threshold.count),)), bindings)
    exactly_on = ((ratio - 1).abs() <= ON_THRESHOLD) & near
    trained = measured[telling.name].diagonal(dim1=-2, dim2=-1)
    predicted = evaluate(claim.prediction.invariants[telling.name], bindings).diagonal(dim1=-2, dim2=-1)
    collapsed = evaluate(claim.prediction.threshold.collapsed, bindings).bool()
    zero = INVARIANT * torch.maximum(trained.max(1, keepdim=True).values, INVARIANT * unit)
    wrong = {
        "predicted and trained collapse differ": ((trained <= zero) != collapsed) & ~near,
        f"predicted collapse and predicted {telling.name} disagree": ((predicted == 0) != collapsed) & ~exactly_on,
        f"{telling.name} is not small near its threshold": near
        & ~((predicted <= NEAR_SIZE * unit) & (trained <= NEAR_SIZE * unit)),
    }
    return [
        [
            f"{text} at positions {(where[number].nonzero()[:, 0] + 1).tolist()}"
            for text, where in wrong.items()
            if bool(where[number].any())
        ]
        for number in range(len(trained))
    ]


@dataclass(frozen=True)
class ChainRun:
    """The chain at a batch of points: ``names`` from the loss to the predicted value, ``values`` [links + 1, B]."""

    names: tuple[str, ...]
    values: Tensor

    def violations(self) -> list[str]:
        """Links at which a bound exceeds its predecessor by more than rounding: LINK of the two, or ROUNDED of the largest."""
        upper, lower = self.values[:-1], self.values[1:]
        size = torch.maximum(upper.abs(), lower.abs()) + ROUNDED / LINK * self.values.abs().max(0).values
        excess = (lower - upper) / size
        bad = ~(excess <= LINK)
        return [
            f"{self.names[i + 1]} exceeds {self.names[i]} by {float(excess[i].max()):.1e} (relative)"
            for i in range(len(excess))
            if bool(bad[i].any())
        ]

    def slack(self, members: Sequence[bool]) -> list[float]:
        """Largest relative distance of each bound from the loss, over the given members of the batch."""
        kept = self.values[:, torch.tensor(members, device=self.values.device)]
        if kept.shape[1] == 0:
            return [0.0] * (len(self.names) - 1)
        return ((kept[0] - kept[1:]).abs() / kept[0].abs()).max(1).values.tolist()


class Chain:
    """The chain of a claim, ready to be run at many points of the same instances."""

    def __init__(self, claim: Claim, instances: Sequence[Instance], device: torch.device | str = "cpu") -> None:
        self.claim = claim
        self.bindings = stack_bindings(instances, device)
        self.xp, self.data = setting(claim.problem, self.bindings)
        self.evaluator = Evaluator(self.bindings)
        self.names = ("loss", *(b.name for b in claim.proof.bounds))

    def run(self, point: SimpleNamespace) -> ChainRun:
        """Evaluate the loss and every bound at a batch of points, one an instance."""
        given = (self.xp, point, self.data, self.bindings)
        statistics = {s.symbol: s.measure(*given) for s in self.claim.proof.statistics}
        bounds = [self.evaluator.evaluate(Formula(b.expression), statistics) for b in self.claim.proof.bounds]
        return ChainRun(self.names, torch.stack([self.claim.problem.loss(*given), *bounds]))


def run_chain(claim: Claim, instances: Sequence[Instance], point: SimpleNamespace) -> ChainRun:
    """Run the chain once, on the device of the point."""
    return Chain(claim, instances, next(iter(vars(point).values())).device).run(point)
