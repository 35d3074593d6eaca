"""What the kernel of Coq has checked of a claim, as the book shows it."""

from __future__ import annotations

from theory.claim import Claim
from theory.export.record import StepRecord, TheoremRecord, recorded
from theory.proof import Step


def kernel_statement(claim: Claim, step: Step) -> StepRecord | None:
    """Return statement and proof of a step that Coq has checked, or None for a step that Coq has not checked."""
    record = recorded(claim.id)
    found = None if record is None else record.step(step.name)
    return found if found is not None and found.checked else None


def kernel_theorems(claim: Claim) -> tuple[TheoremRecord, ...]:
    """Return the theorems on a claim that Coq has proved."""
    record = recorded(claim.id)
    return () if record is None else record.theorems
