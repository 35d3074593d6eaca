"""The file of Coq that states and proves the steps of a claim."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from theory.claim import Claim
from theory.export.coq_steps import coq_step
from theory.export.coq_terms import NotInCoq
from theory.export.record import StepRecord, digest

COLUMNS = 118
"""Where lines of generated text break."""
HEAD = """(** The steps of {id}: {title}. Generated from the derivation; do not edit. *)
From Atlas Require Import Tactics.
Open Scope R_scope.
"""


def file_name(kind: str, claim_id: str) -> str:
    """Return the name of a generated file of a claim: ``Steps_mse_imbalanced`` for the kind "Steps"."""
    return f"{kind}_{claim_id.replace('-', '_')}"


def rendered_steps(claim: Claim) -> list[StepRecord]:
    """Return the steps of a claim as Coq text, each as if checked, or with the reason why it has no rendering."""
    found = []
    for step in claim.proof.steps:
        try:
            text = coq_step(step)
        except NotInCoq as error:
            found.append(StepRecord(step.name, digest(str(step)), "", "", f"not stated: {error}"))
        else:
            found.append(StepRecord(step.name, digest(text.statement), text.statement, text.proof, None))
    return found


def lemma_name(position: int) -> str:
    """Return the name in Coq of the step at a position, which counts from 1."""
    return f"step_{position}"


def steps_file(claim: Claim, steps: Iterable[StepRecord]) -> str:
    """Return the text of the file that proves the steps; a step that is not checked stands in a comment, with the reason."""
    parts = [HEAD.format(id=claim.id, title=claim.title)]
    for position, step in enumerate(steps, start=1):
        if step.checked:
            lemma = _wrapped(f"Lemma {lemma_name(position)} : {step.statement}.")
            parts.append(f"(** {step.name} *)\n{lemma}\n{_wrapped(f'Proof. {step.proof}. Qed.')}\n")
        else:
            parts.append(f"(* {step.name}: {step.reason} *)\n")
    return "\n".join(parts)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
