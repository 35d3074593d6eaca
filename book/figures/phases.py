"""A phase diagram as a panel: cells over two axes of a sweep, with a slider along the third."""

from __future__ import annotations

from collections.abc import Callable

from book.figures.axes import Axis, numbered
from book.figures.marks import Labels, Mark, Region
from book.figures.panel import Panel
from book.figures.plotting import Slider
from numerics.sweeps.phases import Phases

Words = Callable[[tuple[int, ...]], str]
LOOKS = (("soft", 0.12), ("c5", 0.45), ("c1", 0.75), ("c7", 0.85), ("c2", 0.3))
"""Colour and opacity of the phases that occur. Without colour they differ in how dark they are."""
MOST = 10
"""Most words along an axis."""


def thinned(labels: tuple[str, ...], title: str) -> Axis:
    """Return an axis with the labels of cells, of which every second, third, … stays where they are many."""
    every = -(-len(labels) // MOST)
    return numbered([label if number % every == 0 else "" for number, label in enumerate(labels)], title)


def phase_diagram(found: Phases, marks: Words | None = None, hints: Words | None = None) -> tuple[Panel, Slider]:
    """Return the panel of phases over three axes, and the slider along the last one.

    Arguments:
        found: the phase of every cell.
        marks: the text that is written into a cell; none where it is not given.
        hints: what a pointer held over that text shows.
    """
    columns, rows, slices = (range(len(labels)) for labels in found.labels)
    present = [code for code in range(len(found.names)) if (found.codes == code).any()]
    frames = []
    for at in slices:
        frame: list[Mark] = []
        for code, (colour, opacity) in zip(present, LOOKS, strict=False):
            cells = [(c + 1, r + 1) for c in columns for r in rows if found.codes[c, r, at] == code]
            frame.append(Region(colour, found.names[code], cells, opacity))
        if marks is not None:
            every = [(c, r, at) for c in columns for r in rows]
            says = [] if hints is None else [hints(cell) for cell in every]
            places = [(c + 1, r + 1) for c, r, _ in every]
            frame.append(Labels("ink", "", places, [marks(cell) for cell in every], says))
        frames.append(frame)
    across, up, along = found.axes
    counts = ", ".join(f"{name} in {count} cells" for name, count in found.counts().items())
    alt = f"Phases over {across} and {up}, one picture for each {along}: {counts}."
    x, y = thinned(found.labels[0], across), thinned(found.labels[1], up)
    panel = Panel(x, y, (), alt, frames=frames, width=480, height=380)
    return panel, Slider(f"{along} =", found.labels[2])
