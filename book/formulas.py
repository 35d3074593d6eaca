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
ROOM = 33.5
"""A line of the book is this wide, in em, with a margin for what is measured too narrow."""
SHORT = 3.0
"""A line is not broken before it is this wide, and a side of a relation that is no wider than twice this shares one."""
NARROWEST = 10.0
"""No room is less than this, however deep the brackets."""
INLINE = 24.0
"""What a letter stands for is written in the text up to this width, and displayed beyond."""
LETTERS = ("Phi", "Psi", "Omega", "Xi", "Upsilon")
KINDS = (sp.Max, sp.Min, sp.Piecewise, sp.And, sp.Or, sp.core.relational.Relational)
"""Parts of these kinds may be abbreviated, besides the functions that the theory defines itself."""
ARITHMETIC = (sp.Add, sp.Mul)
SMALL_SUM, OFTEN = 50, 2
"""Sums and products are abbreviated only from this length on, and where they occur again at least so many times."""
INDICES = frozenset({sym.k, sym.j, sym.layer})
RELATIONS = (" = ", r" \ge ", r" \le ", r" \iff ")
OPERATORS = (" + ", " - ", r" \wedge ", r" \vee ")
BREAKS = (*RELATIONS, *OPERATORS, ", ")
"""Before relations and operators a line may be broken, and behind commas."""
BRACES = (r"(?<!\\)\{", r"(?<!\\)\}")
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


@dataclass(frozen=True)
class Abbreviated:
    """An expression with letters for some of its parts, and each letter with its meaning."""

    expression: sp.Basic
    meanings: tuple[tuple[sp.Symbol, sp.Basic], ...]

    def where(self) -> str:
        """Return what the letters stand for, as Markdown."""
        inline, apart = [], []
        for symbol, meaning in self.meanings:
            relation = r"\iff" if isinstance(meaning, Boolean) else "="
            latex = tidy(f"{sp.latex(symbol)} {relation} {sp.latex(meaning)}")
            if width(latex, TEXT) <= INLINE and not is_tall(latex):
                inline.append(f"${latex}$")
            else:
                apart.append(displayed(latex))
        *listed, last = inline or [""]
        said = f"where {', '.join(listed)} and {last}" if listed else f"where {last}".strip()
        if not apart:
            return f"{said}."
        return "\n\n".join([f"{said}, and" if inline else said, *apart])


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
            core = without_sign(part)[1]
            named = isinstance(core, (*KINDS, *ARITHMETIC)) or type(core).__module__.startswith("theory.")
            if named and part != expression:
                counted.setdefault(self.pattern(core), []).append(core)
        best, most = None, (0, 0)
        for parts in counted.values():
            part = min(parts, key=lambda p: (not p.has(sym.k), str(p)))
            size, again = len(sp.latex(part)), len(parts) - 1
            worth = size >= SMALL and (again or SMALL_ALONE <= size <= LARGEST_SHARE * whole)
            if isinstance(part, ARITHMETIC):
                worth = size >= SMALL_SUM and again >= OFTEN
            if worth:
                saved = (again * size, size)
                best, most = (part, saved) if saved > most else (best, most)
        return best


def without_sign(part: sp.Basic) -> tuple[int, sp.Basic]:
    """Return 1 and the part, or -1 and its negative where that has the fewer signs."""
    return (-1, -part) if isinstance(part, sp.Expr) and part.could_extract_minus_sign() else (1, part)


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
                if letters.pattern(without_sign(other)[1]) == pattern
            ]
            signed = {other: without_sign(other) for other in dict.fromkeys(alike)}
            named = {other: sign * letters.name(letter, core) for other, (sign, core) in signed.items()}
            texts = [*(text.xreplace(named) for text in texts), part]
            symbols.append(letters.name(letter, part))
        number += 1
    return Abbreviated(texts[0], tuple(zip(symbols, texts[1:], strict=True)))


def displayed(latex: str) -> str:
    """Return LaTeX as a displayed formula, over several lines where it is wide."""
    return f"$$\n{in_lines(tidy(latex))}\n$$"


def tidy(latex: str) -> str:
    """Write the entry ``x_dir[k]`` of a direction as x_k, for the index says that it is one, and powers with a slash."""
    latex = re.sub(r"\{([^{}]+)_\{dir\}\}_\{", r"{\1}_{", latex)
    return re.sub(r"\^\{(- )?\\frac\{(\w)\}\{(\w)\}\}", r"^{\1\2/\3}", latex)


def is_tall(latex: str) -> bool:
    """Tell whether a formula has cases, or fractions in fractions, which are hard to read within text."""
    inside = (latex[m.end() : _closing(latex, m.end(), *BRACES)] for m in re.finditer(r"\\frac\{|(?<=\})\{", latex))
    return r"\begin" in latex or any(r"\frac" in argument for argument in inside)


