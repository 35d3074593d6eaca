"""What a run of the checks found, claim by claim: the closing table, and its JSON for the book."""

from __future__ import annotations

import datetime
import itertools
import json
import math
import platform
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sympy
import torch

from numerics.backends.points import points_of
from numerics.judging.conjecture import observe
from numerics.judging.validation import require_sight, require_well_posed
from numerics.tolerances import VALUE_GAP
from numerics.training.optimise import choose_device
from proofs_check.harness.diagnosis.closer_look import CloserLook
from proofs_check.harness.examine import Examination, Judgement, examine, judge, size_of
from proofs_check.harness.progress import Progress
from theory.claim import Claim
from theory.problem import Instance

COLUMNS = (
    "claim",
    "verdict",
    "instances",
    "value gap",
    "deviation",
    "certificate gap",
    "starts",
    "attacks",
    "least slack",
    "seconds",
    "checks",
)


LOOKED_AT = 4
"""Failing batches that a closer look starts from, the smallest, and as many that do not fail to hold them against."""
SHOWN = 2
"""Trained points of a batch that are described where nothing is claimed."""


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
    attacks: int = 0
    least_slack: float = math.inf
    seconds: float = 0.0
    passed: bool = True
    conjectures: list[list[str]] = field(default_factory=list)

    def add(self, found: dict) -> None:
        """Add the figures of one batch, or of an attack: its starts, and the least relative slack, negative where something broke."""
        for name in {"instances", "starts", "starts_reached", "attacks"} & found.keys():
            setattr(self, name, getattr(self, name) + found[name])
        for name in {"value_gap", "deviation", "certificate_gap"} & found.keys():
            setattr(self, name, max(getattr(self, name), found[name]))
        self.least_slack = min(self.least_slack, found.get("least_slack", math.inf))
        self.conjectures += found.get("conjectures", [])


def conjectures(claim: Claim, examination: Examination) -> list[list[str]]:
    """Say what the first trained points of a batch look like, for a claim that says nothing itself."""
    if claim.derive is not None:
        return []
    points = points_of(examination.solution.best_point())
    values = examination.solution.best_value().tolist()
    found = zip(examination.instances, points, values, examination.certificates, strict=True)
    return [observe(claim, *of_one).lines() for of_one in itertools.islice(found, SHOWN)]


def figures(claim: Claim, examination: Examination, judgement: Judgement) -> dict:
    """Return the worst figures of one batch; plain numbers and text, so that they travel between processes."""
    away = [c for c in judgement.comparisons if not c.near_threshold]
    reached = 0
    for number, comparison in enumerate(judgement.comparisons):
        values = examination.solution.values[number]
        reached += int(((values - comparison.predicted).abs() <= VALUE_GAP * abs(comparison.predicted)).sum())
    starts = examination.solution.values.shape[1]
    return {
        "instances": len(judgement.comparisons),
        "starts": starts * sum(examination.rounds),
        "starts_reached": reached,
        "value_gap": max((abs(c.gap) for c in away), default=0.0),
        "deviation": max((d for c in away for d in c.deviations.values()), default=0.0),
        "conjectures": conjectures(claim, examination),
        "certificate_gap": max((c.gap for c in examination.certificates if c is not None), default=math.inf),
    }


@dataclass
class Ledger:
    """All rows of a run, and the batches already trained, so that no aspect trains them twice.

    Checks may run in several processes: what a test finds is collected in ``fresh`` and travels with its report. Where there
    is a ``progress``, each batch that was trained is told to it.
    """

    device: str
    profile: str
    seed: int
    progress: Progress | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    fresh: dict[str, list[dict]] = field(default_factory=dict)
    _seen: dict[tuple, Judgement] = field(default_factory=dict)
    _well_posed: set[str] = field(default_factory=set)
    _looks: dict[str, CloserLook] = field(default_factory=dict)
    _said: set[tuple[str, str]] = field(default_factory=set)

    key = pytest.StashKey["Ledger"]()

    def judged(self, claim: Claim, batch: tuple[Instance, ...], regime: str = "given") -> Judgement:
        """Examine and judge a batch of a regime, or return the judgement it already got in this run."""
        name = (claim.id, *(tuple(sorted(instance.values.items())) for instance in batch))
        if claim.id not in self._well_posed:
            require_well_posed(claim, batch[0])
            require_sight(claim, batch[0])
            self._well_posed.add(claim.id)
        if name not in self._seen:
            examination = examine(claim, batch, self.device, seed=self.seed)
            self._seen[name] = judge(claim, examination)
            self.enter(claim, figures(claim, examination, self._seen[name]))
            if self.progress is not None:
                self.progress.count(claim.id, regime)
        return self._seen[name]

    def diagnosis(self, claim: Claim, *failures: tuple[str, str, Instance]) -> str:
        """Return what a closer look at a failing claim shows; what an earlier one has said is only referred to.

        ``failures``: checks other than those of judged batches, each with its name, what it said and where it failed.
        """
        look = self._looks.setdefault(claim.id, CloserLook(claim))
        judged = [judgement for name, judgement in self._seen.items() if name[0] == claim.id]
        failing = [judgement for judgement in judged if judgement.all_failures()]
        fine = [judgement for judgement in judged if not judgement.all_failures()]
        looked_at = [judgement for part in (failing, fine) for judgement in sorted(part, key=size_of)[:LOOKED_AT]]
        return f"A closer look:\n{look.at(looked_at, failures)}"

    def once(self, claim_id: str, says: str) -> str:
        """Return what a check says of a claim; where another check has said the same first line, only that.

        Below it formulas may come in another order each time they are derived.
        """
        first, *more = says.splitlines()
        if (claim_id, first) not in self._said:
            self._said.add((claim_id, first))
            return says
        return f"{first} (in full above)" if more else first

    def enter(self, claim: Claim, found: dict) -> None:
        """Enter what was found on a claim, by the names of a row's figures."""
        self.fresh.setdefault(claim.id, []).append(found)

    def take_fresh(self, claim_id: str) -> list[dict]:
        """Return what was found on a claim since the last call."""
        return self.fresh.pop(claim_id, [])

    def note(self, claim: Claim, found: list[dict], passed: bool, seconds: float) -> None:
        """Enter the outcome of one test into the row of its claim."""
        row = self.rows.setdefault(claim.id, Row(claim))
        row.passed &= passed
        row.seconds += seconds
        for batch in found:
            row.add(batch)

    def in_order(self) -> list[Row]:
        return [self.rows[claim_id] for claim_id in sorted(self.rows)]

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
                "none" if math.isinf(row.certificate_gap) else f"{row.certificate_gap:.1e}",
                f"{row.starts_reached}/{row.starts}",
                str(row.attacks),
                "" if row.attacks == 0 else f"{row.least_slack:.1e}",
                f"{row.seconds:.1f}",
                "passed" if row.passed else "FAILED",
            )
            for row in self.in_order()
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
            "certificate_gap": None if math.isinf(row.certificate_gap) else row.certificate_gap,
            "attacks": row.attacks,
            "least_slack": row.least_slack if row.attacks else None,
            "seconds": round(row.seconds, 1),
            "passed": row.passed,
        }
        for row in ledger.in_order()
    ]
    table = {
        "device": ledger.device_name(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "sympy": sympy.__version__},
        "date": datetime.date.today().isoformat(),
        "profile": ledger.profile,
        "rows": rows,
    }
    target.write_text(json.dumps(table, indent=1) + "\n")
