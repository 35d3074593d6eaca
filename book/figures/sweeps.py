"""The phase diagrams of the committed sweeps, drawn from their results."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

from IPython.display import HTML

from book.figures.axes import Axis
from book.figures.marks import DASHES, SHAPES, Line, Mark, Points
from book.figures.panel import Panel
from book.figures.phases import phase_diagram
from book.figures.plotting import COLOURS, Slider, show
from book.figures.tables import scrolling
from numerics.sweeps.phases import Phases, phases

RESULTS = Path(__file__).parents[1] / "results" / "sweeps"
CLUSTER = (4, 32)
"""The cluster of the table of sizes: machines, and cores of each."""
ON_PAPER = (
    (
        "deep_cross_entropy",
        "the same classes and layers, λ_W and λ_H apart, ten values a decade of each",
        18 * 8 * 61**2,
    ),
    ("two_levels", "200 values of each of β₁, β₂ and θ", 200**3),
)
"""Sweeps that would need a cluster: the committed sweep whose cells theirs are like, what they cover, and their cells."""
REGIMES = {
    "z_2: 0 alive, z_1: 0 alive": "neither",
    "z_2: 0 alive, z_1: 1 alive": "z₁ alone",
    "z_2: 1 alive, z_1: 0 alive": "z₂ alone",
    "z_2: 1 alive, z_1: 1 alive": "both",
}
"""The regimes of one direction in a few words."""
SHOWN_DEPTHS = (0, 1, 2, 7)
"""Positions of the depths in the sweep for which the figure of ranks has a line: 1, 2, 3 and 8 layers."""
NAMES = {2: "pair", 3: "triple"}


def results(name: str) -> dict[str, Any]:
    """Return the results of a committed sweep, as ``sweep show DIR --json`` prints them."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def deep_cross_entropy() -> HTML:
    """Draw the verdicts over classes and depth, with a slider for the decay. Each cell shows the rank of the best point found."""
    table = results("deep_cross_entropy")
    found, columns = phases(table), {name: column["data"] for name, column in table["data_vars"].items()}
    classes = tuple(label.split(" ")[0] for label in found.labels[0])
    named = dataclasses.replace(
        found, labels=(classes, *found.labels[1:]), axes=("number of classes K", "depth M", "every decay λ")
    )

    def words(cell: tuple[int, ...]) -> str:
        rank, groups, gap = (_at(columns[name], cell) for name in ("rank", "groups", "certificate_gap"))
        return f"{described(groups, rank)}; relative to the published structure {gap:.2g}"

    panel, slider = phase_diagram(named, lambda cell: str(_at(columns["rank"], cell)), words)
    return show(
        "phases",
        [panel],
        "Verdict on the published simplex ETF for one sample a class and equal decays. The number in a cell is the rank of the "
        "best point found. Hold the pointer over a number for the geometry of that point and an upper bound on its distance: a negative one "
        f"refutes. {provenance(table)}",
        slider,
    )


def low_rank() -> HTML:
    """Draw the rank of the best point against the number of classes, one line for each depth, with a slider for the decay."""
    table = results("deep_cross_entropy")
    found, ranks = phases(table), table["data_vars"]["rank"]["data"]
    classes = [int(label.split(" ")[0]) for label in found.labels[0]]
    collapse = Line("soft", "neural collapse: K − 1", classes, [k - 1 for k in classes], "2 3")
    frames: list[list[Mark]] = []
    for at in range(len(found.labels[2])):
        frame: list[Mark] = []
        for number, row in enumerate(SHOWN_DEPTHS):
            rank = [_at(ranks, (column, row, at)) for column in range(len(classes))]
            depth = found.labels[1][row]
            label = f"{depth} layer" + ("" if depth == "1" else "s")
            frame += [
                Line(COLOURS[number], "", classes, rank, DASHES[number]),
                Points(COLOURS[number], label, classes, rank, SHAPES[number], 3.5),
            ]
        frames.append(frame)
    x = Axis(classes[0] - 0.5, classes[-1] + 0.5, "number of classes K")
    y = Axis(-0.5, classes[-1], "rank of the best point")
    alt = "Rank of the best point found against the number of classes: K − 1 with one layer, and far less with more layers."
    panel = Panel(x, y, [collapse], alt, frames=frames, width=460, height=320)
    said = (
        "Cross-entropy with several linear layers. The simplex of neural collapse has rank K − 1; a point of lower rank costs "
        "less decay, since every layer pays for every direction. With two layers and more the best point found splits the classes into few "
        f"directions. {provenance(table)}"
    )
    return show("ranks", [panel], said, Slider("every decay λ =", found.labels[2]))


