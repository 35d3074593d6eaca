"""The closing table as a file: the claims that were checked in full, by one run of the checks or by several that add to it.

The file is written whenever a claim has been checked in full, so that a run that is stopped loses the claims in work alone.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sympy
import torch

from numerics.storage.atomic_files import write_json
from proofs_check.harness.report import Ledger, Row
from theory.errors import ParameterError, shown_path


def writable(path: Path) -> bool:
    """Return whether a file can be written to or created."""
    try:
        return (path.is_file() or not path.exists()) and os.access(path if path.exists() else path.parent, os.W_OK)
    except OSError:  # the name is too long, or the folder may not be entered
        return False


@dataclass
class TableFile:
    """A file with the table of one profile on one device, and the rows that earlier runs have left in it, by claim."""

    path: Path
    profile: str
    device: str
    earlier: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path, profile: str, device: str) -> TableFile:
        """Return the table at a path, which a run of this profile on this device adds to.

        Raises ParameterError when the file cannot be written, or holds something else or a table of other circumstances.
        """
        if not writable(path):
            raise ParameterError(f"--table: '{shown_path(path)}' is not allowed; it is a file that can be written")
        table = cls(path, profile, device)
        if path.exists() and path.stat().st_size > 0:
            table.earlier = {row["claim"]: row for row in table._rows_of(path)}
        return table

    @property
    def finished(self) -> list[str]:
        """The claims that passed in earlier runs."""
        return [claim_id for claim_id, row in self.earlier.items() if row["passed"]]

    @property
    def seed(self) -> int | None:
        """The seed of a claim that failed, so that it is checked again where it failed, or else of any other one; None without rows."""
        rows = sorted(self.earlier.values(), key=lambda row: row["passed"])
        return next((row["seed"] for row in rows), None)

    def write(self, ledger: Ledger) -> None:
        """Write the rows of the claims that this run has checked in full, and of the others those of earlier runs.

        Raises ParameterError when the disk does not take the file; the one that is there stays.
        """
        own = {row.claim.id: _entry(row, ledger.seed) for row in ledger.in_order() if row.is_complete}
        rows = self.earlier | own
        write_json(self.path, {**self._circumstances(), "rows": [rows[claim_id] for claim_id in sorted(rows)]})

    def _circumstances(self) -> dict[str, Any]:
        versions = {"python": platform.python_version(), "torch": torch.__version__, "sympy": sympy.__version__}
        return {"profile": self.profile, "device": self.device, "versions": versions}

    def _rows_of(self, path: Path) -> list[dict[str, Any]]:
        name = shown_path(path)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            rows = found["rows"]
            known = {what: found[what] for what in self._circumstances()}
        except (OSError, ValueError, KeyError, TypeError):
            raise ParameterError(f"--table: '{name}' is not allowed; it holds something else than a table") from None
        if known != self._circumstances():
            differs = ", ".join(what for what, value in self._circumstances().items() if known[what] != value)
            raise ParameterError(f"--table: '{name}' is not allowed; its table is of another run, with other {differs}")
        return rows


def _entry(row: Row, seed: int) -> dict[str, Any]:
    """Return a row as the file has it."""
    return {
        "claim": row.claim.id,
        "verdict": str(row.claim.verdict),
        "date": datetime.date.today().isoformat(),
        "seed": seed,
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
