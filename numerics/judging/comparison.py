"""Comparison of training with prediction: value gaps, deviations of invariants, and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from numerics.backends.ball_evaluation import ball_bindings, evaluate_in_balls
from numerics.backends.points import points_of
from numerics.bounds.enclosures import value_at
from numerics.judging.crossing import Crossing, crossings_of
from numerics.judging.known import Known
from numerics.judging.measured import Measured, expected_of, measure_starts, norms, unit_of
from numerics.judging.named_results import Judge, Run
from numerics.tolerances import BELOW, INVARIANT, NEAR_SIZE, NEGLIGIBLE_SIZE, VALUE_GAP
from numerics.training.optimise import Ending, Solution
from theory.claim import Claim
from theory.problem import KINDS, Instance, Invariant

VALUE = "value"
"""The name of the minimum of the loss, next to the names of invariants."""


@dataclass(frozen=True)
class Comparison:
    """One instance: trained and predicted value, relative gap, failures, and relative deviations.

    ``deviations`` are those of the invariants, and ``named`` those of the results that the statement names.
    ``divergences`` maps a level to twice the divergence of each latent direction at the best point, in nats,
    descending. ``zero`` says, for each threshold by its ``of``, which classes or directions are zero at the best point.
    ``differing`` names the quantities that disagree with the prediction: VALUE, or invariants.
    """

    instance: Instance
    value: float
    predicted: float
    deviations: dict[str, float]
    named: dict[str, float]
    divergences: dict[str, list[float]]
    zero: dict[str, list[bool]]
    ending: Ending
    near_threshold: bool
    failures: tuple[str, ...]
    differing: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        """The relative gap (trained − predicted) / max(|trained|, |predicted|)."""
        return relative_gap(self.value, self.predicted)


def relative_gap(value: float, predicted: float) -> float:
    """Return (value − predicted) / max(|value|, |predicted|), and 0 where both vanish."""
    return (value - predicted) / (max(abs(value), abs(predicted)) or 1.0)


def compare(
    claim: Claim, solution: Solution, measured: Measured | None = None, known: Known | None = None
) -> list[Comparison]:
    """Compare the lowest starts of each instance with the prediction, and return one comparison for each instance.

    Away from thresholds, value and invariants must agree to VALUE_GAP and INVARIANT for every start that reached the
    lowest value, and the classes predicted to collapse must be those that did. The value may lie nowhere below the
    prediction by more than BELOW. Near a threshold the invariants must agree to NEAR_SIZE, in their units. At a jump
    each start must agree with the branch on which it lies. ``measured`` holds the measurements of the starts, if they
    are known already. ``known`` holds what was found in these measurements for other predictions of the same claim.
    """
    measured, known = measured or measure_starts(claim, solution), known or Known()
    values, predicted = _values(claim, solution, measured)
    crossings = crossings_of(claim, measured.evaluator, known)
    near = _near_thresholds(crossings, solution).tolist()
    collapse_failures = [known.once("collapse", (c,), c.failures, measured.best, solution.instances) for c in crossings]
    zero = {c.threshold.of: known.once("zero", (c,), c.dead, measured.best).tolist() for c in crossings}
    deviations = _deviations(claim, measured, crossings, known)
    named, named_failures = _named_results(claim, measured, crossings, known)
    results = []
    for number, (instance, ending) in enumerate(zip(solution.instances, solution.best_ending(), strict=True)):
        value_differs, failures = _judged_value(values[number], predicted[number], ending, near[number])
        wrong = deviations.wrong(number, near[number])
        of_collapse = [failure for of_crossing in collapse_failures for failure in of_crossing[number]]
        of_named = {name: d[number] for name, d in named.items()}
        results.append(
            Comparison(
                instance=instance,
                value=values[number],
                predicted=predicted[number],
                deviations={name: d[number] for name, d in deviations.relative.items()},
                named=of_named,
                divergences={level: d[number].tolist() for level, d in measured.readings[0].divergences.items()},
                zero={of: of_each[number] for of, of_each in zero.items()},
                ending=ending,
                near_threshold=near[number],
                failures=(
                    *of_collapse,
                    *failures,
                    *(f"{name} deviates from its prediction by {off:.1e}" for name, off in wrong.items()),
                    *_failures_of_named(of_named),
                    *named_failures[number],
                ),
                differing=(*([VALUE] if value_differs else []), *wrong),
            )
        )
    return results


def _values(claim: Claim, solution: Solution, measured: Measured) -> tuple[list[float], list[float]]:
    """Return the trained and the predicted value of each instance, or the trained value twice where there is no prediction.

    A loss that is small beside its terms is rounded by more than BELOW. Where the trained value lies below the
    predicted one by no more than VALUE_GAP, both values are therefore computed again in balls, at the doubles of the
    point taken exactly.
    """
    values, formula = solution.best_value().tolist(), claim.prediction.value
    if formula is None:
        return values, values
    predicted = measured.evaluator.evaluate(formula).tolist()
    points = None
    for number, instance in enumerate(solution.instances):
        if -VALUE_GAP <= relative_gap(values[number], predicted[number]) < -BELOW:
            points = points or points_of(solution.best_point())
            values[number] = float(value_at(claim.problem, instance, points[number]))
            predicted[number] = float(evaluate_in_balls(formula, ball_bindings(claim.problem, instance)))
    return values, predicted


def _near_thresholds(crossings: Sequence[Crossing], solution: Solution) -> Tensor:
    """Return which instances lie near a threshold without a jump, [I]."""
    near = torch.zeros(len(solution.instances), dtype=torch.bool, device=solution.values.device)
    for crossing in crossings:
        if not crossing.jump:
            near = near | crossing.near.any(1)
    return near


def _judged_value(value: float, predicted: float, ending: Ending, near: bool) -> tuple[bool, list[str]]:
    """Return whether a trained value differs from the prediction, and the failures of the value and of the best start."""
    gap = relative_gap(value, predicted)
    against = f"the predicted {predicted:.15g} (relative {gap:.1e})"
    failures = []
    if not gap >= -BELOW:
        failures.append(f"trained value {value:.15g} lies below {against}")
    if ending is not Ending.CONVERGED:
        failures.append(f"the best start {ending.name.lower()}")
    if not near and not gap <= VALUE_GAP:
        failures.append(f"trained value {value:.15g} lies above {against}")
    agrees = gap >= -BELOW and (near or gap <= VALUE_GAP)
    return not agrees, failures


@dataclass(frozen=True)
class _Deviations:
    """The largest deviation of each invariant at each instance: ``relative`` to the invariant, and ``in_units``."""

    relative: dict[str, list[float]]
    in_units: dict[str, list[float]]

    def wrong(self, number: int, near: bool) -> dict[str, float]:
        """Return the deviations that are too large at an instance, by the name of the invariant."""
        judged, allowed = (self.in_units, NEAR_SIZE) if near else (self.relative, INVARIANT)
        return {name: d[number] for name, d in judged.items() if not d[number] <= allowed}


def _deviations(claim: Claim, measured: Measured, crossings: Sequence[Crossing], known: Known) -> _Deviations:
    """Return the deviations of all predicted invariants, at the best start and at every start of the same value."""
    relative, in_units = {}, {}
    for invariant in claim.problem.invariants:
        name, prediction = invariant.name, claim.prediction
        if name in prediction.invariants:
            branch = prediction.branches.get(name)
            on = (invariant, prediction.invariants[name], branch, *(() if branch is None else crossings))
            relative[name], in_units[name] = known.once(
                "invariant", on, _deviation, claim, invariant, measured, crossings
            )
    return _Deviations(relative, in_units)


def _deviation(
    claim: Claim, invariant: Invariant, measured: Measured, crossings: Sequence[Crossing]
) -> tuple[list[float], list[float]]:
    """Return the deviation of an invariant at each instance, relative to the invariant and in its units."""
    unit = unit_of(claim, invariant, measured.evaluator)
    distance, size = _distance(claim, invariant, measured, crossings, unit)
    relative = distance / torch.where(size > NEGLIGIBLE_SIZE * unit, size, unit)
    return _worst(relative), _worst(distance / torch.maximum(size, unit))


def _distance(
    claim: Claim, invariant: Invariant, measured: Measured, crossings: Sequence[Crossing], unit: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the largest distance of an invariant from its expected value, and its largest expected size, both shaped as ``unit``."""
    axes = KINDS[invariant.kind]
    distance, size = torch.zeros_like(unit), torch.zeros_like(unit)
    for run, reached in _counted_starts(measured):
        expected = expected_of(claim, invariant.name, run, measured, crossings)
        further = norms(run[invariant.name] - expected, axes)
        size = torch.maximum(size, norms(expected, axes))
        kept = reached.reshape(-1, *[1] * (distance.ndim - 1))
        distance = torch.where(kept, torch.maximum(distance, further), distance)
    return distance, size


