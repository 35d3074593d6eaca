"""Trained and predicted numbers of a quantity, side by side."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch

from numerics.judging.comparison import VALUE, relative_gap
from numerics.judging.measured import norms
from numerics.tolerances import INVARIANT, ROUNDED
from proofs_check.harness.diagnosis.explanation import Explanation
from proofs_check.harness.diagnosis.finding import Finding, agree, listed
from proofs_check.harness.diagnosis.quantities import Quantity, Run
from proofs_check.harness.diagnosis.trained import Case, Trained

SHOWN = 6
"""Largest number of entries of an invariant that are shown."""


def side_by_side(quantity: Quantity, trained: Trained, member: int, explanation: Explanation) -> Finding:
    """Return a finding with trained and predicted numbers side by side, and the factor between them where there is one."""
    run = quantity.run(trained, member)
    headline = f"{quantity.name} differs"
    if explanation.factor is not None:
        headline += f": trained / predicted = {explanation.factor}"
        headline += "" if explanation.everywhere else ", at the instances where it differs"
    where, found, predicted = _shown(run, quantity.axes)
    near = "near a threshold" if trained.comparisons[member].near_threshold else ""
    place = ", ".join(filter(None, (where, near, run.of)))
    details = [place] if place else []
    details += [f"trained   {found}", f"predicted {predicted}"]
    if quantity.name == VALUE:
        details[-1] += f"  (relative gap {relative_gap(float(run.trained), float(run.predicted)):.1e})"
    if explanation.searched:
        details.append("no single factor was found that mends its formula")
    about = quantity.name if explanation.factor is None else f"{quantity.name} off by {explanation.factor}"
    return Finding(about, headline, trained.instances[member], tuple(details))


def _shown(run: Run, axes: int) -> tuple[str, str, str]:
    """Return the names of the shown entries and both rows. Entries of a matrix lie on the diagonal, or off it if only those differ."""
    found, predicted, words = run.trained, run.predicted, []
    if found.ndim > axes:
        distances = norms(found - predicted, axes) / norms(predicted, axes).clamp(min=torch.finfo(found.dtype).tiny)
        layer = int(distances.argmax())
        words.append(f"layer {layer + 1}")
        found, predicted = found[layer], predicted[layer]
    names = [str(i + 1) for i in range(found.shape[-1])] if axes else []
    if axes == 2:
        scale = INVARIANT * torch.maximum(found.norm(), predicted.norm())
        off = (found - predicted).diagonal().abs() <= scale
        if bool(off.all()) and len(found) > 1:
            rows, columns = torch.triu_indices(*found.shape, offset=1)
            names = [f"({i + 1},{j + 1})" for i, j in zip(rows.tolist(), columns.tolist(), strict=True)]
            found, predicted = found[rows, columns], predicted[rows, columns]
            words.append("off the diagonal")
        else:
            found, predicted = found.diagonal(), predicted.diagonal()
    found, predicted = found.reshape(-1), predicted.reshape(-1)
    if len(found) > SHOWN:
        worst = (found - predicted).abs().nan_to_num(math.inf).topk(SHOWN).indices.sort().values
        words.append(f"entries {', '.join(names[i] for i in worst.tolist())}")
        found, predicted = found[worst], predicted[worst]
    largest = float(torch.maximum(found.abs().max(), predicted.abs().max()))
    rows = (["0" if abs(x) <= ROUNDED * largest else f"{x:.6g}" for x in side.tolist()] for side in (found, predicted))
    return ", ".join(words), *map("  ".join, rows)


def with_agreeing(finding: Finding, case: Case, quantities: Sequence[Quantity]) -> Finding:
    """Return a finding with a line that names the quantities which agree at its instance."""
    trained, member = case
    names = [q.name for q in quantities if q.name not in trained.comparisons[member].differing]
    line = [f"{listed(names)} {agree(names)} there"] if names else []
    return dataclasses.replace(finding, details=(*finding.details, *line))
