"""Instances at a chosen distance from a threshold, found without solving the threshold's formula."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scipy.optimize import brentq

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from theory.claim import Claim
from theory.expressions import Formula
from theory.problem import Instance
from theory.proof import Threshold

DECADES = 47.0
"""The tuned parameter is searched for so many decades to either side of 1, over nearly the whole range of a positive parameter."""


def instance_at(
    claim: Claim, threshold: Threshold, values: Mapping[str, Any], direction: int, ratio: float
) -> Instance:
    """Return the instance at which a direction has this ratio to its threshold; ``values`` and errors are those of ``tuned_to``."""
    given = dict(values)
    return claim.problem.instance(**{**given, threshold.tuned: tuned_to(claim, threshold, given, direction, ratio)})


def tuned_to(claim: Claim, threshold: Threshold, values: dict[str, Any], direction: int, ratio: float) -> Any:
    """Return the value of the tuned parameter at which a direction (counted from 1) has this ratio to its threshold.

    ``values`` are the other parameters. A list that is tuned is one of them, and is multiplied by a common factor.
    Raises ValueError when the ratio is not reached.
    """
    given = values.get(threshold.tuned)
    ends = claim.problem.parameter(threshold.tuned).domain.extremes()
    least, most = (min(ends), max(ends)) if ends else (10.0**-DECADES, 10.0**DECADES)

    def tuned(exponent: float) -> Any:
        factor = min(max(10.0**exponent, least), most)
        return tuple(factor * v for v in given) if isinstance(given, tuple) else factor

    formula = Formula(threshold.ratio, ((threshold.index, threshold.count),))

    def distance(exponent: float) -> float:
        instance = claim.problem.instance(**{**values, threshold.tuned: tuned(exponent)})
        return math.log(float(evaluate(formula, stack_bindings([instance]))[0, direction - 1]) / ratio)

    low, high = max(-DECADES, math.log10(least)), min(DECADES, math.log10(most))
    return tuned(brentq(distance, low, high, xtol=1e-15, rtol=8.9e-16))