def in_lines(latex: str, room: float = ROOM) -> str:
    """Break a wide formula before relations and terms, inside a bracket where needed, and inside the rows of cases."""
    lines = _Lines(room)
    vanishing = re.fullmatch(r"\\left\.(.*?)(?:\\,)?\\right\|_\{(.*)\} = 0", latex, flags=re.DOTALL)
    if width(latex) <= room:
        lines.write(latex)
    elif vanishing is not None:  # the point at which it vanishes gets a line of its own
        what, point = vanishing.groups()
        lines.write_all(f"{what} = 0")
        lines.start(1)
        lines.write_all(rf"\text{{at }} {point}", 1)
    else:
        lines.write_all(latex)
    return lines.latex()


class _Lines:
    """The lines of a formula as they are filled: each with the depth of the bracket in which it starts."""

    def __init__(self, room: float) -> None:
        self.room = room
        self.lines: list[tuple[int, str]] = [(0, "")]
        self.full = False

    def latex(self) -> str:
        """Return the lines, aligned at their starts; one alone as it is."""
        if len(self.lines) == 1:
            return spaced(self.lines[0][1])
        indented = [r"\quad " * depth + spaced(text.strip()) for depth, text in self.lines]
        return "\\begin{aligned}\n" + " \\\\\n".join(f"& {line}" for line in indented) + "\n\\end{aligned}"

    def start(self, depth: int) -> None:
        """Start a new line; behind an empty group its first sign takes the space of one that stands between two things."""
        self.lines.append((depth, "{} " if depth else ""))
        self.full = False

    def fits(self, more: str) -> bool:
        depth, text = self.lines[-1]
        return not (text and self.full) and width(text + more) <= max(self.room - depth, NARROWEST)

    def write_all(self, latex: str, depth: int = 0) -> None:
        """Write the sides of the relations that stand in no bracket, on a line each unless they are short."""
        for number, side in enumerate(split_before(latex, RELATIONS)):
            short = width(side) <= 2 * SHORT and self.fits(side)
            if number and width(self.lines[-1][1]) > SHORT and not short:
                self.start(depth)
            for term in split_before(side, OPERATORS):
                self.write(term, depth + 1)

    def write(self, term: str, depth: int = 1) -> None:
        """Write a term on the line or, where it does not fit, on one of its own; break it where it does not fit there."""
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
            self.full = True  # what follows a broken term starts a line
            return
        at, text = self.lines[-1]
        room = max(self.room - at - width(text), NARROWEST)
        self.lines[-1] = (at, text + (term if self.fits(term) else with_narrow_cases(term, room)))


def spaced(latex: str) -> str:
    """Keep the rows of cases apart where there are tall ones."""
    found = first_cases(latex)
    if found is None:
        return latex
    before, rows, after = found
    gap = r" \\[0.5em] " if any(sign in row for row in rows for sign in TALL) else r" \\ "
    return rf"{before}\begin{{cases}} {gap.join(row.strip() for row in rows)} \end{{cases}}{spaced(after)}"


def with_narrow_cases(latex: str, room: float) -> str:
    """Break the values of cases that make a formula wider than the room it has."""
    found = first_cases(latex)
    if found is None:
        return latex
    before, rows, after = found
    cells = [split_before(row, ("&",)) for row in rows]
    widest = max(width(value, TEXT) for value, *_ in cells)
    left = max(room - width(latex) + widest, NARROWEST)
    narrow = [[value if width(value, TEXT) <= left else in_lines(value, left), *others] for value, *others in cells]
    inside = r" \\ ".join(map("".join, narrow))
    return rf"{before}\begin{{cases}} {inside} \end{{cases}}{after}"


def first_cases(latex: str) -> tuple[str, list[str], str] | None:
    """Return what stands before the first cases, their rows, and what stands behind."""
    before, begin, rest = latex.partition(r"\begin{cases}")
    if not begin:
        return None
    end = _closing(rest, 0, r"\\begin\b", r"\\end\b")
    rows = split_before(rest[:end], (r"\\",))
    return before, [row.removeprefix(r"\\") for row in rows], rest[end + len(r"\end{cases}") :]


def split_before(latex: str, signs: tuple[str, ...]) -> list[str]:
    """Split LaTeX before every one of the signs outside all brackets and braces; behind a comma."""
    pieces, start, depth, position = [], 0, 0, 0
    while position < len(latex):
        sign = next((s for s in signs if depth == 0 and latex.startswith(s, position)), None)
        if sign is not None:
            cut = position + (len(sign) if sign == ", " else 0)
            if cut > start:
                pieces.append(latex[start:cut])
                start = cut
            position += len(sign)
            continue
        token = re.compile(r"\\(left|right)\s*(\\[a-zA-Z|{}]+|.)|\\(begin|end)\b|\\.|[{}()\[\]]").match(latex, position)
        if token is None:
            position += 1
            continue
        text = token.group()
        opens = token.group(1) == "left" or token.group(3) == "begin" or text in "{(["
        closes = token.group(1) == "right" or token.group(3) == "end" or text in "})]"
        depth += opens - closes
        position = token.end()
    return [*pieces, latex[start:]]


