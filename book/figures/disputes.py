"""The table of a dispute: certified minima, and the information that the code carries there."""

from __future__ import annotations

from IPython.display import HTML

from book.figures.words import parameters_in_words, words_in_html
from numerics.backends.balls import Ball, lowest
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.judging.disputed import Optimum, optima
from numerics.tolerances import INVARIANT
from theory.disputes import Case, dispute
from theory.posterior_collapse.information import (
    loss_without_information,
    mean_divergence,
    mutual_information,
    predicted_information,
)

HEADS = (
    "Parameters",
    "Minimum, certified",
    "Least loss without information",
    "KL divergence",
    "Mutual information",
    "Predicted",
    "Informed at every global minimum",
)
DIGITS = 9


def table(name: str) -> HTML:
    """Train and certify the settings of a dispute, and return a table with one part for each case."""
    rows = []
    for case in dispute(name).cases:
        rows.append(
            f'<tr><th colspan="{len(HEADS)}">{words_in_html(case.shows)} (<code>{case.claim_id}</code>)</th></tr>'
        )
        silent = loss_without_information(case.claim.problem)
        quantities = {"silent": silent, "divergence": mean_divergence, "information": mutual_information}
        for values, optimum in zip(case.settings, optima(case.claim, case.settings, quantities), strict=True):
            line = [f"<td>{parameters_in_words(values)}</td>"]
            line += [
                f'<td data-label="{head}">{cell}</td>'
                for head, cell in zip(HEADS[1:], cells(case, optimum), strict=True)
            ]
            rows.append(f"<tr>{''.join(line)}</tr>")
    heads = "".join(f"<th>{word}</th>" for word in HEADS)
    return HTML(f'<table class="atlas-stacked"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>')


def cells(case: Case, optimum: Optimum) -> list[str]:
    """Return the cells of one setting that follow its parameters."""
    predicted = float(evaluate(predicted_information(case.claim.prediction), stack_bindings([optimum.instance])).sum())
    certificate, found = optimum.certificate, optimum.quantities
    carries = certificate.upper < lowest(found["silent"])
    return [
        in_digits(Ball(certificate.lower).union(Ball(certificate.upper))),
        in_digits(found["silent"]),
        in_digits(found["divergence"]),
        in_digits(found["information"]),
        f"{predicted:.6g}",
        "yes" if carries else "no gain",
    ]


def in_digits(ball: Ball) -> str:
    """Return a ball by its centre and radius, or zero where it lies below what a measurement resolves."""
    return "0" if abs(float(ball)) <= INVARIANT**2 else ball.str(DIGITS).strip("[]").replace("+/-", "±")
