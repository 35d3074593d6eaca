"""Checkpoints of a training: the last one and the one before it, each with a checksum."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from numerics.storage.atomic_files import unwritable, write_file

LAST, BEFORE = "checkpoint.pt", "checkpoint.before.pt"


@dataclass(frozen=True)
class Checkpoint:
    """A training put down between two stages.

    Arguments:
        configuration: checksum of the configuration of the run.
        rows: what was measured after each stage so far, by the name of the column.
        seconds: the seconds of training so far, over all processes.
        state: the state of the trial.
    """

    configuration: str
    rows: list[dict[str, float]]
    seconds: float
    state: dict[str, Any]

    @property
    def stage(self) -> int:
        """The number of stages done."""
        return len(self.rows)


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint and keep the one before it. Raises ParameterError where the disk is full."""
    buffer = io.BytesIO()
    torch.save({field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}, buffer)
    content = buffer.getvalue()
    last = folder / LAST
    if last.exists():
        try:
            os.replace(last, folder / BEFORE)
        except OSError as error:
            raise unwritable(folder / BEFORE, error) from error
    write_file(last, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def load(folder: Path, configuration: str, say: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest whole checkpoint of a configuration, or None. ``say`` takes a line for each damaged checkpoint."""
    for name in (LAST, BEFORE):
        if not (folder / name).exists():
            continue
        found = _read(folder / name)
        if found is not None and found.configuration == configuration:
            return found
        say(f"{name} is damaged or of another run and is left aside")
    return None


def _read(path: Path) -> Checkpoint | None:
    """Return the checkpoint in a file, or None where the file is damaged."""
    checksum, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != checksum:
        return None
    # Only tensors and plain values are read, so a file from elsewhere runs no code. Each tensor returns to its device.
    return Checkpoint(**torch.load(io.BytesIO(content), weights_only=True))
