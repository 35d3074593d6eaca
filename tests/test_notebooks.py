"""The notebooks of the book's pages: what stands in their cells, and that they run with the wheel alone from an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from book.notebooks import FOLDER, WHEEL, build_wheel, notebook_of, with_download, write_notebook
from book.plain_markdown import without_directives
from book.render.pages import page
from theory.claim import find

RUN = """
import sys, nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("(a-target)=\n# Title\n\n{bdg-success}`HOLDS`", "# Title\n\nHOLDS"),
        ("[a page](other.md), [a site](https://example.org)", "a page, [a site](https://example.org)"),
        ('<a class="live-link" href="../live.html">Run</a>\n\nText', "Text"),
        ("A theorem {cite:p}`someone2020`.", "A theorem."),
        ("Inside {doc}`words <page>`", "Inside words"),
        (":::{prf:lemma} Of the day\n:label: lemma-a\n\nIt holds.\n:::", "**Lemma.** Of the day\n\nIt holds."),
        ("```{math}\n:label: eq\na = b\n```", "$$\na = b\n$$"),
        ("```{raw} html\n<script>secret</script>\n```\nText", "Text"),
        ('```{raw} html\n<div class="math x" data-narrow="y">\\[a &lt; b\\]</div>\n```', "$$\na < b\n$$"),
        (
            "::::{dropdown} Step 1\n:name: s\n\n:::{tip}\nWords.\n:::\n::::\nAfter",
            "**Step 1**\n\n**Tip.**\n\nWords.\n\nAfter",
        ),
        ("```{list-table}\n:header-rows: 1\n\n* - Name\n  - $x$\n```", "- Name\n\n  $x$"),
        ("```python\n:option: {kept}`as it is`\n```", "```python\n:option: {kept}`as it is`\n```"),
        ("````text\n```{note}\n```\n````", "````text\n```{note}\n```\n````"),
    ],
)
def test_directives_give_plain_markdown(written: str, plain: str) -> None:
    assert without_directives(written) == plain


def test_first_cell_says_how_to_install() -> None:
    notebook = notebook_of(page("claim", claim=find("mse-imbalanced")))
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert f"pip install '{WHEEL}[book]'" in first.source
    assert [cell for cell in notebook.cells if "{prf:" in cell.source or ":::" in cell.source] == []
    nbformat.validate(notebook)


def test_link_leads_from_the_page_to_its_notebook() -> None:
    assert f'href="_static/{FOLDER}/tutorial.ipynb"' in with_download("# Tutorial", "tutorial")
    assert f'href="../_static/{FOLDER}/claims/cvae.ipynb"' in with_download("# Claim", "claims/cvae")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it, as an installation does."""
    static = tmp_path_factory.mktemp("static")
    build_wheel(static)
    folder = tmp_path_factory.mktemp("packages")
    with zipfile.ZipFile(static / FOLDER / WHEEL) as wheel:
        wheel.extractall(folder)
    return folder


def test_wheel_is_built_again_only_after_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def built(command: list[str], check: bool) -> None:
        calls.append(command)
        (tmp_path / FOLDER / WHEEL).touch()

    monkeypatch.setattr(subprocess, "run", built)
    build_wheel(tmp_path)
    build_wheel(tmp_path)
    assert len(calls) == 1
    monkeypatch.setattr("book.notebooks.fingerprint", lambda: "another")
    build_wheel(tmp_path)
    assert len(calls) == 2


@pytest.mark.parametrize("name", ["claims/mse-imbalanced", "tutorial", "sweeps"])
def test_notebook_runs_with_the_wheel_alone_from_an_empty_folder(name: str, unpacked: Path, tmp_path: Path) -> None:
    text = page("claim", claim=find(name.rpartition("/")[2])) if name.startswith("claims/") else page(name)
    write_notebook(text, name, tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    given, made = tmp_path / FOLDER / f"{name}.ipynb", tmp_path / "made.ipynb"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
    environment |= {"PYTHONPATH": str(unpacked), "OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(given), str(made)],
        cwd=empty, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in nbformat.read(made, 4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count is not None for cell in cells)
    assert [output for cell in cells for output in cell.outputs if output.output_type == "error"] == []
    shown = json.dumps([cell.outputs for cell in cells])
    assert ("atlas-figure" in shown) == ("book.figures" in text)
