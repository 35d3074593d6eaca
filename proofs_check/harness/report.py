"""The results of a run of the checks, claim by claim, and the closing table."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import pytest
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
"""A closer look starts from so many failing batches, the smallest ones, and compares them with as many batches that pass."""
SHOWN = 2
"""Trained points of a batch that are described for a claim without a derivation."""


@dataclass
class Row:
    """The worst figures of one claim over all its instances.

    Gaps and deviations count away from thresholds, and certificate gaps at every instance. ``ended`` names the checks of the
    claim that have ended, of which there are ``checks``.
    """

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
    checks: int = 0
    ended: set[str] = field(default_factory=set)
    conjectures: list[list[str]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether all checks of the claim have ended."""
        return len(self.ended) == self.checks

    def add(self, found: dict) -> None:
        """Add the figures of one batch, or of an attack: its starts, and its least relative slack, negative where a link broke."""
        for name in {"instances", "starts", "starts_reached", "attacks"} & found.keys():
            setattr(self, name, getattr(self, name) + found[name])
        for name in {"value_gap", "deviation", "certificate_gap"} & found.keys():
            setattr(self, name, max(getattr(self, name), found[name]))
        self.least_slack = min(self.least_slack, found.get("least_slack", math.inf))
        self.conjectures += found.get("conjectures", [])


@dataclass(frozen=True)
class Check:
    """The outcome of one check of a claim: the figures that it ``found``, and ``of`` how many checks of the claim it is one."""

    name: str
    of: int
    passed: bool
    seconds: float
    found: list[dict]


def conjectures(claim: Claim, examination: Examination) -> list[list[str]]:
    """Return descriptions of the first trained points of a batch, if the claim has no derivation, and otherwise none."""
    if claim.derive is not None:
        return []
    points = points_of(examination.solution.best_point())
    values = examination.solution.best_value().tolist()
    found = zip(examination.instances, points, values, examination.certificates, strict=True)
    return [observe(claim, *of_one).lines() for of_one in itertools.islice(found, SHOWN)]


def figures(claim: Claim, examination: Examination, judgement: Judgement) -> dict:
    """Return the worst figures of one batch. They are plain numbers and text, so that they can be sent between processes."""
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
    """All rows of a run, and the batches that are trained already, so that no aspect trains a batch twice.

    Checks may run in several processes: the figures that a test finds are collected in ``fresh`` and sent with the report of the
    test. With a ``progress``, each trained batch is counted there.
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
        """Return the judgement of a batch of a regime. A batch is trained and judged once in a run.

        The first batch of a claim is also used to check that the claim can be evaluated; otherwise ParameterError is raised.
        """
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
        """Return what a closer look at a failing claim shows. Findings of an earlier look are only referred to.

        ``failures`` are further checks that failed, each with its name, its message and the instance at which it failed.
        """
        look = self._looks.setdefault(claim.id, CloserLook(claim))
        judged = [judgement for name, judgement in self._seen.items() if name[0] == claim.id]
        failing = [judgement for judgement in judged if judgement.all_failures()]
        fine = [judgement for judgement in judged if not judgement.all_failures()]
        looked_at = [judgement for part in (failing, fine) for judgement in sorted(part, key=size_of)[:LOOKED_AT]]
        return f"A closer look:\n{look.at(looked_at, failures)}"

    def once(self, claim_id: str, says: str) -> str:
        """Return the message of a check of a claim, or its first line if an earlier message has begun with the same line.

        First lines are compared, since below them the order of formulas may change with each derivation.
        """
        first, *more = says.splitlines()
        if (claim_id, first) not in self._said:
            self._said.add((claim_id, first))
            return says
        return f"{first} (in full above)" if more else first

    def enter(self, claim: Claim, found: dict) -> None:
        """Enter figures of a claim, named as in Row."""
        self.fresh.setdefault(claim.id, []).append(found)

    def take_fresh(self, claim_id: str) -> list[dict]:
        """Return the figures that were entered for a claim since the last call."""
        return self.fresh.pop(claim_id, [])

    def note(self, claim: Claim, check: Check) -> Row:
        """Enter the outcome of one check into the row of its claim, and return the row."""
        row = self.rows.setdefault(claim.id, Row(claim))
        row.checks = check.of
        row.ended.add(check.name)
        row.passed &= check.passed
        row.seconds += check.seconds
        for batch in check.found:
            row.add(batch)
        return row

    def in_order(self) -> list[Row]:
        return [self.rows[claim_id] for claim_id in sorted(self.rows)]

    def device_name(self) -> str:
        device = choose_device(self.device)
        return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"

    def lines(self) -> list[str]:
        """Return the closing table as lines of text."""
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
