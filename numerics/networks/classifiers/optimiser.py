"""Optimisers that advance a classifier by a stage: L-BFGS on the full batch, and Adam or SGD on mini-batches."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from numerics.data.labelled import Labelled
from numerics.networks.classifiers.objective import objective_of
from numerics.networks.classifiers.setting import Schedule, Setting
from numerics.networks.models.classifier import Classifier

HISTORY = 50
"""Pairs of steps and gradients that L-BFGS keeps."""
MOMENTUM = 0.9
"""Momentum of SGD, as the published trainers set it."""


class StagedOptimiser(Protocol):
    """An optimiser that trains a network stage by stage; its state together with that of the network determines the rest."""

    @property
    def stages(self) -> int: ...

    def advance(self) -> None: ...

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: dict[str, Any]) -> None: ...


def factors_of(schedule: Schedule, stage: int) -> list[float]:
    """Return the factor of the decays in each stage."""
    return [factor for factor, length in schedule for _ in range(int(length) // stage)]


class FullBatch:
    """L-BFGS with a strong Wolfe line search on all samples. It forgets its history when the decays change.

    Arguments:
        network: the network to train, in place.
        samples: the training samples, on the device and in the floating-point type of the network.
        setting: the objective, the schedule, and the iterations of a stage.
    """

    def __init__(self, network: Classifier, samples: Labelled, setting: Setting) -> None:
        self.network, self.samples = network, samples
        self.objective, self.iterations = objective_of(setting), setting.stage
        self.factors = factors_of(setting.schedule, setting.stage)
        self.done, self.optimiser = 0, self._fresh()

    def _fresh(self) -> torch.optim.LBFGS:
        return torch.optim.LBFGS(
            self.network.parameters(),
            max_iter=self.iterations,
            history_size=HISTORY,
            # Zero tolerances: a stage ends early only at an exact standstill, and the gap to the prediction says how good the end is.
            tolerance_grad=0.0,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

    @property
    def stages(self) -> int:
        return len(self.factors)

    def advance(self) -> None:
        """Train for one stage."""
        factor = self.factors[self.done]
        if self.done > 0 and factor != self.factors[self.done - 1]:
            self.optimiser = self._fresh()
        optimiser = self.optimiser

        def evaluate() -> Tensor:
            optimiser.zero_grad()
            value = self.objective(self.network, self.samples.inputs, self.samples.labels, factor)
            value.backward()
            return value

        optimiser.step(evaluate)  # pyright: ignore[reportArgumentType]  # LBFGS takes the tensor and reads it as a number
        self.done += 1

    def state(self) -> dict[str, Any]:
        """Return the number of stages that are done and the history of L-BFGS."""
        return {"done": self.done, "optimiser": copy.deepcopy(self.optimiser.state_dict())}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.done, self.optimiser = state["done"], self._fresh()
        self.optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))


class MiniBatch:
    """Adam or SGD on mini-batches, drawn anew in every epoch, with a learning rate that falls to zero along a cosine.

    Arguments:
        network: the network to train, in place.
        samples: the training samples, on the device and in the floating-point type of the network.
        setting: the objective, the schedule, and the epochs of a stage.
        seed: the seed of the order of the samples.
    """

    def __init__(self, network: Classifier, samples: Labelled, setting: Setting, seed: int) -> None:
        self.network, self.samples = network, samples
        self.objective, self.epochs = objective_of(setting), setting.stage
        self.batch, self.rate = setting.batch, setting.rate
        self.factors = factors_of(setting.schedule, setting.stage)
        self.steps = len(self.factors) * self.epochs * (len(samples) // self.batch)
        self.done, self.step = 0, 0
        self.generator = torch.Generator().manual_seed(seed)
        self.optimiser: torch.optim.Optimizer = (
            torch.optim.Adam(network.parameters(), lr=setting.rate)
            if setting.optimiser == "adam"
            else torch.optim.SGD(network.parameters(), lr=setting.rate, momentum=MOMENTUM)
        )

    @property
    def stages(self) -> int:
        return len(self.factors)

    def _batches(self) -> Iterator[Labelled]:
        """Yield the mini-batches of one epoch."""
        order = torch.randperm(len(self.samples), generator=self.generator).to(self.samples.labels.device)
        for first in range(0, len(order), self.batch):
            yield self.samples.chosen(order[first : first + self.batch])

    def advance(self) -> None:
        """Train for one stage."""
        factor = self.factors[self.done]
        for _ in range(self.epochs):
            for batch in self._batches():
                for group in self.optimiser.param_groups:
                    group["lr"] = self.rate * (1 + math.cos(math.pi * self.step / self.steps)) / 2
                self.optimiser.zero_grad()
                self.objective(self.network, batch.inputs, batch.labels, factor).backward()
                self.optimiser.step()
                self.step += 1
        self.done += 1

    def state(self) -> dict[str, Any]:
        """Return the stages and steps that are done, the moments of the optimiser and the state of the generator."""
        return {
            "done": self.done,
            "step": self.step,
            "optimiser": copy.deepcopy(self.optimiser.state_dict()),
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.done, self.step = state["done"], state["step"]
        self.optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self.generator.set_state(state["generator"].cpu())
