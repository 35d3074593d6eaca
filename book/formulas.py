"""LaTeX of long expressions made readable: repeated parts abbreviated, sums broken over lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory import symbols as sym

LONG = 260
"""Expressions with more characters of LaTeX than this are abbreviated."""
SMALL, SMALL_ALONE, LARGEST_SHARE = 24, 30, 0.7
"""Parts with fewer characters of LaTeX than this get no letter, nor do parts that occur once and are shorter than the second or
longer than the third, a share of the whole expression."""
WIDTH = 53
"""About as many signs fit on a line of the book."""
SHORT = 5
"""A line is not broken before it has this many signs."""
INLINE = 42
"""What a letter stands for is written in the text up to this width, and displayed beyond."""
LETTERS = ("Phi", "Psi", "Omega", "Xi", "Upsilon")
KINDS = (sp.Max, sp.Min, sp.Piecewise, sp.And, sp.Or, sp.core.relational.Relational)
"""Parts of these kinds may be abbreviated, besides the functions that the theory defines itself."""
INDICES = frozenset({sym.k, sym.j, sym.layer})
RELATIONS = (" = ", r" \ge ", r" \le ")
OPERATORS = (" + ", " - ")
SMALL_PRINT = 0.65
WIDTHS = {
    **dict.fromkeys(
        (r"\left", r"\right", r"\limits", r"\,", r"\;", r"\:", "&", r"\Bigl", r"\Bigr", r"\text", r"\displaystyle"), 0.0
    ),
    **dict.fromkeys(("+", "-", "=", r"\ge", r"\le", r"\geq", r"\leq", ">", "<", r"\wedge", r"\vee"), 2.2),
    **dict.fromkeys(("(", ")", "[", "]", "|", ",", "."), 0.5),
    **dict.fromkeys((r"\log", r"\max", r"\min", r"\det", r"\quad"), 2.5),
    r"\partial": 0.8,
    r"\iff": 3.5,
}
"""Widths of signs that are not one letter wide."""


@dataclass(frozen=True)
class Abbreviated:
    """An expression with letters for some of its parts, and each letter with its meaning."""

    expression: sp.Basic
    meanings: tuple[tuple[sp.Symbol, sp.Basic], ...]

    def where(self) -> str:
        """Return what the letters stand for, as Markdown."""
        said = []
        for symbol, meaning in self.meanings:
            relation = r"\iff" if isinstance(meaning, Boolean) else "="
            latex = f"{sp.latex(symbol)} {relation} {sp.latex(meaning)}"
            said.append(f"${latex}$" if width(latex) <= INLINE and r"\begin" not in latex else displayed(latex))
        lines = "where "
        for number, text in enumerate(said):
            lines += ("" if number == 0 else " and ") + (f"\n\n{text}\n\n" if text.startswith("$$") else text)
        return re.sub(r"\n\n and ", "\n\nand ", lines).rstrip() + ("" if lines.endswith("\n\n") else ".")


class _Letters:
    """The letters given out for one expression, each with the indices that what it stands for depends on."""

    def __init__(self, expression: sp.Basic) -> None:
        entries = expression.atoms(sp.Indexed)
        self.known = INDICES | {i for entry in entries for i in entry.indices if isinstance(i, sp.Symbol)}
        self.free = list(LETTERS)
        self.given: dict[sp.Symbol, tuple[str, tuple[sp.Symbol, ...]]] = {}

    def indices(self, part: sp.Basic) -> tuple[sp.Symbol, ...]:
        """Return the indices a part depends on, through its letters too; k before j."""
        found = part.free_symbols & self.known
        for symbol in part.free_symbols & self.given.keys():
            found = found | set(self.given[symbol][1])
        return tuple(sorted(found, key=str, reverse=True))

    def pattern(self, part: sp.Basic) -> sp.Basic:
        """Return the part with its indices numbered: the same for the same part at other indices."""
        numbered = {x: sp.Symbol(f"index_{i}", integer=True, positive=True) for i, x in enumerate(self.indices(part))}
        letters = {
            symbol: sp.Symbol("_".join([letter, *(str(numbered[i]) for i in indices if i in numbered)]))
            for symbol, (letter, indices) in self.given.items()
        }
        return part.xreplace({**numbered, **letters})

    def name(self, letter: str, part: sp.Basic) -> sp.Symbol:
        indices = self.indices(part)
        symbol = sp.Symbol("_".join([letter, *map(str, indices)]))
        self.given[symbol] = (letter, indices)
        return symbol

    def worth_one(self, expression: sp.Basic) -> sp.Basic | None:
        """Return the part whose letter saves most: the longest of those that occur most often, but not all of it."""
        whole = len(sp.latex(expression))
        counted: dict[sp.Basic, list[sp.Basic]] = {}
        for part in sp.preorder_traversal(expression):
            if part != expression and (isinstance(part, KINDS) or type(part).__module__.startswith("theory.")):
                counted.setdefault(self.pattern(part), []).append(part)
        best, most = None, (0, 0)
        for parts in counted.values():
            part = min(parts, key=lambda p: (not p.has(sym.k), str(p)))
            size, again = len(sp.latex(part)), len(parts) - 1
            if size >= SMALL and (again or SMALL_ALONE <= size <= LARGEST_SHARE * whole):
                saved = (again * size, size)
                best, most = (part, saved) if saved > most else (best, most)
        return best


def abbreviated(expression: sp.Basic) -> Abbreviated:
    """Replace parts of a long expression by letters, the parts that save most first, until it is no longer long.

    The same part at another index keeps its letter, and is explained once. Explanations are abbreviated in turn.
    """
    letters = _Letters(expression)
    texts, symbols = [expression], []
    number = 0
    while number < len(texts):
        while (
            letters.free
            and len(sp.latex(texts[number])) > LONG
            and (part := letters.worth_one(texts[number])) is not None
        ):
            letter, pattern = letters.free.pop(0), letters.pattern(part)
            alike = [
                other
                for text in texts
                for other in sp.preorder_traversal(text)
                if type(other) is type(part) and letters.pattern(other) == pattern
            ]
            named = {other: letters.name(letter, other) for other in dict.fromkeys(alike)}
            texts = [*(text.xreplace(named) for text in texts), part]
            symbols.append(named[part])
        number += 1
    return Abbreviated(texts[0], tuple(zip(symbols, texts[1:], strict=True)))


def displayed(latex: str) -> str:
    """Return LaTeX as a displayed formula, over several lines where it is wide."""
    return f"$$\n{in_lines(latex)}\n$$"


def in_lines(latex: str) -> str:
    """Break a wide formula before the relations and, where needed, the terms that stand in no bracket."""
    if width(latex) <= WIDTH:
        return latex
    vanishing = re.fullmatch(r"\\left\.(.*?)(?:\\,)?\\right\|_\{(.*)\} = 0", latex, flags=re.DOTALL)
    if vanishing is not None:  # the point at which it vanishes gets a line of its own
        what, point = vanishing.groups()
        return f"\\begin{{aligned}}\n& {what} = 0 \\\\\n& \\quad \\text{{at }} {point}\n\\end{{aligned}}"
    lines = [""]
    for piece in narrow_pieces(latex):
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


def narrow_pieces(latex: str) -> list[str]:
    """Split LaTeX at its top level, and pieces that are still too wide inside their widest bracket."""
    pieces: list[str] = []
    for piece in top_level_pieces(latex):
        opened = widest_bracket(piece) if width(piece) > WIDTH else None
        if opened is None:
            pieces.append(piece)
            continue
        before, left, inside, right, after = opened
        first, *others = narrow_pieces(inside)
        inner = [rf"{before}\Bigl{left} {first}", *others]
        pieces += [*inner[:-1], rf"{inner[-1]} \Bigr{right}{after}"]
    return pieces


def widest_bracket(latex: str) -> tuple[str, str, str, str, str] | None:
    """Return what stands before the widest bracket outside all braces, the bracket itself, and what stands after it.

    A fraction with a wide numerator counts as a bracket behind the fraction of 1 and its denominator.
    """
    found = []
    for match in re.finditer(r"\\left\s*([(\[])|\\frac\{", latex):
        if not _outside(latex[: match.start()]):
            continue
        if match.group(1):
            end = _closing(latex, match.end(), r"\\left\b", r"\\right\b")
            inside, rest = latex[match.end() : end], latex[end + len(r"\right") :].lstrip()
            found.append((latex[: match.start()], match.group(1), inside, rest[0], rest[1:]))
        else:
            end = _closing(latex, match.end(), r"(?<!\\)\{", r"(?<!\\)\}")
            below = _closing(latex, end + 2, r"(?<!\\)\{", r"(?<!\\)\}")
            before, above, after = latex[: match.start()], latex[match.end() : end], latex[below + 1 :]
            before += rf"\frac{{1}}{{{latex[end + 2 : below]}}} "
            if len(top_level_pieces(above)) == 1 and (deeper := widest_bracket(above)) is not None:
                found.append((before + deeper[0], *deeper[1:4], deeper[4] + after))
            else:
                found.append((before, "(", above, ")", after))
    splittable = [parts for parts in found if len(top_level_pieces(parts[2])) > 1]
    return max(splittable, key=lambda parts: width(parts[2]), default=None)


def _outside(latex: str) -> bool:
    """Tell whether all braces and brackets that were opened are closed again."""
    depth = len(re.findall(r"(?<!\\)\{|\\left\b", latex)) - len(re.findall(r"(?<!\\)\}|\\right\b", latex))
    return depth == 0


def _closing(latex: str, start: int, opens: str, closes: str) -> int:
    """Return where the bracket closes that was opened just before ``start``."""
    depth = 1
    for match in re.finditer(f"(?P<open>{opens})|{closes}", latex[start:]):
        depth += 1 if match.group("open") else -1
        if depth == 0:
            return start + match.start()
    raise ValueError(f"a bracket is not closed in {latex}")


def width(latex: str) -> float:
    """Estimate the width of a formula in signs: fractions and cases by their widest row, small print as smaller."""
    return _Ruler(latex).row()


class _Ruler:
    """Reads LaTeX from left to right and adds up widths."""

    def __init__(self, latex: str) -> None:
        self.tokens = re.findall(r"\\(?:[a-zA-Z]+|.)|\S", latex)
        self.at = 0

    def row(self, until: tuple[str, ...] = ()) -> float:
        """Return the width up to one of the tokens ``until``, which is read too; rows below one another count as the widest."""
        widest = total = 0.0
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token in until:
                break
            if token == r"\\":
                widest, total = max(widest, total), 0.0
                continue
            total += self.one(token)
        return max(widest, total)

    def one(self, token: str) -> float:
        """Return the width of what starts with a token that has been read."""
        if token == "{":
            return self.row(("}",))
        if token in ("^", "_"):
            return SMALL_PRINT * self.argument()
        if token == r"\frac":
            return max(self.argument(), self.argument()) + 0.4
        if token in (r"\begin", r"\end"):
            self.argument()
            return 4.0 if token == r"\begin" else 0.0
        if token in (r"\left", r"\right"):
            self.at += 1
            return 0.7
        if token == r"\sum" or token == r"\prod":
            while self.at < len(self.tokens) and self.tokens[self.at] in ("_", "^", r"\limits"):
                self.at += 1
                self.argument()
            return 2.5
        return WIDTHS.get(token, 1.0)

    def argument(self) -> float:
        """Read one argument and return its width."""
        if self.at >= len(self.tokens):
            return 0.0
        token = self.tokens[self.at]
        self.at += 1
        return self.one(token)
