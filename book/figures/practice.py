"""Figures of trained networks beside the theory, from the recorded runs of experiments."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from IPython.display import HTML

from book.figures.axes import Axis, numbered, spanning
from book.figures.marks import SHAPES, Bars, Cells, Line, Mark, Points, Rule, Words
from book.figures.panel import Panel
from book.figures.plotting import COLOURS, Slider, show
from book.figures.svg import LINE
from book.figures.words import plain
from book.render.practice import FAMILIES, Record, amount, families, listed, recorded, words
from numerics.networks.runs.figures import largest, level, matrices_in_words

GRAM = 150
"""Side in units of a drawn matrix."""
ROW, TITLE = 48, 66
"""Height in units of a row of the overview, and letters of a line of its title."""
LEAST, MOST = 1e-5, 1e3
"""Ends of the axis of the overview; runs beyond them are drawn at the ends."""
VANISHING = "minority"
"""The page of experiments that lie on both sides of the counts at which classes vanish."""
PREDICTED, TRAINED = "soft", COLOURS[1]
"""Colours of predicted bars and of trained marks."""


SYMBOLS = {"beta": "β", "beta1": "β₁", "beta2": "β₂", "eta_dec": "η<sub>dec</sub>", "correlation": "ρ"}
"""Parameters of sweeps as the papers write them."""


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


UNIT = Axis(0, 1)
SIGNS = "Blue is positive, orange with a stroke is negative, and all panels share one scale."


def gram(predicted: Sequence[Any], measured: Sequence[Any], says: str) -> HTML:
    """Draw a predicted and a measured matrix side by side with their difference, and say what the matrix is."""
    before, after = np.asarray(predicted, dtype=float), np.asarray(measured, dtype=float)
    said = f"{says} {matrices_in_words(before, after)} {SIGNS}"
    return side_by_side({"predicted": before, "trained": after, "difference": after - before}, said)


def side_by_side(named: Mapping[str, np.ndarray], said: str) -> HTML:
    """Draw matrices by name in one row, all on one scale, with sentences below."""
    top = largest(*named.values())
    panels = [
        Panel(
            UNIT, UNIT, [Cells(values=matrix.tolist(), top=top)], f"{name}: a matrix of {len(matrix)} rows, entries up to {largest(matrix):.2g}.",
            name, bare=True, width=GRAM, height=GRAM + 24,
        )
        for name, matrix in named.items()
    ]  # fmt: skip
    return show("matrices", panels, said, together=True)


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
    records = page_records(word)
    marks: list[Mark] = [Rule(x=[1.0])]
    for row, record in enumerate(records, start=1):
        shares = [share_of_limit(run, record.limits) for run in record.runs]
        told = [
            f"seed {run['seed']}: {share:.2g} of what agrees" for run, share in zip(record.runs, shares, strict=True)
        ]
        agrees = max(shares) <= 1
        # Names stand above their rows, so that a narrow page has room for the points.
        lines = textwrap.wrap(record.experiment.title, TITLE)
        above = (2, -9 - LINE * (len(lines) - 1))
        marks.append(Words("words", x=LEAST, y=-row, says="<br>".join(lines), shift=above, size=11.5))
        marks.append(
            Points(
                COLOURS[0] if agrees else COLOURS[1], "agrees" if agrees else "departs", [min(max(share, LEAST), MOST) for share in shares],
                [-row] * len(shares), "dot" if agrees else "diamond", 4.5, told,
            )
        )  # fmt: skip
    x = Axis(LEAST / 2, MOST * 2, "largest deviation / what agrees", logarithmic=True)
    rows = Axis(-len(records) - 0.5, -0.2, marked=())
    alt = (
        f"One row for each of {len(records)} experiments: the largest deviation of each run as a share of what agrees."
    )
    said = "Filled points agree with the prediction, open ones depart from it. The broken line is the limit."
    return show("overview", [Panel(x, rows, marks, alt, width=460, height=60 + ROW * len(records))], said)


def branches(name: str) -> HTML:
    """Draw the inner products of the class means as predicted, and at the end of each way of training, for the first seed."""
    run = shown(name).runs[0]
    ends = run["measured"]["branches"]
    least = run["predicted"]["value"]
    grams = {"predicted": run["predicted"]["mean_gram"], **{way: end["mean_gram"] for way, end in ends.items()}}
    told = [
        f"{way}: the loss ends {amount(100 * (end['value'] / least - 1))} % above the predicted minimum, and of the classes "
        f"{listed(end['vanished'])} vanished"
        for way, end in ends.items()
    ]
    said = (
        f"Inner products of the class means, seed 0. {'; '.join(told)}. The lowest way is held against the prediction."
    )
    return side_by_side({name: np.asarray(gram, dtype=float) for name, gram in grams.items()}, f"{said} {SIGNS}")


def vanishing(word: str) -> HTML:
    """Draw the size of every class of every run on a page against its number of samples in units of the critical count."""
    marks: list[Mark] = [Rule(x=[1.0])]
    for record in page_records(word):
        counts, critical = record.parameters["class_counts"], record.predicted["critical_count"]
        places = [count / critical for count in counts]
        unit = max(record.predicted["mean_norms"])
        hover = [f"{record.experiment.title}: class {k}, {count} samples" for k, count in enumerate(counts)]
        sides = [("predicted", record.predicted, "diamond", PREDICTED, 5.0)]
        sides += [("trained", run["measured"], "ring", TRAINED, 4.0) for run in record.runs]
        for name, side, shape, colour, size in sides:
            marks.append(Points(colour, name, places, [norm / unit for norm in side["mean_norms"]], shape, size, hover))
    points = [mark for mark in marks if isinstance(mark, Points)]
    x = spanning([x for mark in points for x in mark.x], "samples / predicted critical count", logarithmic=True)
    y = Axis(-0.03, 1.08 * max(y for mark in points for y in mark.y if y is not None), "squared norm of the class mean")
    said = (
        "Every class of every run. Left of the line a class is predicted to vanish, right of it to live; the norm is in units "
        "of the largest predicted one of its run."
    )
    alt = "Squared norms of class means against class counts: zero left of the predicted critical count, and growing right of it."
    return show("vanishing", [Panel(x, y, marks, alt, width=460, height=320)], said)


def margins(name: str) -> HTML:
    """Draw the margins of the classes over the training of all seeds, with the predicted levels."""
    record, marks = shown(name), []
    columns = [column for column in record.curves if column.startswith("margin ")]
    for number, column in enumerate(columns):
        colour = COLOURS[number % len(COLOURS)]
        for seed, curve in enumerate(record.curves[column]):
            marks.append(Line(colour, "", record.stages, curve, width=2 if seed == 0 else 0.8))
        at = level(record.predicted, column)
        if at is not None:
            marks.append(Rule(colour, y=[at], width=1))
    heights = [y for mark in marks for y in mark.y if y is not None]
    said = (
        "By how much the logit of the own class exceeds the others, one colour for each class. Broken lines are the margins "
        "that were predicted before the training."
    )
    alt = f"Margins of {len(columns)} classes over the training, which end at the predicted margins or beside them."
    x, y = spanning(record.stages, "stage of the training", room=0.02), spanning(heights, "margin")
    return show("margins", [Panel(x, y, marks, alt, width=460, height=300)], said)


def levels_of(record: Record) -> list[str]:
    """Return the names of the divergences of a sweep, one for each level of latent variables."""
    return [name for name in record.predicted if name.partition("_")[0] == "divergences"]


def divergences(name: str) -> HTML:
    """Draw the KL divergence of each latent direction, predicted and trained, with a slider over the settings of the sweep."""
    record = shown(name)
    settings = record.predicted["setting"]
    panels = [divergence_panel(record, key) for key in levels_of(record)]
    said = (
        "KL divergence of each latent direction from its prior: bars are predicted before the training, rings are trained, one "
        "for each seed. Move the slider to another setting; where the bars are gone, the direction has collapsed."
    )
    return show("divergences", panels, said, Slider("Setting:", [plain(in_symbols(setting)) for setting in settings]))


def divergence_panel(record: Record, key: str) -> Panel:
    """Return one level of a sweep: at each setting the predicted bars, and the rings of each seed."""
    sides = [run["measured"][key] for run in record.runs]
    predicted = record.predicted[key]
    places = list(range(1, len(predicted[0]) + 1))
    top = max(max(map(max, side)) for side in (predicted, *sides))
    frames = [
        [Bars(PREDICTED, "predicted", places, bars), *(Points(TRAINED, "trained", places, side[at]) for side in sides)]
        for at, bars in enumerate(predicted)
    ]
    of = "" if key == "divergences" else f" of {words(key.partition('_')[2]).replace(' ', '')}"
    alt = f"Divergence of each latent direction{of} from its prior at the setting of the slider, predicted and trained."
    x = numbered([str(place) for place in places], "latent direction")
    return Panel(x, Axis(0, 1.08 * top or 1, f"nats{of}"), (), alt, frames=frames)


def active_units(name: str) -> HTML:
    """Draw the number of active units at each setting of a sweep, predicted and trained."""
    record = shown(name)
    settings = record.predicted["setting"]
    keys = [key for key in record.predicted if key.partition("_")[0] == "active" and " " not in key]
    marks: list[Mark] = []
    width = 0.7 / len(keys)
    for number, key in enumerate(keys):
        of = f", {key.partition('_')[2].replace('_', '')}" if key != "active" else ""
        places = [at + (number - (len(keys) - 1) / 2) * width for at in range(1, len(settings) + 1)]
        marks.append(
            Bars((PREDICTED, COLOURS[0])[number], f"predicted{of}", places, record.predicted[key], 0.9 * width)
        )
        for seed, run in enumerate(record.runs):
            colour, shape = COLOURS[1 + number], SHAPES[2 * number]
            marks.append(Points(colour, f"trained{of}", places, run["measured"][key], shape, 6.5 - 1.5 * seed))
    top = max(y for mark in marks if isinstance(mark, Bars | Points) for y in mark.y if y is not None)
    said = "Active units at each setting: bars are what the linear theory predicts for this data, rings are trained, one for each seed."
    x = numbered([in_symbols(setting).replace(", ", "<br>") for setting in settings])
    alt = f"Number of active units at {len(settings)} settings, predicted and trained."
    return show(
        "active_units", [Panel(x, Axis(0, 1.08 * top or 1, "active units"), marks, alt, width=460, height=300)], said
    )
