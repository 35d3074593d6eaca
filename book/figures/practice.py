"""Figures of trained networks beside the theory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from IPython.display import HTML

from book.figures.plotting import show
from numerics.networks.runs.figures import matrices, matrices_in_words

GRAM_HEIGHT = 290
"""Height in pixels of a row of matrices."""


def gram(predicted: Sequence[Any], measured: Sequence[Any], words: str) -> HTML:
    """Draw a predicted and a measured matrix side by side with their difference, and say what the matrix is."""
    pair = (np.asarray(predicted, dtype=float), np.asarray(measured, dtype=float))
    said = (
        f"{words} {matrices_in_words(*pair)} Blue is positive, red is negative, and the three panels share one scale."
    )
    return show(matrices(*pair), said, GRAM_HEIGHT)
