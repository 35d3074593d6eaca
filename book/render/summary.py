"""A derived claim in short: its thresholds, and the lemmas, steps and bounds of its proof, as plain values.

Claims are derived side by side in several processes. A derivation holds functions and stays in its process; a summary is passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from theory.claim import Claim, Derivation, find
from theory.proof import Step, Threshold


@dataclass(frozen=True)
class Part:
    """A lemma, step or bound of a proof.

    Arguments:
        name: its name in the proof.
        says: the sentence of a lemma or step, or why a bound holds.
        key: the same in two proofs exactly if both hold the same part.
        rests_on: the names of the steps and lemmas that prove a bound.
    """

    name: str
    says: str
    key: str
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """The thresholds of a claim, and the parts of its proof in their order."""

    claim_id: str
    thresholds: tuple[Threshold, ...]
    lemmas: tuple[Part, ...]
    steps: tuple[Part, ...]
    bounds: tuple[Part, ...]

    @property
    def claim(self) -> Claim:
        return find(self.claim_id)

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.lemmas, *self.steps, *self.bounds)


def summarised(claim: Claim) -> Summary:
    """Derive a claim, unless it is derived, and return its summary."""
    derivation: Derivation = claim.derivation
    proof = derivation.proof
    return Summary(
        claim.id,
        derivation.prediction.thresholds,
        tuple(Part(lemma.name, lemma.says, f"lemma {lemma.name}") for lemma in proof.lemmas),
        tuple(Part(step.name, step.says, key(step)) for step in proof.steps),
        tuple(Part(b.name, b.because, f"{claim.id} {b.name}", b.rests_on) for b in proof.bounds),
    )


def key(step: Step) -> str:
    """Return the kind, name and formulas of a step as one text; two claims share a step if its text is the same."""
    written = [str(getattr(step, field.name)) for field in fields(step) if field.name != "says"]
    return " ".join([type(step).__name__, *written])


def shared_steps(summaries: Sequence[Summary]) -> dict[tuple[str, ...], list[Part]]:
    """Return the steps that several claims share, by the ids of the claims that share them, in the order of the proofs."""
    users: dict[str, list[str]] = {}
    parts: dict[str, Part] = {}
    for summary in summaries:
        for step in unique(summary.steps):
            users.setdefault(step.key, []).append(summary.claim_id)
            parts.setdefault(step.key, step)
    found: dict[tuple[str, ...], list[Part]] = {}
    for name, claim_ids in users.items():
        if len(claim_ids) > 1:
            found.setdefault(tuple(claim_ids), []).append(parts[name])
    return found


def unique(parts: Iterable[Part]) -> list[Part]:
    """Return parts without those whose key came before."""
    return list({part.key: part for part in parts}.values())
