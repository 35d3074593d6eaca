"""The example each page shows, chosen from the domains of a claim's parameters alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch
from types import SimpleNamespace
from typing import Any

import sympy as sp
import torch

from numerics.arrays import evaluate, stack_bindings
from numerics.certificates import Certificate, certify
from numerics.compare import Comparison, compare
from numerics.invariants import measure
from numerics.optimise import Solution, minimise
from numerics.tolerances import NEAR_CERTIFICATE_GAP
from theory.claim import Claim, Verdict, find
from theory.errors import ParameterError
from theory.expressions import Formula, evaluate_exactly
from theory.problem import (
    REQUIRED,
    ClassCounts,
    Domain,
    Flag,
    Instance,
    Invariant,
    PositivePerDimension,
    PositiveReal,
    PositiveReals,
    RealMatrix,
    Width,
    WidthPair,
)

STARTS = 8
SWEEP_STARTS = 4
SWEEP_ROUNDS = 6
SWEEP_POINTS = 16
SHOWN_DIRECTIONS = 3
"""As many classes or directions are alive in the example where thresholds differ: three can be drawn."""


@singledispatch
def example_value(domain: Domain) -> Any:
    """Return the value an example gives to a required parameter of that domain."""
    raise NotImplementedError(f"no example value for the domain {type(domain).__name__}")


@example_value.register
def _(domain: ClassCounts) -> tuple[int, ...]:
    return (4, 4, 4, 4) if domain.balanced else (6, 4, 2, 1)


@example_value.register
def _(domain: PositiveReals) -> tuple[float, ...]:
    return (3.0, 2.0, 1.2, 0.6)


@example_value.register
def _(domain: PositivePerDimension) -> tuple[float, ...]:
    return (0.6, 0.8, 1.0, 1.2)


@example_value.register
def _(domain: RealMatrix) -> tuple[tuple[float, ...], ...]:
    return ((1.0, 0.0), (0.5, -1.0), (0.0, 2.0), (-0.3, 0.4))


@example_value.register
def _(domain: PositiveReal) -> float:
    return 0.05


@example_value.register
def _(domain: Width) -> int:
    return 4


@example_value.register
def _(domain: WidthPair) -> tuple[int, int]:
    return (4, 3)


@example_value.register
def _(domain: Flag) -> bool:
    return False


def noun(claim: Claim) -> str:
    """Return what collapses in a claim's problem: a class or a direction."""
    counted = any(isinstance(parameter.domain, ClassCounts) for parameter in claim.problem.parameters)
    return "class" if counted else "direction"


@dataclass(frozen=True)
class Example:
    """A claim at concrete parameters, and the parameter that takes it through its thresholds.

    ``critical`` lists, for each class or direction, where in the tuned parameter it collapses.
    """

    claim: Claim
    values: dict[str, Any]
    tuned: str
    critical: tuple[float, ...]

    def at(self, tuned: float) -> Instance:
        """Return the instance with another value of the tuned parameter."""
        return self.claim.problem.instance(**{**self.values, self.tuned: tuned})

    @property
    def instance(self) -> Instance:
        return self.claim.problem.instance(**self.values)

    @property
    def telling(self) -> Invariant:
        """The matrix whose diagonal shows the collapse."""
        return next(i for i in self.claim.problem.invariants if i.shows_collapse)

    def predicted(self, invariant: Invariant, instances: list[Instance]) -> torch.Tensor:
        """Return the predicted invariant at a batch of instances."""
        return evaluate(self.claim.prediction.invariants[invariant.name], stack_bindings(instances))


@dataclass(frozen=True)
class TrainedExample:
    """An example with its best trained point and what the checks say of it."""

    example: Example
    solution: Solution
    comparison: Comparison
    certificate: Certificate | None

    @property
    def point(self) -> SimpleNamespace:
        """The best point, variables as [rows, columns]."""
        return SimpleNamespace(**{name: array[0] for name, array in vars(self.solution.best_point()).items()})

    def measured(self) -> dict[str, torch.Tensor]:
        """Return the invariants of the best point."""
        batch = measure(self.example.claim, [self.example.instance], self.solution.best_point())
        return {name: array[0] for name, array in batch.items()}


