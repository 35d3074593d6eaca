"""Files that are either whole or not there: written under another name, flushed to the disk, and renamed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from theory.errors import ParameterError, shown_path

PARTIAL = ".partial"
"""End of the name of a file or folder that is being written."""


def write_file(path: Path, content: bytes) -> None:
    """Write a file, so that a process that dies leaves the former file or the whole new one.

    Raises ParameterError where the disk is full or does not take the file.
    """
    partial = path.with_name(path.name + PARTIAL)
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON that people can read, like ``write_file``."""
    write_file(path, (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """Return the content of a JSON file. Raises ParameterError where the file cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError(f"out: {shown_path(path)} cannot be read ({type(error).__name__})") from error


def replace_folder(partial: Path, folder: Path) -> None:
    """Put a written folder in the place of another one. Between the two there is none, so ``folder`` is never half written."""
    for path in [*partial.rglob("*"), partial]:
        sync(path)
    remove(folder)
    os.replace(partial, folder)
    sync(folder.parent)


def remove(path: Path) -> None:
    """Remove a file or a folder with its content, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(path: Path, error: OSError) -> ParameterError:
    """Return the line for a file that the disk does not take. What was written before stays, so the run can go on."""
    says = error.strerror or str(error)
    return ParameterError(
        f"out: {shown_path(path)} cannot be written ({says}); the same command continues from the last checkpoint"
    )
