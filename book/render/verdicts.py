"""Verdict tables that the checks write, read from ``book/results/checks``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLES = Path(__file__).resolve().parents[1] / "results" / "checks"


@dataclass(frozen=True)
class VerdictTable:
    """One run of the checks: where and when it ran, and one row for each claim."""

    device: str
    versions: dict[str, str]
    date: str
    profile: str
    rows: list[dict[str, Any]]

    @property
    def on_cpu(self) -> bool:
        return self.device.lower().startswith("cpu")


def verdict_tables(folder: Path = TABLES) -> list[VerdictTable]:
    """Return the tables of a folder, by file name."""
    return [VerdictTable(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]


def shown_size(number: float | None) -> str:
    """Write a gap or deviation with its order of magnitude."""
    return "–" if number is None else f"{number:.0e}"


def cells(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row after claim and verdict, as the landing page shows them."""
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
