"""The tables of disputes: certified minima, and the information that a code carries there, or the training error of a regression."""

from __future__ import annotations

from collections.abc import Sequence

from IPython.display import HTML

from book.figures.words import parameters_in_words, words_in_html
from numerics.backends.balls import Ball, lowest
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.judging.disputed import Learned, Optimum, learned_tasks, optima
from numerics.tolerances import INVARIANT
from theory.claim import find
from theory.disputes import REGRESSION, Case, Tasks, dispute
from theory.neural_collapse.regression_error import training_error
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
TASK_HEADS = (
    "Targets",
    "Decays",
    "Training MSE, together",
    "Training MSE, one by one",
    "Smaller together",
    "Loss, together",
    "Loss, one by one",
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
    return stacked(HEADS, rows)


def stacked(names: Sequence[str], rows: Sequence[str]) -> HTML:
    """Return a table with these heads of columns and these rows."""
    heads = "".join(f"<th>{name}</th>" for name in names)
    return HTML(f'<table class="atlas-stacked"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>')


def tasks_table(name: str) -> HTML:
    """Train and certify targets together and one by one, and return a table with a row for each setting."""
    tasks = dispute(name).tasks
    rows = []
    for setting, (together, alone) in zip(tasks, learned_tasks(find(REGRESSION), tasks, training_error), strict=True):
        first, *others = task_cells(setting, together, alone)
        rows.append(f'<tr><th colspan="{len(TASK_HEADS)}">{words_in_html(setting.shows)}</th></tr>')
        line = [f"<td>{first}</td>"]
        line += [f'<td data-label="{head}">{cell}</td>' for head, cell in zip(TASK_HEADS[1:], others, strict=True)]
        rows.append(f"<tr>{''.join(line)}</tr>")
    return stacked(TASK_HEADS, rows)


def task_cells(setting: Tasks, together: Learned, alone: Learned) -> list[str]:
    """Return the cells of one setting of tasks."""
    decays, targets = {}, {}
    for name, value in setting.together.items():
        (decays if find(REGRESSION).problem.parameter(name).domain.decay else targets)[name] = value
    single = {name: value for name, value in setting.alone[0].items() if name in decays}
    words = parameters_in_words(decays)
    if single != decays:
        words += f", one by one {parameters_in_words({name: v for name, v in single.items() if v != decays[name]})}"
    verdict = "yes" if together.error < alone.error else "no difference"
    errors, losses = map(in_digits, (together.error, alone.error)), map(in_digits, (together.loss, alone.loss))
    return [parameters_in_words(targets), words, *errors, verdict, *losses]


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
