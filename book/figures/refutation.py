"""The figure of a refuted claim: the loss of the published structure and of better ones, against the margin."""

from __future__ import annotations

import sympy as sp
import torch
from IPython.display import HTML

from book.figures.axes import Axis, spanning
from book.figures.marks import DASHES, SHAPES, Line, Points, Rule
from book.figures.panel import Panel
from book.figures.plotting import COLOURS, show
from numerics.backends.tensors import DTYPE
from numerics.judging.counterexamples import objective_at, objectives_at, refutation_of
from numerics.searching.best_structure import best_margin
from theory.claim import find

CURVE = 160
"""Number of margins at which a curve is drawn."""
BEYOND = 1.8
"""End of the margins that are shown, as a multiple of the largest best margin."""


def margins(claim_id: str) -> HTML:
    """Draw the least loss of the published structure and of the families that beat it, at every margin, at the first setting shown."""
    claim = find(claim_id)
    refutation = refutation_of(claim)
    instance = claim.problem.instance(**refutation.shown[0])
    sizes = {s: v for s, v in instance.bindings.items() if isinstance(v, int)}
    better = [family for family in refutation.families if family.where.subs(sizes) == sp.true]
    structures = [("published structure", refutation.published), *((f.name, f.objective) for f in better)]
    zero = objective_at(refutation, refutation.published, instance, 0.0)
    best = [best_margin(refutation, instance, objective) for _, objective in structures]
    at = torch.linspace(0.0, BEYOND * max(margin for margin, _ in best), CURVE + 1, dtype=DTYPE)
    lines, minima = [], []
    for number, ((name, objective), (margin, loss)) in enumerate(zip(structures, best, strict=True)):
        losses = objectives_at(refutation, objective, instance, at).tolist()
        lines.append(Line(COLOURS[number], name, at.tolist(), losses, DASHES[number]))
        minima.append(Points(COLOURS[number], "", [margin], [loss], SHAPES[number]))
    lowest = min(loss for _, loss in best)
    y = spanning([lowest - 0.15 * (zero - lowest), zero + 0.3 * (zero - lowest)], "loss")
    x = Axis(0.0, float(at[-1]), "margin")
    classes, depth = len(instance.order), instance.values["depth"]
    gain = (best[0][1] - lowest) / best[0][1]
    says = (
        f"The least loss at every margin for {classes} classes and {depth} layers, every decay {instance.values['feature_decay']:g}. The lowest "
        f"point of the published structure costs {best[0][1]:.6f}, that of the other {lowest:.6f}, which is {gain:.1%} "
        f"less. The dotted line is the loss of the zero point."
    )
    alt = "Loss against margin: at every margin above zero the curve of the published structure lies above the other."
    panel = Panel(x, y, [Rule(y=[zero], dash="1 4"), *lines, *minima], alt, width=460, height=320)
    return show("margins", [panel], says)
