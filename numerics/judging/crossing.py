"""Thresholds at a batch of instances: the directions near them, those alive, and failures of the predicted collapse."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from numerics.backends.evaluation import Evaluator
from numerics.judging.known import Known
from numerics.tolerances import INVARIANT, JUMP_BAND, NEAR_SIZE, ON_THRESHOLD, THRESHOLD_BAND
from theory.claim import Claim
from theory.expressions import Formula
from theory.problem import Instance
from theory.proof import Threshold


def crossings_of(claim: Claim, evaluator: Evaluator, known: Known | None = None) -> list[Crossing]:
    """Return the thresholds of a claim at the instances of an evaluator; ``known`` keeps them for further predictions."""
    known = known or Known()
    invariants = claim.prediction.invariants
    return [
        known.once("crossing", (t, invariants[telling_of(claim, t)]), Crossing, claim, t, evaluator)
        for t in claim.prediction.thresholds
    ]


def telling_of(claim: Claim, threshold: Threshold) -> str:
    """Return the name of the invariant that shows which directions a threshold has alive."""
    return threshold.telling or claim.problem.telling


class Crossing:
    """A threshold at a batch of instances: which directions lie near the threshold, and which are alive, [B, directions]."""

    def __init__(self, claim: Claim, threshold: Threshold, evaluator: Evaluator) -> None:
        axes = ((threshold.index, threshold.count),)
        self.claim, self.threshold = claim, threshold
        self.telling = telling_of(claim, threshold)
        self.ratio = ratio = evaluator.evaluate(Formula(threshold.ratio, axes))
        self.within = within = evaluator.evaluate(Formula(threshold.within_rank, axes)).bool()
        invariant = next(i for i in claim.problem.invariants if i.name == self.telling)
        self.unit = evaluator.evaluate(Formula(invariant.unit))[:, None]
        self.jump = bool(evaluator.evaluate(Formula(threshold.jump))[0])
        self.near = (ratio.log().abs() < (JUMP_BAND if self.jump else THRESHOLD_BAND)) & within
        self.exactly_on = ((ratio - 1).abs() <= ON_THRESHOLD) & self.near
        self.collapsed = evaluator.evaluate(threshold.collapsed).bool()
        predicted = evaluator.evaluate(claim.prediction.invariants[self.telling])
        self.predicted = self.sizes(predicted)

    def sizes(self, telling: Tensor) -> Tensor:
        """Return the entries of an invariant that show the collapse, one for each direction; directions that it lacks are zero."""
        shown = telling if telling.ndim == 2 else telling.diagonal(dim1=-2, dim2=-1)
        return torch.nn.functional.pad(shown, (0, self.ratio.shape[1] - shown.shape[1]))

    def _zero(self, sizes: Tensor) -> Tensor:
        return INVARIANT * torch.maximum(sizes.max(1, keepdim=True).values, INVARIANT * self.unit)

    def alive_in(self, run: dict[str, Tensor]) -> Tensor:
        """Return the directions that are predicted to be alive; near a jump, those that are alive in the run."""
        return torch.where(self.near & self.jump, ~self.dead(run), ~self.collapsed)

    def dead(self, measured: dict[str, Tensor]) -> Tensor:
        """Return the directions whose measured size counts as zero."""
        sizes = self.sizes(measured[self.telling])
        return sizes <= self._zero(sizes)

    def wrong(self, measured: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each way in which the predicted collapse may be wrong, in words, and the directions where it is wrong.

        The trained and the predicted entries must vanish where collapse is predicted and nowhere else. Near a threshold
        without a jump both must be small.
        """
        shrinking = self.near & (not self.jump)
        return {
            f"predicted and trained collapse differ ({self.telling})": (self.dead(measured) != self.collapsed)
            & ~self.near,
            f"predicted collapse and predicted {self.telling} disagree": ((self.predicted == 0) != self.collapsed)
            & ~self.exactly_on,
            f"{self.telling} is not small near its threshold": (shrinking & ~(self.predicted <= NEAR_SIZE * self.unit))
            | self._large(measured),
        }

    def _large(self, measured: dict[str, Tensor]) -> Tensor:
        """Return the directions near a threshold without a jump whose measured size is not small."""
        return self.near & (not self.jump) & ~(self.sizes(measured[self.telling]) <= NEAR_SIZE * self.unit)

    def contradicted(self, measured: dict[str, Tensor]) -> Tensor:
        """Return the directions that contradict the threshold: directions on its wrong side, and large ones near it without a jump."""
        return ((self.dead(measured) != self.collapsed) & ~self.near) | self._large(measured)

    def failures(self, measured: dict[str, Tensor], instances: Sequence[Instance]) -> list[list[str]]:
        """Return, for each instance, the failures of the predicted collapse, with their positions in the list that the user gave."""
        wrong = self.wrong(measured)
        return [
            [
                f"{text} at positions {self._positions(where[number], instance)}"
                for text, where in wrong.items()
                if bool(where[number].any())
            ]
            for number, instance in enumerate(instances)
        ]

    def _positions(self, where: Tensor, instance: Instance) -> list[int]:
        """Return positions from 1 in the user's order. Singular directions belong to no entry; they count from the largest."""
        found = where.nonzero()[:, 0].tolist()
        return sorted((i if self.claim.problem.spectral else instance.order[i]) + 1 for i in found)
