"""Elements of SVG as text, with numbers and words written so that they stay small and legible."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

LINE = 15
"""Distance in units of the drawing between two lines of text."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def element(tag: str, content: str = "", **attributes: object) -> str:
    """Return an element. An underscore in the name of an attribute stands for a hyphen, and a last one is left out; None is left out."""
    given = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    written = "".join(f' {name}="{attribute(value)}"' for name, value in given.items())
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def attribute(value: object) -> str:
    """Return the value of an attribute; numbers have one decimal, a fraction of what a reader sees."""
    return short(value) if isinstance(value, float) else html.escape(str(value))


def short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, **attributes: object) -> str:
    """Return words at a place. ``words`` is text in which ``<sub>`` lowers what it encloses and ``<br>`` begins a new line."""
    lines = words.split("<br>")
    spans = "".join(
        element("tspan", lowered(line), **({"x": x, "dy": LINE} if number else {})) for number, line in enumerate(lines)
    )
    return element("text", lowered(words) if len(lines) == 1 else spans, x=x, y=y, **attributes)


def lowered(words: str) -> str:
    """Return words with what ``<sub>`` encloses as spans below the line, since SVG knows no such tag."""
    parts = re.split(r"<sub>(.*?)</sub>", words)
    drawn = ""
    for number, part in enumerate(parts):
        escaped = html.escape(html.unescape(part), quote=False)
        if number % 2:
            drawn += f'<tspan dy="3" font-size="75%">{escaped}</tspan>'
        elif number and part:
            # What follows returns to the line.
            drawn += f'<tspan dy="-3">{escaped}</tspan>'
        else:
            drawn += escaped
    return drawn


def path(points: Iterable[tuple[float, float] | None]) -> str:
    """Return the data of a path through points; None interrupts it."""
    drawn, down = "", False
    for point in points:
        if point is not None:
            # What follows the first point of a stretch needs no letter.
            drawn += f"{' ' if down else 'M'}{short(point[0])} {short(point[1])}"
        down = point is not None
    return drawn


def power_of_ten(exponent: int) -> str:
    """Return a power of ten as text, such as 10⁻³; 0.1, 1 and 10 are written out."""
    return {-1: "0.1", 0: "1", 1: "10"}.get(exponent, "10" + str(exponent).translate(SUPERSCRIPTS))
