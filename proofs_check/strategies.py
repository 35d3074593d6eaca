"""Hypothesis strategies that build valid instances from the domains of a claim, by construction.

A *batch* is a tuple of instances of equal sizes: they are trained together. Each batch crosses a threshold: it has an
instance exactly on it, one close to it, one on either side, and further ones anywhere over decades.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy as sp
from hypothesis import strategies as st

from numerics.arrays import evaluate, stack_bindings
from theory.claim import Claim
from theory.expressions import Formula
from theory.problem import ClassCounts, Domain, Flag, Instance, PositiveReal, PositiveReals, Width

BATCH_SIZE = 6
LARGEST_K = 8
DECADES_OF_DECAY = (-5.0, 0.0)
MULTIPLES = (1, 1, 1, 2, 3, 10)
LARGEST_RATIO = 100
ALIVE = (0.3, 3.0)
"""Decades above its threshold that one class or direction is drawn at; the others lie up to four decades further off, where
the conditioning of the problem, which grows with this distance, reaches what float64 training still resolves."""

_ratio = sp.Symbol("ratio", positive=True)


def powers_of_ten(low: float, high: float) -> st.SearchStrategy[float]:
    """Log-uniform numbers."""
    return st.floats(low, high, allow_nan=False).map(lambda e: 10.0**e)


@st.composite
def class_counts(draw: st.DrawFn, balanced: bool) -> tuple[int, ...]:
    """Class counts with ties, ones and ratios up to LARGEST_RATIO, for K from 2 to LARGEST_K."""
    classes = draw(st.integers(2, LARGEST_K))
    smallest = draw(st.integers(1, 3))
    if balanced:
        return (smallest * draw(st.sampled_from((1, 2, 5))),) * classes
    multiples = [draw(st.sampled_from(MULTIPLES)) for _ in range(classes)]
    if draw(st.booleans()):
        return (LARGEST_RATIO, *multiples[1:])
    return tuple(smallest * m for m in multiples)


@st.composite
def deviations(draw: st.DrawFn) -> tuple[float, ...]:
    """Standard deviations over two decades, ties included."""
    size = draw(st.integers(2, LARGEST_K))
    distinct = draw(st.lists(powers_of_ten(-1, 1), min_size=1, max_size=size))
    return tuple(distinct[draw(st.integers(0, len(distinct) - 1))] for _ in range(size))


WIDTHS = ("narrow", "wide")
"""Regimes of a width: below the number of classes or directions as far as the claim allows, or at and above it."""


def shared_value(domain: Domain, shared: dict[str, Any], widths: str) -> st.SearchStrategy[Any] | None:
    """Return the strategy of a parameter that fixes the sizes of a batch, or None for one that may vary within it."""
    match domain:
        case ClassCounts(balanced=balanced):
            return class_counts(balanced)
        case PositiveReals():
            return deviations()
        case Flag():
            return st.booleans()
        case Width(least=least):
            directions = len(next(v for v in shared.values() if isinstance(v, tuple)))
            lowest = int(least.subs(dict.fromkeys(least.free_symbols, directions)))
            if widths == "narrow":
                return st.integers(lowest, max(lowest, directions - 1))
            return st.integers(max(lowest, directions), 2 * directions)
        case PositiveReal():
            return None
    raise NotImplementedError(f"no strategy for {type(domain).__name__}")


def ratios(size: int) -> st.SearchStrategy[list[float]]:
    """Ratios to the threshold (alive above 1) for the instances of a batch."""
    close = st.builds(lambda e, side: 1 + side * 10.0**e, st.floats(-8, -4), st.sampled_from((-1, 1)))
    below, above = st.floats(0.9, 0.98), st.floats(1.02, 1.1)
    kinds = [st.just(1.0), below, above, powers_of_ten(*ALIVE), close, powers_of_ten(-3, ALIVE[1])]
    return st.tuples(*(kinds[i % len(kinds)] for i in range(size))).map(list)


@cache
def tuned_formula(claim: Claim) -> sp.Expr:
    """Solve ratio = r for the parameter that crosses the threshold."""
    threshold = claim.prediction.threshold
    (solution,) = sp.solve(threshold.ratio - _ratio, threshold.tuned)
    return solution


def at_ratio(claim: Claim, values: dict[str, Any], direction: int, ratio: float) -> Instance:
    """Return the instance whose given direction (from 1) lies at this ratio to its threshold."""
    threshold = claim.prediction.threshold
    tuned = tuned_name(claim)
    trial = claim.problem.instance(**values, **{tuned: 1.0})
    formula = Formula(tuned_formula(claim).subs(_ratio, sp.Float(ratio, 17)), ((threshold.index, threshold.count),))
    solved = evaluate(formula, stack_bindings([trial]))[0, direction - 1]
    return claim.problem.instance(**values, **{tuned: float(solved)})


@cache
def tuned_name(claim: Claim) -> str:
    """Return the name of the parameter that the threshold is tuned by."""
    trial = {p.name: p.name for p in claim.problem.parameters}
    values = {**trial, claim.problem.sorted_parameter: (1,)}
    return claim.problem.bind(values)[claim.prediction.threshold.tuned]


@st.composite
def batches(draw: st.DrawFn, claim: Claim, widths: str, size: int = BATCH_SIZE) -> tuple[Instance, ...]:
    """Draw a batch of instances of a claim, in one regime of WIDTHS."""
    shared: dict[str, Any] = {}
    free = []
    for parameter in claim.problem.parameters:
        strategy = shared_value(parameter.domain, shared, widths)
        if strategy is None:
            free.append(parameter.name)
        else:
            shared[parameter.name] = draw(strategy)
    tuned = tuned_name(claim)
    directions = len(shared[claim.problem.sorted_parameter])
    widths = [v for v in shared.values() if type(v) is int]
    within = min([directions, *widths])
    batch = []
    for ratio in draw(ratios(size)):
        values = {name: draw(powers_of_ten(*_decades(name))) for name in free if name != tuned}
        batch.append(at_ratio(claim, {**shared, **values}, draw(st.integers(1, within)), ratio))
    return tuple(batch)


def _decades(name: str) -> tuple[float, float]:
    return DECADES_OF_DECAY if name.endswith("decay") else (-1.0, 1.0)
