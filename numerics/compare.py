"""Training held against prediction: value gaps, deviations of invariants, and what fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from numerics.arrays import DTYPE, Evaluator, setting, stack_bindings
from numerics.invariants import measure
from numerics.known import Known
from numerics.named_results import Judge, Readings, Run, read
from numerics.optimise import Ending, Solution
from numerics.tolerances import (
    BELOW,
    INVARIANT,
    JUMP_BAND,
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
from theory.problem import KINDS, Instance, Invariant
from theory.proof import ALIVE, Threshold
from theory.symbols import R

VALUE = "value"
"""What the minimum of the loss is called among the names of invariants."""


@dataclass(frozen=True)
class Comparison:
    """One instance: trained and predicted value, relative gap, the failures, and relative deviations.

    ``deviations`` are those of the invariants, ``named`` those of the results that the statement names. ``divergences``: level →
    twice the divergence of each latent direction at the best point, in nats, descending. ``zero``: which classes or directions
    are zero there, by what each threshold is one of. ``differing`` names what fails to agree: VALUE, or an invariant.
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
        """(trained − predicted) / the larger of both in size."""
        return relative_gap(self.value, self.predicted)


def relative_gap(value: float, predicted: float) -> float:
    """Return (value − predicted) / max(|value|, |predicted|), and 0 where both vanish."""
    return (value - predicted) / (max(abs(value), abs(predicted)) or 1.0)


@dataclass(frozen=True)
class Measured:
    """The invariants of every start, measured once: ``starts[s]`` for the s-th start, ``best`` for the best of each instance.

    ``reached[s]`` tells which instances' lowest value the s-th start reached, [I]. Where a direction may jump to zero, zero
    counts as one more start. ``readings`` are what the best point of each instance, then each start, says of the named results.
    ``evaluator`` is that of the instances; it keeps what predictions judged on the same starts share.
    """

    evaluator: Evaluator
    best: dict[str, Tensor]
    starts: tuple[dict[str, Tensor], ...]
    reached: tuple[Tensor, ...]
    readings: tuple[Readings, ...]
    limited: dict[int, Evaluator] = field(default_factory=dict)

    def counted(self) -> list[tuple[dict[str, Tensor], Tensor]]:
        """Return the best points, which count everywhere, and then each start, with the instances whose lowest value it reached."""
        return [(self.best, torch.ones_like(self.reached[0])), *zip(self.starts, self.reached, strict=True)]

    def at_rank(self, rank: int, directions: Tensor) -> Evaluator:
        """Return the evaluator of the instances with so many of the ``directions`` [I, K] alive, 0 for none."""
        if rank not in self.limited:
            alive = torch.full_like(directions, rank > 0, dtype=DTYPE)
            self.limited[rank] = Evaluator({**self.evaluator.fixed, R: max(rank, 1), ALIVE: alive})
        return self.limited[rank]


def measure_starts(claim: Claim, solution: Solution) -> Measured:
    """Measure the invariants of all starts of a solution; where a direction may jump to zero, of all factors zero as well."""
    instances = list(solution.instances)
    evaluator = Evaluator(stack_bindings(instances, solution.values.device))
    lowest = solution.best_value()[:, None]
    reached = (solution.values - lowest <= SAME_MINIMUM * lowest.abs()) & (solution.endings == Ending.CONVERGED)
    points = [
        SimpleNamespace(**{name: array[:, start] for name, array in solution.points.items()})
        for start in range(solution.values.shape[1])
    ]
    reached = list(reached.unbind(1))
    best = solution.best_point()
    if any(evaluator.evaluate(Formula(t.jump)).bool().any() for t in claim.prediction.thresholds):
        xp, data = setting(claim.problem, evaluator.fixed)
        # Where zero is as good training may find it or not; the bias is as good with it as it was.
        points.append(
            SimpleNamespace(**{name: a if name == "b" else torch.zeros_like(a) for name, a in vars(best).items()})
        )
        at_zero = claim.problem.loss(xp, points[-1], data, evaluator.fixed)
        reached.append((at_zero - lowest[:, 0]).abs() <= SAME_MINIMUM * lowest[:, 0].abs())
    of_best, *of_starts = (measure(claim, instances, point) for point in (best, *points))
    readings = [
        read(claim, evaluator, point, found)
        for point, found in zip((best, *points), (of_best, *of_starts), strict=True)
    ]
    return Measured(evaluator, of_best, tuple(of_starts), tuple(reached), tuple(readings))


