"""LaTeX taken apart at brackets, cases and relations."""

from __future__ import annotations

import re

from book.render.width import width

RELATIONS = (" = ", r" \ge ", r" \le ", r" \geq ", r" \leq ", r" \iff ")
OPERATORS = (" + ", " - ", r" \wedge ", r" \vee ")
BREAKS = (*RELATIONS, *OPERATORS, ", ")
"""A line may be broken before relations and operators, and behind commas."""
BRACES = (r"(?<!\\)\{", r"(?<!\\)\}")


def is_tall(latex: str) -> bool:
    """Return whether a formula has cases, or fractions in fractions, which are hard to read in a line of text."""
    inside = (latex[m.end() : closing(latex, m.end(), *BRACES)] for m in re.finditer(r"\\frac\{|(?<=\})\{", latex))
    return r"\begin" in latex or any(r"\frac" in argument for argument in inside)


def fractions(latex: str) -> list[tuple[str, str]]:
    """Return numerator and denominator of all fractions of a formula."""
    found = []
    for match in re.finditer(r"\\d?frac\{", latex):
        middle = closing(latex, match.end(), *BRACES)
        found.append((latex[match.end() : middle], latex[middle + 2 : closing(latex, middle + 2, *BRACES)]))
    return found


def first_cases(latex: str) -> tuple[str, list[str], str] | None:
    """Return the LaTeX before the first cases, the rows of the cases, and the LaTeX after them, or None without cases."""
    before, begin, rest = latex.partition(r"\begin{cases}")
    if not begin:
        return None
    end = closing(rest, 0, r"\\begin\b", r"\\end\b")
    rows = split_before(rest[:end], (r"\\",))
    return before, [row.removeprefix(r"\\") for row in rows], rest[end + len(r"\end{cases}") :]


def split_before(latex: str, signs: tuple[str, ...]) -> list[str]:
    """Split LaTeX before each of the signs that stands outside all brackets, braces and norms. A comma ends the piece before it."""
    pieces, start, depth, position = [], 0, 0, 0
    in_norm = False
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
        if text == r"\|":
            opens, closes, in_norm = not in_norm, in_norm, not in_norm
        depth += opens - closes
        position = token.end()
    return [*pieces, latex[start:]]


def without_argument_braces(latex: str) -> str:
    """Return LaTeX without the braces that SymPy sets around the bracket of a function's argument."""
    found = re.search(r"\\(?!frac\b|sqrt\b)[a-zA-Z]+(\{)\\left\b", latex)
    if found is None:
        return latex
    start, end = found.start(1), closing(latex, found.end(1), *BRACES)
    return latex[:start] + without_argument_braces(latex[start + 1 : end] + latex[end + 1 :])


def widest_bracket(latex: str) -> tuple[str, str, str, str, str] | None:
    """Return the widest bracket outside all braces that can be split: the LaTeX before, left sign, inside, right sign, LaTeX after.

    A fraction with a wide numerator counts as a bracket behind the fraction of 1 and its denominator. A fraction with a wide
    denominator counts as a bracket behind its numerator and a slash. Returns None if no bracket can be split.
    """
    found = []
    for match in re.finditer(r"\\left\s*([(\[])|\\frac\{", latex):
        before = latex[: match.start()]
        if not _outside(before):
            continue
        if match.group(1):
            end = closing(latex, match.end(), r"\\left\b", r"\\right\b")
            inside, rest = latex[match.end() : end], latex[end + len(r"\right") :].lstrip()
            found.append((before, match.group(1), inside, rest[0], rest[1:]))
            continue
        end = closing(latex, match.end(), *BRACES)
        last = closing(latex, end + 2, *BRACES)
        above, below, after = latex[match.end() : end], latex[end + 2 : last], latex[last + 1 :]
        if width(above) >= width(below):
            before, inside = rf"{before}\frac{{1}}{{{below}}} ", above
        elif after.strip():
            continue  # the LaTeX after the fraction would seem to belong to the denominator
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
    """Return whether all braces, brackets and rows that were opened are closed again."""
    opened, closed = r"(?<!\\)\{|\\left\b|\\begin\b", r"(?<!\\)\}|\\right\b|\\end\b"
    return len(re.findall(opened, latex)) == len(re.findall(closed, latex))


def closing(latex: str, start: int, opens: str, closes: str) -> int:
    """Return the position at which the bracket that was opened just before ``start`` closes. Raises ValueError if it stays open."""
    depth = 1
    for match in re.finditer(f"(?P<open>{opens})|{closes}", latex[start:]):
        depth += 1 if match.group("open") else -1
        if depth == 0:
            return start + match.start()
    raise ValueError(f"a bracket is not closed in {latex}")
