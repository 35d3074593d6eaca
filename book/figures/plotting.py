"""The common parts of all figures: colours, and the HTML that the book's own plotly.js draws."""

from __future__ import annotations

import plotly.graph_objects as go
from IPython.display import HTML

from numerics.networks.runs.figures import COLOURS as COLOURS

DASHES = ("solid", "dot", "dashdot", "dash")
AXES, ONE_AXIS, NO_AXES = (
    {"l": 60, "r": 20, "t": 40, "b": 50},
    {"l": 8, "r": 8, "t": 30, "b": 50},
    {"l": 5, "r": 5, "t": 30, "b": 5},
)
"""Margins with room for both axes, for the one below, and for none."""
FIT = """
    const figure = document.getElementById("{plot_id}");
    new ResizeObserver(() => Plotly.Plots.resize(figure)).observe(figure.parentElement);
"""
"""Script that keeps a figure as wide as its column; plotly puts the id of the figure in."""


def show(figure: go.Figure, words: str, height: int, margin: dict[str, int] = AXES) -> HTML:
    """Return a figure that the book's own plotly.js draws, with sentences below it; ``height`` and ``margin`` are in pixels."""
    figure.update_layout(
        template="plotly_white", height=height, margin=margin, font={"size": 13}, paper_bgcolor="white",
        plot_bgcolor="white",
    )  # fmt: skip
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displayModeBar": False}, default_width="100%", post_script=FIT
    )
    return HTML(f'<div class="atlas-figure">{drawn}</div><p class="atlas-words">{words}</p>')
