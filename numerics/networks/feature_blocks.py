"""Features in blocks of rows, so that an array larger than the memory is read a block at a time."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from torch import Tensor

from theory.errors import ParameterError
from theory.problem import reject

ENTRIES = 2**18
"""Entries of a block: 2 megabytes in float64."""
DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError)
"""What reading a damaged or unsupported archive raises."""
KINDS = "fiu"
"""NumPy's kinds of real numbers: floating point, signed and unsigned integers."""


class Blocks(Protocol):
    """An array of N rows that can be read from its first to its last row, any number of times."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        """Yield the array in blocks of at most ``rows`` rows."""
        ...


@dataclass(frozen=True)
class HeldArray:
    """An array that can be sliced: in memory, or mapped from a file with ``np.load(…, mmap_mode="r")``."""

    array: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        for first in range(0, len(self.array), rows):
            yield np.asarray(self.array[first : first + rows])


@dataclass(frozen=True)
class ArchivedArray:
    """An array in an archive of ``np.savez``, compressed or not, that is never read as a whole."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        row = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.name}.npy") as stream:
            read_header(stream)
            for first in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - first)
                yield np.frombuffer(self._read(stream, count * row), self.dtype).reshape(count, *self.shape[1:])

    def _read(self, stream: IO[bytes], size: int) -> bytes:
        try:
            data = stream.read(size)
        except DAMAGED:
            data = b""
        if len(data) < size:
            raise reject(self.name, f"an array of shape {self.shape}, cut off", "an array that can be read to its end")
        return data


def read_header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, Fortran order and type of the array that a stream in NumPy's format starts with.

    Raises ValueError for a stream in no such format.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)


def as_blocks(features: np.ndarray | Tensor | Blocks) -> Blocks:
    """Return features (an array, a tensor, or blocks already) as blocks.

    Raises ParameterError for features that are not real numbers in N rows of d columns, N and d at least 1.
    """
    if isinstance(features, Tensor):
        features = features.detach().cpu().numpy()
    found = HeldArray(features) if isinstance(features, np.ndarray) else features
    kind = found.array.dtype if isinstance(found, HeldArray) else getattr(found, "dtype", np.dtype(float))
    if kind.kind not in KINDS:
        raise reject("features", f"an array of {kind}", "an array of real numbers")
    if len(found.shape) != 2 or min(found.shape) < 1:
        raise reject("features", f"an array of shape {found.shape}", "an array of shape (N, d), one row a sample")
    return found


def rows_of(blocks: Blocks) -> int:
    """Return the number of rows of a block of ENTRIES entries, at least 1."""
    return max(1, ENTRIES // blocks.shape[1])


def opened_archive(path: Path) -> dict[str, np.ndarray | ArchivedArray]:
    """Return the arrays of an ``npz`` archive by name; ``features`` in C order stays in the file until it is read.

    Raises ParameterError for a file that is no such archive, and for an array of Python objects.
    """
    found: dict[str, np.ndarray | ArchivedArray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                with archive.open(member) as stream:
                    shape, fortran, dtype = read_header(stream)
                if dtype.hasobject:
                    raise reject(name, "an array of Python objects", "an array of numbers")
                if name == "features" and not fortran:
                    found[name] = ArchivedArray(path, name, shape, dtype)
                else:
                    found[name] = np.load(io.BytesIO(archive.read(member)), allow_pickle=False)
    except DAMAGED as error:
        if isinstance(error, ParameterError):
            raise
        raise reject("file", path, "an archive of arrays that np.savez has written") from None
    return found
