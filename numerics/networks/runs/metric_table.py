"""The metrics of a run over its stages, as a table in Zarr. The packages for it are loaded only when a table is written or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from numerics.networks.runs.atomic_files import PARTIAL, remove, replace_folder, unwritable
from theory.errors import ParameterError

TABLE = "metrics.zarr"
STAGE = "stage"
"""The dimension of the table: 1 after the first stage."""
NEEDED = ("xarray", "zarr")


def require_packages() -> None:
    """Raise ParameterError, before anything is trained, where a package for the table is missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ParameterError(
            f"experiment: {' and '.join(missing)} must be installed for a run; pip install 'collapse-atlas[sweeps]' does that"
        )


def write_table(folder: Path, rows: Sequence[Mapping[str, float]], attributes: Mapping[str, Any]) -> None:
    """Write the metrics after each stage, one variable a column. Raises ParameterError where the disk is full."""
    import xarray

    columns = {name: (STAGE, [float(row[name]) for row in rows]) for name in (rows[0] if rows else ())}
    table = xarray.Dataset(
        columns, coords={STAGE: list(range(1, len(rows) + 1))}, attrs={**attributes, "columns": list(columns)}
    )
    partial = folder / (TABLE + PARTIAL)
    try:
        remove(partial)
        table.to_zarr(partial, mode="w", zarr_format=3, consolidated=False)
        replace_folder(partial, folder / TABLE)
    except OSError as error:
        raise unwritable(folder / TABLE, error) from error


def read_table(folder: Path) -> dict[str, list[float]]:
    """Return the columns of a run's table by name, in the order of the experiment, one number a stage."""
    import xarray

    with xarray.open_zarr(folder / TABLE, consolidated=False) as table:
        return {name: table[name].values.tolist() for name in table.attrs["columns"]}
