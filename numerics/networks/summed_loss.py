"""The loss of a claim at all samples of a network, summed over blocks of samples."""

from __future__ import annotations

import numpy as np
import torch

from numerics.backends.tensors import DTYPE
from numerics.networks.applicable_claim import Objective
from numerics.networks.head import Head
from theory.claim import Claim
from theory.problem import Instance


class SummedLoss:
    """The loss of a claim at all samples: each block adds its share to the decays of the layers, and ``value`` is the sum.

    Arguments:
        claim: the claim whose loss it is.
        instance: the class counts and decays.
        head: the classifier.
    """

    def __init__(self, claim: Claim, instance: Instance, head: Head) -> None:
        self.objective, self.head = Objective(claim, instance), head
        self.place = np.argsort(instance.order)
        self.decays = self._at(np.zeros((0, head.widths[0])), np.zeros(0, dtype=np.int64))
        self.value = self.decays

    def _at(self, block: np.ndarray, labels: np.ndarray) -> float:
        one_hot = torch.zeros(self.head.classes, len(block), dtype=DTYPE)
        one_hot[torch.as_tensor(self.place[labels]), torch.arange(len(block))] = 1.0
        return self.objective.at(self.objective.point(self.head, torch.as_tensor(block).mT[None]), one_hot)

    def add(self, block: np.ndarray, labels: np.ndarray) -> None:
        """Add the share of a block of features (n × d) with these labels (n)."""
        self.value += self._at(block, labels) - self.decays
