"""The data sources that were installed where the book was built, with what they gave there. Runs in the reader's browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from theory.errors import ParameterError


def __getattr__(name: str) -> Callable[[str], dict[str, Any]]:
    """Return the data source with this name: a function from a view to parameters."""
    known = json.loads(files("book.live").joinpath("given_data.json").read_text(encoding="utf-8"))
    if name not in known:
        raise AttributeError(name)

    def source(view: str) -> dict[str, Any]:
        given = known[name][view]
        if "refused" in given:
            raise ParameterError(given["refused"])
        return {name: in_tuples(value) for name, value in given["parameters"].items()}

    return source


def in_tuples(value: Any) -> Any:
    """Return nested lists as nested tuples."""
    return tuple(map(in_tuples, value)) if isinstance(value, list) else value
