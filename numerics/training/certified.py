"""Training that judges itself by its certificate: what does not close its gap is trained again from other starts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.bounds.certificates import Certificate, certify
from numerics.tolerances import VALUE_GAP
from numerics.training.optimise import Solution, curvature_spread, minimise
from theory.claim import Claim
from theory.expressions import Formula
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
    time_limit: float = math.inf,
) -> Training:
    """Minimise the claim's problem until the certificates close or ROUNDS are spent; the prediction plays no part.

    Raises ParameterError as ``minimise`` does. A search that was interrupted, or stopped after ``time_limit`` seconds for all
    rounds together, is returned as it is.
    """
    began = time.perf_counter()
    solution = minimise(claim.problem, instances, starts, seed, device, progress=progress, time_limit=time_limit)
    if claim.refutation is not None:
        return Training(solution, (None,) * len(instances), (1,) * len(instances))
    certificates = certify(claim, instances, solution.best_point())
    rounds = [1] * len(instances)
    for again in range(1, ROUNDS):
        left = [i for i, c in enumerate(certificates) if c is not None and not c.gap <= VALUE_GAP]
        if not left or solution.interrupted or solution.out_of_time:
            break
        other = minimise(
            claim.problem,
            [instances[i] for i in left],
            starts,
            seed + NEXT_SEED * again,
            device,
            progress=progress,
            time_limit=time_limit - (time.perf_counter() - began),
        )
        solution = _lower_of(solution, other, left)
        for i, certificate in zip(left, _certify(claim, solution, left), strict=True):
            certificates[i] = certificate
            rounds[i] += 1
    return Training(solution, tuple(certificates), tuple(rounds))


def _certify(claim: Claim, solution: Solution, rows: Sequence[int]) -> list[Certificate | None]:
    points = solution.best_point().map(lambda array: array[list(rows)])
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
        out_of_time=other.out_of_time,
    )


def spread(claim: Claim, instance: Instance, seed: int) -> str:
    """Return one line that says how far apart the scales of a problem lie: what keeps training in doubles from converging.

    ``seed`` is that of the training. A ratio to a threshold counts upward and downward alike.
    """
    says = [f"curvatures at a random start differ by a factor of {curvature_spread(claim.problem, instance, seed):.0e}"]
    bindings = stack_bindings([instance])
    ratios = [1.0]
    for threshold in claim.prediction.thresholds:
        ratios += evaluate(Formula(threshold.ratio, ((threshold.index, threshold.count),)), bindings)[0].tolist()
    if len(ratios) > 1:
        says.append(f"the ratios of its directions to their thresholds by {max(ratios) / min(ratios):.0e}")
    return f"{' and '.join(says)}: the wider, the less training in doubles resolves"
