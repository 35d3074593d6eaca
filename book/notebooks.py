"""Executed pages as notebooks to download, and the wheel of the suite that they need."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from book.plain_markdown import without_directives

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("theory", "numerics", "proofs_check", "book")
ABOUT = ("pyproject.toml", "README.md", "LICENSE")
"""What a wheel is built from, beside the rooms."""
WHEEL = f"collapse_atlas-{version('collapse-atlas')}-py3-none-any.whl"
FOLDER = "notebooks"
"""The folder of the notebooks and of the wheel, below the static files of the book."""
INSTALL = f"""\
This notebook is a page of *The Collapse Atlas*. It needs Python 3.11 or newer and the package `collapse-atlas`. The book has the
package beside this notebook, as `_static/{FOLDER}/{WHEEL}`. Install it, with what the notebook needs to run and to draw, by

    pip install '{WHEEL}[book]'"""
TUTORIAL = """\
import shutil
from importlib.resources import files

shutil.copytree(files("book") / "tutorial", "tutorial", dirs_exist_ok=True)  # the files that this page reads"""
SLIDERS = """\
from importlib.resources import files

from IPython.display import HTML

HTML(f"<script>{(files('book') / 'pages' / 'figures.js').read_text()}</script>")  # the sliders of the figures above"""


def notebook_of(text: str) -> NotebookNode:
    """Return a page in MyST Markdown as a notebook without outputs, whose first cell says how to install the suite."""
    notebook = read_myst_markdown_notebook(text)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = without_directives(cell.source)
    first = [new_markdown_cell(INSTALL)]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    if '"tutorial/' in code:
        first.append(new_code_cell(TUTORIAL))
    if "book.figures" in code:
        notebook.cells.append(new_code_cell(SLIDERS))
    notebook.cells[:0] = first
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the same page gives the same notebook
    return notebook


def with_download(text: str, name: str) -> str:
    """Return a page with a link to its notebook at the end; ``name`` is that of the page in the table of contents."""
    up = "../" * (len(PurePosixPath(name).parts) - 1)
    link = f'<a href="{up}_static/{FOLDER}/{name}.ipynb" download>Download this page as a notebook</a>'
    wheel = f'<a href="{up}_static/{FOLDER}/{WHEEL}" download>this wheel</a>'
    return f'{text.rstrip()}\n\n<p class="atlas-notebook">{link}. It runs where {wheel} is installed.</p>\n'


def write_notebook(text: str, name: str, static: Path) -> None:
    """Write the notebook of a page below the static files of the book."""
    path = static / FOLDER / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook_of(text), path)


def build_wheel(static: Path) -> None:
    """Build the wheel of the suite beside the notebooks, unless it is there and nothing in it has changed.

    Raises CalledProcessError, after pip's complaint, when pip cannot build it.
    """
    folder = static / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    made, made_from = fingerprint(), folder / ".made_from"  # Sphinx copies no file whose name starts with a point
    if (folder / WHEEL).exists() and made_from.exists() and made_from.read_text() == made:
        return
    with tempfile.TemporaryDirectory() as copied:
        # The wheel is built from a copy, since setuptools leaves files where it builds.
        for path in packaged():
            target = Path(copied) / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--quiet",
            "wheel",
            "--no-deps",
            "--no-index",
        ]
        subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", str(folder), copied], check=True)
    made_from.write_text(made)


def packaged() -> list[Path]:
    """Return the files that a wheel is built from."""
    inside = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*")) if path.is_file()]
    unwanted = {"__pycache__", "_build"}
    return [ROOT / name for name in ABOUT] + [path for path in inside if unwanted.isdisjoint(path.parts)]


def fingerprint() -> str:
    """Return a hash of the files that a wheel is built from."""
    found = hashlib.sha256()
    for path in packaged():
        found.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
