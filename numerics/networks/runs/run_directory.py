"""The directory of one run: its files, and whether it may hold this run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from numerics.networks.experiments.experiment import SIZES, Experiment
from numerics.networks.runs.checkpoint import BEFORE, LAST
from numerics.networks.runs.metric_table import TABLE
from numerics.storage.atomic_files import PARTIAL, read_json, remove, write_json
from numerics.storage.directory_lock import LOCK
from numerics.storage.json_values import json_value
from theory.errors import ParameterError, shown_path
from theory.problem import reject

CONFIGURATION, ENVIRONMENT, RESULT, FIGURES = "configuration.json", "environment.json", "result.json", "figures"
OWN = {CONFIGURATION, ENVIRONMENT, RESULT, FIGURES, TABLE, LAST, BEFORE, LOCK}
ASKED = ("experiment", "size", "seed", "device", "parameters")
"""What tells two runs apart."""
SAME_NUMBERS = ("versions", "device", "threads")
"""Where these entries of the environment are the same, a training gives the same numbers, bit by bit."""


@dataclass(frozen=True)
class Configuration:
    """What a run was asked to do, and the prediction stated before its training.

    Arguments:
        experiment: name of the experiment.
        size: ``small`` or ``full``.
        seed: seed of data, initial point and order of the samples.
        device: ``cpu`` or ``cuda``.
        parameters: parameters of the run, as JSON holds them.
        predicted: the predicted quantities by name, as JSON holds them.
    """

    experiment: str
    size: str
    seed: int
    device: str
    parameters: Mapping[str, Any]
    predicted: Mapping[str, Any]

    @property
    def checksum(self) -> str:
        """The checksum of what was asked."""
        asked = {name: getattr(self, name) for name in ASKED}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def configuration(experiment: Experiment, size: str, seed: int, device: torch.device) -> Configuration:
    """Return the configuration of a run, its prediction left out. Raises ParameterError for a size that the experiment lacks."""
    if size not in experiment.sizes:
        raise reject("size", size, f"{' or '.join(name for name in SIZES if name in experiment.sizes)} here")
    return Configuration(experiment.name, size, seed, device.type, json_value(experiment.sizes[size]), {})


def read_configuration(folder: Path) -> Configuration:
    """Return the configuration of a run. Raises ParameterError where the directory holds none."""
    if not (folder / CONFIGURATION).is_file():
        raise ParameterError(f"out: {shown_path(folder)} holds no run")
    try:
        return Configuration(**read_json(folder / CONFIGURATION))
    except TypeError as error:
        raise ParameterError(f"out: {shown_path(folder / CONFIGURATION)} is no configuration of a run") from error


def make(folder: Path) -> None:
    """Make the directory of a run, or take one that holds a run or nothing. Raises ParameterError for any other."""
    if folder.exists() and not folder.is_dir():
        raise reject("out", shown_path(folder), "a directory")
    folder.mkdir(parents=True, exist_ok=True)
    foreign = sorted(path.name for path in folder.iterdir() if path.name.removesuffix(PARTIAL) not in OWN)
    if foreign:
        raise ParameterError(f"out: {shown_path(folder)} holds {shown_path(foreign[0])}, which is no part of a run")


def enter(
    folder: Path, asked: Configuration, environment: Mapping[str, Any], predict: Callable[[], Mapping[str, Any]]
) -> Configuration:
    """Write environment, configuration and prediction of a new run, or return the configuration of the run that goes on.

    Call this while the directory is locked. Raises ParameterError where the directory holds another run.
    """
    for path in folder.iterdir():
        if path.name.endswith(PARTIAL):
            remove(path)
    if (folder / CONFIGURATION).exists():
        found = read_configuration(folder)
        for name in ASKED:
            if getattr(found, name) != getattr(asked, name):
                shown = getattr(found, name)
                holds = f"with other {name}" if name == "parameters" else f"with {name} {shown}"
                raise ParameterError(f"out: {shown_path(folder)} holds a run {holds}; choose another directory")
        return found
    write_json(folder / ENVIRONMENT, environment)
    stated = replace(asked, predicted=json_value(predict()))
    write_json(folder / CONFIGURATION, asdict(stated))
    return stated


def note_environment(folder: Path, now: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Record that a run goes on elsewhere than it began. Then its numbers may differ in the last digits, and ``say`` is told so."""
    first = read_json(folder / ENVIRONMENT)
    known = [first, *first.get("continued", [])]
    if all(any(now[name] != each[name] for name in SAME_NUMBERS) for each in known):
        say(f"continues with other versions, threads or another device than it began; {ENVIRONMENT} lists both")
        write_json(folder / ENVIRONMENT, {**first, "continued": [*known[1:], now]})
