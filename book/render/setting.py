"""The setting of a claim as displayed mathematics: the claim's own loss, run on the array namespace in LaTeX."""

from __future__ import annotations

import sympy as sp

from book.render.lines import displayed
from theory import symbols as sym
from theory.algebra import Symbols
from theory.export.latex_arrays import CONTRASTIVE, CUMULATIVE, ENTROPY, LatexArrays, TexLayers, TexMatrix, atom
from theory.latex import latex
from theory.point import Point
from theory.problem import Problem, Variable

GIVEN = {"root": "C^{1/2}", "standard": "S"}
"""Names of given arrays as the papers write them. Other given arrays are written by their own names."""
MOST_NAMED = 3
"""Up to so many variables are named below the sign of the minimum."""
BLOCKS = ("X", "V")
"""Letters for block matrices of a loss, which occur several times."""
DIAGONALS = ("S",)
"""Letters for diagonal matrices of a loss, which are too long to be written where they occur."""


def objective(problem: Problem) -> str:
    """Return the minimisation problem as Markdown: the displayed loss, what its letters stand for, and the variables with shapes.

    A loss of one's own that computes with numbers in a way that has no notation here is left to the words of the claim.
    """
    entries = sym.D if any(sym.D in variable.shape for variable in problem.variables) else sym.K
    given = problem.given(LatexArrays(sym.K, sym.N, entries=entries))
    xp = LatexArrays(sym.K, sym.N, BLOCKS, diagonals=DIAGONALS)
    try:
        loss = str(problem.loss(xp, variables(problem), given.map(_named, _names(given)), Symbols()))
    except (AttributeError, TypeError):
        return ""
    meanings = [f"${name} = {block}$" for block, name in xp.blocks.items()]
    meanings += [f"${_given_name(name)} = {a.text}$" for name, a in given.items() if _given_name(name) != a.text]
    names = minimised(problem)
    least = rf"\min_{{{', '.join(names)}}}" if len(names) <= MOST_NAMED else r"\min"
    if ENTROPY in loss:
        meanings.append(rf"${ENTROPY}(z, y) = \log \sum_j e^{{z_j}} - \langle z, y \rangle$")
    if CONTRASTIVE in loss:
        pairs = r"\log \sum_{a \ne i} e^{s_{ai}} - \frac{1}{n_{y_i} - 1} \sum_{p \ne i,\, y_p = y_i} s_{pi}"
        meanings.append(rf"${CONTRASTIVE}_i(S, Y) = {pairs}$")
    if CUMULATIVE in loss:
        meanings.append(rf"${CUMULATIVE}(z, e_k) = -\log P(y = k \mid z)$")
    over = f"over {listed(shapes(problem))}"
    shown = displayed(rf"{least}\; {loss}")
    return f"{shown}\n\n{over}{f', with {listed(meanings)}' if meanings else ''}."


def _names(given: Point) -> Point:
    return Point({name: _given_name(name) for name in given})


def _given_name(name: str) -> str:
    return GIVEN.get(name, latex(sp.Symbol(name)))


def _named(matrix: TexMatrix, name: str) -> TexMatrix:
    """Return a given matrix under its name, unless its columns have a name already."""
    return matrix if matrix.text == name else atom(name, matrix.rows, name.lower() if len(name) == 1 else None)


def layers(problem: Problem) -> list[Variable]:
    """Return the variables that are the layers of a deep linear network."""
    return [
        v for v in problem.variables if all(isinstance(s, sp.Indexed) and s.base == sym.layer_width for s in v.shape)
    ]


def variables(problem: Problem) -> Point:
    """Return the variables in LaTeX, the layers of a deep network as W_M ⋯ W_1."""
    deep = layers(problem)
    point = {v.name: _variable(v) for v in problem.variables if v not in deep}
    return Point({"layers": TexLayers(sym.M, sym.K), **point} if deep else point)


def _variable(variable: Variable) -> TexMatrix:
    return atom(latex(sp.Symbol(variable.name)), variable.shape[0], column=variable.name.lower())


def minimised(problem: Problem) -> list[str]:
    """Return the names of the variables in LaTeX."""
    deep = layers(problem)
    others = [latex(sp.Symbol(v.name)) for v in problem.variables if v not in deep]
    return [r"W_1, \ldots, W_M", *others] if deep else others


def shapes(problem: Problem) -> list[str]:
    """Return each variable with the space it lies in."""
    deep = layers(problem)
    spaces = [r"$W_l \in \mathbb{R}^{d_{l+1} \times d_l}$ for $l = 1, \ldots, M$, where $d_{M+1} = K$"] if deep else []
    for variable in problem.variables:
        if variable in deep:
            continue
        sides = r" \times ".join(latex(side) for side in variable.shape if side != 1)
        said = rf"${latex(sp.Symbol(variable.name))} \in \mathbb{{R}}^{{{sides}}}$"
        spaces.append(said + (r" with entries $\ge 0$" if variable.nonnegative else ""))
    return spaces


def listed(parts: list[str]) -> str:
    """Return parts of a sentence separated by commas, and by the word "and" before the last part; nothing for no parts."""
    *others, last = parts or [""]
    return f"{', '.join(others)} and {last}" if others else last
