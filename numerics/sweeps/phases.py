"""The phases of a sweep: what tells its cells apart, its verdicts or the regimes of its directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DONE = "done"
REGIMES = ("alive", "alive_predicted")
"""The columns that count the directions alive at each threshold, the measured one first."""
UNKNOWN = "not known"
"""The phase of cells that are not computed, and of those without a verdict."""
SHORT = ".3g"
"""The form of numbers along an axis, unless two of them would look the same."""

Table = Mapping[str, Any]
"""The results of a sweep as ``xarray.Dataset.to_dict`` gives them, which JSON holds too."""


@dataclass(frozen=True)
class Phases:
    """The phase of every cell.

    Arguments:
        axes: the names of the axes of the sweep.
        labels: the labels along each axis, as texts.
        names: the names of the phases; the first is UNKNOWN.
        codes: the number of the phase of each cell, an integer array over the axes.
    """

    axes: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    codes: np.ndarray

    def says(self, cell: tuple[int, ...]) -> str:
        """Return the parameters and the phase of a cell in words."""
        at = ", ".join(f"{axis} = {labels[i]}" for axis, labels, i in zip(self.axes, self.labels, cell, strict=True))
        return f"{at}: {self.names[self.codes[cell]]}"

    def counts(self) -> dict[str, int]:
        """Return the number of cells in each phase that occurs."""
        found = {name: int((self.codes == code).sum()) for code, name in enumerate(self.names)}
        return {name: count for name, count in found.items() if count}


def phases(table: Table) -> Phases:
    """Return the phases of a sweep: its verdicts, unless they are all alike and there are regimes that are not."""
    columns = table["data_vars"]
    axes = tuple(columns[DONE]["dims"])
    labels = tuple(shown(table["coords"][axis]["data"]) for axis in axes)
    done = np.asarray(columns[DONE]["data"], bool)
    candidates = [*_verdicts(columns, done), *_regimes(table, done)]
    told_apart = [each for each in candidates if len(np.unique(each[1][done])) > 1]
    names, codes = (told_apart or candidates or [((UNKNOWN, "computed"), done.astype(int))])[0]
    return Phases(axes, labels, names, codes)


def _verdicts(columns: Mapping[str, Any], done: np.ndarray) -> list[tuple[tuple[str, ...], np.ndarray]]:
    if "verdict" not in columns:
        return []
    codes = np.where(done, np.asarray(columns["verdict"]["data"], int), 0)
    return [((UNKNOWN, *columns["verdict"]["attrs"]["words"][1:]), codes)]


def _regimes(table: Table, done: np.ndarray) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """Return the regimes: how many directions are alive at each threshold."""
    for column in REGIMES:
        if column in table["data_vars"]:
            held = table["data_vars"][column]
            of = table["coords"][held["dims"][-1]]["data"]
            alive = np.asarray(held["data"], int)
            found, codes = np.unique(alive[done], axis=0, return_inverse=True)
            every = np.zeros(done.shape, int)
            every[done] = 1 + codes.reshape(-1)
            return [((UNKNOWN, *(_regime(of, counts) for counts in found.tolist())), every)]
    return []


def _regime(of: Sequence[str], counts: Sequence[int]) -> str:
    return ", ".join(f"{name}: {count} alive" for name, count in zip(of, counts, strict=True))


def shown(labels: Sequence[Any]) -> tuple[str, ...]:
    """Return the labels of an axis as a figure shows them: short numbers, and lists of equal entries as their number and the entry.

    For example, ``shown(["1,1", "1,1,1"])`` is ("2 × 1", "3 × 1").
    """
    for form in (SHORT, "g"):
        found = tuple(_shown(label, form) for label in labels)
        if len(set(found)) == len(found):
            return found
    return tuple(map(str, labels))


def _shown(label: Any, form: str) -> str:
    if not isinstance(label, str):
        return str(label) if isinstance(label, int) else format(label, form)
    entries = label.split(",")
    return f"{len(entries)} × {entries[0]}" if len(entries) > 1 and len(set(entries)) == 1 else label
