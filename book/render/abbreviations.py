"""Long expressions made readable: letters stand for parts that recur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from theory import symbols as sym
from theory.latex import latex

LONG = 260
"""Expressions with more characters of LaTeX than this are abbreviated."""
SMALL, SMALL_ALONE, LARGEST_SHARE = 24, 30, 0.7
"""Parts with fewer characters of LaTeX than SMALL get no letter. A part that occurs once gets none if it has fewer than SMALL_ALONE,
or if it is a larger share of the whole expression than LARGEST_SHARE."""
LETTERS = ("Phi", "Psi", "Omega", "Xi", "Upsilon", "Gamma", "Delta", "Pi", "Theta")
KINDS = (sp.Max, sp.Min, sp.Piecewise)
"""Parts of these kinds may be abbreviated, besides the functions that the theory defines itself."""
ARITHMETIC = (sp.Add, sp.Mul)
SMALL_SUM, OFTEN = 50, 2
"""Sums and products get a letter only from SMALL_SUM characters of LaTeX on, and if they occur again at least OFTEN times."""
INDICES = frozenset({sym.k, sym.j, sym.layer})


@dataclass(frozen=True)
class Abbreviated:
    """Expressions with letters for some of their parts, and each letter with its meaning."""

    expressions: tuple[sp.Basic, ...]
    meanings: tuple[tuple[sp.Symbol, sp.Basic], ...]


class _Letters:
    """The letters given out for some expressions, each with the indices on which its meaning depends."""

    def __init__(self, expressions: Sequence[sp.Basic]) -> None:
        entries = {entry for expression in expressions for entry in expression.atoms(sp.Indexed)}
        self.known = INDICES | {i for entry in entries for i in entry.indices if isinstance(i, sp.Symbol)}
        self.free = list(LETTERS)
        self.given: dict[sp.Symbol, tuple[str, tuple[sp.Symbol, ...]]] = {}

    def indices(self, part: sp.Basic) -> tuple[sp.Symbol, ...]:
        """Return the indices on which a part depends, also through its letters, with k before j."""
        return tuple(sorted(self._found(part), key=str, reverse=True))

    def _found(self, part: sp.Basic) -> set[sp.Basic]:
        """Return the indices of a part. A sum or product binds its own index, in letters inside it, too."""
        found = part.free_symbols & self.known
        letters = part.free_symbols & self.given.keys()
        if not letters:
            return found
        if isinstance(part, sp.Sum | sp.Product):
            ends = [end for limit in part.limits for end in limit[1:]]
            bound = {limit[0] for limit in part.limits}
            return (self._found(part.function) - bound).union(*map(self._found, ends))
        if part in self.given:
            return found | set(self.given[part][1])
        return found.union(*map(self._found, part.args))

    def pattern(self, part: sp.Basic) -> sp.Basic:
        """Return the part with its indices numbered. Parts that differ only in their indices have the same pattern."""
        numbered = {x: sp.Symbol(f"index_{i}", integer=True, positive=True) for i, x in enumerate(self.indices(part))}
        letters = {
            symbol: sp.Symbol("_".join([letter, *(str(numbered[i]) for i in indices if i in numbered)]))
            for symbol, (letter, indices) in self.given.items()
        }
        return part.xreplace({**numbered, **letters})

    def name(self, letter: str, part: sp.Basic) -> sp.Symbol:
        """Return the symbol of a letter that stands for a part, with the indices of the part."""
        indices = self.indices(part)
        symbol = sp.Symbol("_".join([letter, *map(str, indices)]))
        self.given[symbol] = (letter, indices)
        return symbol

    def worth_one(self, expression: sp.Basic) -> sp.Basic | None:
        """Return the part whose letter saves most, or None if no part is worth a letter. The whole expression is no part."""
        whole = len(latex(expression))
        counted: dict[sp.Basic, list[sp.Basic]] = {}
        for part in sp.preorder_traversal(expression):
            core = without_sign(part)[1]
            named = isinstance(core, (*KINDS, *ARITHMETIC)) or type(core).__module__.startswith("theory.")
            if named and part != expression:
                counted.setdefault(self.pattern(core), []).append(core)
        best, most = None, (0, 0)
        for parts in counted.values():
            part = min(parts, key=lambda p: (not p.has(sym.k), str(p)))
            size, again = len(latex(part)), len(parts) - 1
            worth = size >= SMALL and (again or SMALL_ALONE <= size <= LARGEST_SHARE * whole)
            if isinstance(part, ARITHMETIC):
                worth = size >= SMALL_SUM and again >= OFTEN
            if worth:
                saved = (again * size, size)
                best, most = (part, saved) if saved > most else (best, most)
        return best


def without_sign(part: sp.Basic) -> tuple[int, sp.Basic]:
    """Return 1 and the part, or -1 and the negative of the part if the negative has fewer minus signs."""
    return (-1, -part) if isinstance(part, sp.Expr) and part.could_extract_minus_sign() else (1, part)


def abbreviated(*expressions: sp.Basic) -> Abbreviated:
    """Replace parts of long expressions by letters until no expression is long. The parts that save most come first.

    A part has the same letter in all expressions and at every index, and its meaning is given once. Meanings are
    abbreviated in turn.
    """
    letters = _Letters(expressions)
    texts, symbols = list(expressions), []
    number = 0
    while number < len(texts):
        while (
            letters.free and len(latex(texts[number])) > LONG and (part := letters.worth_one(texts[number])) is not None
        ):
            letter, pattern = letters.free.pop(0), letters.pattern(part)
            signed = {
                other: split
                for text in texts
                for other in sp.preorder_traversal(text)
                if isinstance((split := without_sign(other))[1], part.func) and letters.pattern(split[1]) == pattern
            }
            named = {other: sign * letters.name(letter, core) for other, (sign, core) in signed.items()}
            texts = [*(text.xreplace(named) for text in texts), part]
            symbols.append(letters.name(letter, part))
        number += 1
    count = len(expressions)
    return Abbreviated(tuple(texts[:count]), tuple(zip(symbols, texts[count:], strict=True)))
