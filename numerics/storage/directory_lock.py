"""A lock on the directory of a run that ends with the process that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from theory.errors import ParameterError, shown_path

LOCK = "lock"
PATIENCE = 0.2
"""Seconds before a lock counts as held. A process that was killed while it started another program, such as git, leaves a
child that holds its files open until that program begins."""
PAUSE = 0.01
"""Seconds between two attempts."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a directory. Raises ParameterError while another process holds it.

    The kernel drops the lock when its process ends in any way, so no lock outlives a killed run.
    """
    with open(folder / LOCK, "ab") as file:
        if not _taken(file):
            raise ParameterError(
                f"out: {shown_path(folder)} is not allowed; another process runs there, and out is a directory of one process"
            )
        yield


def _taken(file: IO[bytes]) -> bool:
    """Return whether the lock was free within the patience of this module."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(PAUSE)
        else:
            return True
