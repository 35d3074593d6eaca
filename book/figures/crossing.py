"""The crossing of a threshold: predicted and trained sizes against its parameter, with a slider."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
from IPython.display import HTML
from plotly.subplots import make_subplots
from torch import Tensor

from book.examples import SWEEP_POINTS, Crossing, TrainedExample, noun, train_sweep
from book.figures.plotting import COLOURS, show
from book.figures.words import label_in_html, parameters_in_words
from numerics.tolerances import NEAR_CERTIFICATE_GAP
from theory.problem import Invariant

BESIDE = 1e-9
"""Relative distance from a jump at which its two sides are drawn."""
CURVE_POINTS = 240
"""Values of the parameter at which a curve is predicted."""


def alike(crossing: Crossing) -> list[list[int]]:
    """Return groups of classes or directions with the same size and partner, which therefore share their curve."""
    problem, bindings = crossing.claim.problem, crossing.at(crossing.critical[0]).bindings
    sizes = list(bindings[problem.tied])
    partners = [None] * len(sizes) if problem.partner is None else list(bindings[problem.partner])
    groups: dict[object, list[int]] = {}
    for number, size in enumerate(sizes):
        groups.setdefault((size, partners[number] if number < len(partners) else None), []).append(number)
    return list(groups.values())


def with_gaps(
    positions: list[float], curve: list[float], breaks: list[float]
) -> tuple[list[float], list[float | None]]:
    """Return a curve that is interrupted at the given positions."""
    points: list[tuple[float, float | None]] = [*zip(positions, curve, strict=True), *((x, None) for x in breaks)]
    points.sort(key=lambda point: point[0])
    return [x for x, _ in points], [y for _, y in points]


def shown_entries(invariant: Invariant) -> str:
    """Return the entries of an invariant that show the collapse, in words."""
    name = invariant.name.replace("_", " ")
    return name if invariant.kind == "spectrum" else f"diagonal of the {name}"


@dataclass(frozen=True)
class Swept:
    """A crossed threshold: sizes [values, directions] at ``positions`` of its parameter, and curves between them.

    ``trained`` and ``predicted`` belong to ``positions``, and ``curves`` to ``curve_at``.
    """

    crossed: Crossing
    positions: list[float]
    trained: Tensor
    predicted: Tensor
    curve_at: list[float]
    curves: Tensor

    @property
    def top(self) -> float:
        """Return the upper end of the axis of sizes."""
        return 1.08 * float(self.curves.max())

    @property
    def labels(self) -> list[str]:
        """Return the numbers of the classes or directions."""
        return [str(i + 1) for i in range(self.curves.shape[1])]

    @property
    def colours(self) -> list[str]:
        """Return the colours of the classes or directions."""
        return [COLOURS[i % len(COLOURS)] for i in range(self.curves.shape[1])]


def sweep(crossed: Crossing) -> tuple[Swept, int]:
    """Train along the parameter of a threshold, and return the sizes and how many trained points are certified."""
    positions, curve_at = crossed.sweep(SWEEP_POINTS), sorted(crossed.sweep(CURVE_POINTS))
    if crossed.jumps():
        curve_at = sorted([*curve_at, *(x * (1 + side * BESIDE) for x in set(crossed.critical) for side in (-1, 1))])
    trained, certified = train_sweep(crossed, positions)
    predicted = crossed.predicted(positions)
    return Swept(crossed, positions, trained, predicted, curve_at, crossed.predicted(curve_at)), certified


def crossing(run: TrainedExample, number: int = 0) -> HTML:
    """Draw the predicted sizes against a threshold's parameter with trained points, and bars that a slider moves."""
    crossed = run.example.crossings[number]
    claim = crossed.claim
    label = label_in_html(claim.problem.parameter(crossed.tuned))
    swept, certified = sweep(crossed)
    figure = make_subplots(rows=1, cols=2, column_widths=[0.66, 0.34], horizontal_spacing=0.1)
    draw_bars(figure, swept)
    draw_curves(figure, swept)
    figure.update_xaxes(title=label, type="log", exponentformat="power", row=1, col=1)
    figure.update_xaxes(title=noun(claim), row=1, col=2)
    figure.update_yaxes(
        range=[0, swept.top], row=1, col=1, title=shown_entries(crossed.telling), exponentformat="power"
    )
    figure.update_yaxes(range=[0, swept.top], row=1, col=2, exponentformat="power")
    current = {"prefix": f"{label} = "}
    figure.update_layout(
        sliders=[{"steps": slider_steps(swept), "active": 0, "currentvalue": current, "pad": {"t": 70, "b": 10}}],
        legend={"orientation": "h", "y": 1.12}, bargap=0.35,
    )  # fmt: skip
    event = f"a {noun(claim)} jumps to zero" if crossed.jumps() else f"the entry of a {noun(claim)} shrinks to zero"
    words = (
        f"Move the slider to change the {label}; the other parameters are {parameters_in_words(crossed.values)}. Lines and "
        f"bars are predicted, rings are trained; the dotted lines are the predicted thresholds, at each of which {event}. "
        f"Of the {len(swept.positions)} trained points {certified} are certified to be global minima up to "
        f"{NEAR_CERTIFICATE_GAP:.0e} (relative)."
    )
    return show(figure, words, 575)