def _counted_starts(measured: Measured) -> list[tuple[dict[str, Tensor], Tensor]]:
    """Return the invariants of the best start, then of each start, with the instances at which the start counts, [I]."""
    everywhere = torch.ones_like(measured.reached[0])
    return [(measured.best, everywhere), *zip(measured.starts, measured.reached, strict=True)]


def _worst(batch: Tensor) -> list[float]:
    return batch.reshape(batch.shape[0], -1).max(1).values.tolist()


def _named_results(
    claim: Claim, measured: Measured, crossings: Sequence[Crossing], known: Known
) -> tuple[dict[str, list[float]], list[list[str]]]:
    """Return the deviation of each named result at each instance, and the other failures of named results there."""
    judge = Judge(claim, measured.evaluator, crossings, known)
    runs = known.once("runs", crossings, _runs, measured, crossings)
    return judge.deviations(runs), judge.failures(runs)


def _runs(measured: Measured, crossings: Sequence[Crossing]) -> list[Run]:
    """Return the readings of named results at the best points, and then at each start, with the directions alive there."""
    return [
        Run(readings, reached, tuple(~crossing.dead(invariants) for crossing in crossings))
        for readings, (invariants, reached) in zip(measured.readings, _counted_starts(measured), strict=True)
    ]


def _failures_of_named(deviations: dict[str, float]) -> list[str]:
    return [
        f"{name}, which the statement names, deviates from what is measured by {off:.1e}"
        for name, off in deviations.items()
        if not off <= INVARIANT
    ]
