"""A closer look at a claim that fails: what is wrong, where, and by what factor.

The answer is for the author of the claim. The closer look starts from what failed in the checks and judges nothing anew; where
it finds no reason, it repeats what the checks said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from numerics.judging.comparison import VALUE
from proofs_check.harness.diagnosis.explanation import Explanation, explain
from proofs_check.harness.diagnosis.finding import Finding, agree, listed
from proofs_check.harness.diagnosis.links import first_broken_link, first_loose_bound
from proofs_check.harness.diagnosis.quantities import Quantity, quantities_of
from proofs_check.harness.diagnosis.remaining import Failure, common_value, said_again, unexplained
from proofs_check.harness.diagnosis.side_by_side import side_by_side, with_agreeing
from proofs_check.harness.diagnosis.thresholds import (
    confirmed,
    of_ratio,
    threshold_corrections,
    threshold_name,
    wrong_thresholds,
)
from proofs_check.harness.diagnosis.trained import (
    Case,
    Trained,
    contradicted,
    differing_in,
    judged,
    on_processor,
    order,
    smallest,
    wide_batches,
)
from proofs_check.harness.examine import Judgement
from proofs_check.harness.strategies import drawn
from theory.claim import Claim
from theory.cli.arguments import written_parameters
from theory.errors import CheckFailed
from theory.problem import Instance

BATCHES = 3
"""Further batches that are drawn."""
CONFIRMED = 2
"""Most corrections of one threshold that are trained on either side of it: many factors leave the same directions alive."""


def diagnose(claim: Claim, seed: int = 0) -> str:
    """Train a few small batches and return what they show, as lines of text. A step that fails needs no training."""
    return CloserLook(claim, seed).at()


class CloserLook:
    """Looks at what failed of one claim, as often as something fails, and says nothing twice."""

    def __init__(self, claim: Claim, seed: int = 0) -> None:
        self.claim, self.seed = claim, seed
        self.said: dict[str, None] = {}

    @cached_property
    def further(self) -> list[Judgement]:
        """Small batches, in which what failed elsewhere may show as well."""
        return [judged(self.claim, batch, self.seed) for batch in drawn(wide_batches(self.claim), BATCHES, self.seed)]

    def at(self, judgements: Iterable[Judgement] = (), failures: Iterable[tuple[str, str, Instance]] = ()) -> str:
        """Return what a closer look shows, as lines of text.

        ``judgements`` are batches that the checks have trained. ``failures`` are further checks that failed, each with its name,
        what it said and the instance at which it failed.
        """
        try:
            self.claim.proof.check()
        except CheckFailed as error:
            return self._new([Finding("derivation", str(error))])
        others = [Failure(check, says, judged(self.claim, [at], self.seed)) for check, says, at in failures]
        batches_ = [*judgements, *(failure.judgement for failure in others)]
        found = findings(self.claim, batches_, lambda: self.further, others, self.seed)
        failed = [failure for judgement in batches_ for failure in judgement.all_failures()]
        if failed and not found:
            return f"no reason was found for what a check says: {failed[0]}"
        if not found:
            count = sum(len(judgement.comparisons) for judgement in (*batches_, *self.further))
            return f"a closer look at {count} instances shows nothing wrong in chain, value, invariants and thresholds"
        return self._new(found)

    def _new(self, found: Sequence[Finding]) -> str:
        new = [finding for finding in found if finding.about not in self.said]
        self.said |= dict.fromkeys(finding.about for finding in new)
        if not new:
            return (
                f"as said above: {', '.join(finding.about for finding in found if finding.instance or len(found) == 1)}"
            )
        return "\n".join(as_lines(self.claim, new))


def as_lines(claim: Claim, found: Sequence[Finding]) -> Iterator[str]:
    """Yield findings as lines. Findings in a row at the same instance name the instance once."""
    last = None
    for finding in found:
        yield finding.headline
        if finding.instance is not None and finding.instance is not last:
            yield f"    at {written_parameters(claim, finding.instance)}"
            last = finding.instance
        yield from (f"    {line}" for line in finding.details)


def findings(
    claim: Claim,
    judgements: Sequence[Judgement],
    further: Callable[[], Sequence[Judgement]],
    failures: Sequence[Failure] = (),
    seed: int = 0,
) -> list[Finding]:
    """Return all that is wrong, and last what explains it. The list is empty only where nothing has failed.

    ``further`` trains more batches. It is called where training and prediction differ, or where no batch is given.
    """
    known = [on_processor(claim, judgement) for judgement in judgements]
    if not known or any(c.differing for t in known for c in t.comparisons) or any(contradicted(t) for t in known):
        known += [on_processor(claim, judgement) for judgement in further()]
    known.sort(key=lambda trained: trained.size)
    quantities = quantities_of(claim)
    different = list(_different(known, quantities))
    value_differs = any(quantity.name == VALUE for quantity, _ in different)
    found = [*first_broken_link(claim, known), *first_loose_bound(claim, known, value_differs)]
    explained = {quantity.name: explain(quantity, known) for quantity, _ in different}
    found += [side_by_side(quantity, *case, explained[quantity.name]) for quantity, case in different]
    if different:
        found[-1] = with_agreeing(found[-1], different[-1][1], quantities)
    thresholds = list(wrong_thresholds(claim, known))
    found += [finding for _, finding in thresholds]
    mended = {name: explanation for name, explanation in explained.items() if explanation.corrections}
    found += _mended(claim, mended, thresholds, known, seed)
    if not all(explanation.found and explanation.everywhere for explanation in explained.values()):
        found += common_value(claim, known)
    found += unexplained(claim, known, found)
    found += [said_again(failure) for failure in failures if not failure.judgement.all_failures()]
    return found


def _different(known: Sequence[Trained], quantities: Sequence[Quantity]) -> Iterator[tuple[Quantity, Case]]:
    """Yield the quantities that differ, each with a case: the smallest failing case, and the same for all where possible."""
    cases = [(t, member) for t in known for member in range(len(t.instances)) if t.comparisons[member].differing]
    shared = min(cases, key=lambda case: (*order(case), -len(case[0].comparisons[case[1]].differing)), default=None)
    for quantity in quantities:
        differs = differing_in(quantity.name)
        own = shared if shared is not None and differs(*shared) else smallest(known, differs)
        if own is not None:
            yield quantity, own


def _mended(
    claim: Claim,
    mended: dict[str, Explanation],
    thresholds: Sequence[tuple[int, Finding]],
    known: Sequence[Trained],
    seed: int,
) -> Iterator[Finding]:
    """Yield the corrections that mend most, each with all that it mends, until no correction mends anything that is left."""
    of_thresholds = {
        threshold_name(claim, claim.prediction.thresholds[number]): (
            number,
            threshold_corrections(claim, number, known),
        )
        for number, _ in thresholds
    }
    left = dict(mended)
    while left:
        candidates = [c for own in left.values() for c in own.corrections]
        # The first of those that mend most.
        chosen = max(candidates, key=lambda c: sum(c in own.corrections for own in left.values()))
        names = [name for name, own in left.items() if chosen in own.corrections]
        everywhere = all(left.pop(name).everywhere for name in names)
        also = [name for name, (_, own) in of_thresholds.items() if chosen in own]
        of_thresholds = {name: own for name, own in of_thresholds.items() if name not in also}
        mends = [*names, *also]
        where = "" if everywhere else f" where {'it differs' if len(names) == 1 else 'they differ'}, and not elsewhere"
        yield Finding(str(chosen), f"one explanation: {chosen}, {listed(mends)} {agree(mends)} with training{where}")
    for name, (number, own) in of_thresholds.items():
        right = next((c for c in own[:CONFIRMED] if confirmed(claim, number, c, seed)), None)
        if right is not None:
            says = "it is right in all that was trained, on either side of where it then lies too"
            yield Finding(f"{name}: {right}", f"one explanation of {name}: {of_ratio(right, claim, number)}, {says}")
