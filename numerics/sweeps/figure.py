"""The phase diagram of a sweep as a plotly figure: the first two axes are drawn, and a slider moves along the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from numerics.storage.optional_packages import needed
from numerics.sweeps.phases import Phases

SHADES = ("#FFFFFF", "#56B4E9", "#D55E00", "#E9E9E9", "#009E73", "#E69F00", "#CC79A7", "#0072B2", "#F0E442")
"""Colours that colour-blind readers tell apart (Okabe and Ito); the first is that of cells about which nothing is known."""
Words = Callable[[tuple[int, ...]], str]
"""A function that gives a text for a cell."""


def phase_diagram(phases: Phases, words: Words | None = None, marks: Words | None = None) -> Any:
    """Return the figure of the phases, a ``plotly.graph_objects.Figure``.

    Arguments:
        phases: the phase of every cell.
        words: the text that is shown where the pointer is held over a cell; the parameters and the phase where it is not given.
        marks: the text that is written into a cell; none where it is not given.

    Raises ParameterError where plotly is not installed.
    """
    go = needed("plotly.graph_objects", "book")
    drawn, moved = phases.axes[:2], phases.axes[2:]
    slices = list(itertools.product(*(range(len(labels)) for labels in phases.labels[2:])))
    figure, present = go.Figure(), [code for code in range(len(phases.names)) if (phases.codes == code).any()]
    rows = range(len(phases.labels[1])) if len(drawn) > 1 else [0]
    colours = [SHADES[code % len(SHADES)] for code in present]
    bands = [[end / len(present), colour] for place, colour in enumerate(colours) for end in (place, place + 1)]
    for number, rest in enumerate(slices):
        cells = [[_cell(phases, column, row, rest) for column in range(len(phases.labels[0]))] for row in rows]
        figure.add_trace(
            go.Heatmap(
                x=phases.labels[0],
                y=phases.labels[1] if len(drawn) > 1 else [""],
                z=[[present.index(phases.codes[cell]) for cell in row] for row in cells],
                hovertext=[[(words or phases.says)(cell) for cell in row] for row in cells],
                text=None if marks is None else [[marks(cell) for cell in row] for row in cells],
                texttemplate=None if marks is None else "%{text}",
                hoverinfo="text",
                zmin=-0.5,
                zmax=len(present) - 0.5,
                xgap=1,
                ygap=1,
                visible=number == 0,
                colorscale=bands,
                colorbar={
                    "tickvals": list(range(len(present))),
                    "ticktext": [phases.names[code] for code in present],
                    "len": 0.7,
                },
            )
        )
    if moved:
        figure.update_layout(sliders=[_slider(phases, slices)])
    figure.update_xaxes(title=phases.axes[0], type="category")
    figure.update_yaxes(title=drawn[1] if len(drawn) > 1 else "", type="category")
    return figure


def _cell(phases: Phases, column: int, row: int, rest: tuple[int, ...]) -> tuple[int, ...]:
    return (column, row, *rest) if len(phases.axes) > 1 else (column,)


def _slider(phases: Phases, slices: list[tuple[int, ...]]) -> dict[str, Any]:
    """Return the slider that shows one slice at a time."""

    def label(rest: tuple[int, ...]) -> str:
        return ", ".join(labels[i] for labels, i in zip(phases.labels[2:], rest, strict=True))

    steps = [
        {
            "label": label(rest),
            "method": "update",
            "args": [{"visible": [other == number for other in range(len(slices))]}],
        }
        for number, rest in enumerate(slices)
    ]
    return {"steps": steps, "currentvalue": {"prefix": f"{', '.join(phases.axes[2:])} = "}, "pad": {"t": 75}}
