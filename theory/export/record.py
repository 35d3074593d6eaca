"""The record of what Coq has checked: the steps and theorems of each claim, as ``make kernel`` found them.

The record is a file of this package, so pages and commands can say what is checked on a machine without Coq. Each step
is recorded with the digest of its Coq statement, so a step whose formula has changed is not taken for checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("kernel_record.json")
"""The file of the record."""


@dataclass(frozen=True)
class StepRecord:
    """A step as Coq saw it: its name in the derivation, and the Coq text of its statement and of its proof.

    ``reason`` says in one line why the step is not checked, and is None for a checked step.
    """

    name: str
    digest: str
    statement: str
    proof: str
    reason: str | None

    @property
    def checked(self) -> bool:
        """Whether Coq has accepted the proof."""
        return self.reason is None


@dataclass(frozen=True)
class TheoremRecord:
    """A theorem about a claim that Coq has proved.

    ``says`` is the theorem in words, with the sizes for which it is proved. ``statement`` is its Coq text with the
    definitions it rests on, ``file`` the file that proves it, and ``axioms`` what ``Print Assumptions`` lists.
    """

    name: str
    says: str
    statement: str
    file: str
    axioms: tuple[str, ...]


@dataclass(frozen=True)
class KernelRecord:
    """What Coq has checked of one claim: the steps in the order of the derivation, and the theorems."""

    steps: tuple[StepRecord, ...]
    theorems: tuple[TheoremRecord, ...]

    @property
    def checked(self) -> int:
        """The number of checked steps."""
        return sum(step.checked for step in self.steps)

    def step(self, name: str) -> StepRecord | None:
        """Return the record of the step with this name, or None."""
        return next((step for step in self.steps if step.name == name), None)

    def summary(self) -> dict[str, Any]:
        """Return ``{"steps": checked steps, "of": all steps, "theorems": [names]}``, which commands print as JSON."""
        return {"steps": self.checked, "of": len(self.steps), "theorems": [t.name for t in self.theorems]}


def digest(statement: str) -> str:
    """Return the digest that identifies the Coq text of a statement."""
    return hashlib.sha256(statement.encode()).hexdigest()[:16]


def recorded(claim_id: str) -> KernelRecord | None:
    """Return what Coq has checked of a claim, or None for a claim that is not in the record, such as one of your own."""
    return _read().get(claim_id)


def kernel_summary(claim_id: str) -> dict[str, Any] | None:
    """Return ``{"steps": …, "of": …, "theorems": […]}`` of a claim for JSON, or None for a claim that is not in the record."""
    record = recorded(claim_id)
    return None if record is None else record.summary()


def recorded_claims() -> Mapping[str, KernelRecord]:
    """Return the records of all claims by id."""
    return _read()


def coq_version() -> str:
    """Return the version of Coq that checked what is recorded."""
    return _loaded()["coq"]


def write_record(records: Mapping[str, KernelRecord], version: str, path: Path = RECORD) -> None:
    """Write the record of all claims. A statement that several claims share is stored once."""
    statements: dict[str, dict[str, Any]] = {}
    claims: dict[str, Any] = {}
    for claim_id, record in sorted(records.items()):
        for step in record.steps:
            statements[step.digest] = {"statement": step.statement, "proof": step.proof, "reason": step.reason}
        claims[claim_id] = {
            "steps": [{"name": step.name, "digest": step.digest} for step in record.steps],
            "theorems": [asdict(theorem) for theorem in record.theorems],
        }
    content = {"coq": version, "claims": claims, "statements": dict(sorted(statements.items()))}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for cached in (_loaded, _read):
        cached.cache_clear()


@cache
def _loaded() -> dict[str, Any]:
    return json.loads(RECORD.read_text(encoding="utf-8"))


@cache
def _read() -> dict[str, KernelRecord]:
    content = _loaded()
    return {
        claim_id: KernelRecord(
            tuple(StepRecord(**step, **content["statements"][step["digest"]]) for step in claim["steps"]),
            tuple(TheoremRecord(**theorem | {"axioms": tuple(theorem["axioms"])}) for theorem in claim["theorems"]),
        )
        for claim_id, claim in content["claims"].items()
    }
