"""Discrepancies between the code released with the papers and the minimisers of the objective."""

from __future__ import annotations

from theory.errors import ParameterError
from theory.reference_code.discrepancy import ReferenceCode
from theory.reference_code.neural_collapse import CROSS_ENTROPY_MARGIN, DEEP_MSE_BRANCH
from theory.reference_code.posterior_collapse import (
    CONDITIONAL_SCALE,
    CVAE_THRESHOLD,
    GIVEN_VARIANCE,
    HALVED_DIVERGENCE,
    HIERARCHY_BRANCH,
    SAMPLED_VARIANCE,
)

REFERENCE_CODE = {
    code.name: code
    for code in (
        CVAE_THRESHOLD,
        CROSS_ENTROPY_MARGIN,
        DEEP_MSE_BRANCH,
        HIERARCHY_BRANCH,
        CONDITIONAL_SCALE,
        HALVED_DIVERGENCE,
        SAMPLED_VARIANCE,
        GIVEN_VARIANCE,
    )
}


def reference_code(name: str) -> ReferenceCode:
    """Return the discrepancy with this name. Raises ParameterError when there is none."""
    if name not in REFERENCE_CODE:
        raise ParameterError(f"{name!r}: no such discrepancy; they are {', '.join(REFERENCE_CODE)}")
    return REFERENCE_CODE[name]