def tuned_parameter(claim: Claim, values: dict[str, Any]) -> str:
    """Return the name of the parameter that sets the symbol the threshold is solved for."""
    symbol = claim.prediction.threshold.tuned
    before = claim.problem.instance(**values)
    for parameter in claim.problem.parameters:
        if isinstance(parameter.domain, PositiveReal):
            moved = claim.problem.instance(**{**values, parameter.name: 2 * before.values[parameter.name]})
            if moved.bindings[symbol] != before.bindings[symbol]:
                return parameter.name
    raise ValueError(f"{claim.id}: no parameter sets {symbol}")


def make_example(claim: Claim) -> Example:
    """Return the example of a claim: some directions alive, the last collapsed, where their thresholds differ."""
    values = {p.name: example_value(p.domain) for p in claim.problem.parameters if p.default is REQUIRED}
    tuned = tuned_parameter(claim, values)
    threshold = claim.prediction.threshold
    bindings = claim.problem.instance(**values).bindings
    others = {symbol: value for symbol, value in bindings.items() if symbol != threshold.tuned}
    ratios = evaluate_exactly(Formula(threshold.ratio, ((threshold.index, threshold.count),)), others)
    critical = tuple(float(sp.solve(ratio - 1, threshold.tuned)[0]) for ratio in ratios)
    falls = ratios[-1].subs(threshold.tuned, 2 * critical[-1]) < 1
    ordered = sorted(critical, reverse=bool(falls))
    if len(ordered) > SHOWN_DIRECTIONS and ordered[SHOWN_DIRECTIONS - 1] != ordered[SHOWN_DIRECTIONS]:
        chosen = math.sqrt(ordered[SHOWN_DIRECTIONS - 1] * ordered[SHOWN_DIRECTIONS])
    else:
        chosen = ordered[-1] / 16 if falls else 16 * ordered[-1]
    return Example(claim, {**values, tuned: float(f"{chosen:.2g}")}, tuned, critical)


def checked(claim: Claim, solution: Solution) -> list[Comparison]:
    """Hold training against prediction.

    Raises AssertionError when a claim that HOLDS fails: no page shows it then.
    """
    comparisons = compare(claim, solution)
    failures = [failure for comparison in comparisons for failure in comparison.failures]
    if failures and claim.verdict is Verdict.HOLDS:
        raise AssertionError(f"{claim.id}: {'; '.join(failures)}")
    return comparisons


def train_example(claim_id: str) -> TrainedExample:
    """Train the example of a claim and hold it against prediction and certificate."""
    example = make_example(find(claim_id))
    solution = minimise(example.claim.problem, [example.instance], starts=STARTS)
    comparison = checked(example.claim, solution)[0]
    return TrainedExample(example, solution, comparison, certificates(example.claim, solution)[0])


def certificates(claim: Claim, solution: Solution) -> list[Certificate | None]:
    """Certify the best point of each instance; None where no certificate applies to the problem."""
    try:
        return list(certify(claim, solution.instances, solution.best_point()))
    except ParameterError:
        return [None] * len(solution.instances)


def sweep_values(example: Example, count: int) -> list[float]:
    """Return values of the tuned parameter from well before the first threshold to beyond the last."""
    low, high = math.log(min(example.critical) / 5), math.log(1.7 * max(example.critical))
    return [math.exp(low + (high - low) * i / (count - 1)) for i in range(count)]


def train_sweep(example: Example, tuned: list[float]) -> tuple[torch.Tensor, int]:
    """Train at every value of the tuned parameter, all in one batch.

    Where the certificate does not close, training is repeated from new starts and the lower result kept; the prediction
    plays no part. Returns the diagonals that show the collapse [values, directions] and how many of them are certified.
    """
    instances = [example.at(value) for value in tuned]
    lowest = [math.inf] * len(tuned)
    diagonals: list[torch.Tensor] = [torch.empty(0)] * len(tuned)
    left = list(range(len(tuned)))
    for seed in range(SWEEP_ROUNDS):
        again = [instances[number] for number in left]
        solution = minimise(example.claim.problem, again, starts=SWEEP_STARTS, seed=seed)
        measured = measure(example.claim, again, solution.best_point())[example.telling.name].diagonal(dim1=-2, dim2=-1)
        for number, value, diagonal in zip(left, solution.best_value().tolist(), measured, strict=True):
            if value < lowest[number]:
                lowest[number], diagonals[number] = value, diagonal
        closed = [c is not None and c.gap <= NEAR_CERTIFICATE_GAP for c in certificates(example.claim, solution)]
        left = [number for number, done in zip(left, closed, strict=True) if not done]
        if not left:
            break
    return torch.stack(diagonals), len(tuned) - len(left)
