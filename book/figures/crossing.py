"""The figure of a crossed threshold: predicted and trained sizes against the tuned parameter, with a slider."""

from __future__ import annotations

from dataclasses import dataclass

from IPython.display import HTML
from torch import Tensor

from book.examples import SWEEP_POINTS, Crossing, TrainedExample, noun, train_sweep
from book.figures.axes import Axis, numbered
from book.figures.marks import DASHES, Bars, Line, Mark, Points, Rule
from book.figures.panel import Panel
from book.figures.plotting import COLOURS, Slider, show
from book.figures.words import label_in_html, parameters_in_words, plain
from numerics.tolerances import NEAR_CERTIFICATE_GAP
from theory.problem import Invariant

BESIDE = 1e-9
"""Relative distance from a jump at which its two sides are drawn."""
CURVE_POINTS = 160
"""Number of values of the tuned parameter at which a curve is predicted."""


def alike(crossing: Crossing) -> list[list[int]]:
    """Return the groups of classes or directions with the same size and partner, as positions. A group shares one curve."""
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
    """Return the positions and values of a curve that is interrupted at ``breaks``, where the value is None."""
    points: list[tuple[float, float | None]] = [*zip(positions, curve, strict=True), *((x, None) for x in breaks)]
    points.sort(key=lambda point: point[0])
    return [x for x, _ in points], [y for _, y in points]


def shown_entries(invariant: Invariant) -> str:
    """Return the entries of an invariant that show the collapse, in words."""
    name = invariant.name.replace("_", " ")
    return name if invariant.kind == "spectrum" else f"diagonal of the {name}"


@dataclass(frozen=True)
class Swept:
    """A crossed threshold: sizes [values, directions] along the tuned parameter.

    ``trained`` and ``predicted`` are the sizes at ``positions``. ``curves`` are the predicted sizes at ``curve_at``, which lies
    denser.
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
    """Train along the tuned parameter of a threshold, and return the sizes and the number of certified points."""
    positions, curve_at = crossed.sweep(SWEEP_POINTS), sorted(crossed.sweep(CURVE_POINTS))
    if crossed.jumps():
        curve_at = sorted([*curve_at, *(x * (1 + side * BESIDE) for x in set(crossed.critical) for side in (-1, 1))])
    trained, certified = train_sweep(crossed, positions)
    predicted = crossed.predicted(positions)
    return Swept(crossed, positions, trained, predicted, curve_at, crossed.predicted(curve_at)), certified


def crossing(run: TrainedExample, number: int = 0) -> HTML:
    """Draw predicted and trained sizes against the tuned parameter of threshold ``number``, and bars that a slider moves."""
    crossed = run.example.crossings[number]
    claim = crossed.claim
    label = label_in_html(claim.problem.parameter(crossed.tuned))
    swept, certified = sweep(crossed)
    x = Axis(min(swept.curve_at), max(swept.curve_at), label, logarithmic=True)
    event_word = "jumps to zero" if crossed.jumps() else "shrinks to zero"
    curves = Panel(
        x, Axis(0, swept.top, shown_entries(crossed.telling)), drawn_curves(swept), frames=[[Rule(x=[at])] for at in swept.positions],
        alt=f"Predicted and trained {shown_entries(crossed.telling)} against the {plain(label)}: each {noun(claim)} {event_word}.",
    )  # fmt: skip
    bars = Panel(
        numbered(swept.labels, noun(claim)), Axis(0, swept.top), (), frames=drawn_bars(swept), width=250,
        alt=f"Predicted and trained entry of each {noun(claim)} at the value of the slider.",
    )  # fmt: skip
    slider = Slider(f"{label} =", [f"{at:.3g}" for at in swept.positions])
    event = f"a {noun(claim)} jumps to zero" if crossed.jumps() else f"the entry of a {noun(claim)} shrinks to zero"
    words = (
        f"Move the slider to change the {label}; the other parameters are {parameters_in_words(crossed.values)}. Lines and "
        f"bars are predicted, rings are trained; the dotted lines are the predicted thresholds, at each of which {event}. "
        f"Of the {len(swept.positions)} trained points {certified} are certified to be global minima up to "
        f"{NEAR_CERTIFICATE_GAP:.0e} (relative)."
    )
    return show("crossing", [curves, bars], words, slider)


def drawn_bars(swept: Swept) -> list[list[Mark]]:
    """Return predicted bars and trained rings for each position of the slider."""
    places = range(1, len(swept.labels) + 1)
    return [
        [
            mark
            for at, bar, ring, colour in zip(places, bars, rings, swept.colours, strict=True)
            for mark in (Bars(colour, "", [at], [bar]), Points(colour, "", [at], [ring], size=6))
        ]
        for bars, rings in zip(swept.predicted.tolist(), swept.trained.tolist(), strict=True)
    ]


def drawn_curves(swept: Swept) -> list[Mark]:
    """Return one predicted curve with trained rings for each group, and lines at the thresholds."""
    claim, thresholds = swept.crossed.claim, sorted(set(swept.crossed.critical))
    marks: list[Mark] = [Rule(x=thresholds, dash="2 3")]
    for number, group in enumerate(alike(swept.crossed)):
        several = len(group) > 1
        name = noun(claim) + ("es" if several and noun(claim) == "class" else "s" if several else "")
        name += f" {swept.labels[group[0]]}" + (f"–{swept.labels[group[-1]]}" if several else "")
        curve = swept.curves[:, group[0]].tolist()
        x, y = with_gaps(swept.curve_at, curve, thresholds if swept.crossed.jumps() else [])
        colour = swept.colours[group[0]]
        marks.append(Line(colour, name, x, y, DASHES[number % len(DASHES)]))
        trained = swept.trained[:, group].flatten().tolist()
        marks.append(Points(colour, "", [x for x in swept.positions for _ in group], trained))
    return marks
