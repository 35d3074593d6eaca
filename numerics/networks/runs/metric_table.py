"""The metrics of a run over its stages, as a table in Zarr. The packages for it are loaded only when a table is written or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from numerics.storage.atomic_files import PARTIAL, remove, replace_folder, unwritable
from numerics.storage.optional_packages import needed

TABLE = "metrics.zarr"
METRICS, STAGE, COLUMN = "metrics", "stage", "column"
"""The array of the table and its dimensions: stage 1 ends first, and a column has the name of its metric."""
NEEDED = ("xarray", "zarr")


def require_packages() -> None:
    """Raise ParameterError, before anything is trained, where a package for the table is missing."""
    for name in NEEDED:
        needed(name)


def write_table(folder: Path, rows: Sequence[Mapping[str, float]], attributes: Mapping[str, Any]) -> None:
    """Write the metrics after each stage. Raises ParameterError where the disk is full."""
    xarray = needed("xarray")
    # All metrics are one array: as one array each, hundreds of metrics would be hundreds of small files.
    names = list(rows[0]) if rows else []
    values = np.array([[float(row[name]) for name in names] for row in rows]).reshape(len(rows), len(names))
    coordinates = {STAGE: np.arange(1, len(rows) + 1), COLUMN: np.array(names, dtype=np.str_)}
    table = xarray.Dataset({METRICS: ((STAGE, COLUMN), values)}, coords=coordinates, attrs=dict(attributes))
    partial = folder / (TABLE + PARTIAL)
    try:
        remove(partial)
        table.to_zarr(partial, mode="w", zarr_format=2, consolidated=False)
        replace_folder(partial, folder / TABLE)
    except OSError as error:
        raise unwritable(folder / TABLE, error) from error


def read_table(folder: Path) -> dict[str, list[float]]:
    """Return the columns of a run's table by name, in the order of the experiment, one number a stage."""
    xarray = needed("xarray")
    with xarray.open_zarr(folder / TABLE, consolidated=False) as table:
        values = table[METRICS].values
        return {str(name): values[:, number].tolist() for number, name in enumerate(table[COLUMN].values)}
