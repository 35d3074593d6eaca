"""Failures that neither chain, value, invariants nor thresholds explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from numerics.bounds.enclosures import predicted_value
from numerics.judging.comparison import VALUE, Comparison
from numerics.training.optimise import Ending
from proofs_check.harness.diagnosis.finding import Finding, agree, listed
from proofs_check.harness.diagnosis.trained import Trained
from proofs_check.harness.examine import NO_CERTIFICATE, Judgement
from theory.claim import Claim


@dataclass(frozen=True)
class Failure:
    """A further check that failed: its name, its message, and the batch at which it failed, trained and judged."""

    check: str
    says: str
    judgement: Judgement


def common_value(claim: Claim, known: Sequence[Trained]) -> Iterator[Finding]:
    """Yield the parameters that have one whole number or truth value at all instances that fail, and other values elsewhere.

    An instance without a failure counts if it lies away from thresholds and has a direction alive: other instances can hardly fail.
    """
    cases = [
        (t.instances[m], bool(t.comparisons[m].failures))
        for t in known
        for m in range(len(t.instances))
        if t.comparisons[m].failures or (t.away[m] and t.lives[m])
    ]
    for parameter in claim.problem.parameters:
        sides = {
            failed: {i.values[parameter.name] for i, fails in cases if fails == failed} for failed in (True, False)
        }
        simple = all(isinstance(value, int) for side in sides.values() for value in side)
        if simple and len(sides[True]) == 1 and sides[False] and not sides[True] & sides[False]:
            failing, fine = (", ".join(str(v).lower() for v in sorted(sides[failed])) for failed in (True, False))
            says = f"{parameter.name} is {failing} at every trained instance that fails, and {fine} at the others"
            yield Finding(says, says)


def unexplained(claim: Claim, known: Sequence[Trained], found: Sequence[Finding]) -> Iterator[Finding]:
    """Yield again the messages of the checks of training and certificates that no other finding explains."""
    seen: set[str] = set()
    for trained in known:
        for member, comparison in enumerate(trained.comparisons):
            for check, says in _remaining(claim, trained, member, found):
                if check not in seen:
                    seen.add(check)
                    yield Finding(
                        f"{check} alone", f"{check} fails: {says}", comparison.instance, (_agreement(comparison),)
                    )


def _remaining(claim: Claim, trained: Trained, member: int, found: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Yield the checks that fail at an instance without another finding that explains them, each with its message."""
    comparison = trained.comparisons[member]
    contradicted = any(bool(where[member].any()) for where in trained.contradicted)
    threshold_wrong = any(finding.about.startswith("the threshold of") for finding in found)
    if comparison.ending is not Ending.CONVERGED:
        yield "trained", f"the best start {comparison.ending.name.lower()}"
    elif comparison.failures and not comparison.differing and not contradicted and not threshold_wrong:
        yield "trained", comparison.failures[0]
    certificate = trained.judgement.examination.certificates[member]
    if certificate is None:
        failures = [f for f in trained.judgement.failures["certified"] if f.endswith(NO_CERTIFICATE)]
    else:
        failures = certificate.failures(predicted_value(claim, comparison.instance), comparison.near_threshold)
    chain_fails = any(finding.about.startswith(("link to", "tightness of")) for finding in found)
    if failures and not chain_fails and VALUE not in comparison.differing:
        yield "certified", NO_CERTIFICATE if certificate is None else failures[0]


def _agreement(comparison: Comparison) -> str:
    """Return a line that names the quantities which agree at an instance, with the largest deviation."""
    names = [name for name in (VALUE, *comparison.deviations) if name not in comparison.differing]
    if not names:
        return "nothing else agrees there"
    largest = max((d for name, d in comparison.deviations.items() if name in names), default=0.0)
    return f"{listed(names)} {agree(names)} there (relative gap {comparison.gap:.1e}, largest deviation {largest:.1e})"


def said_again(failure: Failure) -> Finding:
    """Return the finding that repeats the message of a further check, at whose instance nothing else fails."""
    (comparison,) = failure.judgement.comparisons
    says = f"{failure.check} fails: {failure.says}"
    return Finding(f"{failure.check} alone", says, comparison.instance, (_agreement(comparison),))
