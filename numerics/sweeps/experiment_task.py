"""An experiment at the cells of a sweep: a network trained at the parameters of each, and held against the prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from numerics.networks.experiments.experiment import AGREES, DEPARTS, Comparison, Experiment
from numerics.networks.experiments.known import known
from numerics.sweeps.specification import Specification
from numerics.sweeps.task import Column, Position, empty
from theory.errors import ParameterError, quoted
from theory.problem import reject

SEED = "seed"
"""The axis along which the same network is trained from other random numbers; without it all cells have the seed of the sweep."""
VERDICTS = ("none", AGREES, DEPARTS)
PARTS = ("train", "test")


@dataclass(frozen=True)
class ExperimentTask:
    """An experiment at the parameters of a specification, with those of one of its sizes where the specification has none."""

    specification: Specification

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out what is cached, since experiments cannot be sent to other processes."""
        return ExperimentTask, (self.specification,)

    @cached_property
    def experiment(self) -> Experiment:
        experiments, name = known(), self.specification.name
        if name not in experiments:
            raise reject("experiment", name, f"one of {', '.join(experiments) or '(none known)'}")
        return experiments[name]

    @property
    def axes(self) -> dict[str, Sequence[Any]]:
        return {axis.name: axis.labels for axis in self.specification.axes}

    @property
    def labels(self) -> dict[str, list[Any]]:
        return {}

    @property
    def further(self) -> dict[str, Sequence[Any]]:
        return {}

    @property
    def columns(self) -> dict[str, Column]:
        return {
            "verdict": Column("the verdict", words=VERDICTS),
            "excess": Column("the largest deviation over the limit within which it agrees"),
            "nc1": Column("the within-class variability of the features"),
            "vanished": Column("the number of classes or directions that carry nothing", counts=True),
            **{f"accuracy_{part}": Column(f"the share of samples classified rightly ({part})") for part in PARTS},
        }

    @property
    def _base(self) -> Mapping[str, Any]:
        sizes, size = self.experiment.sizes, self.specification.size
        if size not in sizes:
            raise reject("size", size, f"one of {', '.join(sizes)}")
        return sizes[size]

    def checked(self) -> ExperimentTask:
        """Return the task. Raises ParameterError for a parameter that the experiment does not have, and a value of another kind."""
        given = {axis.name: axis.values for axis in self.specification.axes if axis.name != SEED}
        given |= {name: (value,) for name, value in self.specification.fixed.items()}
        for name, values in given.items():
            self._require(name)
            for value in values:
                if type(value) is not type(self._base[name]) and not _both_numbers(value, self._base[name]):
                    raise reject(name, value, f"a value such as {quoted(self._base[name])}")
        for name in self.specification.same:
            self._require(name)
        for axis in self.specification.axes:
            if axis.name == SEED and not all(isinstance(value, int) and value >= 0 for value in axis.values):
                raise reject(SEED, axis.values, "integers of at least 0")
        return self

    def _require(self, name: str) -> None:
        if name not in self._base:
            raise ParameterError(f"{quoted(name)}: no such parameter; the parameters are {', '.join(self._base)}")

    def parameters(self, position: Position) -> tuple[dict[str, Any], int]:
        """Return the parameters of a cell, and its seed."""
        axes = zip(self.specification.axes, position, strict=True)
        given = {**self._base, **self.specification.fixed, **{axis.name: axis.values[i] for axis, i in axes}}
        given |= {name: given[other] for name, other in self.specification.same.items()}
        seed = given.pop(SEED, self.specification.seed) if SEED in self.axes else self.specification.seed
        return given, seed

    def compute(self, positions: Sequence[Position]) -> dict[str, np.ndarray]:
        """Return the columns at these cells, which are trained one after the other."""
        found = empty(self, len(positions))
        for number, position in enumerate(positions):
            trial = self.experiment.start(*self.parameters(position), torch.device(self.specification.device))
            for _ in range(trial.stages):
                trial.advance()
            for name, value in _numbers(trial.comparison()).items():
                found[name][number] = value
        return found


def _numbers(comparison: Comparison) -> dict[str, float]:
    """Return what a comparison gives for the columns."""
    over = [comparison.deviations[name] / limit for name, limit in comparison.limits.items() if limit > 0]
    accuracy = comparison.accuracy or {}
    return {
        "verdict": VERDICTS.index(comparison.verdict),
        "excess": max(over, default=math.nan),
        "nc1": math.nan if comparison.nc1 is None else comparison.nc1,
        "vanished": -1 if comparison.vanished is None else len(comparison.vanished),
        **{f"accuracy_{part}": accuracy.get(part, math.nan) for part in PARTS},
    }


def _both_numbers(one: Any, other: Any) -> bool:
    return all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, other))
