"""The parameters of the training of a measured network, as a command line gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from theory.domains import Flag
from theory.errors import ParameterError, quoted

REQUIRED = {
    "loss": "cross-entropy or mse",
    "weight_decay": "λ in (λ/2)‖W‖², one number for all layers or one for each, such as 5e-4",
    "feature_decay": "λ_H in (λ_H/2) Σ_i ‖h_i‖², such as 5e-4",
}
OPTIONAL = {
    "smoothing": "the label smoothing α",
    "nonnegative": "true where the features are nonnegative by construction",
}


def read_parameters(words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of ``name=value`` words. Raises ParameterError for an unknown, repeated or missing name."""
    given: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in REQUIRED | OPTIONAL:
            raise ParameterError(
                f"parameter: {quoted(word)} is not allowed; parameters are {', '.join([*REQUIRED, *OPTIONAL])}, "
                "written name=value"
            )
        if name in given:
            raise ParameterError(f"{name}: given twice")
        given[name] = Flag().canonical(name, value) if name == "nonnegative" else value
    for name, says in REQUIRED.items():
        if name not in given:
            raise ParameterError(f"{name}: missing; {name} is {says}")
    return given
