"""What a sweep computes at its cells: a task with parameters, whatever it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Position = tuple[int, ...]
"""Where a cell lies: one index along each axis of the sweep."""


@dataclass(frozen=True)
class Column:
    """A quantity that every cell has.

    Arguments:
        says: what the quantity is, in a few words.
        axes: the further axes of the quantity, beside those of the sweep.
        words: names of the codes 0, 1, … of a quantity that is no number; code 0 means that nothing is known.
        counts: whether the quantity is an integer of at least 0.
    """

    says: str
    axes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    counts: bool = False

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int8 if self.words else np.int32 if self.counts else np.float64)

    @property
    def missing(self) -> float:
        """The value where a cell has none: code 0, the count −1, or nan."""
        return 0 if self.words else -1 if self.counts else np.nan


class Task(Protocol):
    """A task that is computed at every cell of a sweep.

    The arrays of a cell depend on the specification and on the cells that are computed with it, and on nothing else.
    """

    @property
    def axes(self) -> Mapping[str, Sequence[Any]]:
        """The axes of the sweep with the labels along each, numbers or texts."""
        ...

    @property
    def labels(self) -> Mapping[str, Sequence[Any]]:
        """Further labels along the first axis, such as the parameters of samples, by name."""
        ...

    @property
    def further(self) -> Mapping[str, Sequence[Any]]:
        """The further axes of the columns, with their labels."""
        ...

    @property
    def columns(self) -> Mapping[str, Column]:
        """The quantities by name."""
        ...

    def compute(self, positions: Sequence[Position]) -> dict[str, np.ndarray]:
        """Return each quantity at these cells, an array [cells, *further axes]."""
        ...


def empty(task: Task, cells: int) -> dict[str, np.ndarray]:
    """Return arrays for so many cells at which nothing is known."""
    sizes = {name: len(labels) for name, labels in task.further.items()}
    return {
        name: np.full((cells, *(sizes[axis] for axis in column.axes)), column.missing, column.dtype)
        for name, column in task.columns.items()
    }
