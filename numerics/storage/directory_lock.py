"""A lock on the directory of a run that ends with the process that holds it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from theory.errors import ParameterError, shown_path

LOCK = "lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a directory. Raises ParameterError while another process holds it.

    The kernel drops the lock when its process ends in any way, so no lock outlives a killed run.
    """
    with open(folder / LOCK, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ParameterError(
                f"out: {shown_path(folder)} is not allowed; another process runs there, and out is a directory of one process"
            ) from error
        yield