def compare(
    claim: Claim, solution: Solution, measured: Measured | None = None, known: Known | None = None
) -> list[Comparison]:
    """Hold the lowest starts of each instance against the prediction.

    Away from thresholds value and invariants must agree to VALUE_GAP and INVARIANT, for every start that reached the lowest
    value, and the classes predicted to collapse must be those that did; nowhere may the value lie below the prediction by
    more than BELOW. Near a threshold the invariants must agree to NEAR_SIZE, in their units; at a jump each start must agree
    with the branch it is on. ``known`` keeps what was found in the same ``measured`` for further predictions of the same claim.
    """
    measured, known = measured or measure_starts(claim, solution), known or Known()
    evaluator, prediction = measured.evaluator, claim.prediction
    values = solution.best_value().tolist()
    predicted = values if prediction.value is None else evaluator.evaluate(prediction.value).tolist()
    crossings = crossings_of(claim, evaluator, known)
    collapse_failures = [known.once("collapse", (c,), c.failures, measured.best, solution.instances) for c in crossings]
    zero = {c.threshold.of: known.once("zero", (c,), c.dead, measured.best).tolist() for c in crossings}
    near = torch.zeros(len(values), dtype=torch.bool, device=solution.values.device)
    for crossing in crossings:
        if not crossing.jump:
            near = near | crossing.near.any(1)
    deviations: dict[str, list[float]] = {}
    distances: dict[str, list[float]] = {}
    for invariant in claim.problem.invariants:
        if invariant.name in prediction.invariants:
            branch = prediction.branches.get(invariant.name)
            on = (invariant, prediction.invariants[invariant.name], branch, *(() if branch is None else crossings))
            deviations[invariant.name], distances[invariant.name] = known.once(
                "invariant", on, _invariant_deviations, claim, invariant, measured, crossings
            )
    judge = Judge(claim, evaluator, crossings, known)
    runs = known.once("runs", crossings, _runs, measured, crossings)
    named, named_failures = judge.deviations(runs), judge.failures(runs)
    results = []
    for number, (instance, ending, is_near) in enumerate(
        zip(solution.instances, solution.best_ending(), near.tolist(), strict=True)
    ):
        gap = relative_gap(values[number], predicted[number])
        against = f"the predicted {predicted[number]:.15g} (relative {gap:.1e})"
        failures = [failure for of_crossing in collapse_failures for failure in of_crossing[number]]
        differing = [] if gap >= -BELOW and (is_near or gap <= VALUE_GAP) else [VALUE]
        if not gap >= -BELOW:
            failures.append(f"trained value {values[number]:.15g} lies below {against}")
        if ending is not Ending.CONVERGED:
            failures.append(f"the best start {ending.name.lower()}")
        if not is_near and not gap <= VALUE_GAP:
            failures.append(f"trained value {values[number]:.15g} lies above {against}")
        judged, allowed = (distances, NEAR_SIZE) if is_near else (deviations, INVARIANT)
        wrong = [name for name, d in judged.items() if not d[number] <= allowed]
        failures += [f"{name} deviates from its prediction by {judged[name][number]:.1e}" for name in wrong]
        failures += [
            f"{name}, which the statement names, deviates from what is measured by {d[number]:.1e}"
            for name, d in named.items()
            if not d[number] <= INVARIANT
        ]
        failures += named_failures[number]
        results.append(
            Comparison(
                instance,
                values[number],
                predicted[number],
                {name: d[number] for name, d in deviations.items()},
                {name: d[number] for name, d in named.items()},
                {level: d[number].tolist() for level, d in measured.readings[0].divergences.items()},
                {of: of_each[number] for of, of_each in zero.items()},
                ending,
                is_near,
                tuple(failures),
                (*differing, *wrong),
            )
        )
    return results


def _invariant_deviations(
    claim: Claim, invariant: Invariant, measured: Measured, crossings: Sequence[Crossing]
) -> tuple[list[float], list[float]]:
    """Return the largest deviation of an invariant in each instance over the runs that count, relative to its size and in units."""
    axes = KINDS[invariant.kind]
    unit = unit_of(claim, invariant, measured.evaluator)
    distance, size = torch.zeros_like(unit), torch.zeros_like(unit)
    for run, reached in measured.counted():
        expected = expected_of(claim, invariant.name, run, measured, crossings)
        further = norms(run[invariant.name] - expected, axes)
        size = torch.maximum(size, norms(expected, axes))
        kept = reached.reshape(-1, *[1] * (distance.ndim - 1))
        distance = torch.where(kept, torch.maximum(distance, further), distance)
    relative = distance / torch.where(size > NEGLIGIBLE_SIZE * unit, size, unit)
    return _worst(relative), _worst(distance / torch.maximum(size, unit))


