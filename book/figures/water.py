"""The figure of water-filling: what a linear VAE keeps of each direction of the data stands above a level that rises with β."""

from __future__ import annotations

import math

from IPython.display import HTML

from book.examples import make_example, ratios
from book.figures.axes import Axis, numbered
from book.figures.marks import Bars, Mark, Rule
from book.figures.panel import Panel
from book.figures.plotting import Slider, show
from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from theory.claim import find

CLAIM, KEPT = "vae-learnable-variance", "decoder_gram"
POSITIONS = 13
"""Number of values of β."""
START = 8
"""The position that is shown first: some directions are above the level, and some below."""
SAME = 1e-9
"""Relative deviation up to which what is kept must be what stands above the level."""


def water_filling() -> HTML:
    """Draw the variances of the data with the level βη², and what the decoder keeps of each, with a slider for β.

    The level is read from the threshold of the claim, and what is kept from its prediction. Raises AssertionError where the two
    disagree: then the picture of water would be wrong.
    """
    claim = find(CLAIM)
    crossed = make_example(claim).crossings[0]
    variances = [float(deviation) ** 2 for deviation in crossed.values["theta"]]
    values = crossed.sweep(POSITIONS)
    frames: list[list[Mark]] = []
    bindings = stack_bindings([crossed.at(beta) for beta in values])
    decoded = evaluate(claim.prediction.invariants[KEPT], bindings).diagonal(dim1=-2, dim2=-1)
    for beta, kept in zip(values, decoded.tolist(), strict=True):
        shares = ratios(claim, crossed.threshold, {**crossed.values, crossed.tuned: beta})
        (level, *others) = [variance / share for variance, share in zip(variances, shares, strict=True)]
        assert all(math.isclose(other, level, rel_tol=SAME) for other in others)
        for variance, part in zip(variances, kept, strict=True):
            assert math.isclose(part, max(0.0, variance - level), rel_tol=SAME, abs_tol=SAME * level)
        places = list(range(1, len(kept) + 1))
        parts = Bars("c0", "kept by the decoder", places, [level + part for part in kept], base=[level] * len(kept))
        frames.append([parts, Rule("c1", "level βη<sup>2</sup>", y=[level], dash="", width=2)])
    names = [str(at) for at in range(1, len(variances) + 1)]
    outline = Bars("soft", "variance θ<sub>i</sub><sup>2</sup> of the data", range(1, len(variances) + 1), variances)
    top = 1.75 * max(variances)
    panel = Panel(
        numbered(names, "direction of the data"), Axis(0, top, "variance"), [outline], frames=frames, start=START, width=420,
        alt="Bars of the variances of the data with a level across them: what stands above the level is kept, and a bar below it has collapsed.",
    )  # fmt: skip
    words = (
        "Water-filling in a linear VAE with a learned variance. A direction is kept as far as its variance θ<sub>i</sub><sup>2</sup> stands above "
        "the level βη<sup>2</sup>; a direction under water has collapsed. Move the slider to raise the level. The level is the threshold "
        "of the claim, and what is kept is its predicted decoder."
    )
    return show("water", [panel], words, Slider("KL weight β =", [f"{beta:.3g}" for beta in values], START))
