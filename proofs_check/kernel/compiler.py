"""Compile files of Coq, each after the files that it requires."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

KERNEL = Path(__file__).parent
"""The folder of the hand-written proofs."""
LOGICAL = "Atlas"
"""The logical name of the folder in Coq."""


def available() -> bool:
    """Tell whether Coq is installed."""
    return shutil.which("coqc") is not None


def requirements(folder: Path, file: Path) -> list[Path]:
    """Return the files below a folder that a file requires, each after those that it requires itself, and the file last."""
    files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.v"))]
    found = _run(["coqdep", "-Q", ".", LOGICAL, *files], folder).stdout
    needs = {}
    for line in found.splitlines():
        made, _, uses = line.partition(":")
        if made.split()[0].endswith(".vo"):
            source, *others = uses.split()
            needs[source] = [str(Path(other).with_suffix(".v")) for other in others if other.endswith(".vo")]

    def in_order(name: str, seen: set[str]) -> Iterator[str]:
        if name not in seen:
            seen.add(name)
            for other in needs[name]:
                yield from in_order(other, seen)
            yield name

    return [folder / name for name in in_order(str(file.relative_to(folder)), set())]


def rejected(folder: Path, file: Path) -> str:
    """Compile one file below a folder, and return what Coq says against the file, or an empty text where Coq accepts it."""
    done = _run(["coqc", "-q", "-Q", ".", LOGICAL, str(file.relative_to(folder))], folder)
    return "" if done.returncode == 0 else done.stderr or f"coqc ended with {done.returncode}"


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
