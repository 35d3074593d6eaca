"""The table of a discrepancy: the numbers of released code, of the derivation and of training."""

from __future__ import annotations

from IPython.display import HTML

from book.figures.tables import scrolling
from book.figures.words import parameters_in_words, relative
from numerics.judging.released_code import Decision, decide
from theory.reference_code import reference_code
from theory.reference_code.discrepancy import ReferenceCode


def table(name: str) -> HTML:
    """Train the settings of a discrepancy and return a table, with the settings at which the formulas differ first."""
    code = reference_code(name)
    settings = (*code.settings, *code.agreeing)
    decisions = decide(code, settings)
    heads = ["Parameters", "Released code", "Derived", "Trained", "Certificate gap"]
    if code.compares_losses:
        heads[4:4] = ["Loss at the code's point", "Trained loss"]
    lines = [[parameters_in_words(values), *cells(code, one)] for values, one in zip(settings, decisions, strict=True)]
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    head = "".join(f"<th>{word}</th>" for word in heads)
    return HTML(
        scrolling(f'<table class="atlas-table"><tr>{head}</tr>{rows}</table>', "Released code, derived and trained")
    )


def cells(code: ReferenceCode, decision: Decision) -> list[str]:
    """Return the cells of one setting that follow its parameters."""
    sizes = [shown(code, values) for values in (decision.reference, decision.derived, decision.trained)]
    losses = [f"{decision.reference_loss:.8g}", f"{decision.value:.8g}"] if code.compares_losses else []
    return [*sizes, *losses, relative(decision.certificate.gap)]


def shown(code: ReferenceCode, values: tuple[float, ...]) -> str:
    """Return the values of the classes or directions in words: alive or collapsed for a condition, and numbers otherwise."""
    if code.is_condition:
        return ", ".join("alive" if value else "collapsed" for value in values)
    largest = max(map(abs, values))
    return ", ".join(f"{value:.6g}" if abs(value) > 1e-9 * largest else "0" for value in values)
