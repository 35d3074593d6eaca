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
from theory.errors import ParameterError
from theory.problem import Instance

STARTS = 4


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
