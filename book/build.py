"""``python -m book.build [--claims FILE] [--only PAGE …]``: write all pages, or those named, and build the book from them."""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import plotly
import yaml

from book.live.parts import LivePage, described
from book.notebooks import FOLDER, build_wheel, is_executed, with_download, write_notebook
from book.render.claims import family
from book.render.pages import page
from book.render.practice import families
from theory.claim import add_files, find, registry
from theory.cli.arguments import claims_option
from theory.cli.entry import run
from theory.errors import ParameterError, quoted

BOOK = Path(__file__).resolve().parent
LIVE = "live"
STATIC_PAGES = (
    "how_the_checks_work",
    "what_the_verdicts_mean",
    "sweeps",
    "benchmarks",
    "discrepancies",
    "tutorial",
    "second_example",
    "add_a_claim",
    "api",
)


def write_source(source: Path, toc: dict) -> None:
    """Write the source of a book with this table of contents: its pages from their templates, styles and plotly.js."""
    names = files_in(toc)
    live = LivePage() if LIVE in names else None
    shutil.rmtree(source, ignore_errors=True)
    (source / "claims").mkdir(parents=True)
    (source / "experiments").mkdir()
    (source / "static").mkdir()
    shutil.copy(BOOK / "_config.yml", source)
    for name in ("atlas.css", "favicon.svg"):
        shutil.copy(BOOK / "pages" / name, source / "static")
    shutil.copy(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", source / "static")
    shutil.copytree(BOOK / "tutorial", source / "tutorial")
    # The processes are forked, so that all of them know the claims from --claims.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork")) as pool:
        wheel = pool.submit(build_wheel, source / "static" / FOLDER)
        written = pool.map(write_page, itertools.repeat(source), [name for name in names if name != LIVE])
        known = {about["id"]: about for about in written if about is not None}
        if live is not None:
            known |= {about["id"]: about for about in pool.map(described, [i for i in registry() if i not in known])}
            (source / f"{LIVE}.md").write_text(
                page(LIVE, **live.values(known, source / "static" / LIVE)), encoding="utf-8"
            )
        wheel.result()
    (source / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")


def write_page(source: Path, name: str) -> dict[str, Any] | None:
    """Write a page by its name in the table of contents, such as ``index`` or ``claims/mse-imbalanced``.

    For the page of a claim, which derives the claim, what the live page says of the claim is returned.
    """
    folder, _, word = name.rpartition("/")
    if folder == "claims":
        print(f"deriving {word}", flush=True)
        text = page("claim", claim=find(word))
    elif folder == "experiments":
        text = page("experiment_family", word=word, experiments=families()[word])
    else:
        text = page(name)
    if is_executed(text):
        write_notebook(text, name, source / "static")
        text = with_download(text, name)
    (source / f"{name}.md").write_text(text, encoding="utf-8")
    return described(word) if folder == "claims" else None


def files_in(toc: Any) -> list[str]:
    """Return the names of the pages in a table of contents, in its order."""
    if isinstance(toc, list):
        return [name for part in toc for name in files_in(part)]
    named = [toc[key] for key in ("root", "file") if key in toc]
    return named + [name for key in ("parts", "chapters", "sections") if key in toc for name in files_in(toc[key])]


def contents() -> dict:
    """Return the table of contents: the claims by family, then the trained networks, then the pages on the suite itself."""
    parts: dict[str, list[dict[str, str]]] = {}
    for claim in registry().values():
        parts.setdefault(family(claim), []).append({"file": f"claims/{claim.id}"})
    of_families = [{"file": f"experiments/{word}"} for word in families()]
    parts["Play"] = [{"file": LIVE}]
    parts["Trained networks"] = [{"file": "experiments"}, *of_families, {"file": "your_network"}]
    parts["The suite"] = [{"file": name} for name in STATIC_PAGES]
    return {
        "format": "jb-book",
        "root": "index",
        "parts": [{"caption": caption, "chapters": chapters} for caption, chapters in parts.items()],
    }


def only(names: Sequence[str]) -> dict:
    """Return a table of contents of these pages alone. Raises ParameterError for a name that no page has."""
    known = files_in(contents())
    for name in names:
        if name not in known:
            raise ParameterError(f"only: {quoted(name)} is no page; the pages are {', '.join(known)}")
    others = {"chapters": [{"file": name} for name in names[1:]]} if names[1:] else {}
    return {"format": "jb-book", "root": names[0], **others}


def build_html(folder: Path, strictly: bool) -> int:
    """Run the code of all pages, then build ``folder/_build/source`` with Jupyter Book. Return the exit status.

    Where ``strictly``, warnings are errors.
    """
    build = folder / "_build"
    for made in ("html", ".doctrees"):
        shutil.rmtree(build / made, ignore_errors=True)
    paths = [str(BOOK.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    # Pages run side by side, so each page uses one thread.
    alone = {**environment, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    execute = [sys.executable, "-m", "book.execute", str(build / "source"), str(build / ".jupyter_cache")]
    start = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    made = [*start, "build", str(build / "source"), "--path-output", str(folder)]
    made += ["--warningiserror", "--nitpick", "--keep-going"] if strictly else []
    return (
        subprocess.run(execute, env=alone, cwd=BOOK.parent, check=False).returncode
        or subprocess.run(made, env=environment, check=False).returncode
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m book.build", description="Build the book, with warnings as errors.", parents=[claims_option()]
    )
    parser.add_argument(
        "--only", nargs="+", metavar="PAGE",
        help="build these pages alone, such as index or claims/mse-imbalanced, into book/_build/only; warnings, such as links "
        "to the other pages, are no errors then",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    add_files(given.claims)
    folder, toc = (BOOK / "_build" / "only", only(given.only)) if given.only else (BOOK, contents())
    began = time.perf_counter()
    write_source(folder / "_build" / "source", toc)
    status = build_html(folder, strictly=not given.only)
    first = folder / "_build" / "html" / f"{toc['root']}.html"
    if status or not first.exists():
        print("the book was not built; the first warning or error above says why", file=sys.stderr)
        return status or 1
    print(f"built {first} in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    run(main)
