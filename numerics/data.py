"""Real data as the claims need it: singular values of a centred sample."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float64
from sklearn.datasets import load_digits

RELATIVE_RANK = 1e-12
"""Eigenvalues of a covariance below this share of the largest are rounding of zero: pixels that never change."""


def principal_deviations(samples: Float64[np.ndarray, "n p"]) -> tuple[float, ...]:
    """Return the positive standard deviations of a sample along its principal axes, in descending order.

    Directions in which the sample does not vary are left out.
    """
    centred = samples - samples.mean(0)
    eigenvalues = np.linalg.eigvalsh(centred.T @ centred / len(samples))[::-1]
    kept = eigenvalues[eigenvalues > RELATIVE_RANK * eigenvalues[0]]
    return tuple(float(v) for v in np.sqrt(kept))


@cache
def digits() -> dict[str, tuple[float, ...]]:
    """Return ``theta`` of scikit-learn's bundled handwritten digits (1797 images of 8 × 8 pixels, scaled to 0…1)."""
    return {"theta": principal_deviations(load_digits().data / 16)}
