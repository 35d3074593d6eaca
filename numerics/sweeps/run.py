"""A sweep from start to end: the chunks that are missing are computed by an executor and written as they come."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from numerics.sweeps.grid import cells
from numerics.sweeps.specification import Specification
from numerics.sweeps.store import Store
from numerics.sweeps.task import Task

PACKAGE = "collapse-atlas"
_COMPUTING = Lock()
"""Held while a chunk is computed: a process computes one chunk at a time, since SymPy's caches and torch's threads are shared."""

Progress = Callable[[int, int], None]
"""A function that is told how many cells are done, and how many there are."""


@dataclass(frozen=True)
class Outcome:
    """How a run of a sweep ended.

    Arguments:
        cells: the number of cells of the sweep.
        chunks: the number of its chunks.
        computed: the chunks that this run computed.
        kept: the chunks that were there before.
        seconds: how long the run took.
        cpu: the processor time that the computed cells took, in seconds, of all processes together.
    """

    cells: int
    chunks: int
    computed: int
    kept: int
    seconds: float
    cpu: float


def run(
    task: Task, specification: Specification, folder: Path, executor: Executor, progress: Progress | None = None
) -> Outcome:
    """Compute the chunks of a sweep that the folder lacks, and write each as it comes.

    The results do not depend on the executor, nor on what was computed before. Raises ParameterError where the folder holds another
    sweep, is being written by another process, or cannot be written.
    """
    began, store = time.perf_counter(), Store(folder)
    with store.locked():
        with store.writing():
            store.prepare(task, _identity(specification), specification.chunk, _provenance())
        return _fill(task, store, executor, progress or (lambda done, total: None), began)


def _fill(task: Task, store: Store, executor: Executor, progress: Progress, began: float) -> Outcome:
    """Compute and write the chunks that are missing."""
    every, complete = store.regions, store.complete()
    missing = [region for region, is_complete in zip(every, complete, strict=True) if not is_complete]
    total = sum(map(_size, every))
    done = total - sum(map(_size, missing))
    cpu, computed, before = 0.0, 0, done
    progress(done, total)
    futures = {executor.submit(compute_chunk, task, region): region for region in missing}
    try:
        for future in as_completed(list(futures)):
            region = futures.pop(future)
            columns, seconds = future.result()
            with store.writing():
                store.write(region, columns)
            done, cpu, computed = done + _size(region), cpu + seconds, computed + 1
            progress(done, total)
    finally:
        for future in futures:
            future.cancel()
        seconds = time.perf_counter() - began
        if computed:
            with store.writing():
                store.note({**_provenance(), "cells": done - before, "seconds": seconds, "cpu": cpu})
    return Outcome(total, len(every), computed, len(every) - len(missing), seconds, cpu)


def compute_chunk(task: Task, region: tuple[slice, ...]) -> tuple[dict[str, np.ndarray], float]:
    """Return the columns of a chunk, and the seconds of processor time that they took."""
    with _COMPUTING:
        began = time.process_time()
        torch.set_num_threads(1)  # results may differ in the last digits between numbers of threads
        return task.compute(cells(region)), time.process_time() - began


def _size(region: tuple[slice, ...]) -> int:
    return math.prod(part.stop - part.start for part in region)


def _identity(specification: Specification) -> str:
    """Return what results depend on: the specification, and the versions of the code that computes."""
    versions = {PACKAGE: version(PACKAGE), "torch": torch.__version__}
    return json.dumps({**json.loads(specification.identity()), **versions}, sort_keys=True)


def _provenance() -> Mapping[str, Any]:
    return {"date": date.today().isoformat(), "machine": platform.machine(), "python": platform.python_version()}