def _runs(measured: Measured, crossings: Sequence[Crossing]) -> list[Run]:
    """Return what the best points and then the starts say of named results, with what is alive there."""
    return [
        Run(readings, reached, tuple(~crossing.dead(invariants) for crossing in crossings))
        for readings, (invariants, reached) in zip(measured.readings, measured.counted(), strict=True)
    ]


def unit_of(claim: Claim, invariant: Invariant, evaluator: Evaluator) -> Tensor:
    """Return the unit of an invariant at each instance, and each layer where it has layers: [I, …]."""
    layers = claim.prediction.invariants[invariant.name].axes
    return evaluator.evaluate(Formula(invariant.unit, layers[: len(layers) - KINDS[invariant.kind]]))


def expected_of(
    claim: Claim, name: str, run: dict[str, Tensor], measured: Measured, crossings: Sequence[Crossing]
) -> Tensor:
    """Return the predicted invariant; for instances on a jump that of the branches which the run is on."""
    published = measured.evaluator.evaluate(claim.prediction.invariants[name])
    if claim.prediction.branches and crossings[0].jump:
        return _at_jump(claim, name, published, run, measured, crossings[0])
    return published


def _at_jump(
    claim: Claim, name: str, published: Tensor, run: dict[str, Tensor], measured: Measured, crossing: Crossing
) -> Tensor:
    """Return the predicted invariant, which for instances on a jump is that of the branches the run is on."""
    on_jump = crossing.near.any(1)
    alive, formula = crossing.alive_in(run), claim.prediction.branches[name]

    def put_in(branch: Tensor, chosen: Tensor) -> Tensor:
        return torch.where(chosen.reshape(-1, *[1] * (published.ndim - 1)), branch, published)

    if not claim.problem.centred:
        return put_in(measured.evaluator.evaluate(formula, {ALIVE: alive.to(DTYPE)}), on_jump)
    # The directions of centred classes are alike: with r of them alive the minimiser is that of rank r, a simplex of r + 1.
    ranks = (alive.sum(1) - 1).clamp(min=0)
    for rank in ranks[on_jump].unique().tolist():
        limited = measured.at_rank(rank, alive)
        published = put_in(limited.evaluate(formula), on_jump & (ranks == rank))
    return published


def norms(batch: Tensor, axes: int) -> Tensor:
    """Norms over the last axes; axes before them (layers) stay apart, so that a small layer is not lost in a large one."""
    return batch.abs() if axes == 0 else batch.flatten(batch.ndim - axes).norm(dim=-1)


def _worst(batch: Tensor) -> list[float]:
    return batch.reshape(batch.shape[0], -1).max(1).values.tolist()


def crossings_of(claim: Claim, evaluator: Evaluator, known: Known | None = None) -> list[Crossing]:
    """Return the thresholds of a claim at the instances of an evaluator; ``known`` keeps them for further predictions."""
    known = known or Known()
    invariants = claim.prediction.invariants
    return [
        known.once("crossing", (t, invariants[telling_of(claim, t)]), Crossing, claim, t, evaluator)
        for t in claim.prediction.thresholds
    ]


def telling_of(claim: Claim, threshold: Threshold) -> str:
    """Return the name of the invariant that shows which directions a threshold has alive."""
    return threshold.telling or claim.problem.telling


