"""Training that judges itself by its certificate: what does not close its gap is trained again from other starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace

import torch

from numerics.certificates import Certificate, certify
from numerics.optimise import Solution, minimise
from numerics.tolerances import VALUE_GAP
from theory.claim import Claim
from theory.problem import Instance

ROUNDS = 4
"""Times an instance is trained, with new random starts each time, as long as its certificate leaves room for a value below
that would count as another one."""
NEXT_SEED = 1000
"""Seeds of later rounds are this far apart, so that neighbouring seeds of the user stay different."""


@dataclass(frozen=True)
class Training:
    """The best solution over all rounds, its certificates, and how many rounds each instance took.

    A certificate is None where no bound applies, and for a refuted claim: what is trained for that is held against the
    published structure instead.
    """

    solution: Solution
    certificates: tuple[Certificate | None, ...]
    rounds: tuple[int, ...]


def train(
    claim: Claim,
    instances: Sequence[Instance],
    starts: int,
    seed: int,
    device: str,
    progress: Callable[[int, int], None] | None = None,
) -> Training:
    """Minimise the claim's problem until the certificates close or ROUNDS are spent; the prediction plays no part.

    Raises ParameterError as ``minimise`` does. An interrupted search is returned as it is.
    """
    solution = minimise(claim.problem, instances, starts, seed, device, progress=progress)
    if claim.refutation is not None:
        return Training(solution, (None,) * len(instances), (1,) * len(instances))
    certificates = certify(claim, instances, solution.best_point())
    rounds = [1] * len(instances)
    for again in range(1, ROUNDS):
        left = [i for i, c in enumerate(certificates) if c is not None and not c.gap <= VALUE_GAP]
        if not left or solution.interrupted:
            break
        other = minimise(
            claim.problem, [instances[i] for i in left], starts, seed + NEXT_SEED * again, device, progress=progress
        )
        solution = _lower_of(solution, other, left)
        for i, certificate in zip(left, _certify(claim, solution, left), strict=True):
            certificates[i] = certificate
            rounds[i] += 1
    return Training(solution, tuple(certificates), tuple(rounds))


def _certify(claim: Claim, solution: Solution, rows: Sequence[int]) -> list[Certificate | None]:
    points = SimpleNamespace(**{name: array[list(rows)] for name, array in vars(solution.best_point()).items()})
    return certify(claim, [solution.instances[i] for i in rows], points)


def _lower_of(solution: Solution, other: Solution, rows: Sequence[int]) -> Solution:
    """Replace the runs of those instances that got lower in another solution."""
    lower = other.best_value() < solution.best_value()[torch.tensor(rows, device=solution.values.device)]
    into, out = torch.tensor(rows, device=lower.device)[lower], lower.nonzero()[:, 0]

    def merged(mine: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
        return mine.index_copy(0, into, theirs[out])

    return replace(
        solution,
        points={name: merged(array, other.points[name]) for name, array in solution.points.items()},
        values=merged(solution.values, other.values),
        endings=merged(solution.endings, other.endings),
        residuals=merged(solution.residuals, other.residuals),
        iterations=merged(solution.iterations, other.iterations),
        seconds=solution.seconds + other.seconds,
        interrupted=other.interrupted,
    )