def without_argument_braces(latex: str) -> str:
    """Drop the braces that SymPy sets around the bracket of a function's argument."""
    found = re.search(r"\\(?!frac\b|sqrt\b)[a-zA-Z]+(\{)\\left\b", latex)
    if found is None:
        return latex
    start, end = found.start(1), _closing(latex, found.end(1), *BRACES)
    return latex[:start] + without_argument_braces(latex[start + 1 : end] + latex[end + 1 :])


def widest_bracket(latex: str) -> tuple[str, str, str, str, str] | None:
    """Return what stands before the widest bracket outside all braces, the bracket itself, and what stands after it.

    A fraction with a wide numerator counts as a bracket behind the fraction of 1 and its denominator, one with a wide
    denominator as a bracket behind its numerator and a slash.
    """
    found = []
    for match in re.finditer(r"\\left\s*([(\[])|\\frac\{", latex):
        before = latex[: match.start()]
        if not _outside(before):
            continue
        if match.group(1):
            end = _closing(latex, match.end(), r"\\left\b", r"\\right\b")
            inside, rest = latex[match.end() : end], latex[end + len(r"\right") :].lstrip()
            found.append((before, match.group(1), inside, rest[0], rest[1:]))
            continue
        end = _closing(latex, match.end(), *BRACES)
        last = _closing(latex, end + 2, *BRACES)
        above, below, after = latex[match.end() : end], latex[end + 2 : last], latex[last + 1 :]
        if width(above) >= width(below):
            before, inside = rf"{before}\frac{{1}}{{{below}}} ", above
        elif after.strip():
            continue  # what follows would seem to belong below
        else:
            sides = ("(", ")") if len(split_before(above, BREAKS)) > 1 else (".", ".")
            before, inside = rf"{before}\left{sides[0]}{above}\right{sides[1]} \Big/ ", below
        parts = (before, "(", inside, ")", after)
        if len(split_before(inside, BREAKS)) == 1 and (deeper := widest_bracket(inside)) is not None:
            parts = (before + deeper[0], *deeper[1:4], deeper[4] + after)
            if inside is below and (deeper[0].strip() or deeper[4].strip(" ^{}0123456789")):
                continue
        found.append(parts)
    splittable = [parts for parts in found if len(split_before(parts[2], BREAKS)) > 1]
    return max(splittable, key=lambda parts: width(parts[2]), default=None)


def _outside(latex: str) -> bool:
    """Tell whether all braces, brackets and rows that were opened are closed again."""
    opened, closed = r"(?<!\\)\{|\\left\b|\\begin\b", r"(?<!\\)\}|\\right\b|\\end\b"
    return len(re.findall(opened, latex)) == len(re.findall(closed, latex))


def _closing(latex: str, start: int, opens: str, closes: str) -> int:
    """Return where the bracket closes that was opened just before ``start``."""
    depth = 1
    for match in re.finditer(f"(?P<open>{opens})|{closes}", latex[start:]):
        depth += 1 if match.group("open") else -1
        if depth == 0:
            return start + match.start()
    raise ValueError(f"a bracket is not closed in {latex}")


def width(latex: str, style: int = DISPLAY) -> float:
    """Estimate the width of a formula in em."""
    return _Ruler(latex).rows(style)


class _Ruler:
    """Reads LaTeX from left to right and adds up widths, as TeX would set them in about."""

    def __init__(self, latex: str) -> None:
        self.tokens = re.findall(r"\\text\s*\{[^}]*\}|\\(?:[a-zA-Z]+|.)|\S", latex)
        self.at = 0

    def next(self) -> str:
        """Return the next token, or nothing at the end."""
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def skip(self, until: str) -> None:
        while self.next() not in (until, ""):
            pass

    def rows(self, style: int, until: str = "", apart: float = 0.0) -> float:
        """Return the width up to the token ``until``, which is read too: that of the columns, ``apart`` from each other."""
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
        """Return the width of what starts with a token that has been read."""
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
        """Return the width of what stands above and below, one over the other."""
        widest = self.argument(style) if sign else 0.0
        while self.tokens[self.at : self.at + 1] in (["_"], ["^"], [r"\limits"]):
            if self.next() != r"\limits":
                widest = max(widest, self.argument(style))
        return widest + 0.05

    def bracket(self, style: int) -> float:
        """Return the width of a bracket that grows with what is inside."""
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
