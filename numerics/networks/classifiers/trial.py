"""A classifier's training as a trial: stages, state, and the comparison with the theory at its end."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch

from numerics.networks.classifiers.comparing import compare_trained
from numerics.networks.classifiers.optimiser import FullBatch, MiniBatch, StagedOptimiser
from numerics.networks.classifiers.reading import accuracy, columns, read
from numerics.networks.classifiers.reference import reference_of
from numerics.networks.classifiers.setting import Setting
from numerics.networks.experiments.experiment import Comparison


class ClassifierTrial:
    """A classifier that is trained on its samples and held against a claim.

    Arguments:
        setting: data, network, objective and optimiser.
        claim_id: the claim whose prediction it is held against.
        seed: the seed of the samples, of the initial network and of the mini-batches.
        device: where the network is trained; it is measured on the processor.
        limit: the largest relative distance from the prediction that still agrees.
    """

    def __init__(self, setting: Setting, claim_id: str, seed: int, device: torch.device, limit: float) -> None:
        self.setting, self.limit = setting, limit
        self.reference = reference_of(setting, claim_id)
        self.train, self.test = (part.to(device, setting.dtype) for part in setting.split(seed))
        self.network = setting.network(tuple(self.train.inputs.shape[1:]), seed).to(device)
        self.optimiser: StagedOptimiser = (
            FullBatch(self.network, self.train, setting)
            if setting.full_batch
            else MiniBatch(self.network, self.train, setting, seed)
        )

    @property
    def stages(self) -> int:
        """The number of stages of the whole training."""
        return self.optimiser.stages

    def advance(self) -> Mapping[str, float]:
        """Train one further stage and return what was measured after it."""
        self.optimiser.advance()
        found = columns(read(self.network, self.train, self.reference), self.reference)
        return {**found, "test_accuracy": accuracy(self.network, self.test)}

    def state(self) -> dict[str, Any]:
        """Return the parameters of the network and the state of the optimiser."""
        return {"network": copy.deepcopy(self.network.state_dict()), "optimiser": self.optimiser.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state that a trial of the same setting and seed returned."""
        self.network.load_state_dict(state["network"])
        self.optimiser.restore(state["optimiser"])

    def comparison(self) -> Comparison:
        """Hold the network as it is now against the prediction."""
        return compare_trained(self.setting, self.reference, self.network, self.train, self.test, self.limit)
