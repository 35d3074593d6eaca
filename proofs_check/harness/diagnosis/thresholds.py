"""Thresholds that trained directions contradict, and corrections of their ratios."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import sympy as sp
import torch
from torch import Tensor

from numerics.tolerances import THRESHOLD_BAND
from proofs_check.harness.diagnosis.corrections import Correction, Trial, corrections
from proofs_check.harness.diagnosis.finding import Finding
from proofs_check.harness.diagnosis.trained import Trained, judged, on_processor, smallest, wide_batches
from proofs_check.harness.strategies import drawn
from theory.claim import Claim, Derivation
from theory.expressions import Formula
from theory.proof import Threshold

CONFIRMING = 2
"""Batches in which a corrected threshold has to be right. They are drawn on either side of the corrected threshold."""


def threshold_name(claim: Claim, threshold: Threshold) -> str:
    """Return how a threshold is called, by the invariant that shows its collapse."""
    return f"the threshold of {threshold.telling or claim.problem.telling}"


def wrong_thresholds(claim: Claim, known: Sequence[Trained]) -> Iterator[tuple[int, Finding]]:
    """Yield each threshold that trained directions contradict, with its number and the direction that shows this best."""
    for number, threshold in enumerate(claim.prediction.thresholds):
        case = smallest(known, lambda t, member, n=number: bool(t.contradicted[n][member].any()))
        if case is None:
            continue
        trained, member = case
        name = threshold_name(claim, threshold)
        limit = "" if threshold.within_rank == sp.true else f" and {threshold.within_rank}"
        headline = f"{name} is wrong: predicted alive iff ratio > 1{limit}"
        details = (_direction(trained, number, member), *_crossing_point(number, known))
        yield number, Finding(f"{name} is wrong", headline, trained.instances[member], details)


def _direction(trained: Trained, number: int, member: int) -> str:
    """Describe what is predicted and what was trained of the contradicting direction that is farthest from the threshold."""
    crossing, contradicted = trained.crossings[number], trained.contradicted[number][member]
    ratio = crossing.ratio[member]
    distance = torch.where(contradicted, ratio.log().abs().nan_to_num(math.inf), -torch.inf)
    at = int(distance.argmax())
    sizes = crossing.sizes(trained.measured.best[crossing.telling])[member]
    what = [f"direction {at + 1} has ratio {float(ratio[at]):.6g}"]
    if not bool(crossing.within[member, at]):
        what.append("lies beyond the rank limit")
    fate = {True: "collapsed", False: "alive"}
    predicted = bool(crossing.collapsed[member, at])
    dead = bool(crossing.dead(trained.measured.best)[member, at])
    shows = f"{crossing.telling} {float(sizes[at]):.6g}"
    found = f"trained it {'has collapsed' if dead else 'is alive'} ({shows})"
    if dead == predicted:
        found += f", and the predicted {crossing.telling} there is {float(crossing.predicted[member, at]):.6g}"
    return f"{' and '.join(what)}, so it is predicted {fate[predicted]}; {found}"


def _crossing_point(number: int, known: Sequence[Trained]) -> Iterator[str]:
    """Yield a line that says between which ratios trained directions come alive."""
    ratios, dead = [], []
    for trained in known:
        crossing = trained.crossings[number]
        ratios.append(crossing.ratio[crossing.within])
        dead.append(crossing.dead(trained.measured.best)[crossing.within])
    ratio, collapsed = torch.cat(ratios), torch.cat(dead)
    if bool(collapsed.all()) or not bool(collapsed.any()):
        yield f"all {len(ratio)} trained directions within the rank limit are {'dead' if bool(collapsed.all()) else 'alive'}"
        return
    if bool((ratio[collapsed] > 1).all()) and bool((ratio[~collapsed] < 1).all()):
        yield f"it is the other way round at all {len(ratio)} trained directions: alive where the ratio is below 1"
        return
    low, high = float(ratio[~collapsed].min()), float(ratio[collapsed].max())
    yield f"of {len(ratio)} trained directions the collapsed ones have ratios up to {high:.4g}, those alive from {low:.4g} on"


def of_ratio(correction: Correction, claim: Claim, number: int) -> str:
    """Return a correction of a threshold in words."""
    if correction.part == claim.prediction.thresholds[number].ratio:
        return f"with its ratio multiplied by {correction.factor}"
    return str(correction)


def threshold_corrections(claim: Claim, number: int, known: Sequence[Trained]) -> list[Correction]:
    """Return the corrections of a threshold's ratio with which all trained directions live or collapse as predicted.

    Corrections of the whole ratio come first, since a correction of a part may be right in some regimes only.
    """
    threshold = claim.prediction.thresholds[number]

    def trial(trained: Trained) -> Trial:
        crossing = trained.crossings[number]
        alive = ~crossing.dead(trained.measured.best)

        def agrees(ratio: Tensor) -> Tensor:
            undecided = (ratio.log().abs() < THRESHOLD_BAND) & crossing.within
            return (((ratio > 1) & crossing.within == alive) | undecided).all(-1)

        return Trial(trained.instances, agrees, trained.entries)

    formula = Formula(threshold.ratio, ((threshold.index, threshold.count),))
    found = corrections(formula, [trial(trained) for trained in known])
    return sorted(found, key=lambda correction: correction.part != threshold.ratio)


def confirmed(claim: Claim, number: int, correction: Correction, seed: int) -> bool:
    """Return whether directions live and collapse as a corrected threshold says, in trained batches that cross the threshold."""
    thresholds = list(claim.prediction.thresholds)
    thresholds[number] = dataclasses.replace(thresholds[number], ratio=correction.applied(thresholds[number].ratio))
    derivation = Derivation(claim.proof, dataclasses.replace(claim.prediction, thresholds=tuple(thresholds)))
    changed = dataclasses.replace(claim, derive=lambda problem: derivation)
    for batch in drawn(wide_batches(changed), CONFIRMING, seed):
        trained = on_processor(changed, judged(changed, batch, seed))
        if bool(trained.contradicted[number].any()):
            return False
    return True
