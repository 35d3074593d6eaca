"""LaTeX of long expressions made readable: repeated parts abbreviated, sums broken over lines."""

from __future__ import annotations

import re

import sympy as sp

LONG = 300
"""Expressions with more characters of LaTeX than this are abbreviated."""
WIDTH = 58
"""About as many signs fit on a line of the book."""
SHORT = 5
"""A line is not broken before it has this many signs."""
LETTERS = ("Phi", "Psi", "Omega")
RELATIONS = (" = ", r" \ge ", r" \le ")
OPERATORS = (" + ", " - ")
NO_WIDTH = {r"\left", r"\right", r"\frac", r"\begin", r"\end", r"\,", r"\;", r"\limits"}


def abbreviated(expression: sp.Basic) -> tuple[sp.Basic, list[tuple[sp.Symbol, sp.Basic]]]:
    """Replace each maximum in a long expression by a letter; return what is left and the letters with their meaning.

    The same maximum at another index keeps its letter, and is explained once.
    """
    if len(sp.latex(expression)) <= LONG:
        return expression, []
    letters: dict[sp.Basic, str] = {}
    replacements: dict[sp.Basic, sp.Symbol] = {}
    meanings: list[tuple[sp.Symbol, sp.Basic]] = []
    anywhere = sp.Symbol("index", integer=True, positive=True)
    for part in sorted(expression.atoms(sp.Max), key=lambda p: (len(str(p)), str(p)), reverse=True):
        indices = sorted({i for entry in part.atoms(sp.Indexed) for i in entry.indices}, key=str, reverse=True)
        pattern = part.xreplace(dict.fromkeys(indices, anywhere))
        if pattern not in letters and len(letters) == len(LETTERS):
            continue
        new = pattern not in letters
        letter = letters.setdefault(pattern, LETTERS[len(letters) % len(LETTERS)])
        symbol = sp.Symbol("_".join([letter, *map(str, indices)]))
        replacements[part] = symbol
        if new:
            meanings.append((symbol, part))
    return expression.xreplace(replacements), meanings


def in_lines(latex: str) -> str:
    """Break a wide formula before the relations and, where needed, the terms that stand in no bracket."""
    if width(latex) <= WIDTH:
        return latex
    lines = [""]
    for piece in top_level_pieces(latex):
        starts_side = piece.startswith(RELATIONS)
        if width(lines[-1]) > SHORT and (starts_side or width(lines[-1] + piece) > WIDTH):
            lines.append("")
        lines[-1] += piece
    if len(lines) == 1:
        return latex
    indented = [lines[0], *(line if line.startswith(RELATIONS) else r"\quad " + line for line in lines[1:])]
    return "\\begin{aligned}\n" + " \\\\\n".join(f"& {line.strip()}" for line in indented) + "\n\\end{aligned}"


def top_level_pieces(latex: str) -> list[str]:
    """Split LaTeX before every relation, plus and minus outside all brackets and braces."""
    pieces, start, depth, position = [], 0, 0, 0
    while position < len(latex):
        token = re.compile(r"\\(left|right)\s*(\\[a-zA-Z|{}]+|.)|\\(begin|end)\b|\\.|[{}()\[\]]").match(latex, position)
        if token is not None:
            text = token.group()
            if token.group(1):
                depth += 1 if token.group(1) == "left" else -1
            elif token.group(3):
                depth += 1 if token.group(3) == "begin" else -1
            elif text in "{([":
                depth += 1
            elif text in "})]":
                depth -= 1
            position = token.end()
            continue
        sign = next((s for s in RELATIONS + OPERATORS if depth == 0 and latex.startswith(s, position)), None)
        if sign is not None and position > start:
            pieces.append(latex[start:position])
            start = position
        position += len(sign) if sign else 1
    return [*pieces, latex[start:]]


def width(latex: str) -> float:
    """Estimate the width of a formula in signs; numerators and denominators stand above one another."""
    signs = [t for t in re.findall(r"\\[a-zA-Z]+|\\.|[^\s{}_^\\&]", latex) if t not in NO_WIDTH]
    count = sum(3 if sign in (r"\log", r"\max", r"\text", r"\quad") else 1 for sign in signs)
    return count * (0.7 if r"\frac" in latex else 1.0)
