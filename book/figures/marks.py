"""What a panel shows: lines, points, bars, cells and words, each drawn as SVG in the colours of the book."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from book.figures.svg import element, path, text

Place = tuple[float, float]
DASHES = ("", "7 3", "2 3", "9 3 2 3")
"""Patterns that tell lines apart without colour, in the order of ``COLOURS``."""
SHAPES = ("ring", "square", "diamond", "dot")


class Frame(ABC):
    """The part of the plane that a panel shows. Numbers of the axes become places in the drawing."""

    @abstractmethod
    def at(self, x: float | None, y: float | None) -> Place | None:
        """Return the place of a pair of numbers, or None for one that the axes do not hold."""

    @abstractmethod
    def inside(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of the plane."""


@dataclass(frozen=True)
class Mark(ABC):
    """Something that a panel shows, in a colour of the book: ``c0`` to ``c7``, ``ink`` or ``soft``.

    ``label`` says in the legend what the mark is; marks without one, or with the label of another mark, are not listed.
    """

    colour: str = "c0"
    label: str = ""

    @abstractmethod
    def drawn(self, frame: Frame) -> str:
        """Return the mark as SVG."""

    def swatch(self) -> str:
        """Return what the legend shows beside the label, in a box of 28 by 12."""
        return element("rect", x=8, y=1, width=12, height=10, class_=self.colour, fill="currentColor")


@dataclass(frozen=True)
class Line(Mark):
    """A line through (x, y); None in ``y`` interrupts it. ``dash`` is one of ``DASHES``."""

    x: Sequence[float] = ()
    y: Sequence[float | None] = ()
    dash: str = ""
    width: float = 2

    def drawn(self, frame: Frame) -> str:
        return self.stroke(path(placed(frame, self.x, self.y)))

    def stroke(self, data: str) -> str:
        return element(
            "path", d=data, class_=self.colour, fill="none", stroke="currentColor", stroke_width=self.width,
            stroke_dasharray=self.dash or None, stroke_linejoin="round",
        )  # fmt: skip

    def swatch(self) -> str:
        return self.stroke("M1 6L27 6")


@dataclass(frozen=True)
class Rule(Line):
    """A line across the whole panel at one number of an axis: give ``x`` or ``y`` one entry."""

    colour: str = "soft"
    dash: str = "3 3"
    width: float = 1.4

    def drawn(self, frame: Frame) -> str:
        left, top, right, bottom = frame.inside()
        lines = [f"M{place[0]:.1f} {top:.1f}V{bottom:.1f}" for x in self.x if (place := frame.at(x, None))]
        lines += [
            f"M{left:.1f} {place[1]:.1f}H{right:.1f}" for y in self.y if y is not None and (place := frame.at(None, y))
        ]
        return self.stroke("".join(lines))


@dataclass(frozen=True)
class Points(Mark):
    """Points at (x, y), of one of the ``SHAPES``. ``says`` has words for each point, which a pointer held over it shows."""

    x: Sequence[float] = ()
    y: Sequence[float | None] = ()
    shape: str = "ring"
    size: float = 4.5
    says: Sequence[str] = ()

    def drawn(self, frame: Frame) -> str:
        places = placed(frame, self.x, self.y)
        says = self.says or [""] * len(places)
        points = "".join(self.point(*place, words) for place, words in zip(places, says, strict=True) if place)
        return self.group(points) if points else ""

    def group(self, points: str) -> str:
        """Return points with the look that they share."""
        filled = self.shape == "dot"
        look = {"fill": "currentColor"} if filled else {"fill": "none", "stroke": "currentColor", "stroke_width": 1.8}
        return element("g", points, class_=self.colour, **look)

    def point(self, x: float, y: float, words: str = "") -> str:
        size, inner = self.size, f"<title>{text_only(words)}</title>" if words else ""
        if self.shape in ("dot", "ring"):
            return element("circle", inner, cx=x, cy=y, r=size)
        if self.shape == "square":
            return element("rect", inner, x=x - size, y=y - size, width=2 * size, height=2 * size)
        corners = ((x, y - 1.3 * size), (x + 1.3 * size, y), (x, y + 1.3 * size), (x - 1.3 * size, y))
        return element("path", inner, d=path(corners) + "Z")

    def swatch(self) -> str:
        return self.group(self.point(14, 6))


@dataclass(frozen=True)
class Bars(Mark):
    """Bars up to ``y``, centred at ``x``, from the lower end of the axis or from ``base``; ``width`` is in units of the axis."""

    x: Sequence[float] = ()
    y: Sequence[float] = ()
    width: float = 0.6
    base: Sequence[float] = ()

    def drawn(self, frame: Frame) -> str:
        _, _, _, bottom = frame.inside()
        bars = []
        for x, y, base in zip(self.x, self.y, self.base or [None] * len(self.x), strict=True):
            left, right = frame.at(x - self.width / 2, y), frame.at(x + self.width / 2, y)
            low = bottom if base is None else (frame.at(None, base) or (0.0, bottom))[1]
            if left and right:
                bars.append(
                    element(
                        "rect", x=left[0], y=left[1], width=right[0] - left[0], height=low - left[1], class_=self.colour,
                        fill="currentColor", fill_opacity=0.35, stroke="currentColor",
                    )
                )  # fmt: skip
        return "".join(bars)

    def swatch(self) -> str:
        return element(
            "rect", x=8, y=1, width=12, height=10, class_=self.colour, fill="currentColor", fill_opacity=0.35,
            stroke="currentColor",
        )  # fmt: skip


