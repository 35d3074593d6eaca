"""The table of the cells at which the refuted claim fails: ``python -m book.phases`` writes the table, and the book shows it."""

from __future__ import annotations

import html
import json
from collections import Counter
from pathlib import Path

import plotly.graph_objects as go
from IPython.display import HTML
from numerics.searching.phases import decide_cell
from rich.progress import track

from book.figures.plotting import show
from theory.claim import Verdict, find

TABLE = Path(__file__).parent / "results" / "phases.json"
CLAIM = "ce-deep-linear"
CLASSES = range(3, 13)
DEPTHS = range(1, 9)
DECAYS = (1e-2, 1e-3, 1e-4, 1e-5)
SHADES = ("#56B4E9", "#E9E9E9", "#D55E00")
"""Colours of HOLDS, OPEN and REFUTED, which colour-blind readers tell apart too."""


def cells() -> list[dict]:
    """Return the stored table: classes, depth and decay of each cell, and the entries of ``numerics.searching.phases.Cell``."""
    return json.loads(TABLE.read_text())


def decide(classes: int, depth: int, decay: float) -> dict:
    """Decide a cell of the table, with one sample a class and all decays equal, and return its entries."""
    claim = find(CLAIM)
    instance = claim.problem.instance(class_counts=(1,) * classes, depth=depth, weight_decay=decay, feature_decay=decay)
    return {"classes": classes, "depth": depth, "decay": decay, **decide_cell(claim, instance).record()}


def figure() -> HTML:
    """Draw the verdicts over classes and depth, with a slider for the decay. Each cell shows rank, geometry and gap."""
    levels = [Verdict.HOLDS, Verdict.OPEN, Verdict.REFUTED]
    stored = {(cell["classes"], cell["depth"], cell["decay"]): cell for cell in cells()}
    drawn = go.Figure()
    for decay in DECAYS:
        rows = [[stored[classes, depth, decay] for classes in CLASSES] for depth in DEPTHS]
        words = [
            [
                f"K = {c['classes']}, M = {c['depth']}: {c['verdict']}<br>best point: {c['geometry']}, rank {c['rank']}"
                f"<br>relative to the published structure: {html.escape(c['gap'])}"
                for c in row
            ]
            for row in rows
        ]
        drawn.add_trace(
            go.Heatmap(
                x=list(CLASSES), y=list(DEPTHS), z=[[levels.index(c["verdict"]) for c in row] for row in rows],
                text=[[str(c["rank"]) for c in row] for row in rows], texttemplate="%{text}", hovertext=words,
                hoverinfo="text", zmin=-0.5, zmax=2.5, xgap=2, ygap=2, visible=False,
                colorscale=[[end / 3, shade] for i, shade in enumerate(SHADES) for end in (i, i + 1)],
                colorbar={"tickvals": [0, 1, 2], "ticktext": [str(level) for level in levels], "len": 0.6},
            )
        )  # fmt: skip
    drawn.data[0].update(visible=True)
    steps = [
        {"label": f"{decay:g}", "method": "update", "args": [{"visible": [i == j for j in range(len(DECAYS))]}]}
        for i, decay in enumerate(DECAYS)
    ]
    drawn.update_layout(sliders=[{"steps": steps, "currentvalue": {"prefix": "every decay λ = "}, "pad": {"t": 45}}])
    drawn.update_xaxes(title="number of classes K", dtick=1)
    drawn.update_yaxes(title="depth M", dtick=1)
    return show(
        drawn,
        "Verdict on the published simplex ETF for one sample a class and equal decays. The number in a cell is the rank of the "
        "best point found. Hold the pointer over a cell for the geometry of that point and its certified distance.",
        height=520,
    )


def main() -> None:
    settings = [(classes, depth, decay) for classes in CLASSES for depth in DEPTHS for decay in DECAYS]
    records = [decide(*setting) for setting in track(settings, "deciding")]
    print(Counter(record["verdict"] for record in records))
    TABLE.write_text("[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]\n")


if __name__ == "__main__":
    main()
