"""Vectors in space that a reader can turn: drawn once here, and turned by a small script of the page."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from book.figures.svg import element, short, text

Vector = tuple[float, float, float]
SIZE = 300
"""Width and height in units of the drawing."""
TURNED, TILTED = 35, 25
"""Degrees by which the axes are turned and tilted at first."""
REACH = 0.4
"""Length of the longest vector as a share of the width."""


@dataclass(frozen=True)
class Arrow:
    """A vector from the origin: a line to ``tip``, a ring at ``ring``, and a number beside the ring."""

    tip: Vector
    ring: Vector
    says: str
    colour: str


@dataclass(frozen=True)
class Scene:
    """Vectors that start at the origin, seen from one side. ``alt`` is a sentence for readers who do not see the drawing."""

    arrows: Sequence[Arrow]
    alt: str
    title: str = ""

    def drawn(self) -> str:
        """Return the drawing as SVG with a slider that turns it."""
        longest = max((math.hypot(*end) for arrow in self.arrows for end in (arrow.tip, arrow.ring)), default=0) or 1.0
        unit = REACH * SIZE / longest
        axes = [tuple(0.75 * longest * (i == axis) for i in range(3)) for axis in range(3)]
        lines = "".join(
            self.line(axis, unit, "grid", 1) + self.line(tuple(-x for x in axis), unit, "grid", 1) for axis in axes
        )
        # Vectors behind are drawn first, so that those in front cover them.
        parts = lines + "".join(
            self.arrow(arrow, unit) for arrow in sorted(self.arrows, key=lambda a: turned(a.ring)[2])
        )
        title = text(SIZE / 2, 15, self.title, class_="ink", fill="currentColor", text_anchor="middle", font_weight=600)
        drawing = element(
            "svg", title + element("g", parts, transform=f"translate({SIZE / 2} {SIZE / 2 + 8})"), viewBox=f"0 0 {SIZE} {SIZE}",
            role="img", aria_label=self.alt, font_size="12.5", class_="atlas-scene", data_turn=TURNED, data_tilt=TILTED,
        )  # fmt: skip
        name = "turn-" + hashlib.sha256(drawing.encode()).hexdigest()[:8]
        slider = f'<input id="{name}" type="range" min="-180" max="180" step="5" value="{TURNED}" aria-valuetext="{TURNED} degrees">'
        return f'<div class="atlas-turn">{drawing}<p class="atlas-slider"><label for="{name}">Turn</label>{slider}</p></div>'

    def line(self, end: Sequence[float], unit: float, colour: str, width: float) -> str:
        x, y, _ = turned(end)
        return element(
            "line", x1=0, y1=0, x2=unit * x, y2=unit * y, class_=colour, stroke="currentColor", stroke_width=width,
            stroke_linecap="round", data_at=at(end, unit),
        )  # fmt: skip

    def arrow(self, arrow: Arrow, unit: float) -> str:
        x, y, _ = turned(arrow.ring)
        outside = tuple(1.16 * part for part in arrow.ring)
        across, down, _ = turned(outside)
        ring = element(
            "circle", cx=unit * x, cy=unit * y, r=6, class_=arrow.colour, fill="none", stroke="currentColor", stroke_width=2,
            data_at=at(arrow.ring, unit),
        )  # fmt: skip
        number = text(
            unit * across, unit * down + 4, arrow.says, class_=arrow.colour, fill="currentColor", text_anchor="middle",
            font_weight=600, data_at=at(outside, unit),
        )  # fmt: skip
        return self.line(arrow.tip, unit, arrow.colour, 4) + ring + number


def at(point: Sequence[float], unit: float) -> str:
    """Return a point in units of the drawing, for the script."""
    return " ".join(short(unit * part) for part in point)


def turned(point: Sequence[float], turn: float = TURNED, tilt: float = TILTED) -> Vector:
    """Return where a point stands after a turn about the vertical axis and a tilt, both in degrees: across, down and nearer."""
    a, b = math.radians(turn), math.radians(tilt)
    x, y, z = point
    across, deep = x * math.cos(a) - y * math.sin(a), x * math.sin(a) + y * math.cos(a)
    return across, -z * math.cos(b) + deep * math.sin(b), -deep * math.cos(b) - z * math.sin(b)
