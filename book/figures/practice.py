"""Figures of trained networks beside the theory, from the recorded runs of experiments."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from IPython.display import HTML
from plotly.subplots import make_subplots

from book.figures.plotting import COLOURS, NO_AXES, ONE_AXIS, show
from book.render.practice import FAMILIES, Record, amount, families, listed, recorded, words
from numerics.networks.runs.figures import level, matrices, matrices_in_words, side_by_side

GRAM_HEIGHT = 240
"""Height in pixels of a row of matrices."""
ROW, TITLE = 56, 52
"""Height in pixels of a row of the overview, and letters of a line of its title: a title has room in two lines on a phone."""
LEAST, MOST = 1e-5, 1e3
"""Ends of the axis of the overview; runs beyond them are drawn at the ends."""
VANISHING = "minority"
"""The page of experiments that lie on both sides of the counts at which classes vanish."""
PREDICTED, TRAINED = "#9aa7b5", COLOURS[1]
"""Colours of predicted bars and of trained marks."""


SYMBOLS = {"beta": "β", "beta1": "β₁", "beta2": "β₂", "eta_dec": "η<sub>dec</sub>", "correlation": "ρ"}
"""Parameters of sweeps as the papers write them."""
UNSEEN, CURRENT = {"color": "rgba(0,0,0,0)"}, {"prefix": "", "font": {"color": "#222222", "size": 14}}
"""A slider shows its present setting alone, since the settings beside one another have no room."""


def in_symbols(setting: str) -> str:
    """Return a setting such as ``beta=2 eta_dec=0.3`` in symbols."""
    parts = (part.partition("=") for part in setting.split())
    return ", ".join(f"{SYMBOLS.get(name, name)} = {value}" if value else name for name, _, value in parts)


def figures_of(record: Record) -> list[str]:
    """Return the names of the figures that show an experiment."""
    if "setting" in record.predicted:
        return ["divergences", "active_units"]
    if "branches" in record.runs[0]["measured"]:
        return ["branches"]
    if "mean_gram" not in record.predicted:
        return []
    vanishing = record.experiment.name.startswith(FAMILIES[VANISHING].prefixes)
    return ["mean_gram"] if vanishing else ["mean_gram", "margins"]


def figures_of_page(word: str) -> list[str]:
    """Return the names of the figures at the top of a page of experiments."""
    if not page_records(word):
        return []
    return ["overview", "vanishing"] if word == VANISHING else ["overview"]


def page_records(word: str) -> list[Record]:
    """Return the recorded experiments of a page."""
    return [record for each in families()[word] if (record := recorded(each.name)) is not None]


def shown(name: str) -> Record:
    """Return the recorded runs of an experiment that has some."""
    record = recorded(name)
    assert record is not None
    return record


def gram(predicted: Sequence[Any], measured: Sequence[Any], says: str) -> HTML:
    """Draw a predicted and a measured matrix side by side with their difference, and say what the matrix is."""
    pair = (np.asarray(predicted, dtype=float), np.asarray(measured, dtype=float))
    said = f"{says} {matrices_in_words(*pair)} Blue is positive, red is negative, and the three panels share one scale."
    return show(matrices(*pair), said, GRAM_HEIGHT, NO_AXES)


def mean_gram(name: str) -> HTML:
    """Draw the inner products of the class means, predicted and of the first seed."""
    run = shown(name).runs[0]
    return gram(
        run["predicted"]["mean_gram"], run["measured"]["mean_gram"], "Inner products of the class means, seed 0."
    )


def share_of_limit(run: dict[str, Any], limits: dict[str, float]) -> float:
    """Return the largest deviation of a run as a share of its limit; one that must be zero and is not is beyond every limit."""
    shares = [0.0]
    for name, limit in limits.items():
        value = run["deviations"][name]
        exceeds = value is None or (limit == 0 and value > 0)
        shares.append(math.inf if exceeds else value / limit if limit > 0 else 0.0)
    return max(shares)


def overview(word: str) -> HTML:
    """Draw every run of a page by its largest deviation, as a share of what agrees."""
    records, figure = page_records(word), go.Figure()
    for row, record in enumerate(records):
        shares = [share_of_limit(run, record.limits) for run in record.runs]
        told = [
            f"seed {run['seed']}: {share:.2g} of what agrees" for run, share in zip(record.runs, shares, strict=True)
        ]
        figure.add_scatter(
            x=[min(max(share, LEAST), MOST) for share in shares], y=[row] * len(shares), mode="markers", hovertext=told,
            hoverinfo="text", showlegend=False,
            marker={"size": 11, "color": COLOURS[0] if max(shares) <= 1 else COLOURS[1], "opacity": 0.75},
        )  # fmt: skip
        # Names stand above their rows, so that a narrow page has room for the dots.
        figure.add_annotation(
            xref="paper", x=0, y=row, text="<br>".join(textwrap.wrap(record.experiment.title, TITLE)), showarrow=False,
            xanchor="left", yanchor="bottom", yshift=5, align="left",
            font={"size": 12, "color": "#4a4f57"},
        )  # fmt: skip
    figure.add_vline(x=1, line={"color": "#444444", "width": 1.5, "dash": "dash"})
    figure.update_yaxes(range=[len(records) - 0.7, -0.9], showticklabels=False, showgrid=False, zeroline=False)
    figure.update_xaxes(
        type="log", range=[math.log10(LEAST) - 0.2, math.log10(MOST) + 0.2], exponentformat="power",
        title="largest deviation / what agrees", dtick=2,
    )  # fmt: skip
    said = "Blue dots agree with the prediction, orange dots depart from it."
    return show(figure, said, 100 + ROW * len(records), ONE_AXIS)


def branches(name: str) -> HTML:
    """Draw the inner products of the class means as predicted, and at the end of each way of training, for the first seed."""
    run = shown(name).runs[0]
    ends = run["measured"]["branches"]
    least = run["predicted"]["value"]
    grams = {"predicted": run["predicted"]["mean_gram"], **{way: end["mean_gram"] for way, end in ends.items()}}
    figure = side_by_side({name: np.asarray(gram, dtype=float) for name, gram in grams.items()})
    told = [
        f"{way}: the loss ends {amount(100 * (end['value'] / least - 1))} % above the predicted minimum, and of the classes "
        f"{listed(end['vanished'])} vanished"
        for way, end in ends.items()
    ]
    said = (
        f"Inner products of the class means, seed 0. {'; '.join(told)}. The lowest way is held against the prediction."
    )
    return show(figure, said, GRAM_HEIGHT, NO_AXES)


def vanishing(word: str) -> HTML:
    """Draw the size of every class of every run on a page against its number of samples in units of the critical count."""
    figure = go.Figure()
    for record in page_records(word):
        counts, critical = record.parameters["class_counts"], record.predicted["critical_count"]
        places = [count / critical for count in counts]
        unit = max(record.predicted["mean_norms"])
        hover = [f"{record.experiment.title}<br>class {k}: {count} samples" for k, count in enumerate(counts)]
        sides = [("predicted", record.predicted, "line-ew-open", PREDICTED, 14)]
        sides += [("trained", run["measured"], "circle-open", TRAINED, 9) for run in record.runs]
        for name, side, symbol, colour, size in sides:
            figure.add_scatter(
                x=places, y=[norm / unit for norm in side["mean_norms"]], mode="markers", name=name, hovertext=hover,
                hoverinfo="text", legendgroup=name, showlegend=name not in {trace.name for trace in figure.data},
                marker={"symbol": symbol, "size": size, "color": colour, "line": {"width": 2}},
            )  # fmt: skip
    figure.add_vline(x=1, line={"color": "#444444", "width": 1.5, "dash": "dash"})
    figure.update_xaxes(title="samples / predicted critical count", type="log", dtick="D2")
    figure.update_yaxes(title="squared norm of the mean", rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "y": 1.12})
    said = (
        "Every class of every run. Left of the line a class is predicted to vanish, right of it to live; the norm is in units "
        "of the largest predicted one of its run."
    )
    return show(figure, said, 400)


def margins(name: str) -> HTML:
    """Draw the margins of the classes over the training of all seeds, with the predicted levels."""
    record, figure = shown(name), go.Figure()
    columns = [column for column in record.curves if column.startswith("margin ")]
    for number, column in enumerate(columns):
        colour = COLOURS[number % len(COLOURS)]
        for seed, curve in enumerate(record.curves[column]):
            figure.add_scatter(
                x=record.stages, y=curve, mode="lines", line={"color": colour, "width": 2 if seed == 0 else 1},
                opacity=1 if seed == 0 else 0.5, name=f"class {number}, seed {seed}", showlegend=False,
            )  # fmt: skip
        at = level(record.predicted, column)
        if at is not None:
            figure.add_hline(y=at, line={"color": colour, "width": 1, "dash": "dash"})
    figure.update_xaxes(title="stage of the training")
    figure.update_yaxes(title="margin")
    said = (
        "By how much the logit of the own class exceeds the others, one colour for each class. Dashed lines are the margins "
        "that were predicted before the training."
    )
    return show(figure, said, 360)


def levels_of(record: Record) -> list[str]:
    """Return the names of the divergences of a sweep, one for each level of latent variables."""
    return [name for name in record.predicted if name.partition("_")[0] == "divergences"]


def divergences(name: str) -> HTML:
    """Draw the KL divergence of each latent direction, predicted and trained, with a slider over the settings of the sweep."""
    record = shown(name)
    keys, settings = levels_of(record), record.predicted["setting"]
    figure = make_subplots(rows=len(keys), cols=1, shared_xaxes=True, vertical_spacing=0.12)
    for row, key in enumerate(keys, start=1):
        draw_divergences(figure, record, key, row)
    traces = len(figure.data)
    steps = []
    for at, setting in enumerate(settings):
        heights = [
            side[key][at] for key in keys for side in (record.predicted, *(run["measured"] for run in record.runs))
        ]
        steps.append({"method": "restyle", "label": in_symbols(setting), "args": [{"y": heights}, list(range(traces))]})
    figure.update_xaxes(title="latent direction", tick0=1, dtick=2, row=len(keys), col=1)
    figure.update_layout(
        sliders=[{"steps": steps, "active": 0, "currentvalue": CURRENT, "pad": {"t": 50, "b": 0}, "font": UNSEEN}],
        legend={"orientation": "h", "y": 1.16}, bargap=0.3,
    )  # fmt: skip
    said = (
        "KL divergence of each latent direction from its prior: bars are predicted before the training, rings are trained, one "
        "for each seed. Move the slider to another setting; where the bars are gone, the direction has collapsed."
    )
    return show(figure, said, 260 * len(keys) + 160)


def draw_divergences(figure: go.Figure, record: Record, key: str, row: int) -> None:
    """Draw one level of a sweep at its first setting: the predicted bars, and the marks of each seed."""
    bars = record.predicted[key]
    places = list(range(1, len(bars[0]) + 1))
    figure.add_bar(x=places, y=bars[0], marker_color=PREDICTED, name="predicted", showlegend=row == 1, row=row, col=1)
    for number, run in enumerate(record.runs):
        figure.add_scatter(
            x=places, y=run["measured"][key][0], mode="markers", name="trained", showlegend=row == 1 and number == 0,
            marker={"symbol": "circle-open", "size": 9, "color": TRAINED, "line": {"width": 2}}, row=row, col=1,
        )  # fmt: skip
    top = max(max(map(max, side[key])) for side in (record.predicted, *(run["measured"] for run in record.runs)))
    title = "nats" if key == "divergences" else f"nats, {words(key.partition('_')[2]).replace(' ', '')}"
    figure.update_yaxes(range=[0, 1.08 * top or 1], title=title, row=row, col=1)


def active_units(name: str) -> HTML:
    """Draw the number of active units at each setting of a sweep, predicted and trained."""
    record = shown(name)
    settings, figure = record.predicted["setting"], go.Figure()
    places = [in_symbols(setting).replace(", ", "<br>") for setting in settings]
    for number, key in enumerate(
        key for key in record.predicted if key.partition("_")[0] == "active" and " " not in key
    ):
        of = f", {key.partition('_')[2].replace('_', '')}" if key != "active" else ""
        figure.add_bar(
            x=places, y=record.predicted[key], name=f"predicted{of}", marker_color=PREDICTED, offsetgroup=str(number),
            opacity=1 - 0.4 * number,
        )  # fmt: skip
        for seed, run in enumerate(record.runs):
            figure.add_scatter(
                x=places, y=run["measured"][key], mode="markers", name=f"trained{of}", showlegend=seed == 0,
                offsetgroup=str(number),
                marker={"symbol": ("circle-open", "diamond-open")[number], "size": 11 - 2 * seed, "color": COLOURS[1 + number],
                        "line": {"width": 2}},
            )  # fmt: skip
    figure.update_yaxes(title="active units", rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "y": 1.16}, bargap=0.35, scattermode="group", scattergap=0.35)
    said = "Active units at each setting: bars are what the linear theory predicts for this data, rings are trained, one for each seed."
    return show(figure, said, 380)