@dataclass(frozen=True)
class Words(Mark):
    """Words at (x, y), moved by ``shift`` units of the drawing. ``anchor`` is start, middle or end."""

    colour: str = "ink"
    x: float = 0
    y: float = 0
    says: str = ""
    anchor: str = "start"
    shift: tuple[float, float] = (0, 0)
    size: float = 12.5

    def drawn(self, frame: Frame) -> str:
        place = frame.at(self.x, self.y)
        if place is None:
            return ""
        return text(
            place[0] + self.shift[0], place[1] + self.shift[1], self.says, class_=self.colour, fill="currentColor",
            text_anchor=self.anchor, font_size=self.size,
        )  # fmt: skip


@dataclass(frozen=True)
class Cells(Mark):
    """A matrix as squares: the first colour is positive and the second, crossed by a line, negative; ``top`` is fully coloured."""

    values: Sequence[Sequence[float]] = ()
    top: float = 1.0

    def drawn(self, frame: Frame) -> str:
        left, upper, right, lower = frame.inside()
        side = min((right - left) / len(self.values[0]), (lower - upper) / len(self.values))
        cells = [
            element(
                "rect",
                x=left,
                y=upper,
                width=side * len(self.values[0]),
                height=side * len(self.values),
                class_="soft",
                fill="none",
                stroke="currentColor",
                stroke_width=0.7,
            )
        ]
        for row, entries in enumerate(self.values):
            for column, value in enumerate(entries):
                share = min(abs(value) / self.top, 1.0)
                if share < SEEN:
                    continue
                x, y = left + column * side, upper + row * side
                look = {"class_": "c0" if value > 0 else "c1", "fill": "currentColor", "fill_opacity": f"{share:.2f}"}
                cells.append(element("rect", x=x, y=y, width=side, height=side, **look))
                if value < 0:
                    stroke = path([(x + side / 4, y + side / 2), (x + 3 * side / 4, y + side / 2)])
                    cells.append(element("path", d=stroke, class_="ink", stroke="currentColor", stroke_width=1.2))
        return "".join(cells)


SEEN = 0.02
"""Share of the full colour from which a cell is drawn."""


@dataclass(frozen=True)
class Region(Mark):
    """All cells of a grid with one property, at (column, row) counted from 1. ``opacity`` is between 0 and 1."""

    cells: Sequence[tuple[int, int]] = ()
    opacity: float = 0.8

    def drawn(self, frame: Frame) -> str:
        return element(
            "path", d=self.outline(frame), class_=self.colour, fill="currentColor", fill_opacity=self.opacity
        )

    def outline(self, frame: Frame) -> str:
        """Return the data of a path around the cells; neighbours in a row are one rectangle."""
        drawn, rows = [], sorted({row for _, row in self.cells})
        for row in rows:
            columns = sorted(column for column, other in self.cells if other == row)
            starts = [c for c in columns if c - 1 not in columns]
            ends = [c for c in columns if c + 1 not in columns]
            for first, last in zip(starts, ends, strict=True):
                a, b = frame.at(first - 0.48, row + 0.48), frame.at(last + 0.48, row - 0.48)
                if a and b:
                    drawn.append(f"M{a[0]:.1f} {a[1]:.1f}H{b[0]:.1f}V{b[1]:.1f}H{a[0]:.1f}Z")
        return "".join(drawn)

    def swatch(self) -> str:
        return element(
            "rect", x=8, y=1, width=12, height=10, class_=self.colour, fill="currentColor", fill_opacity=self.opacity
        )


@dataclass(frozen=True)
class Labels(Mark):
    """Short words in the middle of cells, at (column, row) counted from 1. ``says`` has a hint for each."""

    colour: str = "ink"
    cells: Sequence[tuple[int, int]] = ()
    words: Sequence[str] = ()
    says: Sequence[str] = ()

    def drawn(self, frame: Frame) -> str:
        drawn = []
        for cell, words, hint in zip(self.cells, self.words, self.says or [""] * len(self.cells), strict=True):
            if place := frame.at(*cell):
                title = f"<title>{text_only(hint)}</title>" if hint else ""
                drawn.append(element("text", title + words, x=place[0], y=place[1] + 4))
        return element("g", "".join(drawn), class_=self.colour, fill="currentColor", text_anchor="middle", font_size=11)


def placed(frame: Frame, x: Sequence[float], y: Sequence[float | None]) -> list[Place | None]:
    """Return the places of pairs of numbers, and None where a number is missing or off the axes."""
    return [None if b is None else frame.at(a, b) for a, b in zip(x, y, strict=True)]


def text_only(words: str) -> str:
    """Return words for a hint, in which no tag is allowed."""
    return (
        words.replace("<br>", "; ")
        .replace("<sub>", "")
        .replace("</sub>", "")
        .replace("&", "&amp;")
        .replace("<", "&lt;")
    )
