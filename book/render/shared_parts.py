"""The parts of proofs that several claims share: lemmas of one name, and steps with the same name and formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from theory.claim import Claim
from theory.proof import Lemma, Step


def key(step: Step) -> str:
    """Return the kind, name and formulas of a step as one text; two claims share a step if its text is the same."""
    written = [str(getattr(step, field.name)) for field in fields(step) if field.name != "says"]
    return " ".join([type(step).__name__, *written])


def shared_steps(claims: Sequence[Claim]) -> dict[tuple[str, ...], list[Step]]:
    """Return the steps that several claims share, by the ids of these claims, in the order of the proofs."""
    users: dict[str, list[str]] = {}
    steps: dict[str, Step] = {}
    for claim in claims:
        for text, step in {key(step): step for step in claim.proof.steps}.items():
            users.setdefault(text, []).append(claim.id)
            steps.setdefault(text, step)
    found: dict[tuple[str, ...], list[Step]] = {}
    for text, claim_ids in users.items():
        if len(claim_ids) > 1:
            found.setdefault(tuple(claim_ids), []).append(steps[text])
    return found


def lemma_users(claims: Sequence[Claim]) -> list[tuple[Lemma, list[str]]]:
    """Return each lemma with the ids of the claims that rest on it."""
    users: dict[str, list[str]] = {}
    lemmas: dict[str, Lemma] = {}
    for claim in claims:
        for lemma in {lemma.name: lemma for lemma in claim.proof.lemmas}.values():
            users.setdefault(lemma.name, []).append(claim.id)
            lemmas[lemma.name] = lemma
    return [(lemmas[name], claim_ids) for name, claim_ids in users.items()]
