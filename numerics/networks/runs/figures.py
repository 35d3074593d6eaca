"""Figures of a finished run: predicted and measured matrices side by side, and the metrics over the stages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

MEASURED, PREDICTED, OTHER = "#0072B2", "#D55E00", "#444444"
"""Colours that colour-blind readers tell apart (Okabe and Ito)."""
PANEL = 220
"""Height of a panel in pixels."""


def figures(result: Mapping[str, Any], columns: Mapping[str, Sequence[float]]) -> dict[str, go.Figure]:
    """Return the figures of a run by the name of their file: each matrix, and the metrics."""
    drawn = {}
    for name, pair in shared_matrices(result).items():
        title = f"{name.replace('_', ' ')}. {matrices_in_words(*pair)}"
        drawn[name] = matrices(*pair).update_layout(title=title, height=360, template="plotly_white")
    if columns:
        drawn["metrics"] = metrics(columns, result["predicted"])
    return drawn


def shared_matrices(result: Mapping[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the predicted and the measured array of every quantity that is a matrix of one shape in both."""
    found = {}
    for name, predicted in result["predicted"].items():
        pair = [_matrix(value) for value in (predicted, result["measured"].get(name))]
        if pair[0] is not None and pair[1] is not None and pair[0].shape == pair[1].shape:
            found[name] = (pair[0], pair[1])
    return found


def matrices(predicted: np.ndarray, measured: np.ndarray) -> go.Figure:
    """Draw the predicted matrix, the measured one and their difference, all on one scale: where they agree, nothing is left."""
    figure = make_subplots(
        rows=1, cols=3, subplot_titles=("predicted", "measured", "difference"), horizontal_spacing=0.04
    )
    for column, shown in enumerate((predicted, measured, measured - predicted), start=1):
        figure.add_heatmap(z=shown, coloraxis="coloraxis", row=1, col=column)
        figure.update_yaxes(scaleanchor=f"x{column if column > 1 else ''}", row=1, col=column)
    top = largest(predicted, measured)
    figure.update_layout(coloraxis={"colorscale": "RdBu", "cmin": -top, "cmax": top, "showscale": False})
    figure.update_yaxes(
        autorange="reversed", constrain="domain", constraintoward="top", showticklabels=False, showgrid=False
    )
    return figure.update_xaxes(constrain="domain", showticklabels=False, showgrid=False)


def matrices_in_words(predicted: np.ndarray, measured: np.ndarray) -> str:
    """Return the sizes that the colours of ``matrices`` show."""
    off = float(np.abs(measured - predicted).max())
    return f"Entries reach {largest(predicted, measured):.2g}, and the largest difference is {off:.1e}."


def largest(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Return the largest absolute entry of two matrices, or 1 where both are zero."""
    return float(max(np.abs(predicted).max(), np.abs(measured).max())) or 1.0


def metrics(columns: Mapping[str, Sequence[float]], predicted: Mapping[str, Any]) -> go.Figure:
    """Draw every metric over the stages, with the predicted level as a line where the prediction has a number of that name."""
    names = list(columns)
    rows = math.ceil(len(names) / 2)
    figure = make_subplots(rows=rows, cols=2, subplot_titles=[name.replace("_", " ") for name in names])
    for number, name in enumerate(names):
        row, column = number // 2 + 1, number % 2 + 1
        values, level = list(columns[name]), predicted.get(name)
        has_level = isinstance(level, int | float) and not isinstance(level, bool)
        colour = MEASURED if has_level else OTHER
        figure.add_scatter(
            x=list(range(1, len(values) + 1)),
            y=values,
            line={"color": colour},
            name=name,
            showlegend=False,
            row=row,
            col=column,
        )
        if has_level:
            figure.add_hline(y=level, line={"color": PREDICTED, "dash": "dash"}, row=row, col=column)  # pyright: ignore[reportArgumentType]
        # A number that falls by decades is read on a logarithmic axis.
        if min(values) > 0 and max(values) > 30 * min(values):
            figure.update_yaxes(type="log", exponentformat="power", row=row, col=column)
    return figure.update_layout(
        title="metrics over the stages (dashed: predicted)", height=PANEL * rows + 80, template="plotly_white"
    )


def _matrix(value: Any) -> np.ndarray | None:
    """Return nested lists as a matrix with at least two rows and columns, or None for anything else."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None
    return array if array.ndim == 2 and min(array.shape) > 1 else None
