"""The tables on a claim's page: the trained example against the prediction, and a refutation at several sizes."""

from __future__ import annotations

import html

from IPython.display import HTML

from book.examples import TrainedExample
from book.figures.words import parameters_in_words, relative, words_in_html
from numerics.judging.conjecture import observe
from numerics.judging.counterexamples import refutation_of, status
from numerics.searching.best_structure import best_structures
from numerics.tolerances import VALUE_GAP
from theory.claim import find

REFUTED = ("K", "M", "rank", "lowest found", "published, at least", "relative gap", "found", "proved for all decays")
"""The columns of the table of a refutation."""


def scrolling(table: str, says: str) -> str:
    """Return a table in a box that scrolls where the column is narrow, by the arrow keys, too. ``says`` names the box."""
    return f'<div class="atlas-wide" role="region" tabindex="0" aria-label="{html.escape(says)}">{table}</div>'


def comparison_table(run: TrainedExample) -> HTML:
    """Return a table with the predicted and the trained value, the deviations of the invariants, and the certificate."""
    comparison, certificate, solution = run.comparison, run.certificate, run.solution
    reached = (solution.values[0] - comparison.value <= VALUE_GAP * abs(comparison.value)).sum().item()
    certified = [("Certified lower bound", "none applies to this problem yet")]
    if certificate is not None:
        certified = [
            (f"Certified lower bound ({certificate.method})", f"{certificate.lower:.12g}"),
            ("Relative gap to the trained minimum", relative(certificate.gap)),
        ]
    says = {i.name: words_in_html(i.says) for i in run.example.claim.problem.invariants}
    trained = ("Trained minimum", f"{comparison.value:.12g}")
    values = [("Predicted minimum", "the claim gives no formula"), trained]
    if run.example.claim.prediction.value is not None:
        predicted = ("Predicted minimum", f"{comparison.predicted:.12g}")
        values = [predicted, trained, ("Relative gap of the two", relative(comparison.gap))]
    rows = [
        *values,
        *((f"Relative deviation of {says[name]}", relative(size)) for name, size in comparison.deviations.items()),
        *certified,
        ("Starts that reached this minimum", f"{reached} of {solution.values.shape[1]}"),
        (f"Training time on {solution.device}", f"{solution.seconds:.2f} s"),
    ]
    body = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows)
    table = scrolling(f'<table class="atlas-table">{body}</table>', "The example: predicted and trained")
    return HTML(f"<p>The example: {parameters_in_words(run.example.instance.values)}</p>{table}")


def conjecture(run: TrainedExample) -> HTML:
    """Return a description of the trained point, for a claim without a derivation."""
    example = run.example
    found = observe(example.claim, example.instance, run.point, run.comparison.value, run.certificate)
    return HTML("<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in found.lines()) + "</ul>")


def refutation_table(claim_id: str) -> HTML:
    """Return a table of the lowest points found at several settings, each against the best point of the published structure."""
    claim, rows = find(claim_id), []
    instances = [claim.problem.instance(**setting) for setting in refutation_of(claim).shown]
    for instance in sorted(instances, key=lambda each: (each.values["depth"], len(each.order))):
        (best,) = best_structures(claim, [instance], starts=2, seed=0)
        found = best.found
        says = "counterexample" if found.refutes else "nothing better found"
        known = status(refutation_of(claim), instance)
        cells = (
            len(instance.order), instance.values["depth"], best.rank,
            f"{found.upper:.10f}", f"{found.lower:.10f}", f"{found.gap:.1e}", says, known,
        )  # fmt: skip
        shown = (f'<td data-label="{name}">{cell}</td>' for name, cell in zip(REFUTED, cells, strict=True))
        rows.append(f"<tr>{''.join(shown)}</tr>")
    head = "".join(f"<th>{name}</th>" for name in REFUTED)
    return HTML(f'<table class="atlas-stacked"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>')
