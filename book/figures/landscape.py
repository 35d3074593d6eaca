"""The figure of a scalar problem: the loss of one direction against its size, as a decay or a weight moves across the threshold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import sympy as sp
from IPython.display import HTML

from book.examples import Crossing, make_example, noun
from book.figures.axes import Axis
from book.figures.marks import Line, Points, Rule, Words
from book.figures.panel import Panel
from book.figures.plotting import Slider, show
from book.figures.words import label_in_html, plain, symbol_in_html
from numerics.backends.ball_evaluation import ball_bindings, decide, function_in_balls
from numerics.backends.balls import Ball
from theory.claim import Claim, find
from theory.latex import latex
from theory.proof import Separable

FACTORS = tuple(2 ** (i / 4) for i in range(-8, 5))
"""Values of the tuned parameter, as multiples of the critical one; from the living side where it falls to it."""
GRID, CURVE = 400, 60
"""Numbers of sizes at which the least value is sought, and at which a curve is drawn."""
CLOSER = 1.6
"""Power by which the sizes of a curve lie closer at its lower end, where a jump leaves a narrow barrier."""
WIDEST = 12.0
"""Decades of the sizes that are searched: from the widest one down to this many decades below."""
ABOVE = 0.6
"""Height above zero that is shown, as a share of the greatest depth below it."""


def has_landscape(claim: Claim) -> bool:
    """Return whether a claim's proof ends in scalar problems, and a single number takes a minimiser to the start of its sizes."""
    return claim.derive is not None and path_to_zero(claim.id) is not None


@cache
def path_to_zero(claim_id: str) -> Path | None:
    """Return the values of a tuned parameter along which the minimiser of the first direction reaches the start of its sizes.

    Thresholds at which the minimiser of the scalar problem lives on, such as those of another level, are passed over.
    """
    claim = find(claim_id)
    separable = claim.derivation.proof.separable
    if separable is None or separable.shared is not None:  # a number that all directions share moves with each of them
        return None
    for crossed in make_example(claim).crossings:
        critical = crossed.critical[-1] if crossed.falling else crossed.critical[0]
        factors = FACTORS if crossed.falling else tuple(1 / factor for factor in FACTORS)
        curves = tuple(curve(crossed, separable, critical * factor) for factor in factors)
        reach = reach_of(curves[0])
        if curves[0].least(reach) > curves[0].low and curves[-1].least(reach) == curves[-1].low:
            return Path(crossed, critical, curves)
    return None


@dataclass(frozen=True)
class Curve:
    """The scalar problem of one direction at one value of the tuned parameter, above its value at the lower end of the sizes."""

    tuned: float
    low: float
    above: Callable[[float], float]

    def least(self, reach: float) -> float:
        """Return the size at which the curve is least, up to a size that is ``reach`` beyond the lower end."""
        grid = [reach * 10 ** (-WIDEST * (1 - i / GRID)) for i in range(GRID + 1)]
        best = min(grid, key=lambda t: self.above(self.low + t))
        near = [best * 10 ** (WIDEST / GRID * (i / 20 - 1)) for i in range(41)]
        best = min((t for t in near if t <= reach), key=lambda t: self.above(self.low + t))
        return self.low + (best if self.above(self.low + best) < 0 else 0.0)


@dataclass(frozen=True)
class Path:
    """Scalar problems along a crossed threshold, from where the direction lives to where it has collapsed."""

    crossed: Crossing
    critical: float
    curves: tuple[Curve, ...]


def curve(crossed: Crossing, separable: Separable, tuned: float) -> Curve:
    """Return the scalar problem of the first direction at a value of the tuned parameter, evaluated in balls."""
    claim = crossed.claim
    bindings, first = ball_bindings(claim.problem, crossed.at(tuned)), {separable.index: 1}

    def in_balls(expression: sp.Expr) -> Callable[[Ball], Ball]:
        return function_in_balls(sp.sympify(expression), separable.variable, bindings, first)

    ends = [float(in_balls(piece.lower)(Ball(0))) for piece in separable.pieces]
    functions = [in_balls(piece.function) for piece in separable.pieces]
    assert decide(separable.free, bindings, first)
    start = functions[0](Ball(ends[0]))

    def above(size: float) -> float:
        piece = max((number for number, end in enumerate(ends) if end <= size), default=0)
        return float(functions[piece](Ball(size)) - start)

    return Curve(tuned, ends[0], above)


