"""A proof as data: symbolic steps, named lemmas, statistics, and a chain of lower bounds."""

from __future__ import annotations

from dataclasses import dataclass

from theory.bounds import Bound, Lemma, Piece, Separable, Shared, Statistic
from theory.prediction import Prediction, StructuredPoint
from theory.steps import (
    Convex,
    Identity,
    Nonnegative,
    Stationary,
    Step,
    StepFailed,
    StepRecorder,
    SumOfSquares,
    Vanishes,
)
from theory.threshold import ALIVE, Threshold


@dataclass(frozen=True)
class Proof:
    """The chain loss ≥ bounds[0] ≥ bounds[1] ≥ … with the steps and lemmas that prove it; the last bound is the predicted value.

    Raises ValueError for a bound that rests on nothing, or on a step or lemma that is not in the proof.
    """

    steps: tuple[Step, ...]
    lemmas: tuple[Lemma, ...]
    statistics: tuple[Statistic, ...]
    bounds: tuple[Bound, ...]
    separable: Separable | None = None

    def __post_init__(self) -> None:
        known = {s.name for s in self.steps} | {lemma.name for lemma in self.lemmas}
        for bound in self.bounds:
            missing = set(bound.rests_on) - known
            if missing or not bound.rests_on:
                raise ValueError(
                    f"bound {bound.name!r} rests on {sorted(missing) or 'nothing'}, which the proof does not hold"
                )

    def check(self) -> None:
        """Check every step, and that the separable bound is the last bound but one; raise StepFailed at the first failure."""
        for step in self.steps:
            step.check()
        if self.separable is not None:
            self.separable.check(self.bounds[-2].expression)
