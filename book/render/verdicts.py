"""The verdict tables that the checks write, read from ``book/results/checks``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theory.claim import Verdict, registry

TABLES = Path(__file__).resolve().parents[1] / "results" / "checks"


@dataclass(frozen=True)
class VerdictTable:
    """A table that the checks wrote: its profile, seed, device and versions, and one row for each claim, with the day of its checks."""

    profile: str
    seed: int
    device: str
    versions: dict[str, str]
    rows: list[dict[str, Any]]

    @property
    def dates(self) -> str:
        """The day of the checks, or the first and the last one."""
        days = sorted({row["date"] for row in self.rows})
        return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"

    @property
    def on_cpu(self) -> bool:
        return self.device.lower().startswith("cpu")


def verdict_tables(folder: Path = TABLES) -> list[VerdictTable]:
    """Return the tables of a folder, in the order of their file names."""
    return [VerdictTable(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]


def shown_size(number: float | None) -> str:
    """Return a gap or deviation with its order of magnitude, or a dash for None."""
    if number is None:
        return "–"
    return f"{number:.0e}" if number else "0"


def cells(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row of the whole table, after the cells of claim and verdict."""
    share = "–" if row["starts_reached"] is None else f"{100 * row['starts_reached']:.0f} %"
    gaps = [shown_size(row[name]) for name in ("value_gap", "deviation", "certificate_gap")]
    attacks = [str(row["attacks"]), shown_size(row["least_slack"])]
    return [
        str(row["instances"]),
        share,
        *gaps,
        *attacks,
        f"{row['seconds']:.1f}",
        "yes" if row["passed"] else "**no**",
    ]


def in_few_cells(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row on the first page: the share of starts that reached the minimum, and the certificate gap."""
    _, share, _, _, certificate_gap, *_ = cells(row)
    return [share, certificate_gap]


def name_of(claim_id: str) -> str:
    """Return the name of a claim in lists, or its id if the claim is no longer known."""
    claim = registry().get(claim_id)
    return claim_id if claim is None else claim.name


def counted_verdicts() -> str:
    """Return how many claims have each verdict, in a sentence."""
    verdicts = [claim.verdict for claim in registry().values()]
    words = {Verdict.HOLDS: "hold", Verdict.REFUTED: "are refuted", Verdict.OPEN: "are open"}
    if verdicts.count(Verdict.REFUTED) == 1:
        words[Verdict.REFUTED] = "is refuted"
    if verdicts.count(Verdict.OPEN) == 1:
        words[Verdict.OPEN] = "is open"
    parts = [f"{verdicts.count(verdict)} {word}" for verdict, word in words.items() if verdict in verdicts]
    return f"Of these, {', and '.join(parts)}."
