"""Compile files of Coq, each after the files that it requires, and have the compiled files checked."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from theory.export.attempt import LOGICAL, available

__all__ = ["KERNEL", "Compiled", "available", "checker_complaint", "compile_all", "rejected", "requirements"]

KERNEL = Path(__file__).parent
"""The folder of the hand-written proofs."""


@dataclass(frozen=True)
class Compiled:
    """What became of one file: how long Coq took, 0 for a file that had not changed, and what Coq says against it."""

    seconds: float
    complaint: str


def requirements(folder: Path, file: Path) -> list[Path]:
    """Return the files below a folder that a file requires, each after those that it requires itself, and the file last."""
    needs = _needs(folder)

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


def compile_all(folder: Path, jobs: int) -> dict[str, Compiled]:
    """Compile all files below a folder, ``jobs`` at a time, and return what became of each, by name relative to the folder.

    A file whose compiled form is newer than its text, and than the compiled forms that it requires, is not compiled
    again. A file is not compiled where one that it requires is rejected.
    """
    needs = _needs(folder)
    done: dict[str, Compiled] = {}
    running: dict[Future[Compiled], str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        while len(done) < len(needs):
            for name, others in needs.items():
                if name not in done and name not in running.values() and all(other in done for other in others):
                    running[pool.submit(_compiled, folder, name, {other: done[other] for other in others})] = name
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                done[running.pop(future)] = future.result()
    return done


def checker_complaint(folder: Path, files: Iterable[str]) -> str:
    """Check compiled files with Coq's independent checker, and return its complaint, or an empty text.

    The checker takes the libraries that are installed with Coq as they are.
    """
    modules = [f"{LOGICAL}.{name.removesuffix('.v').replace('/', '.')}" for name in files]
    options = [word for module in modules for word in ("-norec", module)]
    done = _run(["coqchk", "-silent", "-Q", ".", LOGICAL, *options], folder)
    return "" if done.returncode == 0 else done.stderr or done.stdout


def _compiled(folder: Path, name: str, needs: Mapping[str, Compiled]) -> Compiled:
    for other, found in needs.items():
        if found.complaint:
            return Compiled(0, f"requires {other}, which Coq rejects")
    source, compiled = folder / name, (folder / name).with_suffix(".vo")
    newest = max(path.stat().st_mtime_ns for path in (source, *((folder / o).with_suffix(".vo") for o in needs)))
    if compiled.exists() and compiled.stat().st_mtime_ns > newest:
        return Compiled(0, "")
    start = time.perf_counter()
    complaint = rejected(folder, source)
    return Compiled(time.perf_counter() - start, complaint)


def _needs(folder: Path) -> dict[str, list[str]]:
    """Return the files below a folder that each file requires, by their names relative to the folder."""
    files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.v"))]
    found = _run(["coqdep", "-Q", ".", LOGICAL, *files], folder).stdout
    needs = {}
    for line in found.splitlines():
        made, _, uses = line.partition(":")
        if made.split()[0].endswith(".vo"):
            source, *others = uses.split()
            needs[source] = [str(Path(other).with_suffix(".v")) for other in others if other.endswith(".vo")]
    return needs


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
