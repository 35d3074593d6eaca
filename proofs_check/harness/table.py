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
    """A file with the table of one profile, seed and device, and the rows that earlier runs have left in it, by claim.

    All runs that add to a table draw with its seed: with another one a claim that has failed might pass.
    """

    path: Path
    profile: str
    seed: int
    device: str
    earlier: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path, profile: str, seed: int, device: str) -> TableFile:
        """Return the table at a path, which a run of this profile on this device adds to, with ``seed`` where it is a new one.

        Raises ParameterError when the file cannot be written, or holds something else or a table of other circumstances.
        """
        if not writable(path):
            raise ParameterError(f"--table: '{shown_path(path)}' is not allowed; it is a file that can be written")
        table = cls(path, profile, seed, device)
        if path.exists() and path.stat().st_size > 0:
            table._read()
        return table

    @property
    def finished(self) -> list[str]:
        """The claims that passed in earlier runs."""
        return [claim_id for claim_id, row in self.earlier.items() if row["passed"]]

    def write(self, ledger: Ledger) -> None:
        """Write the rows of the claims that this run has checked in full, and of the others those of earlier runs.

        Raises ParameterError when the disk does not take the file; the one that is there stays.
        """
        own = {row.claim.id: _entry(row) for row in ledger.in_order() if row.is_complete}
        rows = self.earlier | own
        listed = [rows[claim_id] for claim_id in sorted(rows)]
        write_json(self.path, {"seed": self.seed, **self._circumstances(), "rows": listed})

    def _circumstances(self) -> dict[str, Any]:
        versions = {"python": platform.python_version(), "torch": torch.__version__, "sympy": sympy.__version__}
        return {"profile": self.profile, "device": self.device, "versions": versions}

    def _read(self) -> None:
        """Take seed and rows from the file."""
        name, own = shown_path(self.path), self._circumstances()
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self.seed, self.earlier = found["seed"], {row["claim"]: row for row in found["rows"]}
            known = {what: found[what] for what in own}
        except (OSError, ValueError, KeyError, TypeError):
            raise ParameterError(f"--table: '{name}' is not allowed; it holds something else than a table") from None
        if known != own:
            differs = ", ".join(what for what in own if known[what] != own[what])
            raise ParameterError(f"--table: '{name}' is not allowed; its table is of another run, with other {differs}")


def _entry(row: Row) -> dict[str, Any]:
    """Return a row as the file has it."""
    return {
        "claim": row.claim.id,
        "verdict": str(row.claim.verdict),
        "date": datetime.date.today().isoformat(),
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
