"""The results of a sweep as lines for a terminal: ranges of its columns, and its phases as letters."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from typing import Any

import numpy as np

from numerics.sweeps.phases import DONE, Phases, Table, phases

MOST_SLICES = 12
"""Most pictures of two axes that are printed."""
LETTERS = "." + string.ascii_uppercase


def lines(table: Table) -> list[str]:
    """Return the lines on a sweep."""
    found = phases(table)
    done = np.asarray(table["data_vars"][DONE]["data"], bool)
    says = [f"{int(done.sum())} of {done.size} cells over {', '.join(found.axes)}"]
    says += [f"{name:<16} {count} cells" for name, count in found.counts().items()]
    for name, column in table["data_vars"].items():
        if name != DONE and "words" not in column["attrs"]:
            says.append(f"{name:<16} {_range(column, done)}  ({column['attrs']['says']})")
    return [*says, *_pictures(found)]


def _range(column: dict[str, Any], done: np.ndarray) -> str:
    """Return the least and the largest number of a column."""
    held = np.asarray(column["data"], float)[done]
    known = held[np.isfinite(held)]
    if not known.size:
        return "no numbers"
    return f"{known.min():.6g}" if known.min() == known.max() else f"{known.min():.6g} to {known.max():.6g}"


def _pictures(found: Phases) -> Iterator[str]:
    """Yield one picture of the first two axes for each slice: a letter for each phase, and what the letters mean."""
    if len(found.names) > len(LETTERS):
        return
    yield "  ".join(f"{LETTERS[code]} {name}" for code, name in enumerate(found.names) if (found.codes == code).any())
    slices = list(itertools.product(*(range(len(labels)) for labels in found.labels[2:])))
    for rest in slices[:MOST_SLICES]:
        if rest:
            yield ", ".join(
                f"{axis} = {of[i]}" for axis, of, i in zip(found.axes[2:], found.labels[2:], rest, strict=True)
            )
        codes = found.codes[(..., *rest)]
        rows = codes.T[::-1] if codes.ndim == 2 else codes[None]
        names = found.labels[1][::-1] if codes.ndim == 2 else ("",)
        width = max(map(len, names))
        for name, row in zip(names, rows, strict=True):
            yield f"  {name:>{width}} {''.join(LETTERS[code] for code in row)}"
    if len(slices) > MOST_SLICES:
        yield f"and {len(slices) - MOST_SLICES} further slices, which the figure shows"
