"""The chain of an example: loss and bounds at random points, and on the way to the trained optimum."""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from IPython.display import HTML
from plotly.subplots import make_subplots

from book.examples import Example, TrainedExample
from book.figures.plotting import COLOURS, show
from book.figures.words import relative
from numerics.backends.tensors import DTYPE
from numerics.judging.chain import run_chain
from theory.claim import Verdict
from theory.point import Point

DASHES = ("solid", "dot", "dashdot", "dash")
FLOOR = 1e-17
"""Smallest gap drawn on a logarithmic axis. A gap of exactly zero is drawn here."""
LENGTHS = tuple(10 ** (i / 8) for i in range(-16, 9))
"""Sizes of the entries along the random ray."""
REMAINING = tuple(10 ** (-i / 5) for i in range(36))
"""Shares of the way to the optimum that are left."""


def random_points(example: Example, lengths: tuple[float, ...], seed: int) -> Point:
    """Return one random point multiplied by each length, as a batch of points."""
    generator = torch.Generator().manual_seed(seed)
    trained = example.claim.problem.active_variables(example.instance)
    sizes = {s: v for s, v in example.instance.bindings.items() if isinstance(v, int)}
    scales = torch.tensor(lengths, dtype=DTYPE)[:, None, None]
    arrays = {}
    for variable in trained:
        rows, columns = (int(side.subs(sizes)) for side in variable.shape)
        array = torch.randn(rows, columns, generator=generator, dtype=DTYPE)
        arrays[variable.name] = scales * (array.abs() if variable.nonnegative else array)
    return Point(arrays)


def chain(run: TrainedExample) -> HTML:
    """Draw loss and bounds above the predicted value, along a random ray and on the way to the trained optimum.

    Raises AssertionError where the chain of a claim that HOLDS is broken.
    """
    example = run.example
    ray = random_points(example, LENGTHS, seed=0)
    start = random_points(example, (1.0,), seed=1)
    left = torch.tensor(REMAINING, dtype=DTYPE)[:, None, None]
    best = run.point
    segment = start.map(lambda first, last: left * first + (1 - left) * last, best)
    optimum = best.map(lambda array: array[None])
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=False, horizontal_spacing=0.12,
        subplot_titles=("at random points of growing size", "from a random point to the trained optimum"),
    )  # fmt: skip
    broken: list[str] = []
    silent = example.claim.prediction.value is None
    reference = "trained minimum" if silent else "predicted value"
    for column, (positions, point) in enumerate(((LENGTHS, ray), (REMAINING, segment)), start=1):
        values = run_chain(example.claim, [example.instance] * len(positions), point)
        broken += values.violations()
        shown = len(values.names) - (not silent)
        zero = run.comparison.value if silent else values.values[-1]
        above = (values.values[:shown] - zero) / abs(run.comparison.predicted)
        for number, (name, gaps) in enumerate(zip(values.names[:shown], above.clamp(min=FLOOR).tolist(), strict=True)):
            figure.add_trace(
                go.Scatter(
                    x=positions, y=gaps, mode="lines", name=name, legendgroup=name, showlegend=column == 1,
                    line={"color": COLOURS[number], "width": 2.5, "dash": DASHES[number % 4]},
                ), row=1, col=column,
            )  # fmt: skip
    ended = run_chain(example.claim, [example.instance], optimum)
    broken += ended.violations()
    if broken and example.claim.verdict is Verdict.HOLDS:
        raise AssertionError(f"{example.claim.id}: {'; '.join(broken)}")
    order = f"the chain is broken here: {'; '.join(broken)}" if broken else "no line rises above the one before it"
    apart = float((ended.values - ended.values[-1]).abs().max() / abs(run.comparison.predicted))
    power = {"type": "log", "exponentformat": "power"}
    figure.update_xaxes(title="size of the random entries", **power, row=1, col=1)
    figure.update_xaxes(title="share of the way left", autorange="reversed", **power, row=1, col=2)
    figure.update_yaxes(title=f"above the {reference}, relative", **power, row=1, col=1)
    figure.update_yaxes(**power, row=1, col=2)
    figure.update_layout(legend={"orientation": "h", "y": -0.25})
    figure.update_annotations(yshift=8)  # the titles stay clear of the uppermost numbers
    words = (
        f"Each line is one bound of the chain above the {reference}, which is the zero of this scale; {order}. A line "
        f"at {FLOOR:.0e} equals the {reference} or lies below it{'' if silent else ' by rounding'}. "
        f"At the trained optimum itself they differ by {relative(apart)} (relative)."
    )
    return show(figure, words, 430)
