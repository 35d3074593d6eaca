"""Training that judges itself by its certificate: what does not close its gap is trained again from other starts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from numerics.backends.bindings import stack_bindings
from numerics.backends.evaluation import evaluate
from numerics.backends.points import points_of
from numerics.bounds.certificates import Certificate, certify
from numerics.tolerances import VALUE_GAP
from numerics.training.optimise import Solution, curvature_spread, minimise
from theory.claim import Claim
from theory.expressions import Formula
from theory.point import Point
from theory.problem import Instance

ROUNDS = 4
"""Times an instance is trained, with new random starts each time, as long as its certificate leaves room for a value below
that would count as another one."""
CLOSED = 1e-12
"""Certificate gap, relative, at which training looks for no lower point: the bounds themselves resolve a tenth of it. Two branches
on either side of a jump differ by about their distance from it, which counts from JUMP_BAND on."""
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
    every = list(range(len(instances)))
    certificates = _Certificates(claim, instances)
    refuted = claim.refutation is not None

    def trained(rows: list[int], seed: int) -> Solution:
        return minimise(
            claim.problem,
            [instances[i] for i in rows],
            starts,
            seed,
            device,
            progress=progress,
            time_limit=time_limit - (time.perf_counter() - began),
            closed=None if refuted else lambda among, points: certificates.closed([rows[i] for i in among], points),
        )

    solution = trained(every, seed)
    if refuted:
        return Training(solution, (None,) * len(instances), (1,) * len(instances))
    found, rounds = certificates.at(every, solution.best_point()), [1] * len(instances)
    for again in range(1, ROUNDS):
        left = [i for i, c in enumerate(found) if c is not None and not c.gap <= VALUE_GAP]
        if not left or solution.interrupted or solution.out_of_time:
            break
        solution = _lower_of(solution, trained(left, seed + NEXT_SEED * again), left)
        found = certificates.at(every, solution.best_point())
        for i in left:
            rounds[i] += 1
    return Training(solution, tuple(found), tuple(rounds))


class _Certificates:
    """The certificates of the instances, each kept for the point it was computed at."""

    def __init__(self, claim: Claim, instances: Sequence[Instance]) -> None:
        self.claim, self.instances = claim, instances
        self.kept: dict[int, tuple[Point, Certificate | None]] = {}

    def at(self, rows: Sequence[int], points: Point) -> list[Certificate | None]:
        """Certify some of the instances at points (variables [rows, r, c]), one each."""
        by_row = dict(zip(rows, points_of(points), strict=True))
        missing = [i for i in rows if i not in self.kept or not _same(self.kept[i][0], by_row[i])]
        if missing:
            positions = [rows.index(i) for i in missing]
            chosen = points.map(lambda array: array[positions])
            certificates = certify(self.claim, [self.instances[i] for i in missing], chosen)
            self.kept |= {i: (by_row[i], c) for i, c in zip(missing, certificates, strict=True)}
        return [self.kept[i][1] for i in rows]

    def closed(self, rows: Sequence[int], points: Point) -> list[bool]:
        """Tell which of the points are so close to their bound that no other local minimum fits between."""
        return [c is not None and c.gap <= CLOSED for c in self.at(rows, points)]


def _same(one: Point, other: Point) -> bool:
    return all(torch.equal(array, other[name]) for name, array in one.items())


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
