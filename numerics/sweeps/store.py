"""The results of a sweep as labelled arrays in a Zarr group, written chunk by chunk.

A chunk counts once its checksum is there, and the checksum is written after everything else of the chunk. Every file is written
beside its place and then moved there. So a process may end at any moment, and what it leaves is complete or is computed again.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from numerics.storage.directory_lock import locked
from numerics.storage.optional_packages import needed
from numerics.sweeps.grid import Chunks, regions
from numerics.sweeps.task import Task
from theory.errors import ParameterError, shown_path
from theory.problem import reject

CONTINUES = "the same command continues the sweep"
ARRAYS, RUNS = "arrays.zarr", "runs.jsonl"
CHECKSUM = "checksum"
"""The array that has, at every cell of a chunk that is complete, the checksum of the chunk."""
ATTRIBUTES = ("identity", "provenance", "columns")
"""What the group says of its sweep; Xarray adds attributes of its own."""
SUM = "sum"
"""The checksum of the attributes, among them."""
PARTIAL = "*.partial"
"""The files that Zarr was writing when a process ended."""
DAMAGED = (ValueError, RuntimeError, TypeError, KeyError, OSError)
"""What reading raises where a file is damaged, whichever of its parts is."""


class Store:
    """A folder with the results of one sweep."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / ARRAYS
        self.zarr = needed("zarr")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing into the folder. Raises ParameterError where another one does."""
        if self.folder.exists() and not self.folder.is_dir():
            raise reject("out", self.folder, "a folder")
        with self.writing():
            self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn the failure of a write, such as that on a full disk, into a ParameterError that names the folder."""
        try:
            yield
        except OSError as error:
            raise ParameterError(f"out: {shown_path(self.folder)}: {error.strerror or error}; {CONTINUES}") from error

    def prepare(self, task: Task, identity: str, most: int, provenance: Mapping[str, Any]) -> None:
        """Make the arrays of a task, without results. Results that are there stay; descriptions that are damaged are mended.

        Arguments:
            task: what is computed.
            identity: a text that tells this sweep from every other one.
            most: most cells of a chunk.
            provenance: what is said of where the results come from; that of an earlier start stays.

        Raises ParameterError where the folder holds another sweep.
        """
        held = self._attributes()
        if held.get("identity", identity) != identity:
            differs = _difference(held["identity"], identity)
            raise ParameterError(f"out: {shown_path(self.folder)} holds another sweep: {differs}")
        attributes = {
            "identity": identity,
            "provenance": held.get("provenance", dict(provenance)),
            "columns": list(task.columns),
        }
        for left in self.folder.rglob(PARTIAL):
            left.unlink(missing_ok=True)
        for left in self.folder.glob(f"{ARRAYS}.*"):
            shutil.rmtree(left, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=f"{ARRAYS}.", dir=self.folder))
        _make(made, task, most, {**attributes, SUM: _sum(attributes)})
        _put_in_place(made, self.path)

    def _attributes(self) -> dict[str, Any]:
        """Return what the folder says of its sweep, or nothing where it says nothing that can be read."""
        try:
            held = dict(self.zarr.open_group(self.path, mode="r").attrs)
        except DAMAGED:
            return {}
        attributes = {name: held[name] for name in ATTRIBUTES if name in held}
        return attributes if held.get(SUM) == _sum(attributes) else {}

    @property
    def attributes(self) -> dict[str, Any]:
        """What the folder says of its sweep. Raises ParameterError where it holds none."""
        found = self._attributes()
        if "identity" not in found:
            raise ParameterError(f"sweep: {shown_path(self.folder)} holds no sweep")
        return found

    @property
    def regions(self) -> list[tuple[slice, ...]]:
        """The chunks in order, each as its range along every axis of the sweep."""
        array = self.zarr.open_array(self.path / CHECKSUM, mode="r")
        return regions(array.shape, array.chunks)

    def complete(self) -> list[bool]:
        """Return which chunks are there and undamaged, in order."""
        group = self.zarr.open_group(self.path, mode="r")
        names, identity = _columns(group), str(group.attrs["identity"])
        return [self._is_complete(group, names, identity, region) for region in self.regions]

    def _is_complete(self, group: Any, names: Sequence[str], identity: str, region: tuple[slice, ...]) -> bool:
        try:
            sums = group[CHECKSUM][region]
            if not sums.all():
                return False
            held = {name: group[name][region] for name in names}
        except DAMAGED:
            return False
        return bool((sums == checksum(identity, region, held)).all())

    def write(self, region: tuple[slice, ...], columns: Mapping[str, np.ndarray]) -> None:
        """Write the results of a chunk, arrays [cells, *further axes]."""
        group = self.zarr.open_group(self.path, mode="r+")
        sides = tuple(part.stop - part.start for part in region)
        shaped = {name: array.reshape(*sides, *array.shape[1:]) for name, array in columns.items()}
        for name, array in shaped.items():
            group[name][region] = array
        group[CHECKSUM][region] = np.full(sides, checksum(str(group.attrs["identity"]), region, shaped))

    def note(self, run: Mapping[str, Any]) -> None:
        """Add a line on a run to the log of the folder, which no result depends on."""
        with (self.folder / RUNS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(run)) + "\n")

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs that the log of the folder tells of; a line that cannot be read is left out."""
        path = self.folder / RUNS
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        return [run for line in lines if (run := _parsed(line)) is not None]

    def read(self) -> Any:
        """Return the results as an ``xarray.Dataset``; cells of chunks that are missing or damaged are empty."""
        xarray, attributes = needed("xarray"), self.attributes
        group = self.zarr.open_group(self.path, mode="r")
        arrays = {
            name: np.full(group[name].shape, group[name].fill_value, group[name].dtype) for name in _columns(group)
        }
        done = np.zeros(group[CHECKSUM].shape, bool)
        for region, complete in zip(self.regions, self.complete(), strict=True):
            if complete:
                done[region] = True
                for name, array in arrays.items():
                    array[region] = group[name][region]
        axes = {name: group[name].metadata.dimension_names for name in [*arrays, CHECKSUM]}
        labels = {
            name: (array.metadata.dimension_names, array[:]) for name, array in group.arrays() if name not in axes
        }
        columns = {name: (axes[name], array, dict(group[name].attrs)) for name, array in arrays.items()}
        return xarray.Dataset({**columns, "done": (axes[CHECKSUM], done)}, labels, attributes)


def checksum(identity: str, region: tuple[slice, ...], columns: Mapping[str, np.ndarray]) -> np.uint64:
    """Return a number above 0 that depends on every bit of a chunk, on its place, and on the sweep."""
    digest = blake2b(f"{identity} {region}".encode(), digest_size=8)
    for name in sorted(columns):
        array = np.ascontiguousarray(columns[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return np.uint64(int.from_bytes(digest.digest()) or 1)


def _sum(attributes: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(attributes, sort_keys=True).encode(), digest_size=8).hexdigest()


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        run = json.loads(line)
    except ValueError:
        return None
    return run if isinstance(run, dict) else None


def _columns(group: Any) -> list[str]:
    """Return the names of the arrays with results, in the order of the task."""
    return list(group.attrs["columns"])


def _make(path: Path, task: Task, most: int, attributes: Mapping[str, Any]) -> None:
    """Make a group with the axes of a task, their labels, and its empty columns."""
    xarray, zarr = needed("xarray"), needed("zarr")
    chunks = Chunks(tuple(len(labels) for labels in task.axes.values()), most)
    first = next(iter(task.axes))
    along = {name: ((name,), _array(labels)) for name, labels in (*task.axes.items(), *task.further.items())}
    beside = {name: ((first,), _array(labels)) for name, labels in task.labels.items()}
    xarray.Dataset(coords=along | beside).to_zarr(path, mode="w", zarr_format=3, consolidated=False)
    group = zarr.open_group(path, mode="r+")
    group.attrs.update(attributes)
    for name, column in task.columns.items():
        further = tuple(len(task.further[axis]) for axis in column.axes)
        group.create_array(
            name,
            shape=(*chunks.shape, *further),
            chunks=(*chunks.block, *further),
            dtype=column.dtype,
            fill_value=column.missing,
            dimension_names=[*task.axes, *column.axes],
            attributes={"says": column.says, **({"words": list(column.words)} if column.words else {})},
        )
    group.create_array(
        CHECKSUM, shape=chunks.shape, chunks=chunks.block, dtype="uint64", fill_value=0, dimension_names=list(task.axes)
    )


def _array(labels: Sequence[Any]) -> np.ndarray:
    """Return labels as an array that Zarr stores: numbers, or texts."""
    return np.array(labels, dtype=object) if any(isinstance(label, str) for label in labels) else np.array(labels)


def _put_in_place(made: Path, path: Path) -> None:
    """Move the files of a folder into another one where these are missing or different, and remove the folder."""
    for file in sorted(made.rglob("*")):
        place = path / file.relative_to(made)
        if file.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif not place.is_file() or place.read_bytes() != file.read_bytes():
            os.replace(file, place)
    shutil.rmtree(made)


def _difference(held: str, wanted: str) -> str:
    """Return the keys in which two specifications differ."""
    one, other = json.loads(held), json.loads(wanted)
    return ", ".join(key for key in sorted({*one, *other}) if one.get(key) != other.get(key)) + " differ"
