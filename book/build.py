"""``python -m book.build [--claims FILE]``: write one page for each claim, then build the book with warnings as errors."""

from __future__ import annotations

import argparse
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

from book.live.parts import copy_parts, described, start_preparing, values_of_page
from book.render.claims import family
from book.render.pages import page
from book.render.practice import families
from theory.claim import add_files, find, registry
from theory.cli.arguments import claims_option
from theory.cli.entry import run

BOOK = Path(__file__).resolve().parent
SOURCE = BOOK / "_build" / "source"
HTML = BOOK / "_build" / "html"
CACHE = BOOK / "_build" / ".jupyter_cache"
PRACTICE_PAGES = ("experiments", "your_network")
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


def write_source() -> None:
    """Write the complete source of the book: pages from their templates, styles, plotly.js and table of contents."""
    preparing = start_preparing()
    shutil.rmtree(SOURCE, ignore_errors=True)
    (SOURCE / "claims").mkdir(parents=True)
    (SOURCE / "static").mkdir()
    shutil.copy(BOOK / "_config.yml", SOURCE)
    for name in ("atlas.css", "favicon.svg"):
        shutil.copy(BOOK / "pages" / name, SOURCE / "static")
    shutil.copy(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", SOURCE / "static")
    shutil.copytree(BOOK / "tutorial", SOURCE / "tutorial")
    for name in ("index", *PRACTICE_PAGES, *STATIC_PAGES):
        (SOURCE / f"{name}.md").write_text(page(name), encoding="utf-8")
    (SOURCE / "experiments").mkdir()
    for word, experiments in families().items():
        text = page("experiment_family", word=word, experiments=experiments)
        (SOURCE / "experiments" / f"{word}.md").write_text(text, encoding="utf-8")
    # The processes are forked, so that all of them know the claims from --claims.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork")) as pool:
        claims = list(pool.map(write_claim, registry()))
    live = copy_parts(preparing, SOURCE / "static" / "live")
    print(
        f"the live page is built without its live parts: {live.missing}"
        if live.missing
        else "the live page has all its parts"
    )
    (SOURCE / "live.md").write_text(page("live", **values_of_page(live, claims)), encoding="utf-8")
    (SOURCE / "_toc.yml").write_text(yaml.safe_dump(contents(), sort_keys=False), encoding="utf-8")


def write_claim(claim_id: str) -> dict[str, Any]:
    """Derive a claim and write its page. Return what the live page says of the claim."""
    print(f"deriving {claim_id}", flush=True)
    text = page("claim", claim=find(claim_id))
    (SOURCE / "claims" / f"{claim_id}.md").write_text(text, encoding="utf-8")
    return described(claim_id)


def contents() -> dict:
    """Return the table of contents: the claims by family, then the trained networks, then the pages on the suite itself."""
    parts: dict[str, list[dict[str, str]]] = {}
    for claim in registry().values():
        parts.setdefault(family(claim), []).append({"file": f"claims/{claim.id}"})
    of_families = [{"file": f"experiments/{word}"} for word in families()]
    parts["Play"] = [{"file": "live"}]
    parts["Trained networks"] = [{"file": "experiments"}, *of_families, {"file": "your_network"}]
    parts["The suite"] = [{"file": name} for name in STATIC_PAGES]
    return {
        "format": "jb-book",
        "root": "index",
        "parts": [{"caption": caption, "chapters": chapters} for caption, chapters in parts.items()],
    }


def build_html() -> int:
    """Run the code of all pages, then build the source with Jupyter Book, warnings as errors. Return the exit status."""
    shutil.rmtree(HTML, ignore_errors=True)
    shutil.rmtree(HTML.parent / ".doctrees", ignore_errors=True)
    paths = [str(BOOK.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    # Pages run side by side, so each page uses one thread.
    alone = {**environment, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    execute = [sys.executable, "-m", "book.execute", str(SOURCE), str(CACHE)]
    strictly = ["--warningiserror", "--nitpick", "--keep-going"]
    start = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    build = [*start, "build", str(SOURCE), "--path-output", str(BOOK), *strictly]
    return (
        subprocess.run(execute, env=alone, cwd=BOOK.parent, check=False).returncode
        or subprocess.run(build, env=environment, check=False).returncode
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m book.build", description="Build the book, with warnings as errors.", parents=[claims_option()]
    )
    add_files(parser.parse_args(arguments).claims)
    began = time.perf_counter()
    write_source()
    status = build_html()
    if status or not (HTML / "index.html").exists():
        print("the book was not built; the first warning or error above says why", file=sys.stderr)
        return status or 1
    print(f"built {HTML / 'index.html'} in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    run(main)
