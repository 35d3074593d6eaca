"""What an experiment is: its setting, the training as a sequence of stages, and the comparison that ends it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

AGREES, DEPARTS = "AGREES", "DEPARTS"
SIZES = ("small", "full")

Parameters = Mapping[str, Any]
"""Parameters of one run in the user's names; every value can be written as JSON."""


@dataclass(frozen=True)
class Comparison:
    """What a trained network reached, beside what the theory predicts for its data and its decays.

    Arguments:
        predicted: the predicted quantities by name, numbers or nested lists.
        measured: the same quantities of the trained network, under the same names.
        deviations: how far the two are apart, by name; the unit of each is said in its name or where the experiment is described.
        limits: the largest deviation that still agrees, for each deviation that decides the verdict.
        nc1: the within-class variability of the features, where there are classes.
        vanished: the indices of the classes or latent directions that carry nothing, in the user's order.
        accuracy: the share of samples classified rightly, by part of the data (``train``, ``test``).
    """

    predicted: Mapping[str, Any]
    measured: Mapping[str, Any]
    deviations: Mapping[str, float]
    limits: Mapping[str, float]
    nc1: float | None = None
    vanished: tuple[int, ...] | None = None
    accuracy: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        missing = sorted(self.limits.keys() - self.deviations.keys())
        if missing:
            raise ValueError(f"limits: {', '.join(missing)} must be among the deviations")

    @property
    def verdict(self) -> str:
        """AGREES if every deviation with a limit is a number within it, else DEPARTS."""
        within = (
            math.isfinite(self.deviations[name]) and self.deviations[name] <= limit
            for name, limit in self.limits.items()
        )
        return AGREES if all(within) else DEPARTS


class Trial(Protocol):
    """A training that advances stage by stage and can be put down and taken up between two stages.

    A trial that is restored from its state ends with the same numbers, bit by bit, as one that was never put down.
    """

    @property
    def stages(self) -> int:
        """The number of stages of the whole training."""
        ...

    def advance(self) -> Mapping[str, float]:
        """Train one further stage and return what was measured after it, by the name of the column.

        Every stage returns the same columns.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Return all that the rest of the training depends on (parameters, optimiser, random generators), as ``torch.save`` takes it."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state that a trial of the same experiment, parameters and seed returned."""
        ...

    def comparison(self) -> Comparison:
        """Hold the network as it is now against the prediction."""
        ...


@dataclass(frozen=True)
class Experiment:
    """A published experiment at the sizes it can be run here.

    Arguments:
        name: words joined by hyphens; a family of experiments shares its first words.
        title: one line for the list.
        source: the paper and the section or figure that it repeats.
        shows: what the paper shows there, in a sentence.
        claim: id of the claim whose prediction the network is held against.
        architecture: the network, in words.
        sizes: parameters of a run by size (``small``, ``full``).
        predict: gives the predicted quantities of a run from its parameters and seed, before anything is trained.
        start: makes the trial of a run from its parameters, seed and device.
        expected: the verdict that theory expects: DEPARTS where the objective is not the theory's.
        why: why it departs; empty where it agrees.
    """

    name: str
    title: str
    source: str
    shows: str
    claim: str
    architecture: str
    sizes: Mapping[str, Parameters]
    predict: Callable[[Parameters, int], Mapping[str, Any]]
    start: Callable[[Parameters, int, torch.device], Trial]
    expected: str = AGREES
    why: str = ""
