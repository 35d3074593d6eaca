"""The settings of a sweep: parameters given as lists vary, all others are shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from theory.errors import ParameterError


def settings_of(parameters: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the parameters with these names for each setting, for lists of one length and numbers that all settings share.

    Raises ParameterError for lists of different lengths.
    """
    lists = {name: parameters[name] for name in names if isinstance(parameters[name], list | tuple)}
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ParameterError(f"{', '.join(lengths)}: lists of one length are allowed, a value for each setting; {said}")
    count = max(lengths.values(), default=1)
    return [
        {name: lists[name][number] if name in lists else parameters[name] for name in names} for number in range(count)
    ]


def labels_of(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a label for each setting, made of the parameters in which the settings differ."""
    differing = [name for name in settings[0] if len({own[name] for own in settings}) > 1]
    return [" ".join(f"{name}={own[name]:g}" for name in differing) or "all" for own in settings]