def two_levels() -> HTML:
    """Draw the regimes of a direction over both weights, with a slider for the deviation of the data."""
    table = results("two_levels")
    found = phases(table)
    named = dataclasses.replace(
        found,
        names=tuple(REGIMES.get(name, name) for name in found.names),
        axes=("weight β₁ of z₁", "weight β₂ of z₂", "standard deviation θ"),
    )
    worst = max(max(map(max, rows)) for rows in table["data_vars"]["certificate_gap"]["data"])
    panel, slider = phase_diagram(named)
    said = (
        f"Which levels of the hierarchy live in a direction with standard deviation θ, measured at trained points: {_counted(named)}. At every "
        f"cell the certificate closes, to {worst:.0e}, and the trained regime is the predicted one. {provenance(table)}"
    )
    return show("phases", [panel], said, slider)


def _counted(found: Phases) -> str:
    return ", ".join(f"{name} in {count} cells" for name, count in found.counts().items())


def described(groups: list[int], rank: int) -> str:
    """Return the geometry of a point in words: the simplices that its groups of classes form."""
    if rank == 0:
        return "zero"
    sizes = Counter(size for size in groups if size > 0)
    if not sizes:
        return "found by training"
    return " + ".join(_simplices(size, count) for size, count in sorted(sizes.items()))


def _simplices(size: int, count: int) -> str:
    one, many = NAMES.get(size, f"simplex of {size}"), f"{NAMES[size]}s" if size in NAMES else f"simplices of {size}"
    return f"1 {one}" if count == 1 else f"{count} {many}"


def provenance(table: dict[str, Any]) -> str:
    """Return where the results come from: date, version, cells and seconds."""
    torch, (cells, seconds) = json.loads(table["attrs"]["identity"])["torch"], cost(table)
    when = table["attrs"]["provenance"]["date"]
    return f"Computed on {when} with torch {torch}: {cells} cells, {seconds:.2g} s of one core each."


def cost(table: dict[str, Any]) -> tuple[int, float]:
    """Return the number of cells of a sweep, and the seconds of processor time that one took in the runs that measured it."""
    measured = [run for run in table["runs"] if "cpu" in run]
    cells = sum(_flat(table["data_vars"]["done"]["data"]))
    return cells, sum(run["cpu"] for run in measured) / sum(run["cells"] for run in measured)


def sizes() -> HTML:
    """Return the table of the committed sweeps and of sweeps that would need a cluster: cells, seconds a cell, and time."""
    machines, cores = CLUSTER
    heads = ("Sweep", "Cells", "Seconds a cell", "On 2 cores", f"On {machines} machines of {cores} cores")
    committed = [(name, "committed", cost(results(name))[0]) for name in dict.fromkeys(like for like, *_ in ON_PAPER)]
    rows = []
    for like, covers, cells in (*committed, *ON_PAPER):
        seconds = cost(results(like))[1]
        times = [_duration(cells * seconds / on) for on in (2, machines * cores)]
        words = (f"{like.replace('_', ' ')}: {covers}", f"{cells:,}", f"{seconds:.2g}", *times)
        rows.append("".join(f"<td>{word}</td>" for word in words))
    head = "".join(f"<th>{word}</th>" for word in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return HTML(scrolling(f'<table class="atlas-table"><tr>{head}</tr>{body}</table>', "Cells and times of sweeps"))


def _duration(seconds: float) -> str:
    unit, name = next(
        (unit, name) for unit, name in ((3600, "h"), (60, "min"), (1, "s")) if seconds >= unit or unit == 1
    )
    return f"{seconds / unit:.2g} {name}"


def _flat(nested: Any) -> list[Any]:
    return [each for part in nested for each in _flat(part)] if isinstance(nested, list) else [nested]


def _at(nested: Any, cell: tuple[int, ...]) -> Any:
    for position in cell:
        nested = nested[position]
    return nested
