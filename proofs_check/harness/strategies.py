"""Hypothesis strategies that build valid instances from the domains of a claim, by construction.

A *batch* is a tuple of instances of equal sizes: they are trained together. Each batch crosses every threshold of the claim:
it has an instance exactly on it, one close to it, one on either side, and further ones anywhere over decades.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis
from hypothesis import strategies as st

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.searching.thresholds import tuned_to
from proofs_check.harness.drawing import HypothesisDraws, powers_of_ten
from theory.claim import Claim
from theory.domains import Domain
from theory.domains.drawing import Regime, first
from theory.expressions import Formula
from theory.problem import Instance, Parameter
from theory.proof import Threshold

BATCH_SIZE = 6
LARGEST_K = 8
APART_WITHOUT_THRESHOLD = 0.3
"""Factor between the positive numbers of instances of one batch where no threshold is claimed."""
CLOSE = (0.01, 0.1)
"""Relative distance of two parameters that are close."""
DECADES_APART = (-1.5, 1.5)
"""Decades by which the feature decay may differ from the weight decays of a deep network."""
ALIVE = (0.3, 3.0)
"""Decades above its threshold that one class or direction is drawn at; the others lie up to four decades further off, where
the conditioning of the problem, which grows with this distance, reaches what float64 training still resolves."""
OTHER = (-1.0, 1.0)
"""Decades around the other thresholds of a claim that a direction is drawn at before it is taken to one of them."""


def drawn(strategy: st.SearchStrategy[Any], number: int, seed: int) -> list[Any]:
    """Return the first few draws of a strategy, the simplest first; the same seed gives the same."""
    found: list[Any] = []

    @hypothesis.settings(
        max_examples=number,
        phases=[hypothesis.Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.seed(seed)
    @hypothesis.given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


@st.composite
def group_sizes(draw: st.DrawFn, regime: Regime, least: int) -> list[int]:
    """Split from 2 to LARGEST_K directions, or as many as the regime says, into groups of equal ones; a cut one has several members.

    ``least`` is how many there are at least; the regime of one direction draws no more.
    """
    if regime.directions == 1:
        return [1] * least
    total = draw(st.sampled_from(first(regime.directions, {*range(2, LARGEST_K + 1), regime.directions})))
    sizes = [draw(st.integers(2, total))] if regime.cut else []
    while sum(sizes) < total:
        sizes.append(draw(st.integers(1, min(2, total - sum(sizes)))))
    return draw(st.permutations(sizes)) if regime.cut else sizes


BELOW, ABOVE, ALIVE_IN_A_BATCH, ANYWHERE = 1, 2, 3, 5
"""Positions in a batch of instances drawn below their threshold, above it, well above it, and anywhere."""


def ratios(size: int, thresholds: int) -> st.SearchStrategy[list[float]]:
    """Ratios to a threshold (alive above 1) for the instances of a batch.

    Where a claim has several thresholds the conditioning grows with all ratios together, and each has its share of the decades.
    """
    highest = ALIVE[1] / thresholds
    close = st.builds(lambda e, side: 1 + side * 10.0**e, st.floats(-8, -4), st.sampled_from((-1, 1)))
    off = powers_of_ten(-2.8, -1.0)  # from just outside the band in which a certificate decides
    below, above = off.map(lambda x: 1 - x), off.map(lambda x: 1 + x)
    kinds = [st.just(1.0), below, above, powers_of_ten(ALIVE[0], highest), close, powers_of_ten(-3, highest)]
    return st.tuples(*(kinds[i % len(kinds)] for i in range(size))).map(list)


def is_counted(claim: Claim) -> bool:
    """Tell whether the sorted parameter counts the samples of classes, of which there are two at least."""
    return claim.problem.parameter(claim.problem.sorted_parameter).domain.counts


@dataclass(frozen=True)
class Meeting:
    """A parameter that takes the value of the one it may meet, or one close to it; of a list the least or the largest entry."""

    parameter: Parameter
    equal: bool
    least: bool


def meetings(claim: Claim, regime: Regime, thresholds: int) -> dict[tuple[int, int], Meeting]:
    """Return which instance, by the number of its threshold and its position in the batch, has parameters meet.

    Each parameter has one batch where it meets below the threshold and above it; those that no threshold tunes come first.
    """
    tuned = {threshold.tuned for threshold in claim.prediction.thresholds}
    meeting = sorted((p for p in claim.problem.parameters if p.meets is not None), key=lambda p: p.name in tuned)
    places: dict[tuple[int, int], Meeting] = {}
    for place, parameter in enumerate(meeting[:thresholds]):
        number = (place + regime.directions) % thresholds  # another one in another regime
        places[number, BELOW] = Meeting(parameter, equal=True, least=False)
        places[number, ALIVE_IN_A_BATCH] = Meeting(parameter, equal=True, least=True)
        places[number, ABOVE] = Meeting(parameter, equal=False, least=False)
    for parameter in meeting[thresholds:]:
        for number in range(thresholds):
            places[number, ANYWHERE] = Meeting(parameter, equal=number == 0, least=False)
    return places


def apart(value: float, other: float) -> float:
    """Return the value, moved where it lies closer to the other than CLOSE by chance.

    There the divergence of a posterior from its prior is small beside its terms, and lost by rounding.
    """
    return value if abs(value / other - 1) >= CLOSE[0] else other * (1 + CLOSE[0])


@st.composite
def met(draw: st.DrawFn, meeting: Meeting, values: Mapping[str, Any]) -> float:
    """The value of the parameter where it meets the other."""
    other = values[meeting.parameter.meets]
    if isinstance(other, tuple):
        other = min(other) if meeting.least else max(other)
    return other if meeting.equal else other * (1 + draw(st.sampled_from((1, -1))) * draw(st.floats(*CLOSE)))


def directions_within(claim: Claim, threshold: Threshold, values: dict[str, Any]) -> int:
    """Return how many classes or directions the rank limit leaves."""
    formula = Formula(threshold.within_rank, ((threshold.index, threshold.count),))
    return int(evaluate(formula, stack_bindings([claim.problem.instance(**values)])).sum())


@st.composite
def values_of(draw: st.DrawFn, name: str, domain: Domain, regime: Regime, groups: Sequence[int]) -> Any:
    """Values of a parameter that depends on no other, in one regime, with ties in these groups."""
    return domain.drawn(name, HypothesisDraws(draw, regime, groups), {})


@st.composite
def batches(draw: st.DrawFn, claim: Claim, regime: Regime, size: int = BATCH_SIZE) -> tuple[Instance, ...]:
    """Draw a batch of instances of a claim in one regime, ``size`` of them for each threshold."""
    groups = draw(group_sizes(regime, 2 if is_counted(claim) else 1))
    batch = _Batch(draw, claim, regime, groups, size)
    thresholds = claim.prediction.thresholds or (claim.prediction.yardstick,)
    return tuple(
        instance for number, threshold in enumerate(thresholds) for instance in batch.around(number, threshold)
    )


class _Batch:
    """The instances of a batch, drawn one after the other; what fixes their sizes is drawn first."""

    def __init__(self, draw: st.DrawFn, claim: Claim, regime: Regime, groups: Sequence[int], size: int) -> None:
        self.draw, self.claim, self.problem, self.size = draw, claim, claim.problem, size
        self.draws = HypothesisDraws(draw, regime, groups)
        self.thresholds = claim.prediction.thresholds
        self.places = meetings(claim, regime, len(self.thresholds))
        ordered = self.problem.in_dependency_order
        self.varying = [parameter for parameter in ordered if parameter.domain.varies]
        self.shared: dict[str, Any] = {}
        for parameter in ordered:
            if not parameter.domain.varies:
                self.shared[parameter.name] = parameter.domain.drawn(parameter.name, self.draws, self.shared)

    def around(self, number: int, threshold: Threshold | None) -> Iterator[Instance]:
        """Yield instances at ratios below, on and above a threshold, which is the one of this number; without one, anywhere."""
        for position, ratio in enumerate(self.draw(ratios(self.size, max(1, len(self.thresholds))))):
            values = self._varied(ratio)
            meeting = self.places.get((number, position))
            if meeting is not None:
                values[meeting.parameter.name] = self.draw(met(meeting, values))
            if threshold is None:
                # The simplest draw is the same for all of them, and there is no ratio to tell them apart.
                for parameter in self.varying:
                    if parameter.domain.scales:
                        values[parameter.name] *= APART_WITHOUT_THRESHOLD**position
            else:
                self._tune(values, threshold, ratio, None if meeting is None else meeting.parameter.name)
            yield self.problem.instance(**values)

    def _varied(self, ratio: float) -> dict[str, Any]:
        """Draw what varies within the batch, for an instance at this ratio to its threshold."""
        values, self.draws.ratio = dict(self.shared), ratio
        independent = [parameter for parameter in self.varying if not parameter.domain.depends()]
        for parameter in independent:
            values[parameter.name] = parameter.domain.drawn(parameter.name, self.draws, values)
        names = {parameter.name for parameter in independent}
        for parameter in independent:
            if parameter.meets in names:
                values[parameter.name] = apart(values[parameter.name], values[parameter.meets])
        for parameter in self.varying[len(independent) :]:
            values[parameter.name] = parameter.domain.drawn(parameter.name, self.draws, values)
        return values

    def _tune(self, values: dict[str, Any], threshold: Threshold, ratio: float, pinned: str | None) -> None:
        """Bring one direction to this ratio to the threshold, without moving the ``pinned`` parameter."""
        direction = self.draw(st.integers(1, directions_within(self.claim, threshold, values)))
        # Where there are more thresholds the direction lies on either side of the others, and not too far off.
        for other in self.thresholds:
            if other is not threshold and other.tuned != pinned:
                nearest = min(direction, directions_within(self.claim, other, values))
                values[other.tuned] = tuned_to(self.claim, other, values, nearest, self.draw(powers_of_ten(*OTHER)))
        if threshold.tuned == pinned:
            return
        values[threshold.tuned] = tuned_to(self.claim, threshold, values, direction, ratio)
        if self.problem.parameter(threshold.tuned).domain.decay:
            self._gather_decays(values, threshold, direction, ratio)

    def _gather_decays(self, values: dict[str, Any], threshold: Threshold, direction: int, ratio: float) -> None:
        """Bring the decays of many layers within a few decades of one another, whatever the ratio asks of their product."""
        for parameter in self.problem.parameters:
            if parameter.domain.decay and parameter.name in self.shared:
                decays = self.shared[parameter.name]
                own = self.draw(powers_of_ten(*DECADES_APART))
                level = (values[threshold.tuned] / own) ** (1 / (1 + len(decays)))
                values[parameter.name] = tuple(level * decay for decay in decays)
                values[threshold.tuned] = tuned_to(self.claim, threshold, values, direction, ratio)
