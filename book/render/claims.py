"""The parts of a claim's page: its setting, functions, formulas, steps, bounds and thresholds."""

from __future__ import annotations

import inspect
import re
import unicodedata

import sympy as sp

from book.render.lines import displayed
from book.render.markdown import prose
from theory.claim import Claim, module_of
from theory.latex import latex
from theory.proof import Prediction, Threshold
from theory.results import Level


def setting(claim: Claim) -> str:
    """Return the docstring of a claim's file below its first line, one paragraph for each sentence with a label."""
    text = inspect.cleandoc(module_of(claim.id).__doc__ or "").partition("\n")[2]
    return re.sub(r"^(\w+): ", r"\n**\1:** ", prose(text), flags=re.MULTILINE)


def expressed(left: str, expression: sp.Basic) -> str:
    """Return a displayed formula by itself. ``left`` is its left side and relation, as LaTeX."""
    return displayed(f"{left} {latex(expression)}".strip())


def own_functions(claim: Claim) -> list[tuple[str, str]]:
    """Return the LaTeX and the definition of each function of the theory that occurs in a claim's results.

    The definition is the first paragraph of the docstring of the function's class, which names the arguments.
    """
    prediction = claim.prediction
    values = [] if prediction.value is None else [prediction.value.expression]
    results = [
        *values,
        *(r.expression for r in prediction.named.values()),
        *(f.expression for f in prediction.invariants.values()),
    ]
    kinds = {
        type(f) for e in results for f in sp.sympify(e).atoms(sp.Function) if type(f).__module__.startswith("theory.")
    }
    found = []
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        arguments, _, definition = inspect.getdoc(kind).partition("\n\n")[0].partition("``: ")
        names = arguments.partition("(")[2].rstrip(")").split(", ")
        found.append((latex(kind(*(sp.Symbol(spelt(name)) for name in names))), prose(" ".join(definition.split()))))
    return found


def spelt(name: str) -> str:
    """Return a name with its Greek letter written out, in the form that SymPy takes."""
    return unicodedata.name(name).split()[-1].lower() if len(name) == 1 and not name.isascii() else name


def crossed(claim: Claim, threshold: Threshold) -> str:
    """Return the entry of an invariant that a threshold takes to zero, as LaTeX."""
    name = threshold.telling or claim.problem.telling
    invariant = next(i for i in claim.problem.invariants if i.name == name)
    index = latex(threshold.index)
    entry = rf"\text{{{name.replace('_', ' ')}}}_{{{index if invariant.kind == 'spectrum' else f'{index} {index}'}}}"
    return f"${entry}$"


def decided(threshold: Threshold) -> str:
    """Return what a threshold decides about: the letter of a code as a formula, anything else in words."""
    return f"${threshold.of}$" if re.fullmatch(r"[a-z](_\d)?", threshold.of) else f"the {threshold.of}"


def collapsed_where(prediction: Prediction, level: Level) -> str:
    """Return the condition under which a direction of a level has collapsed, as a clause."""
    zero = " and in ".join(decided(prediction.thresholds[position]) for position in level.thresholds)
    conditions = [f"direction $k$ is zero in {zero}"] if zero else []
    if level.keeps_prior != sp.true:
        conditions.append(f"${latex(level.keeps_prior)}$")
    return f"iff {' and '.join(conditions)}" if conditions else "always"


def within_rank(threshold: Threshold) -> str:
    """Return the rank limit of a threshold as a clause, or an empty string without a limit."""
    condition = threshold.within_rank
    return "" if condition == sp.true else f" and ${latex(condition)}$"
