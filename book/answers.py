"""What the commands of the suite answer, as a reader sees it who runs them in a folder with files of claims."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path

from IPython.display import Markdown

OF_THE_CALLER = ("CI", "PYTEST", "COLLAPSE")
"""Beginnings of the variables of the environment that would change an answer."""


WIDTH = 78
"""Longest line of words, in characters: a column of the book holds it."""


def answer(command: str, files: Mapping[str, str]) -> Markdown:
    """Return what a command prints, as a block in which tables keep their columns.

    Arguments:
        command: a command such as ``pytest …`` or ``python -m numerics …``, run by the Python that runs this.
        files: the texts of the files in the folder of the command, by name.
    """
    program, *words = shlex.split(command)
    start = ["-m", program] if program != "python" else []
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_CALLER)}
    packages = os.pathsep.join(str(Path(folder).resolve()) for folder in sys.path)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, *start, *words],
            cwd=folder,
            env={**inherited, "PYTHONPATH": packages, "COLUMNS": str(WIDTH)},
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [broken(line) for line in (done.stdout + done.stderr).strip().splitlines()]
    return Markdown("\n".join(["```text", *lines, "```"]))


def broken(line: str) -> str:
    """Break a long line of words as a terminal does. A line of a table, whose columns lie further apart than words, stays whole."""
    if len(line) <= WIDTH or "  " in line.strip():
        return line
    return textwrap.fill(line, WIDTH, subsequent_indent="    ")
