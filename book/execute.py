"""Run the code of a page, and put the outputs where Sphinx finds them."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode
from nbformat.v4 import new_output
from traitlets.config import Config

TIMEOUT = 300
"""Largest number of seconds for one cell."""


class CellFailed(Exception):
    """A cell of a page raised an error, or ran out of time."""


def run_page(path: Path) -> NotebookNode:
    """Run the cells of a page in this process, in the folder of the page, and return the notebook with their outputs.

    Call this in a process that ends afterwards: cells may change anything. Raises CellFailed for a cell that fails.
    """
    notebook = read_myst_markdown_notebook(path.read_text(encoding="utf-8"), path=path)
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    os.chdir(path.parent)
    sys.path.insert(0, "")
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=settings)
    signal.signal(signal.SIGALRM, out_of_time)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = run_cell(shell, cell.source, path)
    return notebook


def run_cell(shell: InteractiveShell, source: str, path: Path) -> list[NotebookNode]:
    """Run one cell and return its outputs: what it printed, then what it displayed."""
    signal.alarm(TIMEOUT)
    # The hook of the shell is set first, so that the one that captures the last value takes its place.
    with shell.display_trap, capture_output() as shown:
        result = shell.run_cell(source, silent=False, store_history=False)
    signal.alarm(0)
    if result.error_before_exec or result.error_in_exec:
        raise CellFailed(f"{path}: {shown.stdout}{shown.stderr}") from (
            result.error_before_exec or result.error_in_exec
        )
    streams = (("stdout", shown.stdout), ("stderr", shown.stderr))
    return [
        *(new_output("stream", name=name, text=text) for name, text in streams if text),
        *(new_output("display_data", data=each.data, metadata=each.metadata or {}) for each in shown.outputs),
    ]


def out_of_time(number: int, frame: FrameType | None) -> None:
    raise CellFailed(f"a cell ran for more than {TIMEOUT} s")


def fill_cache(folder: Path, notebooks: Mapping[Path, NotebookNode]) -> None:
    """Put the notebooks of all pages, by the path of the page, into an empty cache, from which Sphinx takes the outputs."""
    shutil.rmtree(folder, ignore_errors=True)
    cache = get_cache(str(folder))
    for path, notebook in notebooks.items():
        cache.cache_notebook_bundle(CacheBundleIn(notebook, str(path)), check_validity=False, overwrite=True)
