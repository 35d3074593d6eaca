"""Parameters of claims taken from real data: the spectrum of a sample, or of the residual of one part given the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float64

from theory.errors import ParameterError

RELATIVE_RANK = 1e-12
"""Eigenvalues of a covariance below this share of the largest are zero up to rounding: they belong to pixels that never
change, or that the condition determines. A squared singular value is accurate to 1e-16 of the largest times the size of
the sample."""


def principal_deviations(samples: Float64[np.ndarray, "n p"]) -> tuple[float, ...]:
    """Return the positive standard deviations of a sample along its principal axes, in descending order.

    Directions in which the sample does not vary are left out.
    """
    centred = samples - samples.mean(0)
    eigenvalues = np.linalg.eigvalsh(centred.T @ centred / len(samples))[::-1]
    kept = eigenvalues[eigenvalues > RELATIVE_RANK * eigenvalues[0]]
    return tuple(float(v) for v in np.sqrt(kept))


@dataclass(frozen=True)
class ResidualSpectrum:
    """The residual of y given x, in canonical coordinates.

    ``theta``: the nonzero eigenvalues of the residual covariance of y, descending.
    ``regression``: for each of them, the regression coefficients of that component of y on the whitened x, one for each
    direction in which x varies.
    """

    theta: tuple[float, ...]
    regression: tuple[tuple[float, ...], ...]


def residual_spectrum(x: Float64[np.ndarray, "n m"], y: Float64[np.ndarray, "n p"]) -> ResidualSpectrum:
    """Regress a sample of y on a sample of x and return the spectrum of the residual.

    The covariance of x may be singular: directions with less than RELATIVE_RANK of its largest variance are left out.
    Directions of the residual with less than that share of the largest variance of y are left out, too.
    Raises ValueError when x has no variance or x determines y.
    """
    white = _whitened(x - x.mean(0))
    centred = y - y.mean(0)
    coefficients = centred.T @ white / len(y)
    residual = centred - white @ coefficients.T
    eigenvalues, axes = np.linalg.eigh(residual.T @ residual / len(y))
    largest = np.linalg.eigvalsh(centred.T @ centred / len(y))[-1]
    kept = np.flatnonzero(eigenvalues > RELATIVE_RANK * largest)[::-1]
    if len(kept) == 0:
        raise ValueError("nothing is left of y when x is given: x determines it")
    regression = axes[:, kept].T @ coefficients
    return ResidualSpectrum(tuple(eigenvalues[kept].tolist()), tuple(map(tuple, regression.tolist())))


def _whitened(centred: Float64[np.ndarray, "n m"]) -> Float64[np.ndarray, "n r"]:
    """Return the sample in coordinates of unit covariance, one for each direction in which it varies."""
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    kept = values**2 > RELATIVE_RANK * values[0] ** 2
    if not kept.any():
        raise ValueError("the condition has no variance")
    return np.sqrt(len(centred)) * left[:, kept]


@cache
def digits(view: str = "spectrum") -> dict[str, tuple]:
    """Return parameters from scikit-learn's bundled handwritten digits (1797 images of 8 × 8 pixels, scaled to 0…1).

    The view "spectrum" gives ``theta``, the standard deviations of the images. The view "conditional" gives ``theta``,
    the residual variances of the lower halves of the images given the upper halves, and the ``regression``.
    Raises ParameterError for any other view.
    """
    from sklearn.datasets import load_digits  # this takes too long for commands that load no data

    images = np.asarray(load_digits(return_X_y=True)[0]) / 16
    if view == "spectrum":
        return {"theta": principal_deviations(images)}
    if view == "conditional":
        half = images.shape[1] // 2
        left = residual_spectrum(images[:, :half], images[:, half:])
        return {"theta": left.theta, "regression": left.regression}
    raise ParameterError(f"data: 'digits' has no view {view!r}; its views are spectrum and conditional")
