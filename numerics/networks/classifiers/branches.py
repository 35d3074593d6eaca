"""A training that is repeated along several schedules of the decays, where the minimum that is reached depends on the way there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from numerics.networks.classifiers.setting import Schedule, Setting
from numerics.networks.classifiers.trial import ClassifierTrial
from numerics.networks.experiments.experiment import Comparison


class BranchesTrial:
    """The same classifier trained along each schedule in turn; the lowest value is held against the claim.

    A column ``branch`` numbers the schedules from 0.

    Arguments:
        setting: the setting of the classifier; its own schedule is not used.
        schedules: the schedules of the decays by name. All end at the full decays.
        claim_id, seed, device, limit: as in ``ClassifierTrial``.
    """

    def __init__(
        self,
        setting: Setting,
        schedules: Mapping[str, Schedule],
        claim_id: str,
        seed: int,
        device: torch.device,
        limit: float,
    ) -> None:
        self.trials = {
            name: ClassifierTrial(dataclasses.replace(setting, schedule=schedule), claim_id, seed, device, limit)
            for name, schedule in schedules.items()
        }
        self.done = 0

    @property
    def stages(self) -> int:
        """The number of stages of all schedules together."""
        return sum(trial.stages for trial in self.trials.values())

    def advance(self) -> Mapping[str, float]:
        """Train one further stage of the first schedule that is not yet through."""
        left = self.done
        for number, trial in enumerate(self.trials.values()):
            if left < trial.stages:
                self.done += 1
                return {**trial.advance(), "branch": float(number)}
            left -= trial.stages
        raise ValueError(f"stage: {self.done + 1} is not allowed; the training has {self.stages} stages")

    def state(self) -> dict[str, Any]:
        """Return the states of all branches and the number of stages that are done."""
        return {"done": self.done, "branches": {name: trial.state() for name, trial in self.trials.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.done = state["done"]
        for name, trial in self.trials.items():
            trial.restore(state["branches"][name])

    def comparison(self) -> Comparison:
        """Hold the branch of lowest value against the prediction.

        ``measured`` also has all ``branches`` by name, each with its value, its vanished classes and its Gram matrix of class means, and
        the ``lowest`` branch. The deviation ``value of …`` of a branch says how far its value lies above the minimum.
        """
        ends = {name: trial.comparison() for name, trial in self.trials.items()}
        lowest = min(ends, key=lambda name: ends[name].measured["value"])
        shown = {
            name: {each: end.measured[each] for each in ("value", "vanished", "mean_gram")}
            for name, end in ends.items()
        }
        best = ends[lowest]
        values = {f"value of {name}": end.measured["value"] / end.predicted["value"] - 1 for name, end in ends.items()}
        return dataclasses.replace(
            best,
            measured={**best.measured, "branches": shown, "lowest": lowest},
            deviations={**best.deviations, **values},
        )
