"""A run of an experiment: train from the last checkpoint to the end, and write the comparison with the prediction."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from numerics.networks.experiments.experiment import Comparison, Experiment, Trial
from numerics.networks.runs.checkpoint import BEFORE, Checkpoint, load, save
from numerics.networks.runs.metric_table import require_packages, write_table
from numerics.networks.runs.provenance import environment
from numerics.networks.runs.run_directory import (
    RESULT,
    Configuration,
    configuration,
    enter,
    make,
    note_environment,
)
from numerics.storage.atomic_files import read_json, remove, write_json
from numerics.storage.directory_lock import locked
from numerics.storage.json_values import json_value
from theory.errors import CheckFailed, ParameterError

CHECKPOINT_SECONDS = 3.0
"""Least number of seconds between two checkpoints. The last stage always has one."""
SAME_PREDICTION = 1e-9
"""Relative distance between the prediction before the training and the one in the comparison: rounding."""


@dataclasses.dataclass(frozen=True)
class Watch:
    """Who is told about a run.

    Arguments:
        say: takes a line on what happened to the run.
        stage: takes the number of stages done, the number of all stages, and the number done before this process.
    """

    say: Callable[[str], None] = lambda line: None
    stage: Callable[[int, int, int], None] = lambda done, stages, before: None


def run(
    experiment: Experiment,
    size: str,
    seed: int,
    device: torch.device,
    folder: Path,
    watch: Watch | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> dict[str, Any]:
    """Run an experiment in a directory, or take up the run that is there, and return its result.

    A process may die at any moment: the next call continues from the last whole checkpoint and ends with the same
    metrics, bit by bit. A finished run is not trained again.

    Arguments:
        experiment: the experiment.
        size: ``small`` or ``full``.
        seed: seed of the run.
        device: where it trains.
        folder: directory of this run alone.
        watch: who is told about the progress.
        checkpoint_seconds: least number of seconds between two checkpoints.

    Raises ParameterError for a size that the experiment lacks, a directory with another run or with other files, a
    directory in use by another process, a full disk, and missing packages.
    """
    watch = watch or Watch()
    require_packages()
    asked = configuration(experiment, size, seed, device)
    make(folder)
    with locked(folder):
        parameters = experiment.sizes[size]
        kept = enter(folder, asked, environment(device), lambda: experiment.predict(parameters, seed))
        finished = finished_result(folder, watch.say)
        if finished is not None:
            watch.say("has ended before, and is not trained again")
            return finished
        note_environment(folder, environment(device), watch.say)
        trial = experiment.start(parameters, seed, device)
        last = _train(trial, kept, folder, watch, checkpoint_seconds)
        comparison = trial.comparison()
        _require_same(kept.predicted, json_value(comparison.predicted))
        write_table(folder, last.rows, {"experiment": kept.experiment, "size": kept.size, "seed": kept.seed})
        result = as_result(experiment, kept, comparison, last.seconds)
        write_json(folder / RESULT, result)
        remove(folder / BEFORE)
    return result


def finished_result(folder: Path, say: Callable[[str], None] = lambda line: None) -> dict[str, Any] | None:
    """Return the result of a directory, or None where its run has not ended or its result is damaged."""
    if not (folder / RESULT).exists():
        return None
    try:
        result = read_json(folder / RESULT)
    except ParameterError:
        say(f"{RESULT} is damaged and is left aside")
        return None
    return result if isinstance(result, dict) else None


def as_result(experiment: Experiment, asked: Configuration, comparison: Comparison, seconds: float) -> dict[str, Any]:
    """Return the comparison that ends a run as JSON holds it."""
    return {
        "experiment": asked.experiment,
        "size": asked.size,
        "seed": asked.seed,
        "parameters": asked.parameters,
        **{f.name: json_value(getattr(comparison, f.name)) for f in dataclasses.fields(comparison)},
        "verdict": comparison.verdict,
        "expected": experiment.expected,
        "seconds": seconds,
    }


def _train(trial: Trial, asked: Configuration, folder: Path, watch: Watch, checkpoint_seconds: float) -> Checkpoint:
    """Train to the last stage, and return the checkpoint after it."""
    last = load(folder, asked.checksum, watch.say)
    if last is None:
        last = Checkpoint(asked.checksum, [], 0.0, {})
    else:
        trial.restore(last.state)
    rows, before, earlier = list(last.rows), last.stage, last.seconds
    began = written = time.monotonic()
    if before:
        watch.say(f"continues after stage {before} of {trial.stages}")
    watch.stage(before, trial.stages, before)
    while len(rows) < trial.stages:
        row = {name: float(value) for name, value in trial.advance().items()}
        if rows and row.keys() != rows[0].keys():
            raise CheckFailed(f"{asked.experiment}: stage {len(rows) + 1} measures other columns than the first")
        rows.append(row)
        watch.stage(len(rows), trial.stages, before)
        if len(rows) == trial.stages or time.monotonic() - written >= checkpoint_seconds:
            seconds = earlier + time.monotonic() - began
            last = Checkpoint(asked.checksum, list(rows), seconds, trial.state())
            save(folder, last)
            written = time.monotonic()
    return last


def _require_same(stated: Mapping[str, Any], compared: Mapping[str, Any]) -> None:
    """Raise CheckFailed where a network is compared with another prediction than the one stated before its training."""
    for name in stated.keys() & compared.keys():
        if not _alike(stated[name], compared[name]):
            raise CheckFailed(
                f"{name}: the network is compared with another prediction than the one stated before training"
            )


def _alike(one: Any, other: Any) -> bool:
    """Return whether two values of JSON are the same up to rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return bool(np.isclose(one, other, rtol=SAME_PREDICTION, atol=SAME_PREDICTION))
    return one == other
