"""The record of what Coq has checked is that of the steps and theorems as they are."""

from __future__ import annotations

import pytest

from proofs_check.kernel.theorems import ALLOWED_AXIOMS, theorems
from theory.claim import find, shipped
from theory.export.record import recorded
from theory.export.steps_file import rendered_steps


@pytest.mark.parametrize("claim_id", shipped())
def test_record_is_that_of_the_current_steps_and_theorems(claim_id: str) -> None:
    """A step whose formula has changed has another digest; ``make kernel`` writes the record again."""
    record = recorded(claim_id)
    assert record is not None, "run make kernel: the claim is not in the record"
    assert [(s.name, s.digest) for s in record.steps] == [(s.name, s.digest) for s in rendered_steps(find(claim_id))]
    current = theorems(find(claim_id))
    assert [(t.name, t.statement) for t in record.theorems] == [(t.name, t.statement) for t in current]
    assert all(set(theorem.axioms) <= ALLOWED_AXIOMS for theorem in record.theorems)


@pytest.mark.parametrize("claim_id", shipped())
def test_every_step_is_checked(claim_id: str) -> None:
    """No step is in the record with a reason why Coq does not prove it."""
    record = recorded(claim_id)
    assert record is not None
    assert {step.name: step.reason for step in record.steps if not step.checked} == {}
