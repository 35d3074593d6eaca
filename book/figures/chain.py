"""The figure of a chain: loss and bounds of an example at random points, and on the way to the trained optimum."""

from __future__ import annotations

import torch
from IPython.display import HTML

from book.examples import Example, TrainedExample
from book.figures.axes import Axis, spanning
from book.figures.marks import DASHES, Line
from book.figures.panel import Panel
from book.figures.plotting import COLOURS, show
from book.figures.words import relative
from numerics.backends.tensors import DTYPE
from numerics.backends.unit_norm import feasible
from numerics.judging.chain import run_chain
from theory.claim import Verdict
from theory.point import Point

FLOOR = 1e-17
"""Smallest gap that is drawn on a logarithmic axis. Smaller gaps, and negative ones, are drawn here."""
LENGTHS = tuple(10 ** (i / 8) for i in range(-16, 9))
"""Sizes of the random entries along the ray."""
REMAINING = tuple(10 ** (-i / 5) for i in range(36))
"""Shares of the way to the optimum that remain."""


def random_points(example: Example, lengths: tuple[float, ...], seed: int) -> Point:
    """Return one random point multiplied by each length, as a batch of points. Variables of unit norm stay as they are."""
    generator = torch.Generator().manual_seed(seed)
    trained = example.claim.problem.active_variables(example.instance)
    sizes = {s: v for s, v in example.instance.bindings.items() if isinstance(v, int)}
    scales = torch.tensor(lengths, dtype=DTYPE)[:, None, None]
    arrays = {}
    for variable in trained:
        rows, columns = (int(side.subs(sizes)) for side in variable.shape)
        array = torch.randn(rows, columns, generator=generator, dtype=DTYPE)
        arrays[variable.name] = scales * (array.abs() if variable.nonnegative else array)
    return feasible(trained, Point(arrays))


def chain(run: TrainedExample) -> HTML:
    """Draw the distances of loss and bounds from the predicted value, along a random ray and on the way to the trained optimum.

    Without a predicted value the distances are those from the trained minimum. Raises AssertionError if the chain of a claim that
    HOLDS is broken.
    """
    example = run.example
    start = random_points(example, (1.0,), seed=1)
    left = torch.tensor(REMAINING, dtype=DTYPE)[:, None, None]
    best = run.point
    variables = example.claim.problem.active_variables(example.instance)
    segment = feasible(variables, start.map(lambda first, last: left * first + (1 - left) * last, best))
    optimum = best.map(lambda array: array[None])
    broken: list[str] = []
    silent = example.claim.prediction.value is None
    reference = "trained minimum" if silent else "predicted value"
    ways = [(REMAINING, segment, "share of the way left", "from a random point to the optimum")]
    if any(variable.unit_norm is None for variable in variables):  # points of unit norm do not grow
        ray = random_points(example, LENGTHS, seed=0)
        ways.insert(0, (LENGTHS, ray, "size of the random entries", "at random points of growing size"))
    drawn: list[list[Line]] = []
    for positions, point, *_ in ways:
        values = run_chain(example.claim, [example.instance] * len(positions), point)
        broken += values.violations()
        shown = len(values.names) - (not silent)
        zero = run.comparison.value if silent else values.values[-1]
        above = (values.values[:shown] - zero) / abs(run.comparison.predicted)
        drawn.append(
            [
                Line(COLOURS[number], name, positions, gaps, DASHES[number % 4])
                for number, (name, gaps) in enumerate(
                    zip(values.names[:shown], above.clamp(min=FLOOR).tolist(), strict=True)
                )
            ]
        )
    ended = run_chain(example.claim, [example.instance], optimum)
    broken += ended.violations()
    if broken and example.claim.verdict is Verdict.HOLDS:
        raise AssertionError(f"{example.claim.id}: {'; '.join(broken)}")
    order = f"the chain is broken here: {'; '.join(broken)}" if broken else "no line rises above the one before it"
    apart = float((ended.values - ended.values[-1]).abs().max() / abs(run.comparison.predicted))
    above = f"above the {reference}, relative"
    panels = [
        Panel(
            Axis(positions[0], positions[-1], along, logarithmic=True),
            spanning([y for line in lines for y in line.y], above, logarithmic=True),
            lines,
            f"Loss and bounds {title}: {order}.",
            title,
        )
        for (positions, _, along, title), lines in zip(ways, drawn, strict=True)
    ]
    words = (
        f"Each line is one bound of the chain above the {reference}, which is the zero of this scale; {order}. A line "
        f"at {FLOOR:.0e} equals the {reference} or lies below it{'' if silent else ' by rounding'}. "
        f"At the trained optimum itself they differ by {relative(apart)} (relative)."
    )
    return show("chain", panels, words)
