"""Decision between a formula of released code and the derived formula by training, which uses neither of the two."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from numerics.backends.bindings import setting, stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.bounds.certificates import Certificate
from numerics.judging.invariants import measure
from numerics.tolerances import INVARIANT
from numerics.training.certified import train
from numerics.training.optimise import Ending
from theory.errors import ParameterError
from theory.expressions import Formula
from theory.problem import Instance
from theory.reference_code.discrepancy import ReferenceCode

STARTS = 4


@dataclass(frozen=True)
class Decision:
    """One setting: the value of the released code, the derived one and the trained one, for each class or direction.

    ``certificate`` holds the trained value between bounds. ``reference_loss`` is the loss at the point that the code
    computes, or None where the code computes no point.
    """

    instance: Instance
    reference: tuple[float, ...]
    derived: tuple[float, ...]
    trained: tuple[float, ...]
    ending: Ending
    certificate: Certificate
    reference_loss: float | None

    @property
    def value(self) -> float:
        """The trained value."""
        return self.certificate.upper


def decide(code: ReferenceCode, settings: Sequence[Mapping[str, Any]], seed: int = 0) -> list[Decision]:
    """Train the claim's problem at each setting, and return the values on which the code and the derivation disagree."""
    instances = [code.claim.problem.instance(**values) for values in settings]
    return [decision for _, alike in groupby(instances, _sizes) for decision in _decide(code, list(alike), seed)]


def _sizes(instance: Instance) -> list[Any]:
    """Return what instances that are trained together must share: every integer, and every list of integers."""
    return [
        v for v in instance.bindings.values() if isinstance(v, int) or (isinstance(v, tuple) and isinstance(v[0], int))
    ]


def _decide(code: ReferenceCode, instances: list[Instance], seed: int) -> Iterator[Decision]:
    claim, bindings = code.claim, stack_bindings(instances)
    training = train(claim, instances, starts=STARTS, seed=seed, device="cpu")
    xp, _ = setting(claim.problem, bindings)
    trained = code.read(xp, measure(claim, instances, training.solution.best_point())[code.invariant], bindings)
    if code.is_condition:
        trained = (trained > INVARIANT * trained.max(1, keepdim=True).values).to(trained.dtype)
    reference, derived = evaluate(code.in_parameters, bindings), evaluate(code.derived(claim.prediction), bindings)
    losses = _losses_at(code, bindings) if code.compares_losses else [None] * len(instances)
    for number, instance in enumerate(instances):
        certificate = training.certificates[number]
        if certificate is None:
            raise ParameterError(f"{code.name}: {code.claim_id} has no lower bound to certify the training with")
        yield Decision(
            instance,
            reference=tuple(reference[number].tolist()),
            derived=tuple(derived[number].tolist()),
            trained=tuple(trained[number].tolist()),
            ending=training.solution.best_ending()[number],
            certificate=certificate,
            reference_loss=losses[number],
        )


def _losses_at(code: ReferenceCode, bindings: Mapping[Any, Any]) -> list[float]:
    """Return the sum of the scalar problems at the code's singular values: the loss where all factors are aligned and balanced."""
    separable = code.claim.proof.separable
    if separable is None:
        raise ParameterError(f"{code.name}: {code.claim_id} has no separable bound to read a loss from")
    at_reference = dataclasses.replace(separable, reading=code.in_parameters.number)
    return evaluate(Formula(at_reference.total()), bindings).tolist()
