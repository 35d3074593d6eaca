"""What a run of the checks found, claim by claim: the closing table, and its JSON for the book."""

from __future__ import annotations

import datetime
import json
import platform
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sympy
import torch

from numerics.optimise import choose_device
from numerics.tolerances import VALUE_GAP
from proofs_check.examine import Examination, Judgement, examine, judge
from theory.claim import Claim
from theory.problem import Instance

COLUMNS = ("claim", "verdict", "instances", "value gap", "deviation", "certificate gap", "starts", "seconds", "checks")


@dataclass
class Row:
    """The worst figures of one claim over all its instances; gaps and deviations away from thresholds, certificates everywhere."""

    claim: Claim
    instances: int = 0
    value_gap: float = 0.0
    deviation: float = 0.0
    certificate_gap: float = 0.0
    starts: int = 0
    starts_reached: int = 0
    seconds: float = 0.0
    passed: bool = True

    def add(self, examination: Examination, judgement: Judgement) -> None:
        for number, (comparison, certificate) in enumerate(
            zip(judgement.comparisons, examination.certificates, strict=True)
        ):
            self.instances += 1
            self.certificate_gap = max(self.certificate_gap, abs(certificate.gap))
            values = examination.solution.values[number]
            reached = (values - comparison.predicted).abs() <= VALUE_GAP * abs(comparison.predicted)
            self.starts += len(values) * examination.rounds[number]
            self.starts_reached += int(reached.sum())
            if not comparison.near_threshold:
                self.value_gap = max(self.value_gap, abs(comparison.gap))
                self.deviation = max(self.deviation, *comparison.deviations.values())


@dataclass
class Ledger:
    """All rows of a run, and the batches already trained, so that no aspect trains them twice."""

    device: str
    profile: str
    seed: int
    rows: dict[str, Row] = field(default_factory=dict)
    _seen: dict[tuple, tuple[Examination, Judgement]] = field(default_factory=dict)

    key = pytest.StashKey["Ledger"]()

    def row(self, claim: Claim) -> Row:
        return self.rows.setdefault(claim.id, Row(claim))

    def judged(self, claim: Claim, batch: tuple[Instance, ...]) -> Judgement:
        """Examine and judge a batch, or return the judgement it already got in this run."""
        name = (claim.id, *(tuple(sorted(instance.values.items())) for instance in batch))
        if name not in self._seen:
            examination = examine(claim, batch, self.device, seed=self.seed)
            judgement = judge(claim, examination)
            self._seen[name] = examination, judgement
            self.row(claim).add(examination, judgement)
        return self._seen[name][1]

    def note_outcome(self, claim: Claim, passed: bool, seconds: float) -> None:
        row = self.row(claim)
        row.passed &= passed
        row.seconds += seconds

    def device_name(self) -> str:
        device = choose_device(self.device)
        return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"

    def lines(self) -> list[str]:
        """The closing table as text."""
        table = [COLUMNS] + [
            (
                row.claim.id,
                str(row.claim.verdict),
                str(row.instances),
                f"{row.value_gap:.1e}",
                f"{row.deviation:.1e}",
                f"{row.certificate_gap:.1e}",
                f"{row.starts_reached}/{row.starts}",
                f"{row.seconds:.1f}",
                "passed" if row.passed else "FAILED",
            )
            for row in self.rows.values()
        ]
        widths = [max(len(line[i]) for line in table) for i in range(len(COLUMNS))]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table
        ]


def write_table(ledger: Ledger, target: Path) -> None:
    """Write the closing table as JSON, with device, versions and date, for the book to show."""
    rows = [
        {
            "claim": row.claim.id,
            "verdict": str(row.claim.verdict),
            "instances": row.instances,
            "starts_reached": row.starts_reached / row.starts if row.starts else None,
            "value_gap": row.value_gap,
            "deviation": row.deviation,
            "certificate_gap": row.certificate_gap,
            "seconds": round(row.seconds, 1),
            "passed": row.passed,
        }
        for row in ledger.rows.values()
    ]
    table = {
        "device": ledger.device_name(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "sympy": sympy.__version__},
        "date": datetime.date.today().isoformat(),
        "profile": ledger.profile,
        "rows": rows,
    }
    target.write_text(json.dumps(table, indent=1) + "\n")
