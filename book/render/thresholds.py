"""The rows of the table of all thresholds, in one notation."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sympy as sp

from book.contents import chapters
from book.render.claims import decided
from book.render.lines import tidy
from theory import symbols as sym
from theory.claim import Claim
from theory.latex import latex
from theory.proof import Threshold
from theory.results import TotalCollapse

SHRINKS = "shrinks to zero"


@dataclass(frozen=True)
class Row:
    """One threshold of a claim, in words with formulas between dollar signs; ``rank`` is empty where no width limits it."""

    claim_id: str
    name: str
    what: str
    ratio: str
    rank: str
    tuned: str
    crossing: str


def threshold_rows() -> dict[str, list[Row]]:
    """Return the rows of each chapter that has a threshold, in the order of the book."""
    found = {caption: [row for claim in claims for row in rows_of(claim)] for caption, claims in chapters().items()}
    return {caption: rows for caption, rows in found.items() if rows}


def rows_of(claim: Claim) -> list[Row]:
    """Return the rows of a claim: one for each threshold, and one for the collapse of everything."""
    found = [row(claim, threshold) for threshold in claim.prediction.thresholds]
    total = claim.prediction.total_collapse
    return found if total is None else [*found, row_of_everything(claim, total)]


def row_of_everything(claim: Claim, total: TotalCollapse) -> Row:
    """Return the row of the threshold up to which everything is zero."""
    return Row(claim.id, claim.name, "anything at all", shown(total.expression), "", total.tuned, SHRINKS)


def row(claim: Claim, threshold: Threshold) -> Row:
    """Return the row of a threshold."""
    index = latex(threshold.index)
    what = living(claim, threshold, index)
    rank = "" if threshold.within_rank == sp.true else f"${latex(threshold.within_rank)}$"
    return Row(
        claim.id, claim.name, what, shown(in_class_counts(threshold)), rank, threshold.tuned, crossing(threshold)
    )


def living(claim: Claim, threshold: Threshold, index: str) -> str:
    """Return what a threshold decides about: a class, or a direction of the labels, of the targets or of a code."""
    name = threshold.telling or claim.problem.telling
    kind = next(invariant.kind for invariant in claim.problem.invariants if invariant.name == name)
    if threshold.of == "classes":
        along_labels = claim.problem.spectral or kind == "spectrum"
        return f"singular direction ${index}$ of the labels" if along_labels else f"class ${index}$"
    return f"direction ${index}$ of {decided(threshold)}"


def shown(ratio: sp.Expr) -> str:
    """Return a ratio as a formula of the size of a displayed one."""
    return rf"$\displaystyle {in_fractions(ratio)}$"


def crossing(threshold: Threshold) -> str:
    """Return how the minimiser behaves at the threshold."""
    if threshold.jump in (sp.true, sp.false):
        return "jumps" if threshold.jump == sp.true else SHRINKS
    return f"jumps where ${latex(threshold.jump)}$, otherwise {SHRINKS}"


def in_class_counts(threshold: Threshold) -> sp.Expr:
    """Return the ratio with the number of samples per class of equal classes written as n_k, and K as N/n_k."""
    ratio = threshold.ratio
    if not ratio.has(sym.n):
        return ratio
    return ratio.subs(sym.K, sym.N / sym.n).subs(sym.n, sym.n_k[threshold.index])


def in_fractions(ratio: sp.Expr) -> str:
    """Return a ratio as LaTeX, every factor with a negative power below the line."""
    if isinstance(ratio, sp.Max):
        return rf"\max\left({', '.join(in_fractions(part) for part in ratio.args)}\right)"
    if isinstance(ratio, sp.Piecewise):
        cases = [(in_fractions(value), c) for value, c in ratio.args]
        rows = [value + (r" & \text{otherwise}" if c == sp.true else rf" & {condition(c)}") for value, c in cases]
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"
    above, below = [], []
    for factor in sp.Mul.make_args(ratio):
        base, exponent = factor.as_base_exp()
        (below if exponent.could_extract_minus_sign() else above).append((base, exponent))
    over = sp.Mul(*(base**exponent for base, exponent in above))
    under = sp.Mul(*(base**-exponent for base, exponent in below))
    written, divided = (with_slashes(latex(part, fold_frac_powers=True)) for part in (over, under))
    return tidy(written if under == 1 else rf"\frac{{{written}}}{{{divided}}}")


def with_slashes(formula: str) -> str:
    """Return LaTeX with fractions in exponents written with a slash."""
    return re.sub(r"\^\{\\frac\{(\w+ [^{}]*)\}\{(\w)\}\}", r"^{(\1)/\2}", formula)


def condition(relation: sp.Basic) -> str:
    """Return a condition as LaTeX, with the smaller side first."""
    return latex(relation.reversed if isinstance(relation, sp.Ge) else relation)


def equal_ratios() -> list[tuple[str, list[str]]]:
    """Return the ratios that several claims share, each with links to these claims."""
    users: dict[sp.Expr, dict[str, sp.Expr]] = {}
    for claims in chapters().values():
        for claim in claims:
            for threshold in claim.prediction.thresholds:
                ratio = in_class_counts(threshold)
                users.setdefault(sp.simplify(ratio), {})[f"[{claim.name}](claims/{claim.id}.md)"] = ratio
    return [(shown(next(iter(links.values()))), list(links)) for links in users.values() if len(links) > 1]


def without_threshold() -> list[Claim]:
    """Return the claims without a threshold."""
    return [claim for claims in chapters().values() for claim in claims if not rows_of(claim)]
