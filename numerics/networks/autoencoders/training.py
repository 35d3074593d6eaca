"""Trainings of a sweep of autoencoders in stages, which can be put down and taken up between two stages."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from numerics.networks.autoencoders.one_level import Autoencoder, LinearAutoencoder
from numerics.networks.autoencoders.samples import Samples
from numerics.networks.autoencoders.two_levels import Hierarchy, LinearHierarchy

HISTORY = 50
"""Pairs that L-BFGS keeps. Several settings share one line search, so they need more than one setting would."""

Model = Autoencoder | Hierarchy
LinearModel = LinearAutoencoder | LinearHierarchy


class Training(Protocol):
    """A training that has reached ``model`` and goes on by ``stage``; all that the rest depends on is in its state."""

    @property
    def model(self) -> Model:
        """The model as it is to be measured now."""
        ...

    def stage(self) -> None:
        """Train one stage further."""
        ...

    def state(self) -> dict[str, Any]:
        """Return all that the rest of the training depends on."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state that a training of the same model and data returned."""
        ...


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad and parameter.numel()]


class ExactTraining:
    """Full-batch L-BFGS on the exact objective of a linear model, of which the data enter by their second moments.

    ``iterations`` are those of one stage.
    """

    def __init__(self, model: LinearModel, samples: Samples, iterations: int) -> None:
        self._model, self._moments = model, samples.condensed()
        self._optimiser = torch.optim.LBFGS(
            _trained(model),
            max_iter=iterations,
            max_eval=2 * iterations,
            history_size=HISTORY,
            line_search_fn="strong_wolfe",
            tolerance_grad=1e-10,
            tolerance_change=1e-15,
        )

    @property
    def model(self) -> LinearModel:
        return self._model

    def stage(self) -> None:
        def closure() -> float:
            self._optimiser.zero_grad()
            loss = self._model.exact_objective(self._moments).sum()
            loss.backward()
            return float(loss.detach())

        self._optimiser.step(closure)

    def state(self) -> dict[str, Any]:
        return copy.deepcopy({"model": self._model.state_dict(), "optimiser": self._optimiser.state_dict()})

    def restore(self, state: dict[str, Any]) -> None:
        self._model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))


@dataclass(frozen=True)
class Schedule:
    """How a sampled training goes.

    Arguments:
        batch: samples of a mini-batch.
        rate: the first learning rate of Adam, which falls to zero along half a cosine.
        stages: the stages of the whole training.
        epochs: passes over the data in one stage.
        averaged: the share of the last stages over which the weights are averaged.
        warmup: the share of the training over which the weight of the divergence grows from zero. A network whose decoder
            does not listen to the code yet would collapse at once.
    """

    batch: int
    rate: float
    stages: int
    epochs: int
    averaged: float = 0.2
    warmup: float = 0.0


class SampledTraining:
    """Mini-batch Adam on the objective with one code drawn for each sample; the weights are averaged over the last stages.

    All settings of the sweep see the same mini-batches. Adam acts on each weight alone, so that a sweep trains each setting
    as it would be trained by itself.
    """

    def __init__(self, model: Model, samples: Samples, schedule: Schedule, generator: torch.Generator) -> None:
        self._model, self._samples, self._schedule, self._generator = model, samples, schedule, generator
        self._average, self._averaged, self._stage = copy.deepcopy(model), 0, 0
        self._optimiser = torch.optim.Adam(_trained(model), lr=schedule.rate)
        self._batches = max(1, len(samples) // schedule.batch)

    @property
    def model(self) -> Model:
        return self._average if self._averaged else self._model

    def stage(self) -> None:
        schedule = self._schedule
        steps, first = schedule.epochs * self._batches, self._stage * schedule.epochs * self._batches
        averaging = self._stage >= (1 - schedule.averaged) * schedule.stages
        for epoch in range(schedule.epochs):
            order = torch.randperm(len(self._samples), generator=self._generator, device=self._generator.device)
            for number, rows in enumerate(order[: self._batches * schedule.batch].chunk(self._batches)):
                done = (first + epoch * self._batches + number) / (steps * schedule.stages)
                share = min(1.0, done / schedule.warmup) if schedule.warmup else 1.0
                self._step(rows, schedule.rate * (1 + math.cos(math.pi * done)) / 2, share)
                if averaging:
                    self._take_into_average()
        self._stage += 1

    def _step(self, rows: Tensor, rate: float, share: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad()
        self._model.objective(self._samples.rows(rows), self._generator, share).sum().backward()
        self._optimiser.step()

    @torch.no_grad()
    def _take_into_average(self) -> None:
        self._averaged += 1
        for mean, value in zip(self._average.parameters(), self._model.parameters(), strict=True):
            mean.lerp_(value, 1 / self._averaged)

    def state(self) -> dict[str, Any]:
        state = {
            "model": self._model.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "averaged": self._averaged,
            "stage": self._stage,
            "generator": self._generator.get_state(),
        }
        return copy.deepcopy(state)

    def restore(self, state: dict[str, Any]) -> None:
        self._model.load_state_dict(state["model"])
        self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self._averaged, self._stage = state["averaged"], state["stage"]
        self._generator.set_state(state["generator"].cpu())


Maker = Callable[[torch.Generator], Training]
"""Makes a training whose model and noise are drawn by a generator."""