def draw_bars(figure: go.Figure, swept: Swept) -> None:
    """Draw what the slider moves, at its first position: predicted bars, trained rings and a line at the position.

    These must be the first three traces of the figure.
    """
    figure.add_bar(
        x=swept.labels, y=swept.predicted[0].tolist(), marker_color=swept.colours, opacity=0.55, name="predicted",
        showlegend=False, row=1, col=2,
    )  # fmt: skip
    figure.add_scatter(
        x=swept.labels, y=swept.trained[0].tolist(), mode="markers", name="trained", showlegend=False, row=1, col=2,
        marker={"symbol": "circle-open", "size": 13, "color": swept.colours, "line": {"width": 2.5}},
    )  # fmt: skip
    figure.add_scatter(
        x=[swept.positions[0]] * 2, y=[0, swept.top], mode="lines", line={"color": "#888888", "width": 1.5},
        hoverinfo="skip", showlegend=False, row=1, col=1,
    )  # fmt: skip


def slider_steps(swept: Swept) -> list[dict]:
    """Return the steps of the slider, which move the first three traces of the figure."""
    steps = []
    for x, bars, rings in zip(swept.positions, swept.predicted.tolist(), swept.trained.tolist(), strict=True):
        moved = {"x": [swept.labels, swept.labels, [x, x]], "y": [bars, rings, [0, swept.top]]}
        steps.append({"method": "restyle", "label": f"{x:.3g}", "args": [moved, [0, 1, 2]]})
    return steps


def draw_curves(figure: go.Figure, swept: Swept) -> None:
    """Draw the predicted curves with trained rings, one curve for each group that shares it, and lines at the thresholds."""
    claim, thresholds = swept.crossed.claim, sorted(set(swept.crossed.critical))
    for group in alike(swept.crossed):
        several = len(group) > 1
        name = noun(claim) + ("es" if several and noun(claim) == "class" else "s" if several else "")
        name += f" {swept.labels[group[0]]}" + (f"–{swept.labels[group[-1]]}" if several else "")
        curve = swept.curves[:, group[0]].tolist()
        x, y = with_gaps(swept.curve_at, curve, thresholds if swept.crossed.jumps() else [])
        colour = swept.colours[group[0]]
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": colour, "width": 2.5}, name=name, row=1, col=1,
        )  # fmt: skip
        figure.add_scatter(
            x=[x for x in swept.positions for _ in group], y=swept.trained[:, group].flatten().tolist(), mode="markers",
            name=f"{name}, trained", showlegend=False,
            marker={"symbol": "circle-open", "size": 9, "color": colour, "line": {"width": 2}}, row=1, col=1,
        )  # fmt: skip
    for threshold in thresholds:
        figure.add_vline(x=threshold, line={"color": "#bbbbbb", "width": 1, "dash": "dot"}, row=1, col=1)