class Crossing:
    """A threshold at a batch of instances: which directions lie near it, and which are alive; tensors [B, directions]."""

    def __init__(self, claim: Claim, threshold: Threshold, evaluator: Evaluator) -> None:
        axes = ((threshold.index, threshold.count),)
        self.claim, self.threshold = claim, threshold
        self.telling = telling_of(claim, threshold)
        self.ratio = ratio = evaluator.evaluate(Formula(threshold.ratio, axes))
        self.within = within = evaluator.evaluate(Formula(threshold.within_rank, axes)).bool()
        invariant = next(i for i in claim.problem.invariants if i.name == self.telling)
        self.unit = evaluator.evaluate(Formula(invariant.unit))[:, None]
        self.jump = bool(evaluator.evaluate(Formula(threshold.jump))[0])
        self.near = (ratio.log().abs() < (JUMP_BAND if self.jump else THRESHOLD_BAND)) & within
        self.exactly_on = ((ratio - 1).abs() <= ON_THRESHOLD) & self.near
        self.collapsed = evaluator.evaluate(threshold.collapsed).bool()
        predicted = evaluator.evaluate(claim.prediction.invariants[self.telling])
        self.predicted = self.sizes(predicted)

    def sizes(self, telling: Tensor) -> Tensor:
        """The entries that show the collapse, one a direction."""
        return telling if telling.ndim == 2 else telling.diagonal(dim1=-2, dim2=-1)

    def _zero(self, sizes: Tensor) -> Tensor:
        return INVARIANT * torch.maximum(sizes.max(1, keepdim=True).values, INVARIANT * self.unit)

    def alive_in(self, run: dict[str, Tensor]) -> Tensor:
        """The directions predicted to be alive; near a jump, those that are alive in the run."""
        return torch.where(self.near & self.jump, ~self.dead(run), ~self.collapsed)

    def dead(self, measured: dict[str, Tensor]) -> Tensor:
        """The directions that have collapsed in what was measured."""
        sizes = self.sizes(measured[self.telling])
        return sizes <= self._zero(sizes)

    def wrong(self, measured: dict[str, Tensor]) -> dict[str, Tensor]:
        """What may be wrong with the predicted collapse, in words, and the directions where it is.

        The trained entries must vanish where collapse is predicted and nowhere else, and so must the predicted ones; near
        a threshold without a jump both must be small.
        """
        shrinking = self.near & (not self.jump)
        return {
            f"predicted and trained collapse differ ({self.telling})": (self.dead(measured) != self.collapsed)
            & ~self.near,
            f"predicted collapse and predicted {self.telling} disagree": ((self.predicted == 0) != self.collapsed)
            & ~self.exactly_on,
            f"{self.telling} is not small near its threshold": (shrinking & ~(self.predicted <= NEAR_SIZE * self.unit))
            | self._large(measured),
        }

    def _large(self, measured: dict[str, Tensor]) -> Tensor:
        """The directions near a threshold without a jump that are not small in what was measured."""
        return self.near & (not self.jump) & ~(self.sizes(measured[self.telling]) <= NEAR_SIZE * self.unit)

    def contradicted(self, measured: dict[str, Tensor]) -> Tensor:
        """The directions that live or collapse otherwise than the threshold says, or are large where it says they emerge."""
        return ((self.dead(measured) != self.collapsed) & ~self.near) | self._large(measured)

    def failures(self, measured: dict[str, Tensor], instances: Sequence[Instance]) -> list[list[str]]:
        """Say what is wrong with the predicted collapse of each instance, at which positions of the list that the user gave."""
        wrong = self.wrong(measured)
        return [
            [
                f"{text} at positions {self._positions(where[number], instance)}"
                for text, where in wrong.items()
                if bool(where[number].any())
            ]
            for number, instance in enumerate(instances)
        ]

    def _positions(self, where: Tensor, instance: Instance) -> list[int]:
        """Count directions as the user listed them, from 1; singular directions, which belong to no entry, from the largest."""
        found = where.nonzero()[:, 0].tolist()
        return sorted((i if self.claim.problem.spectral else instance.order[i]) + 1 for i in found)


@dataclass(frozen=True)
class ChainRun:
    """The chain at a batch of points: ``names`` from the loss to the predicted value, ``values`` [links + 1, B]."""

    names: tuple[str, ...]
    values: Tensor

    def margins(self) -> Tensor:
        """The slack of each link at each point [links, B], relative to the two bounds or a share of the largest of all."""
        upper, lower = self.values[:-1], self.values[1:]
        size = torch.maximum(upper.abs(), lower.abs()) + ROUNDED / LINK * self.values.abs().max(0).values
        return (upper - lower) / size

    def broken(self) -> dict[str, float]:
        """Links at which a bound exceeds its predecessor by more than rounding, LINK of the two or ROUNDED of the largest, and by what."""
        excess = -self.margins()
        bad = ~(excess <= LINK)
        return {
            f"{self.names[i + 1]} exceeds {self.names[i]}": float(excess[i].max())
            for i in range(len(excess))
            if bool(bad[i].any())
        }

    def violations(self) -> list[str]:
        """Say which links are broken."""
        return [f"{what} by {excess:.1e} (relative)" for what, excess in self.broken().items()]

    def slack(self, members: Sequence[bool]) -> list[float]:
        """Largest relative distance of each bound from the loss, over the given members of the batch."""
        kept = self.values[:, torch.tensor(members, device=self.values.device)]
        if kept.shape[1] == 0:
            return [0.0] * (len(self.names) - 1)
        return ((kept[0] - kept[1:]).abs() / kept[0].abs()).max(1).values.tolist()


class Chain:
    """The chain of a claim, ready to be run at many points of the same instances."""

    def __init__(self, claim: Claim, instances: Sequence[Instance], bindings: Mapping[Any, Any] | None = None) -> None:
        self.claim = claim
        self.bindings = stack_bindings(instances) if bindings is None else dict(bindings)
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
    """Run the chain once."""
    return Chain(claim, instances).run(point)
