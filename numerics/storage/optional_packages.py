"""The packages of the optional extras, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from theory.errors import ParameterError


def needed(package: str, extra: str = "sweeps") -> Any:
    """Return a package. Raises ParameterError, with the name of the extra that brings the package, where it is not installed."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise ParameterError(
            f"{extra}: {error.name} is not installed; pip install 'collapse-atlas[{extra}]' brings it"
        ) from None
