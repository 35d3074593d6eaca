"""One drawing of a figure: axes with marks between them. A figure is one panel or several, side by side where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from book.figures.axes import Axis
from book.figures.marks import Frame, Mark, Place
from book.figures.svg import element, text

WIDTH, HEIGHT = 360, 270
"""Size in units of the drawing. On a phone a unit is about one pixel."""
LETTER = 7
"""Width of a letter of the numbers at an axis."""


@dataclass(frozen=True)
class Panel(Frame):
    """A drawing with two axes.

    Arguments:
        x: the axis below.
        y: the axis on the left. Its title stands above it.
        marks: what is drawn, from the back to the front.
        alt: what the drawing shows, in a sentence for readers who do not see it.
        title: words above the drawing.
        frames: marks that are drawn in front of ``marks``, one set for each position of the slider.
        start: the frame that is shown first, and without a script alone.
        bare: whether the axes are left out, for matrices.
        width: width in units.
        height: height in units.
    """

    x: Axis
    y: Axis
    marks: Sequence[Mark]
    alt: str
    title: str = ""
    frames: Sequence[Sequence[Mark]] = field(default=())
    start: int = 0
    bare: bool = False
    width: float = WIDTH
    height: float = HEIGHT

    def inside(self) -> tuple[float, float, float, float]:
        above = (22 if self.title else 4) + (0 if self.bare else 20 if self.y.title else 8)
        if self.bare:
            return 2, above, self.width - 2, self.height - 2
        numbers = max((len(words) for _, words in self.y.marks()), default=0)
        lines = max((words.count("<br>") + 1 for _, words in self.x.marks()), default=1)
        return (
            12 + LETTER * numbers,
            above,
            self.width - 12,
            self.height - (40 if self.x.title else 6) - 15 * (lines - 1) - 6,
        )

    def at(self, x: float | None, y: float | None) -> Place | None:
        left, top, right, bottom = self.inside()
        if (
            (x is not None and not self.x.holds(x))
            or (y is not None and not self.y.holds(y))
            or (x is None and y is None)
        ):
            return None
        across = 0.0 if x is None else self.x.place(x)
        up = 0.0 if y is None else self.y.place(y)
        return left + across * (right - left), bottom - up * (bottom - top)

    def drawn(self) -> str:
        """Return the panel as SVG."""
        title = text(
            self.width / 2, 15, self.title, class_="ink", fill="currentColor", text_anchor="middle", font_weight=600
        )
        frames = "".join(
            element(
                "g",
                "".join(mark.drawn(self) for mark in marks),
                data_frame=number,
                style=None if number == self.start else "display:none",
            )
            for number, marks in enumerate(self.frames)
        )
        parts = [
            title if self.title else "",
            "" if self.bare else self.axes(),
            *(mark.drawn(self) for mark in self.marks),
            frames,
        ]
        return element(
            "svg", "".join(parts), viewBox=f"0 0 {self.width:.0f} {self.height:.0f}", role="img", aria_label=self.alt,
            font_size="12.5", style=f"max-width:{1.45 * self.width:.0f}px;flex:1 1 {0.75 * self.width:.0f}px",
        )  # fmt: skip

    def axes(self) -> str:
        left, top, right, bottom = self.inside()
        drawn = [
            element(
                "path",
                d=f"M{left:.1f} {top:.1f}V{bottom:.1f}H{right:.1f}",
                class_="soft",
                fill="none",
                stroke="currentColor",
            )
        ]
        words = {"class_": "words", "fill": "currentColor"}
        for number, says in self.x.marks():
            if place := self.at(number, None):
                drawn.append(element("path", d=f"M{place[0]:.1f} {bottom:.1f}v4", class_="soft", stroke="currentColor"))
                drawn.append(text(place[0], bottom + 17, says, text_anchor="middle", **words))
        for number, says in self.y.marks():
            if place := self.at(None, number):
                line = f"M{left - 3:.1f} {place[1]:.1f}H{right:.1f}"
                drawn.append(element("path", d=line, class_="grid", stroke="currentColor", stroke_width=0.7))
                drawn.append(text(left - 6, place[1] + 4, says, text_anchor="end", **words))
        if self.x.title:
            drawn.append(text((left + right) / 2, self.height - 6, self.x.title, text_anchor="middle", **words))
        if self.y.title:
            drawn.append(text(2, top - 8, self.y.title, **words))
        return "".join(drawn)
