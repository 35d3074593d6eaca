"""Figures of a finished run: predicted and measured matrices side by side, and the metrics over the stages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A3D9A", "#444444")
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
    """Draw the predicted matrix, the measured one and their difference: where they agree, nothing is left."""
    return side_by_side({"predicted": predicted, "measured": measured, "difference": measured - predicted})


def side_by_side(panels: Mapping[str, np.ndarray]) -> go.Figure:
    """Draw matrices by name beside one another, all on one scale."""
    figure = make_subplots(rows=1, cols=len(panels), subplot_titles=list(panels), horizontal_spacing=0.04)
    for column, shown in enumerate(panels.values(), start=1):
        figure.add_heatmap(z=shown, coloraxis="coloraxis", row=1, col=column)
        figure.update_yaxes(scaleanchor=f"x{column if column > 1 else ''}", row=1, col=column)
    top = largest(*panels.values())
    figure.update_layout(coloraxis={"colorscale": "RdBu", "cmin": -top, "cmax": top, "showscale": False})
    figure.update_yaxes(
        autorange="reversed", constrain="domain", constraintoward="top", showticklabels=False, showgrid=False
    )
    return figure.update_xaxes(constrain="domain", showticklabels=False, showgrid=False)


def matrices_in_words(predicted: np.ndarray, measured: np.ndarray) -> str:
    """Return the sizes that the colours of ``matrices`` show."""
    off = float(np.abs(measured - predicted).max())
    return f"Entries reach {largest(predicted, measured):.2g}, and the largest difference is {off:.1e}."


def largest(*arrays: np.ndarray) -> float:
    """Return the largest absolute entry of some matrices, or 1 where all are zero."""
    return max(float(np.abs(array).max()) for array in arrays) or 1.0


def panels(columns: Iterable[str]) -> dict[str, list[str]]:
    """Return the columns of each panel: those with the same first word, such as ``margin 0`` and ``margin 1``, share one."""
    found: dict[str, list[str]] = {}
    for name in columns:
        found.setdefault(name.partition(" ")[0], []).append(name)
    return {first if len(names) > 1 else names[0]: names for first, names in found.items()}


def level(predicted: Mapping[str, Any], column: str) -> float | None:
    """Return the predicted level of a column: the number of its name, or for ``margin 2`` the entry 2 of the list ``margins``."""
    first, _, number = column.rpartition(" ")
    given = predicted.get(column)
    several = predicted.get(f"{first}s", predicted.get(first))
    if given is None and number.isdecimal() and isinstance(several, list) and int(number) < len(several):
        given = several[int(number)]
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else None


def metrics(columns: Mapping[str, Sequence[float]], predicted: Mapping[str, Any]) -> go.Figure:
    """Draw every metric over the stages, with each predicted level as a dashed line of the same colour."""
    shown = panels(columns)
    rows = math.ceil(len(shown) / 2)
    figure = make_subplots(rows=rows, cols=2, subplot_titles=[name.replace("_", " ") for name in shown])
    for position, parts in enumerate(shown.values()):
        row, column = position // 2 + 1, position % 2 + 1
        for number, name in enumerate(parts):
            values, colour = list(columns[name]), COLOURS[number % len(COLOURS)]
            stages = list(range(1, len(values) + 1))
            figure.add_scatter(
                x=stages, y=values, line={"color": colour}, name=name, showlegend=False, row=row, col=column
            )
            at = level(predicted, name)
            if at is not None:
                dashed = {"color": colour, "dash": "dash", "width": 1}
                figure.add_scatter(
                    x=[stages[0], stages[-1]], y=[at, at], mode="lines", line=dashed, name=f"{name}, predicted",
                    showlegend=False, row=row, col=column,
                )  # fmt: skip
        if falls_by_decades([value for name in parts for value in columns[name]]):
            figure.update_yaxes(type="log", exponentformat="power", row=row, col=column)
    height = PANEL * rows + 80
    return figure.update_layout(title="over the stages (dashed: predicted)", height=height, template="plotly_white")


def falls_by_decades(values: Sequence[float]) -> bool:
    """Return whether numbers are read on a logarithmic axis: all positive, and spread over more than a decade and a half."""
    finite = [value for value in values if math.isfinite(value)]
    return bool(finite) and min(finite) > 0 and max(finite) > 30 * min(finite)


def _matrix(value: Any) -> np.ndarray | None:
    """Return nested lists as a matrix with at least two rows and columns, or None for anything else."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None
    return array if array.ndim == 2 and min(array.shape) > 1 else None
