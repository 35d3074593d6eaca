"""What a disputed statement is held against: a trained and certified optimum, and numbers that its point has, as balls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numerics.backends.balls import Ball
from numerics.backends.points import points_of
from numerics.bounds.certificates import Certificate
from numerics.bounds.enclosures import Quantity, quantity_at
from numerics.training.certified import train
from numerics.training.optimise import Ending
from theory.claim import Claim
from theory.disputes import Tasks
from theory.errors import ParameterError
from theory.problem import Instance

STARTS = 4
ERROR = "error"
"""The name of the training MSE among the quantities of an optimum."""


@dataclass(frozen=True)
class Optimum:
    """The trained optimum of an instance: how training ended, the minimum between bounds, and quantities at the point as balls."""

    instance: Instance
    ending: Ending
    certificate: Certificate
    quantities: dict[str, Ball]


def optima(
    claim: Claim, settings: Sequence[Mapping[str, Any]], quantities: Mapping[str, Quantity], seed: int = 0
) -> list[Optimum]:
    """Train the claim's problem at settings of equal sizes, certify each optimum, and enclose the quantities at its point.

    Raises ParameterError where the claim has no lower bound.
    """
    instances = [claim.problem.instance(**values) for values in settings]
    training = train(claim, instances, starts=STARTS, seed=seed, device="cpu")
    found = []
    for instance, point, ending, certificate in zip(
        instances,
        points_of(training.solution.best_point()),
        training.solution.best_ending(),
        training.certificates,
        strict=True,
    ):
        if certificate is None:
            raise ParameterError(f"{claim.id} has no lower bound to certify the training with")
        enclosed = {name: quantity_at(of, claim.problem, instance, point) for name, of in quantities.items()}
        found.append(Optimum(instance, ending, certificate, enclosed))
    return found


@dataclass(frozen=True)
class Learned:
    """The certified minimum of the loss, and the training MSE at every global minimiser, as balls; of single tasks the sums."""

    loss: Ball
    error: Ball

    def __add__(self, other: Learned) -> Learned:
        return Learned(self.loss + other.loss, self.error + other.error)

    @classmethod
    def at(cls, optimum: Optimum) -> Learned:
        """Return what the trained optimum of a regression with one linear layer proves of every global minimiser.

        The loss is the least regularised loss of given outputs, which is convex in them: a half of the MSE and a norm. Outputs that
        are further from those of the minimiser by a mean square of r cost r/2 more. So the root of the MSE at the minimiser is within
        √(2 gap) of that at the trained point.
        """
        certificate = optimum.certificate
        lower, upper = Ball(certificate.lower), Ball(certificate.upper)
        distance = (2 * (upper - lower)).sqrt()
        root = optimum.quantities[ERROR].sqrt()
        least = root - distance
        if not least > 0:
            least = Ball(0)
        return cls(lower.union(upper), (least**2).union((root + distance) ** 2))


def learned_tasks(claim: Claim, tasks: Sequence[Tasks], error: Quantity) -> list[tuple[Learned, Learned]]:
    """Return, for each setting of tasks, what holds of the targets together, and of the single targets in sum.

    ``claim`` is that of a regression, and ``error`` measures the training MSE at a point.
    """
    together = optima(claim, [setting.together for setting in tasks], {ERROR: error})
    single = iter(optima(claim, [values for setting in tasks for values in setting.alone], {ERROR: error}))
    found = []
    for setting, optimum in zip(tasks, together, strict=True):
        first, *others = (Learned.at(next(single)) for _ in setting.alone)
        found.append((Learned.at(optimum), sum(others, first)))
    return found
