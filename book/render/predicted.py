"""The prediction of a claim as a table: what is predicted, its symbol, and its formula in the letters of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from book.render.claims import crossed, within_rank
from book.render.lines import displayed, tidy
from book.render.markdown import sentence
from book.render.notation import Notation
from book.render.theorem import fits, ratios_apart
from theory.claim import Claim
from theory.expressions import Formula
from theory.latex import latex
from theory.problem import Invariant
from theory.proof import Threshold
from theory.symbols import j, k

ROOM = 24.0
"""Width of the column of formulas, in em."""
LEADING = re.compile(r"^\$([^$]+)\$")


@dataclass(frozen=True)
class Row:
    """A row of the table: name and meaning as Markdown, and the equation of symbol and formula, in the text or displayed."""

    name: str
    meaning: str
    equation: str


def rows(claim: Claim, notation: Notation) -> list[Row]:
    """Return the rows of the table: the ratios of thresholds, the minimum of the loss, and the invariants."""
    prediction = claim.prediction
    found = [
        Row(
            "Threshold ratio",
            f"{crossed(claim, threshold)} is positive iff the ratio exceeds 1{within_rank(threshold)}",
            _ratio(notation, threshold),
        )
        for threshold in prediction.thresholds
    ]
    if prediction.value is not None:
        found.append(Row("Minimum", "the least value of the loss", written(notation, r"\min", prediction.value)))
    for invariant in claim.problem.invariants:
        predicted = prediction.invariants.get(invariant.name)
        if predicted is not None:
            name = sentence(invariant.name.replace("_", " "))
            found.append(Row(name, meaning(invariant), written(notation, symbol(invariant, predicted), predicted)))
    return found


def _ratio(notation: Notation, threshold: Threshold) -> str:
    """Return what the ratio of a threshold is, or its letter where the page has defined it already."""
    (ratio,) = [q for q in notation.quantities if q.symbol == notation.ratio(threshold)]
    letter = tidy(latex(ratio.symbol))
    return in_cell(f"{letter} = {latex(ratio.meaning)}") if ratio in ratios_apart(notation) else f"${letter}$, as above"


def meaning(invariant: Invariant) -> str:
    """Return what an invariant is, without the formula that the table shows as its symbol."""
    rest = invariant.says if invariant.symbol else LEADING.sub("", invariant.says, count=1)
    return rest.lstrip(",: ")


def written(notation: Notation, left: str, formula: Formula) -> str:
    """Return the equation of a symbol and its formula in the letters of the page, for a cell of the table."""
    return in_cell(f"{left} = {latex(notation.short(formula.expression))}")


def in_cell(formula: str) -> str:
    """Return a formula in the text if it is short, and else displayed."""
    return f"${tidy(formula)}$" if fits(formula) else displayed(formula, ROOM)


def symbol(invariant: Invariant, predicted: Formula) -> str:
    """Return the LaTeX of an entry of an invariant: its own symbol, or the formula with which its meaning begins."""
    leading = LEADING.match(invariant.says)
    written = invariant.symbol or (leading[1] if leading else rf"\text{{{invariant.name.replace('_', ' ')}}}")
    indices = " ".join(latex(index) for index, _ in predicted.axes if invariant.kind != "matrix" or index in (k, j))
    if not indices or invariant.kind == "spectrum":
        return written
    return (
        rf"\left({written}\right)_{{{indices}}}"
        if " " in written and not invariant.symbol
        else rf"{written}_{{{indices}}}"
    )
