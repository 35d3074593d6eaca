"""Train a batch of instances once and judge the batch under every aspect: chained, trained, certified."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from numerics.bounds.certificates import Certificate
from numerics.bounds.enclosures import predicted_value
from numerics.judging.chain import Chain, ChainRun
from numerics.judging.comparison import Comparison, compare
from numerics.tolerances import TIGHT
from numerics.training.certified import train
from numerics.training.optimise import Solution
from proofs_check.harness.points import chain_points
from theory.claim import Claim, Verdict
from theory.cli.arguments import written_parameters
from theory.point import Point
from theory.problem import Instance

STARTS = {"free": 3, "bounded": 8, "ramped": 2}
"""Random starts of an instance. Without bounds every local minimum found so far is global, and three starts guard against an
exception. With H ≥ 0 poor local minima exist. With a ramped penalty training searches further from each start."""


NO_CERTIFICATE = "no lower bound could be verified: give the proof a Separable, or take the problem from features_problem, whose dual is known"


@dataclass
class Examination:
    """One trained batch, with the certificates and chain points by which a claim or a mutant of the claim is judged.

    ``rounds`` counts the rounds of training of each instance. ``points`` are the points at which the chain is run, each with one
    entry for every instance; the last is the trained optimum.
    """

    instances: tuple[Instance, ...]
    solution: Solution
    certificates: tuple[Certificate | None, ...]
    rounds: tuple[int, ...]
    points: list[Point]


def examine(claim: Claim, batch: Sequence[Instance], device: str, seed: int = 0) -> Examination:
    """Train a batch of instances of equal sizes, and compute its certificates and the points for its chain.

    Raises KeyboardInterrupt when training was interrupted.
    """
    kind = "bounded" if any(v.nonnegative for v in claim.problem.variables) else "free"
    kind = "ramped" if claim.problem.ramped(batch[0].values) else kind
    training = train(claim, batch, starts=STARTS[kind], seed=seed, device=device)
    if training.solution.interrupted:
        raise KeyboardInterrupt
    points = chain_points(claim, batch, training.solution.best_point(), seed)
    return Examination(tuple(batch), training.solution, training.certificates, training.rounds, points)


@dataclass
class Judgement:
    """The failures of a batch by aspect, with the examination and the comparisons behind them."""

    examination: Examination
    comparisons: list[Comparison]
    failures: dict[str, list[str]] = field(default_factory=lambda: {"chained": [], "trained": [], "certified": []})

    def all_failures(self) -> list[str]:
        return [f"{aspect}: {failure}" for aspect, failures in self.failures.items() for failure in failures]


def size_of(judgement: Judgement) -> int:
    """Return the number of entries of all variables of one instance of a batch."""
    return sum(array[0, 0].numel() for array in judgement.examination.solution.points.values())


def judge(claim: Claim, examination: Examination) -> Judgement:
    """Judge a trained batch against a claim. Nothing is trained again, so mutants are judged on the same evidence."""
    judgement = Judgement(examination, compare(claim, examination.solution))
    failures = judgement.failures
    for comparison, certificate in zip(judgement.comparisons, examination.certificates, strict=True):
        where = written_parameters(claim, comparison.instance)
        if comparison.failures:
            failures["trained"].append(f"{where}: {'; '.join(comparison.failures)}")
        if certificate is not None:
            predicted = predicted_value(claim, comparison.instance)
            found = certificate.failures(predicted, comparison.near_threshold)
            failures["certified"] += [f"{where}: {failure}" for failure in found]
        elif claim.verdict is not Verdict.OPEN:
            failures["certified"].append(f"{where}: {NO_CERTIFICATE}")
    chain = Chain(claim, examination.instances)
    runs = [chain.judged(point) for point in examination.points]
    failures["chained"] += chain_failures(runs, [not c.near_threshold for c in judgement.comparisons])
    return judgement


def chain_failures(runs: Sequence[ChainRun], away: Sequence[bool]) -> list[str]:
    """Return the failures of a chain that was run at many points, of which the last is the trained optimum.

    No bound may exceed its predecessor at any point, and ``away`` from thresholds all bounds must meet at the optimum. Each
    broken link is named once, with its largest excess.
    """
    worst: dict[str, float] = {}
    for run in runs:
        for what, excess in run.broken().items():
            worst[what] = max(worst.get(what, -math.inf), math.inf if math.isnan(excess) else excess)
    failures = [f"{what} by {excess:.1e} (relative)" for what, excess in worst.items()]
    optimum = runs[-1]
    failures += [
        f"{name} is not tight at the trained optimum (relative distance {slack:.1e})"
        for name, slack in zip(optimum.names[1:], optimum.slack(away), strict=True)
        if not slack <= TIGHT
    ]
    return failures
