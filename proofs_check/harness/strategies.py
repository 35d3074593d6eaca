"""Hypothesis strategies that build valid instances from the domains of a claim, without filtering invalid ones.

A *batch* is a tuple of instances of equal sizes, which are trained together. Each batch crosses every threshold of the claim:
one instance lies exactly on the threshold, one close to it, one on either side, and further ones anywhere over decades.
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
"""Where no threshold is claimed, the numbers drawn for the instance at position i are multiplied by this factor to the power i."""
CLOSE = (0.01, 0.1)
"""Least and largest relative distance of two parameters that are drawn close to each other."""
DECADES_APART = (-1.5, 1.5)
"""Decades by which the feature decay may differ from the weight decays of a deep network."""
ALIVE = (0.3, 3.0)
"""Decades above its threshold at which one class or direction is drawn. The others lie up to four decades further off. The
conditioning of the problem grows with this distance, and reaches there what float64 training still resolves."""
OTHER = (-1.0, 1.0)
"""Decades around each other threshold of a claim at which a direction is drawn before it is taken to one threshold."""


def drawn(strategy: st.SearchStrategy[Any], number: int, seed: int) -> list[Any]:
    """Return the first ``number`` draws of a strategy, the simplest first. The same seed gives the same draws."""
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
    """Draw the sizes of groups of equal directions: from 2 to LARGEST_K directions in all, or as many as the regime says, if not fewer.

    In a regime that cuts, one group has several members. The regime of one direction draws ``least`` directions, the fewest
    that the claim allows, all different.
    """
    if regime.directions == 1:
        return [1] * least
    usual = max(least, regime.directions)
    total = draw(st.sampled_from(first(usual, {*range(max(2, least), LARGEST_K + 1), usual})))
    sizes = [draw(st.integers(2, total))] if regime.cut else []
    while sum(sizes) < total:
        sizes.append(draw(st.integers(1, min(2, total - sum(sizes)))))
    return draw(st.permutations(sizes)) if regime.cut else sizes


BELOW, ABOVE, ALIVE_IN_A_BATCH, ANYWHERE = 1, 2, 3, 5
"""Positions in a batch: instances below their threshold, just above it, well above it, and anywhere."""


def ratios(size: int, thresholds: int) -> st.SearchStrategy[list[float]]:
    """Return the strategy of the ratios to a threshold (alive above 1) of a batch with ``size`` instances.

    With several thresholds the conditioning grows with the product of all ratios, so each ratio gets its share of the decades.
    """
    highest = ALIVE[1] / thresholds
    close = st.builds(lambda e, side: 1 + side * 10.0**e, st.floats(-8, -4), st.sampled_from((-1, 1)))
    off = powers_of_ten(-2.8, -1.0)  # just outside the band in which only the certificate decides, and further off
    below, above = off.map(lambda x: 1 - x), off.map(lambda x: 1 + x)
    kinds = [st.just(1.0), below, above, powers_of_ten(ALIVE[0], highest), close, powers_of_ten(-3, highest)]
    return st.tuples(*(kinds[i % len(kinds)] for i in range(size))).map(list)


@dataclass(frozen=True)
class Meeting:
    """A parameter that takes the value of the parameter it may meet, or a value close to it.

    Where the other parameter is a list, the least or the largest entry is met.
    """

    parameter: Parameter
    equal: bool
    least: bool


def meetings(claim: Claim, regime: Regime, thresholds: int) -> dict[tuple[int, int], Meeting]:
    """Return the instances at which two parameters meet, by number of the threshold and position in the batch.

    Each parameter meets the other one below, above and well above one threshold. Parameters that no threshold tunes come first;
    parameters beyond the number of thresholds meet at an instance that is drawn anywhere.
    """
    tuned = {threshold.tuned for threshold in claim.prediction.thresholds}
    meeting = sorted((p for p in claim.problem.parameters if p.meets is not None), key=lambda p: p.name in tuned)
    places: dict[tuple[int, int], Meeting] = {}
    for place, parameter in enumerate(meeting[:thresholds]):
        number = (place + regime.directions) % thresholds  # so that regimes differ
        places[number, BELOW] = Meeting(parameter, equal=True, least=False)
        places[number, ALIVE_IN_A_BATCH] = Meeting(parameter, equal=True, least=True)
        places[number, ABOVE] = Meeting(parameter, equal=False, least=False)
    for parameter in meeting[thresholds:]:
        for number in range(thresholds):
            places[number, ANYWHERE] = Meeting(parameter, equal=number == 0, least=False)
    return places


def apart(value: float, other: float) -> float:
    """Return a value, moved away from the ``other`` if it lies closer than CLOSE by chance.

    So close, the divergence of a posterior from its prior is small beside its terms, and rounding loses it.
    """
    return value if abs(value / other - 1) >= CLOSE[0] else other * (1 + CLOSE[0])


@st.composite
def met(draw: st.DrawFn, meeting: Meeting, values: Mapping[str, Any]) -> float:
    """Draw the value of a parameter that meets the other parameter, which is among ``values``."""
    other = values[meeting.parameter.meets]
    if isinstance(other, tuple):
        other = min(other) if meeting.least else max(other)
    return other if meeting.equal else other * (1 + draw(st.sampled_from((1, -1))) * draw(st.floats(*CLOSE)))


def directions_within(claim: Claim, threshold: Threshold, values: dict[str, Any]) -> int:
    """Return the number of classes or directions that the rank limit of a threshold leaves."""
    formula = Formula(threshold.within_rank, ((threshold.index, threshold.count),))
    return int(evaluate(formula, stack_bindings([claim.problem.instance(**values)])).sum())


@st.composite
def values_of(draw: st.DrawFn, name: str, domain: Domain, regime: Regime, groups: Sequence[int]) -> Any:
    """Draw the value of a parameter that depends on no other, in one regime, with ties in these groups."""
    return domain.drawn(name, HypothesisDraws(draw, regime, groups), {})


@st.composite
def batches(draw: st.DrawFn, claim: Claim, regime: Regime, size: int = BATCH_SIZE) -> tuple[Instance, ...]:
    """Draw a batch of instances of a claim in one regime, ``size`` instances for each threshold."""
    groups = draw(group_sizes(regime, claim.problem.fewest_directions))
    batch = _Batch(draw, claim, regime, groups, size)
    thresholds = claim.prediction.thresholds or (claim.prediction.yardstick,)
    return tuple(
        instance for number, threshold in enumerate(thresholds) for instance in batch.around(number, threshold)
    )


class _Batch:
    """The instances of a batch, drawn one after the other. Parameters that fix the sizes are drawn first and shared."""

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
        """Yield instances at ratios below, on and above the threshold of this number; without a threshold, anywhere."""
        for position, ratio in enumerate(self.draw(ratios(self.size, max(1, len(self.thresholds))))):
            values = self._varied(ratio)
            meeting = self.places.get((number, position))
            if meeting is not None:
                values[meeting.parameter.name] = self.draw(met(meeting, values))
            if threshold is None:
                # The simplest draw would give equal instances, since no ratio tells them apart.
                for parameter in self.varying:
                    if parameter.domain.scales:
                        values[parameter.name] *= APART_WITHOUT_THRESHOLD**position
            else:
                self._tune(values, threshold, ratio, None if meeting is None else meeting.parameter.name)
            yield self.problem.instance(**values)

    def _varied(self, ratio: float) -> dict[str, Any]:
        """Draw the parameters that vary within the batch, for an instance at this ratio to its threshold."""
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
        """Bring one direction to this ratio to the threshold. The ``pinned`` parameter is not moved."""
        direction = self.draw(st.integers(1, directions_within(self.claim, threshold, values)))
        # With several thresholds, the direction lies on either side of the others, and not too far off.
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
        """Bring the decays of all layers within a few decades of one another. The ratio fixes their product alone."""
        for parameter in self.problem.parameters:
            if parameter.domain.decay and parameter.name in self.shared:
                decays = self.shared[parameter.name]
                own = self.draw(powers_of_ten(*DECADES_APART))
                level = (values[threshold.tuned] / own) ** (1 / (1 + len(decays)))
                values[parameter.name] = tuple(level * decay for decay in decays)
                values[threshold.tuned] = tuned_to(self.claim, threshold, values, direction, ratio)
