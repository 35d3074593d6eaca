"""The table of notation, from the symbols in which all claims are written."""

from __future__ import annotations

import sympy as sp

from book.render.api import constants
from theory import symbols
from theory.latex import latex


def notation_table() -> list[tuple[str, str, str]]:
    """Return LaTeX, name in the code and meaning of each symbol. A list is written as its entry, of a layer or of a class."""
    found = []
    for name, value, says in constants(symbols):
        if isinstance(value, sp.Basic):
            written = value
            if isinstance(value, sp.IndexedBase):
                written = value[symbols.layer if name.startswith("layer") else symbols.k]
            found.append((latex(written), name, says))
    return found