def landscape(claim_id: str) -> HTML:
    """Draw the scalar problem of a claim's proof for the first class or direction, with a slider across its threshold.

    The curves are the functions that the proof minimises. Raises ValueError for a claim without a scalar problem.
    """
    claim, along = find(claim_id), path_to_zero(claim_id)
    separable = claim.derivation.proof.separable
    if along is None or separable is None:
        raise ValueError(f"{claim_id}: the proof ends in no scalar problem that a single number takes to its threshold")
    crossed, critical, curves = along.crossed, along.critical, along.curves
    size = curves[0].least(reach_of(curves[0]))
    low, reach = curves[0].low, 1.7 * (size - curves[0].low)
    depth = -curves[0].above(size)
    label = label_in_html(claim.problem.parameter(crossed.tuned))
    sizes = [low + reach * (i / CURVE) ** CLOSER for i in range(CURVE + 1)]
    heights = [[one.above(t) / depth for t in sizes] for one in curves]
    x = Axis(low, low + reach, size_in_words(separable, noun(claim)))
    y = Axis(-1.12, ABOVE, f"loss above that of a {noun(claim)} which carries nothing")
    all_curves = [Line("grid", "", sizes, each, width=1) for each in heights]
    ends = [min(one.least(reach), x.high) for one in curves]
    passed = Points("soft", "", ends, [one.above(end) / depth for one, end in zip(curves, ends, strict=True)], "dot", 2)
    frames = [
        shown(one, sizes, each, x, depth, crossed.jumps() and math.isclose(one.tuned, critical))
        for one, each in zip(curves, heights, strict=True)
    ]
    how = "jumps to zero from a distance" if crossed.jumps() else "shrinks to zero"
    panel = Panel(
        x, y, [*all_curves, passed, Rule(y=[0.0], dash="1 4")], frames=frames, height=300, width=420,
        alt=f"Loss of one {noun(claim)} against its size, for values of the {plain(label)} across the threshold: the minimiser {how}.",
    )  # fmt: skip
    words = (
        f"The function that the proof minimises for one {noun(claim)}. Move the slider: as the {label} crosses its critical value "
        f"{critical:.3g}, the minimiser {how}. Small dots "
        "are the minimisers at all positions of the slider."
    )
    slider = Slider(f"{label} =", [f"{one.tuned:.3g}{beside(one.tuned / critical)}" for one in curves])
    return show("landscape", [panel], words, slider)


def size_in_words(separable: Separable, thing: str) -> str:
    """Return what a scalar problem is about, in words: the size of a class or direction, or the logarithm of that size."""
    symbol = symbol_in_html(latex(separable.variable))
    return (
        f"{symbol} = logarithm of the size of the {thing}"
        if separable.reading.has(sp.log)
        else f"size {symbol} of the {thing}"
    )


def reach_of(one: Curve) -> float:
    """Return a distance from the lower end that is beyond the minimiser: the curve has risen above its start there."""
    reach = 1.0
    while one.above(one.low + reach) < 0:
        reach *= 4
    return 4 * reach


def shown(
    one: Curve, sizes: list[float], heights: list[float], x: Axis, depth: float, both: bool
) -> list[Line | Points | Words]:
    """Return a curve with its minimiser: filled, and with words beside it. ``both`` says that a jump has two minimisers here."""
    least = min(one.least(x.high - x.low), x.high)
    inner = min(sizes[CURVE // 4 :], key=one.above)
    places = [one.low, inner] if both else [least]
    says = "both are minimal" if both else "alive" if least > one.low else "collapsed"
    height = one.above(places[-1]) / depth
    return [
        Line("c0", "", sizes, heights, width=2.6),
        Points("c1", "", places, [one.above(place) / depth for place in places], "dot", 6),
        Words(x=places[-1], y=height, says=says, shift=(9, -10)),
    ]


def beside(factor: float) -> str:
    return " (critical)" if math.isclose(factor, 1) else ""
