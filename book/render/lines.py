"""Displayed formulas. Wide formulas are broken over several lines."""

from __future__ import annotations

import html
import re

from book.render.brackets import (
    BREAKS,
    OPERATORS,
    RELATIONS,
    first_cases,
    split_before,
    widest_bracket,
    without_argument_braces,
)
from book.render.width import TALL, TEXT, width

ROOM, NARROW = 35.0, 17.5
"""Widths of a line of the book and of one on a phone, in em, less a margin for formulas that are measured too narrow."""
SHORT = 3.0
"""A line is not broken before it is this wide, in em. A side of a relation of up to twice this width shares a line."""
NARROWEST = 10.0
"""Least room of a part, in em, however deep the brackets are."""


def displayed(latex: str, room: float = ROOM) -> str:
    """Return LaTeX as a displayed formula. A wide formula is broken over several lines.

    A formula that is too wide for a phone is given twice, in the lines of a page and in those of a phone, from which the
    browser chooses (``formulas.js``).
    """
    latex = tidy(latex)
    wide, narrow = in_lines(latex, room), in_lines(latex, NARROW)
    if wide == narrow:
        return f"$$\n{wide}\n$$"
    given = html.escape(f"\\[{narrow}\\]".replace("\n", " "))
    shown = html.escape(f"\\[{wide}\\]".replace("\n", " "), quote=False)
    block = f'<div class="math notranslate nohighlight" data-narrow="{given}">{shown}</div>'
    return f"```{{raw}} html\n{block}\n```"


def tidy(latex: str) -> str:
    """Return LaTeX with a direction x_dir[k] written as x_k, with the sign of a^+ above its index, and with slashes in powers."""
    latex = re.sub(r"\{([^{}]+)_\{dir\}\}_\{", r"{\1}_{", latex)
    latex = re.sub(r"\{(\w)\^\{([+-])\}\}_\{(\w)\}", r"{\1_{\3}^{\2}}", latex)
    return re.sub(r"\^\{(- )?\\frac\{([^{}]+)\}\{([^{}]+)\}\}", _with_slash, latex)


def _with_slash(power: re.Match[str]) -> str:
    """Return a power whose exponent is a fraction with a slash in it: x^{1/(M + 1)}."""
    sign, *parts = power.groups(default="")
    above, below = (f"({part})" if re.search(r" [+-] ", part) else part.replace(" ", r" \, ") for part in parts)
    below = f"({below})" if r"\," in below else below
    return f"^{{{sign}{above}/{below}}}"


def in_lines(latex: str, room: float = ROOM) -> str:
    """Return a formula, broken if it is wide: before relations and terms, inside a bracket if needed, and inside rows of cases."""
    lines = _Lines(room)
    vanishing = re.fullmatch(r"\\left\.(.*?)(?:\\,)?\\right\|_\{(.*)\} = 0", latex, flags=re.DOTALL)
    if width(latex) <= room:
        lines.write(latex)
    elif vanishing is not None:  # the point gets a line of its own
        what, point = vanishing.groups()
        lines.write_all(f"{what} = 0")
        lines.start(1)
        lines.write_all(rf"\text{{at }} {point}", 1)
    else:
        lines.write_all(latex)
    return lines.latex()


class _Lines:
    """The lines of a formula while they are filled, each with the depth of the bracket in which the line starts."""

    def __init__(self, room: float) -> None:
        self.room = room
        self.lines: list[tuple[int, str]] = [(0, "")]
        self.full = False

    def latex(self) -> str:
        """Return the lines, aligned at their starts. A single line is returned without an environment."""
        if len(self.lines) == 1:
            return spaced(self.lines[0][1])
        indented = [r"\quad " * depth + spaced(text.strip()) for depth, text in self.lines]
        return "\\begin{aligned}\n" + " \\\\\n".join(f"& {line}" for line in indented) + "\n\\end{aligned}"

    def start(self, depth: int) -> None:
        """Start a new line with an empty group, so that TeX spaces the first sign like a sign between two terms."""
        self.lines.append((depth, "{} " if depth else ""))
        self.full = False

    def fits(self, more: str) -> bool:
        """Return whether the last line has room for ``more``."""
        depth, text = self.lines[-1]
        return not (text and self.full) and width(text + more) <= max(self.room - depth, NARROWEST)

    def write_all(self, latex: str, depth: int = 0) -> None:
        """Write the sides of the relations that stand in no bracket. Each side has its own line unless it is short."""
        for number, side in enumerate(split_before(latex, RELATIONS)):
            short = width(side) <= 2 * SHORT and self.fits(side)
            if number and width(self.lines[-1][1]) > SHORT and not short:
                self.start(depth)
            for term in split_before(side, OPERATORS):
                self.write(term, depth + 1)

    def write(self, term: str, depth: int = 1) -> None:
        """Write a term on the last line, or on a new line if the term does not fit. A term too wide for a line is broken."""
        if not self.fits(term) and width(self.lines[-1][1]) > SHORT:
            self.start(depth)
        opened = None if self.fits(term) else widest_bracket(without_argument_braces(term))
        if opened is not None:
            before, left, inside, right, after = opened
            size = "Bigg" if any(sign in inside for sign in TALL) else "big"
            first, *others = split_before(inside, BREAKS)
            *others, last = [rf"{before}\{size}l{left} {first}", *others]
            for part in (*others, rf"{last} \{size}r{right}{after}"):
                self.write(part, depth + 1)
            self.full = True  # the part after a broken term starts a new line
            return
        at, text = self.lines[-1]
        room = max(self.room - at - width(text), NARROWEST)
        self.lines[-1] = (at, text + (term if self.fits(term) else with_narrow_cases(term, room)))


def spaced(latex: str) -> str:
    """Return a formula with its rows of cases, which are set further apart if one of them is tall."""
    found = first_cases(latex)
    if found is None:
        return latex
    before, rows, after = found
    gap = r" \\[0.5em] " if any(sign in row for row in rows for sign in TALL) else r" \\ "
    return rf"{before}\begin{{cases}} {gap.join(row.strip() for row in rows)} \end{{cases}}{spaced(after)}"


def with_narrow_cases(latex: str, room: float) -> str:
    """Return a formula in which the values of cases that make the formula wider than its room are broken."""
    found = first_cases(latex)
    if found is None:
        return latex
    before, rows, after = found
    cells = [split_before(row, ("&",)) for row in rows]
    widest = max(width(value, TEXT) for value, *_ in cells)
    left = room - width(latex) + widest
    if left < NARROWEST:
        return f"{before}{_stacked_cases(cells, room - width(before + after) - 1)}{after}"
    narrow = [[value if width(value, TEXT) <= left else in_lines(value, left), *others] for value, *others in cells]
    inside = r" \\ ".join(map("".join, narrow))
    return rf"{before}\begin{{cases}} {inside} \end{{cases}}{after}"


def _stacked_cases(cells: list[list[str]], room: float) -> str:
    """Return cases in one column, where there is no room beside the values: each condition stands below its value."""
    rows = []
    for value, *condition in cells:
        rows.append(in_lines(value.strip(), max(room, NARROWEST)))
        rows += [
            rf"\quad {in_lines(part.strip().removeprefix('&').strip(), max(room - 1, NARROWEST))}" for part in condition
        ]
    inside = r" \\ ".join(rows)
    return rf"\begin{{cases}} {inside} \end{{cases}}"
