"""The statistics of the logits in which dual bounds of the problems with balanced classes are written."""

from __future__ import annotations

import sympy as sp

from theory.neural_collapse.features import logits
from theory.proof import Statistic
from theory.symbols import indexed

s = indexed("sigma", nonnegative=True)
correct, every = sp.symbols("a_y s_z", real=True)
OF_LOGITS = (
    Statistic(s, "singular values of $WH$", lambda xp, v, data, p: xp.singular_values(v.W @ v.H, data.Y.shape[-2])),
    Statistic(correct, r"$\sum_i z_{i,y_i}$", lambda xp, v, data, p: xp.inner(data.Y, logits(xp, v))),
    Statistic(every, r"$\sum_{i,j} z_{i,j}$", lambda xp, v, data, p: xp.sum_of_entries(logits(xp, v))),
)
"""Singular values, and the sums of the correct and of all logits, a bias included."""
