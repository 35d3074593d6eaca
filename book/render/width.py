"""The width of a formula on the page, estimated from its LaTeX."""

from __future__ import annotations

import re

TALL = (r"\frac", r"\sum", r"\prod", r"\begin")
DISPLAY, TEXT, SCRIPT, TINY = range(4)
"""The styles of TeX, each smaller than the one before or as large."""
SIZES = (1.0, 1.0, 0.7, 0.5)
BETWEEN = {
    **dict.fromkeys(("+", "-", r"\cdot", r"\wedge", r"\vee"), (0.78, 0.44)),
    **dict.fromkeys(("=", r"\ge", r"\le", r"\geq", r"\leq", ">", "<", r"\neq"), (0.78, 0.56)),
    r"\iff": (1.64, 1.1),
}
"""Widths, in em, of signs that stand between two things, and of the space around them."""
WIDTHS = {
    **dict.fromkeys((r"\limits", r"\displaystyle", r"\end"), 0.0),
    **dict.fromkeys(
        (r"\bigl", r"\bigr", r"\Big", r"\Bigl", r"\Bigr", r"\biggl", r"\biggr", r"\Biggl", r"\Biggr"), 0.35
    ),
    **dict.fromkeys(("(", ")"), 0.39),
    **dict.fromkeys(("[", "]", "|", "."), 0.28),
    **dict.fromkeys(("m", "M", "W"), 0.95),
    **{r"\,": 0.17, r"\:": 0.22, r"\;": 0.28, r"\quad": 1.0, ",": 0.45, "w": 0.72, r"\ell": 0.42, r"\omega": 0.62},
    **{r"\log": 1.45, r"\max": 2.0, r"\min": 1.85, r"\det": 1.55, r"\exp": 1.65},
}
"""Widths, in em, of what is not as wide as most letters."""


def width(latex: str, style: int = DISPLAY) -> float:
    """Estimate the width of a formula in em."""
    return _Ruler(latex).rows(style)


class _Ruler:
    """Reads LaTeX from left to right and adds up widths, about as TeX sets them."""

    def __init__(self, latex: str) -> None:
        self.tokens = re.findall(r"\\text\s*\{[^}]*\}|\\(?:[a-zA-Z]+|.)|\S", latex)
        self.at = 0

    def next(self) -> str:
        """Return the next token, and nothing at the end."""
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def skip(self, until: str) -> None:
        """Read up to the token ``until``, or to the end."""
        while self.next() not in (until, ""):
            pass

    def rows(self, style: int, until: str = "", apart: float = 0.0) -> float:
        """Return the width of the columns up to the token ``until``, which is read too; columns stand ``apart`` from each other."""
        size, columns, column, start = SIZES[style], [0.0], 0, True
        total = 0.0
        while (token := self.next()) not in (until, ""):
            if token in (r"\\", "&"):
                columns[column] = max(columns[column], total)
                column, total, start = (column + 1 if token == "&" else 0), 0.0, True
                columns += [0.0] * (column + 1 - len(columns))
                if token != "&" and self.tokens[self.at : self.at + 1] == ["["]:
                    self.skip("]")
            elif token in BETWEEN:
                sign, space = BETWEEN[token]
                total += size * (sign + (0.0 if start or style > TEXT else space))
                start = True
            else:
                total += self.one(token, style)
                start = False
        columns[column] = max(columns[column], total)
        return sum(columns) + apart * (len(columns) - 1)

    def one(self, token: str, style: int) -> float:
        """Return the width of the part that starts with a token which has been read."""
        size, smaller = SIZES[style], max(SCRIPT, min(style + 1, TINY))
        if token == "{":
            return self.rows(style, "}")
        if token in ("^", "_"):
            return self.scripts(token, smaller)
        if token == r"\frac":
            inner = TEXT if style == DISPLAY else smaller
            return max(self.argument(inner), self.argument(inner)) + 0.24
        if token == r"\sqrt":
            if self.tokens[self.at] == "[":
                self.skip("]")
            return 0.9 * size + self.argument(style)
        if token == r"\begin":
            cases = "c" in self.tokens[self.at : self.at + 2]
            self.skip("}")
            inside = self.rows(TEXT, r"\end", 1.0) + 1.0 if cases else self.rows(style, r"\end")
            self.skip("}")
            return inside
        if token == r"\left":
            return self.bracket(style)
        if token in (r"\sum", r"\prod"):
            limits = self.scripts("", smaller)
            return 0.17 + (max(1.44, limits) if style == DISPLAY else 1.06 * size + limits)
        if token.startswith(r"\text"):
            return 0.47 * size * (len(token) - len(r"\text{}"))
        letter = 0.75 if token[-len(token.lstrip("\\")) :][:1].isupper() else 0.56 if len(token) > 1 else 0.5
        return size * WIDTHS.get(token, letter)

    def scripts(self, sign: str, style: int) -> float:
        """Return the width of what stands above and below a sign, one over the other."""
        widest = self.argument(style) if sign else 0.0
        while self.tokens[self.at : self.at + 1] in (["_"], ["^"], [r"\limits"]):
            if self.next() != r"\limits":
                widest = max(widest, self.argument(style))
        return widest + 0.05

    def bracket(self, style: int) -> float:
        """Return the width of a bracket that grows with its content."""
        sides, began = [self.next()], self.at
        inside = self.rows(style, r"\right")
        held = self.tokens[began : self.at]
        sides.append(self.next())
        side = 0.74 if any(sign in held for sign in TALL) else 0.46 if "^" in held else 0.39
        return inside + SIZES[style] * sum(0.12 if sign == "." else side for sign in sides)

    def argument(self, style: int) -> float:
        """Read one argument and return its width."""
        token = self.next()
        return self.one(token, style) if token else 0.0
