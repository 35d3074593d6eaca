"""Coq as a program: which of the generated proofs it accepts."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from theory.errors import ParameterError
from theory.export.record import StepRecord
from theory.export.steps_file import lemma_name

LOGICAL = "Atlas"
"""The logical name in Coq of the folder of proofs."""
TACTICS = ("Sums", "Tactics")
"""The files that the proof of a step uses, each after those that it requires."""
SECONDS = 60
"""How long Coq may try one step, in seconds."""
HOW_TO_GET_COQ = (
    "Coq is not installed; Debian has it (apt-get install coq libcoq-coquelicot), and elsewhere opam does "
    "(opam install coq.8.16.1 coq-coquelicot)"
)


def available() -> bool:
    """Tell whether Coq is installed."""
    return shutil.which("coqc") is not None and shutil.which("coqtop") is not None


def version() -> str:
    """Return the version of Coq, such as 8.16.1."""
    return subprocess.run(["coqc", "--print-version"], capture_output=True, text=True, check=True).stdout.split()[0]


def kernel_folder() -> Path:
    """Return the folder of the hand-written files of Coq. Raises ParameterError where they are not installed."""
    checks = find_spec("proofs_check")
    if checks is None or checks.origin is None:
        raise ParameterError("kernel: the files of Coq are not installed; they come with the package proofs_check")
    return Path(checks.origin).parent / "kernel"


def copy_tactics(folder: Path) -> None:
    """Copy the files that the proofs of steps use into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TACTICS:
        shutil.copy(kernel_folder() / f"{name}.v", folder)


def compile_tactics(folder: Path) -> None:
    """Compile the files that the proofs of steps use. Raises ParameterError with the complaint of Coq where one fails."""
    for name in TACTICS:
        done = subprocess.run(
            ["coqc", "-q", "-Q", ".", LOGICAL, f"{name}.v"], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ParameterError(f"kernel: Coq rejects {name}.v: {' '.join(done.stderr.split())[-300:]}")


def attempted(folder: Path, steps: Sequence[StepRecord], seconds: int = SECONDS) -> list[StepRecord]:
    """Return the steps as Coq finds them: those whose proof it does not accept have a reason.

    ``folder`` holds the compiled tactics. Coq tries each step by itself, for at most ``seconds`` seconds.
    """
    lines = ["From Atlas Require Import Tactics.", "Open Scope R_scope."]
    for position, step in enumerate(steps, start=1):
        if step.checked:
            name = lemma_name(position)
            tried = f"Timeout {seconds} ({step.proof})"
            lines += [
                f"Lemma {name} : {step.statement}.",
                "Proof.",
                f"{tried}.",
                "Qed.",
                "Abort All.",
                f"Check {name}.",
            ]
    done = subprocess.run(
        ["coqtop", "-q", "-Q", ".", LOGICAL],
        cwd=folder,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    accepted = set(re.findall(r"^(step_\d+)\s*$", done.stdout, re.MULTILINE))
    accepted |= set(re.findall(r"^(step_\d+)\s*:", done.stdout, re.MULTILINE))
    return [
        step
        if not step.checked or lemma_name(position) in accepted
        else replace(step, reason="not proved: the tactics find no proof of this statement")
        for position, step in enumerate(steps, start=1)
    ]
