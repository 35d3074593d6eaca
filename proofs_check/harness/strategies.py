"""Hypothesis strategies that build valid instances from the domains of a claim, by construction.

A *batch* is a tuple of instances of equal sizes: they are trained together. Each batch crosses every threshold of the claim:
it has an instance exactly on it, one close to it, one on either side, and further ones anywhere over decades.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import hypothesis
from hypothesis import strategies as st

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.searching.thresholds import tuned_to
from theory.claim import Claim
from theory.expressions import Formula
from theory.problem import (
    ClassCounts,
    Flag,
    GreaterThan,
    Instance,
    Parameter,
    PositivePerDimension,
    PositiveReal,
    PositiveReals,
    RealBetween,
    RealMatrix,
    WholeNumber,
    Width,
    WidthPair,
    Widths,
)
from theory.proof import Threshold

BATCH_SIZE = 6
LARGEST_K = 8
DECADES_OF_DECAY = (-5.0, 0.0)
DECADES_OF_OTHERS = (-1.0, 1.0)
DECADES_OF_ODDS = (-3.0, 2.0)
"""Where between two limits a number is drawn: decades of its distance from the lower one over that from the upper one."""
DECADES_ABOVE = (-2.0, 2.0)
"""Decades of the share by which a number exceeds the one it must exceed; below a threshold fewer of them, but one: there the loss is
small beside its terms, and what these lose by rounding grows with the number."""
APART_WITHOUT_THRESHOLD = 0.3
"""Factor between the positive numbers of instances of one batch where no threshold is claimed."""
CLOSE = (0.01, 0.1)
"""Relative distance of two parameters that are close."""
DECADES_APART = (-1.5, 1.5)
"""Decades by which the feature decay may differ from the weight decays of a deep network."""
LEVELS = (5, 2, 1, 3, 4, 6, 7, 8, 10)
LARGEST_COUNT = 100
DEPTHS = (2, 3, 1, 4, 6, 8, 5, 7)
LARGEST_DEEP = 24
"""Most layers times classes that are drawn: training time grows with both, and the deepest networks are drawn with few classes."""
BALANCED_COUNTS = (3, 1, 2, 5, 10)
ALIVE = (0.3, 3.0)
"""Decades above its threshold that one class or direction is drawn at; the others lie up to four decades further off, where
the conditioning of the problem, which grows with this distance, reaches what float64 training still resolves."""
OTHER = (-1.0, 1.0)
"""Decades around the other thresholds of a claim that a direction is drawn at before it is taken to one of them."""


def powers_of_ten(low: float, high: float) -> st.SearchStrategy[float]:
    """Log-uniform numbers."""
    return st.floats(low, high, allow_nan=False).map(lambda e: 10.0**e)


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


@dataclass(frozen=True)
class Regime:
    """A part of a claim's domain that every run visits.

    ``narrow`` widths lie below the number of classes or directions, as far as the claim allows; with one direction, or the two
    classes that there are at least, they are all one. ``cut``: the width cuts
    through a group of equal ones. ``flag`` is the value of the first truth value; further ones are drawn. ``directions``,
    ``samples`` and ``depth`` are those of the simplest draw, which every run starts with, different numbers in every regime: where two
    sizes are equal, or one is the same everywhere, a confusion of the two or a wrong power does not show.
    """

    name: str
    narrow: bool
    cut: bool
    flag: bool
    directions: int
    samples: int
    depth: int


REGIMES = (
    Regime("least", narrow=True, cut=False, flag=False, directions=1, samples=4, depth=4),
    Regime("narrow", narrow=True, cut=False, flag=True, directions=3, samples=5, depth=1),
    Regime("cut", narrow=True, cut=True, flag=False, directions=4, samples=2, depth=3),
    Regime("wide", narrow=False, cut=False, flag=True, directions=5, samples=3, depth=2),
)


LARGE = Regime("large", narrow=False, cut=False, flag=True, directions=12, samples=10, depth=1)
"""More directions than are drawn otherwise."""


def one_of_these(simplest: int, options: Iterable[int]) -> st.SearchStrategy[int]:
    """One of the options, the given one first where it is among them."""
    return st.sampled_from(sorted(options, key=lambda option: option != simplest))


@st.composite
def group_sizes(draw: st.DrawFn, regime: Regime, least: int) -> list[int]:
    """Split from 2 to LARGEST_K directions, or as many as the regime says, into groups of equal ones; a cut one has several members.

    ``least`` is how many there are at least; the regime of one direction draws no more.
    """
    if regime.directions == 1:
        return [1] * least
    total = draw(one_of_these(regime.directions, {*range(2, LARGEST_K + 1), regime.directions}))
    sizes = [draw(st.integers(2, total))] if regime.cut else []
    while sum(sizes) < total:
        sizes.append(draw(st.integers(1, min(2, total - sum(sizes)))))
    return draw(st.permutations(sizes)) if regime.cut else sizes


@st.composite
def class_counts(draw: st.DrawFn, sizes: list[int]) -> tuple[int, ...]:
    """Class counts with the given ties, ones among them, and ratios up to LARGEST_COUNT."""
    known = LEVELS if len(sizes) <= len(LEVELS) else range(1, 2 * len(sizes))
    levels = draw(st.lists(st.sampled_from(known), min_size=len(sizes), max_size=len(sizes), unique=True))
    ordered = sorted(levels, reverse=True)
    if sizes[0] == 1 and draw(st.booleans()):
        ordered[0] = LARGEST_COUNT
    return tuple(level for level, size in zip(ordered, sizes, strict=True) for _ in range(size))


@st.composite
def deviations(draw: st.DrawFn, sizes: list[int]) -> tuple[float, ...]:
    """Standard deviations with the given ties, neighbours apart by a quarter of a decade at most."""
    level, levels = draw(powers_of_ten(0.05, 1)), []  # the simplest level is not 1, see real_parameter
    for _ in sizes:
        levels.append(level)
        level *= 10 ** -draw(st.floats(0.05, 0.25))
    return tuple(level for level, size in zip(levels, sizes, strict=True) for _ in range(size))


@st.composite
def per_dimension(draw: st.DrawFn, count: int) -> tuple[float, ...]:
    """Positive numbers over a decade, at least two different ones where there is room, with ties, in any order.

    Nearly equal ones are left out: a wrong pairing of them with the data is a saddle too flat for float64 to leave. The simplest
    one is not 1, where a missing factor does not show.
    """
    steps = draw(st.lists(st.integers(-10, 10), min_size=min(2, count), max_size=count, unique=True))
    return tuple(draw(st.permutations([10.0 ** ((step + 3) / 20) for step in (steps * count)[:count]])))


@st.composite
def real_matrix(draw: st.DrawFn, rows: int) -> tuple[tuple[float, ...], ...]:
    """Matrices in general position with up to two columns more than rows."""
    columns, generator = draw(st.integers(1, rows + 2)), Random(draw(st.integers(0, 2**32)))
    return tuple(tuple(generator.gauss(0, 2) for _ in range(columns)) for _ in range(rows))


def width(domain: Width, regime: Regime, sizes: list[int]) -> st.SearchStrategy[int]:
    """Widths of a regime, never below what the domain allows."""
    directions = sum(sizes)
    lowest = int(domain.least.subs(dict.fromkeys(domain.least.free_symbols, directions)))
    if regime.cut:
        position = next(i for i, size in enumerate(sizes) if size > 1)
        before = sum(sizes[:position])
        first, last = before + 1, before + sizes[position] - 1
    elif regime.directions == 1:
        first = last = 1
    elif regime.narrow:
        first, last = max(1, directions - 3), directions - 1
    else:
        first, last = directions, 2 * directions
    return st.integers(max(lowest, first), max(lowest, last))


@st.composite
def widths(draw: st.DrawFn, regime: Regime, sizes: list[int], depth: int) -> tuple[int, ...]:
    """Unequal widths of the layers, the smallest of them as the regime says; in the regime of one direction all are one."""
    if regime.directions == 1:
        return (1,) * depth
    narrowest = draw(width(Width(), regime, sizes))
    others = draw(st.lists(st.integers(0, 3), min_size=depth - 1, max_size=depth - 1))
    return tuple(draw(st.permutations([narrowest, *(narrowest + more for more in others)])))


def upper_width(most: int) -> st.SearchStrategy[int]:
    """Widths of the upper level; the simplest is not 1, where a missing factor does not show."""
    return st.sampled_from((2, 1, *range(3, most + 1)))


def width_pair(regime: Regime, sizes: list[int]) -> st.SearchStrategy[tuple[int, int]]:
    """Pairs of widths of a regime, the first at most the number of directions, the second below it or above.

    A group of equal directions is cut by either width or, where it has enough members, by both in different places.
    """
    directions = sum(sizes)
    narrow = width(Width(), regime, sizes)
    if regime.directions == 1:
        return st.just((1, 1))
    if not (regime.cut or regime.narrow):
        return st.tuples(st.just(directions), upper_width(2 * directions))
    smaller = narrow.flatmap(lambda d_1: st.tuples(st.just(d_1), st.integers(1, d_1 + 2)))
    both = st.tuples(narrow, narrow).map(lambda pair: (max(pair), min(pair)))
    return st.one_of(smaller, both, st.tuples(st.just(directions), narrow))


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


@st.composite
def batches(draw: st.DrawFn, claim: Claim, regime: Regime, size: int = BATCH_SIZE) -> tuple[Instance, ...]:
    """Draw a batch of instances of a claim in one regime, ``size`` of them for each threshold."""
    sizes = draw(group_sizes(regime, 2 if is_counted(claim) else 1))
    directions = sum(sizes)
    shared: dict[str, Any] = {}
    free: dict[str, st.SearchStrategy[float]] = {}
    above: dict[str, str] = {}
    # What depends on another parameter is drawn when that is known.
    for parameter in sorted(claim.problem.parameters, key=lambda p: len(p.domain.depends())):
        match parameter.domain:
            case PositivePerDimension() as domain:
                shared[parameter.name] = draw(per_dimension(shared[domain.dimension]))
            case RealMatrix():
                shared[parameter.name] = draw(real_matrix(directions))
            case ClassCounts(balanced=True):
                shared[parameter.name] = (draw(one_of_these(regime.samples, BALANCED_COUNTS)),) * directions
            case ClassCounts():
                shared[parameter.name] = draw(class_counts(sizes))
            case PositiveReals():
                shared[parameter.name] = draw(deviations(sizes))
            case Width() as domain:
                shared[parameter.name] = draw(width(domain, regime, sizes))
            case WholeNumber() as domain:
                most = min(domain.most, max(domain.least, LARGEST_DEEP // directions))
                shared[parameter.name] = draw(
                    one_of_these(regime.depth, [m for m in DEPTHS if domain.least <= m <= most])
                )
            case Widths() as domain:
                shared[parameter.name] = draw(widths(regime, sizes, shared[domain.depth]))
            case Flag():
                flags = any(isinstance(value, bool) for value in shared.values())
                shared[parameter.name] = draw(st.booleans()) if flags else regime.flag
            case WidthPair():
                shared[parameter.name] = draw(width_pair(regime, sizes))
            case PositiveReal():
                free[parameter.name] = real_parameter(parameter.name)
            case RealBetween() as domain:
                free[parameter.name] = real_between(parameter.name, domain)
            case GreaterThan() as domain:
                above[parameter.name] = domain.other
            case other:
                raise NotImplementedError(f"no strategy for {type(other).__name__}")
    batch = []
    thresholds = claim.prediction.thresholds
    places = meetings(claim, regime, len(thresholds))
    for of_threshold, threshold in enumerate(thresholds or (claim.prediction.yardstick,)):
        for position, ratio in enumerate(draw(ratios(size, max(1, len(thresholds))))):
            values = {**shared, **{name: draw(strategy) for name, strategy in free.items()}}
            for parameter in claim.problem.parameters:
                if parameter.name in free and parameter.meets in free:
                    values[parameter.name] = apart(values[parameter.name], values[parameter.meets])
            for name, other in above.items():
                low, high = DECADES_ABOVE
                decades = (low, max(low + 1, high + math.log10(min(1.0, ratio))))
                values[name] = values[other] * (1 + draw(over_decades(name, *decades)))
            meeting = places.get((of_threshold, position))
            pinned = None if meeting is None else meeting.parameter.name
            if meeting is not None:
                values[pinned] = draw(met(meeting, values))
            if threshold is None:
                # The simplest draw is the same for all of them, and there is no ratio to tell them apart.
                for name in (p.name for p in claim.problem.parameters if isinstance(p.domain, PositiveReal)):
                    values[name] *= APART_WITHOUT_THRESHOLD**position
                batch.append(claim.problem.instance(**values))
                continue
            direction = draw(st.integers(1, directions_within(claim, threshold, values)))
            # Where there are more thresholds the direction lies on either side of the others, and not too far off.
            for other in thresholds:
                if other is not threshold and other.tuned != pinned:
                    nearest = min(direction, directions_within(claim, other, values))
                    values[other.tuned] = tuned_to(claim, other, values, nearest, draw(powers_of_ten(*OTHER)))
            if threshold.tuned == pinned:
                batch.append(claim.problem.instance(**values))
                continue
            values[threshold.tuned] = tuned_to(claim, threshold, values, direction, ratio)
            if threshold.tuned.endswith("decay") and isinstance(shared.get("weight_decay"), tuple):
                # Decays of many layers within a few decades of one another, whatever the ratio asks of their product.
                own = draw(powers_of_ten(*DECADES_APART))
                level = (values[threshold.tuned] / own) ** (1 / (1 + shared["depth"]))
                values["weight_decay"] = tuple(level * decay for decay in shared["weight_decay"])
                values[threshold.tuned] = tuned_to(claim, threshold, values, direction, ratio)
            batch.append(claim.problem.instance(**values))
    return tuple(batch)


def directions_within(claim: Claim, threshold: Threshold, values: dict[str, Any]) -> int:
    """Return how many classes or directions the rank limit leaves."""
    formula = Formula(threshold.within_rank, ((threshold.index, threshold.count),))
    return int(evaluate(formula, stack_bindings([claim.problem.instance(**values)])).sum())


def over_decades(name: str, low: float, high: float) -> st.SearchStrategy[float]:
    """Values log-uniform over decades.

    The simplest value, which every run starts with, is one of its own for every name: at 1, or where two parameters are
    equal, a missing factor or power does not show.
    """
    offset = Random(name).uniform(0, high - low)
    return st.floats(0, high - low, allow_nan=False).map(lambda e: 10.0 ** (low + (e + offset) % (high - low)))


def real_parameter(name: str) -> st.SearchStrategy[float]:
    """Values of a positive parameter."""
    return over_decades(name, *(DECADES_OF_DECAY if name.endswith("decay") else DECADES_OF_OTHERS))


def real_between(name: str, domain: RealBetween) -> st.SearchStrategy[float]:
    """Values inside an interval, some close to either end."""

    def inside(odds: float) -> float:
        return domain.low + odds / (1 + odds) * (domain.high - domain.low)

    return over_decades(name, *DECADES_OF_ODDS).map(inside)
