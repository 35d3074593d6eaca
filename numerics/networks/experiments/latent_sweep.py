"""Experiments that train a sweep of autoencoders and hold it against the claim on the linear model of the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from numerics.networks.autoencoders.one_level import LinearAutoencoder
from numerics.networks.autoencoders.predicted import Predicted, predicted
from numerics.networks.autoencoders.readings import read_levels
from numerics.networks.autoencoders.samples import Samples, plain, residual, stacked, whitened
from numerics.networks.autoencoders.summary import Summary, columns, sampled_values, summarise
from numerics.networks.autoencoders.training import ExactTraining, Model, SampledTraining, Schedule, Training
from numerics.networks.autoencoders.two_levels import LinearHierarchy
from numerics.networks.experiments.experiment import Comparison, Parameters
from numerics.networks.experiments.latent_deviations import deviations, relative
from numerics.networks.experiments.settings import labels_of, settings_of
from theory.claim import find

Setting = Mapping[str, Any]
LAST_PASSES = 8
"""Passes over the samples from which the last value of a sampled objective is estimated."""


@dataclass(frozen=True)
class Data:
    """What is decoded (N × D), and the condition (N × c) of a conditional VAE."""

    target: Tensor
    condition: Tensor | None = None

    @property
    def explained(self) -> Tensor:
        """What the latent variables are left to explain: the target, or its residual given the condition."""
        return self.target if self.condition is None else residual(self.condition, self.target)


Build = Callable[[Parameters, Sequence[Setting], Samples, torch.Generator], Model]
"""Makes the untrained model from the parameters, the settings, the samples and a generator."""


@dataclass(frozen=True)
class LatentSweep:
    """A family of autoencoders that are trained together, one for each setting.

    Arguments:
        claim: id of the claim on the linear model.
        swept: parameters of a run that settings may differ in, and that the claim has, too.
        given: parameters of the claim of a setting, from that setting.
        data: the data of a run, one for all settings or one for each, from the parameters, the settings and the seed.
        build: the untrained model.
        exact: whether the exact objective of a linear model is trained, or the sampled one.
        limits: the largest deviations that agree.
        judged: deviations beside those from the linear theory, from the settings, the predicted and the measured summary.
    """

    claim: str
    swept: tuple[str, ...]
    given: Callable[[Parameters, Setting], dict[str, Any]]
    data: Callable[[Parameters, Sequence[Setting], int], Sequence[Data]]
    build: Build
    limits: Mapping[str, float]
    exact: bool = False
    judged: Callable[[Sequence[Setting], Summary, Summary], dict[str, float]] | None = None

    def settings(self, parameters: Parameters) -> list[dict[str, Any]]:
        """Return the settings of a run."""
        return settings_of(parameters, self.swept)

    def predicted(self, parameters: Parameters, seed: int) -> Predicted:
        """Return the predicted minimiser of each setting."""
        settings = self.settings(parameters)
        data = self.data(parameters, settings, seed)
        # Directions of a residual count as determined by the condition against the variance of the output.
        largest = [float(torch.linalg.eigvalsh(part.target.mT.cov(correction=0))[-1]) for part in data]
        given = [self.given(parameters, own) for own in settings]
        return predicted(find(self.claim), [part.explained for part in data], given, largest)

    def predict(self, parameters: Parameters, seed: int) -> Mapping[str, Any]:
        """Return the predicted quantities of a run."""
        return self.summary(self.predicted(parameters, seed), self.labels(parameters), seed)

    def labels(self, parameters: Parameters) -> list[str]:
        """Return the labels of the settings."""
        return labels_of(self.settings(parameters))

    def summary(self, theory: Predicted, labels: Sequence[str], seed: int) -> dict[str, Any]:
        """Return the summary of the predicted model, with the levels that columns of the training are drawn with."""
        found = summarise(theory.model, theory.samples, theory.values, seed)
        return with_levels(found, labels)

    def start(self, parameters: Parameters, seed: int, device: torch.device) -> LatentTrial:
        """Return the trial of a run."""
        return LatentTrial(self, parameters, self.predicted(parameters, seed), seed, device)


def with_levels(summary: Summary, labels: Sequence[str]) -> dict[str, Any]:
    """Return a summary together with its totals and active units by setting, named as the columns of the training."""
    levels = {
        f"{name} {label}": number
        for name, numbers in summary.items()
        if name.split("_")[0] in ("total", "active")
        for label, number in zip(labels, numbers, strict=True)
    }
    return {"setting": list(labels), **summary, **levels}


class LatentTrial:
    """The training of a sweep."""

    def __init__(
        self, sweep: LatentSweep, parameters: Parameters, theory: Predicted, seed: int, device: torch.device
    ) -> None:
        self._sweep, self._parameters, self._theory, self._seed = sweep, parameters, theory, seed
        self._settings, self._labels = sweep.settings(parameters), sweep.labels(parameters)
        make = whitened if parameters["encoder_reads"] == "whitened" else plain
        data = sweep.data(parameters, self._settings, seed)
        samples = stacked([make(part.target, part.condition) for part in data])
        # Models are drawn on the processor, so that a seed starts from the same weights on every device.
        model = sweep.build(parameters, self._settings, samples, torch.Generator().manual_seed(seed)).to(device)
        self._samples = samples.to(device)
        self._training = self._trained(model, torch.Generator(device).manual_seed(seed))

    def _trained(self, model: Model, generator: torch.Generator) -> Training:
        p = self._parameters
        if self._sweep.exact:
            assert isinstance(model, LinearAutoencoder | LinearHierarchy)
            return ExactTraining(model, self._samples, p["iterations"])
        schedule = Schedule(p["batch"], p["rate"], p["stages"], p["epochs"], warmup=p["warmup"])
        return SampledTraining(model, self._samples, schedule, generator)

    @property
    def stages(self) -> int:
        return self._parameters["stages"]

    @cached_property
    def _condensed(self) -> Samples:
        return self._samples.condensed()

    def _values(self, passes: int) -> list[float]:
        """Return the objective of each setting, exactly where the model is linear, else from passes over the samples."""
        model = self._training.model
        if isinstance(model, LinearAutoencoder | LinearHierarchy):
            with torch.no_grad():
                return model.exact_objective(self._condensed).tolist()
        return sampled_values(model, self._samples, self._seed, passes)

    def advance(self) -> Mapping[str, float]:
        self._training.stage()
        gaps = [relative(value, least) for value, least in zip(self._values(1), self._theory.values, strict=True)]
        return columns(read_levels(self._training.model, self._samples), gaps, self._labels)

    def state(self) -> dict[str, Any]:
        return self._training.state()

    def restore(self, state: dict[str, Any]) -> None:
        self._training.restore(state)

    def comparison(self) -> Comparison:
        expected = self._sweep.summary(self._theory, self._labels, self._seed)
        found = summarise(self._training.model, self._samples, self._values(LAST_PASSES), self._seed)
        readings = read_levels(self._training.model, self._samples)
        off = deviations(expected, found, readings, self._theory.live)
        if self._sweep.judged is not None:
            off |= self._sweep.judged(self._settings, expected, found)
        return Comparison(expected, with_levels(found, self._labels), off, self._sweep.limits)
