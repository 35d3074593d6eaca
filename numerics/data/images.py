"""Images with labels: scikit-learn's bundled digits, and MNIST, Fashion-MNIST and CIFAR-10 through OpenML."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from numerics.data.labelled import Labelled
from theory.errors import ParameterError
from theory.problem import reject

DIGITS = "digits"


@dataclass(frozen=True)
class OpenMl:
    """A data set of OpenML: its number there, and the shape of an image (channels, height, width), pixels being 0…255."""

    number: int
    shape: tuple[int, int, int]


OPENML = {
    "mnist": OpenMl(554, (1, 28, 28)),
    "fashion-mnist": OpenMl(40996, (1, 28, 28)),
    "cifar-10": OpenMl(40927, (3, 32, 32)),
}
BRIGHTEST = 255
"""The largest value of a pixel in the data sets of OpenML."""


def images(name: str, data_home: str | Path | None = None) -> Labelled:
    """Return the images of a data set, with pixels in 0…1, and their labels.

    Arguments:
        name: ``digits`` (bundled with scikit-learn), ``mnist``, ``fashion-mnist`` or ``cifar-10``.
        data_home: the folder in which scikit-learn keeps downloaded data; its own default, if None.
    Raises ParameterError for another name, and where the data are neither in the folder nor to be had from OpenML.
    """
    if name == DIGITS:
        return _digits()
    if name not in OPENML:
        raise reject("data", name, f"one of {', '.join([DIGITS, *OPENML])}")
    source = OPENML[name]
    pixels, labels = _from_openml(name, source, data_home)
    return _as_images(pixels / BRIGHTEST, labels, source.shape)


@cache
def _digits() -> Labelled:
    """Return the bundled digits, read from their file once."""
    from sklearn.datasets import load_digits  # this takes too long for commands that load no images

    pixels, labels = load_digits(return_X_y=True)
    return _as_images(np.asarray(pixels) / 16, np.asarray(labels), (1, 8, 8))


def _as_images(pixels: np.ndarray, labels: np.ndarray, shape: tuple[int, int, int]) -> Labelled:
    inputs = torch.as_tensor(pixels).reshape(-1, *shape)
    return Labelled(inputs, torch.as_tensor(labels), 10)


def _from_openml(name: str, source: OpenMl, data_home: str | Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels (N × p) in float32 and labels (N) as OpenML has them."""
    from sklearn.datasets import fetch_openml, get_data_home

    folder = get_data_home(data_home)
    # Pandas reads the large files in a fraction of the time; it is no dependency of this package. It is left to read the labels
    # as they stand, because scikit-learn expects categories of text and some versions of pandas make numbers of them.
    with_pandas = {"parser": "pandas", "read_csv_kwargs": {"dtype": None}}
    reader: dict[str, Any] = with_pandas if importlib.util.find_spec("pandas") else {"parser": "liac-arff"}
    try:
        with warnings.catch_warnings():
            # Each failed attempt warns; the one line at the end says all of it.
            warnings.filterwarnings("ignore", "A network error occurred")
            found: Any = fetch_openml(data_id=source.number, data_home=folder, as_frame=False, **reader)
    except OSError as error:  # no network, no such host, a refused connection, a folder that cannot be written
        reason = str(getattr(error, "reason", None) or error)
        raise ParameterError(
            f"data: {name} is neither in {folder} nor to be had from OpenML ({reason}); {DIGITS} needs no network"
        ) from None
    pixels = np.asarray(found.data, dtype=np.float32)
    if pixels.shape[1] != np.prod(source.shape):
        raise ParameterError(
            f"data: {name} in {folder} has {pixels.shape[1]} pixels an image, not {np.prod(source.shape)}; remove the file"
        )
    return pixels, np.array([int(str(label).strip("'")) for label in found.target])
