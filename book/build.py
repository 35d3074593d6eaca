"""``python -m book.build [--claims FILE] [--only PAGE …]``: write all pages, or those named, and build the book from them."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import yaml

import book.figures
from book.contents import contents
from book.execute import fill_cache, run_page
from book.fingerprint import digest, imported, module_files, of_derivation, of_run, of_text
from book.kept import file_of, forget_all_but, keep, keep_derivation, restore_derivations
from book.live.parts import copy_parts, values_of_page
from book.live.parts import prepare as prepare_live_parts
from book.notebooks import build_wheel, with_download, write_notebook
from book.processes import run_each
from book.render.pages import page
from book.render.practice import families
from theory.claim import add_files, find, registry
from theory.cli.arguments import claims_option
from theory.cli.entry import run
from theory.errors import ParameterError, quoted

BOOK = Path(__file__).resolve().parent
CODE = "{code-cell}"
LIVE = "live"
LONGEST = ("bring_us_your_theorem", "your_network")
"""Pages that are made first: their code runs for long, and would keep one processor waiting at the end."""
STATIC = (".css", ".js", ".svg")
"""Endings of the files beside the templates that the pages load."""


def write_source(source: Path, toc: dict) -> None:
    """Write all of a book's source but its pages: table of contents, configuration, styles and scripts.

    Files of earlier builds that have not changed stay as they are, so that Sphinx reads only what is new.
    """
    pages = {source / f"{name}.md" for name in files_in(toc)}
    for left in set(source.rglob("*.md")) - pages:
        left.unlink()
    for path in pages:
        path.parent.mkdir(parents=True, exist_ok=True)
    (source / "static").mkdir(exist_ok=True)
    for left in (source / "static").iterdir():
        if left.suffix in STATIC and not (BOOK / "pages" / left.name).exists():
            left.unlink()
    for path in sorted((BOOK / "pages").iterdir()):
        if path.suffix in STATIC:
            shutil.copy(path, source / "static")
    shutil.copytree(BOOK / "tutorial", source / "tutorial", dirs_exist_ok=True)
    for name in ("_config.yml", "references.bib"):
        shutil.copy(BOOK / name, source)
    write_if_changed(source / "_toc.yml", yaml.safe_dump(toc, sort_keys=False))


def write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def jobs(source: Path, names: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Yield what makes the wheel, the parts of the live page, and each page.

    What takes longest comes first, then the pages of claims, and then all others, which know the derivations by then.
    """
    yield partial(build_wheel, source / "static")
    if LIVE in names:
        yield prepare_live_parts
    prepare()
    claims = [name for name in names if name.startswith("claims/")]
    early = [*(name for name in LONGEST if name in names), *claims]
    for name in early:
        yield partial(make_page, source, name)
    restore_derivations(registry().values())
    for name in names:
        if name not in early:
            yield partial(make_page, source, name)


def prepare() -> None:
    """Import what pages import, and read what fingerprints are made from: each page starts as a fork that knows them."""
    for module in pkgutil.iter_modules(book.figures.__path__, "book.figures."):
        imported(module_files(importlib.import_module(module.name).__name__))
    for claim in registry().values():
        of_text(claim)
    nbformat.v4.new_notebook()  # the first notebook compiles the schema that it is held against


def make_page(source: Path, name: str) -> None:
    """Write a page by its name in the table of contents, such as ``index`` or ``claims/mse-imbalanced``, and run its code.

    What an earlier build made from the same files is taken from there.
    """
    path, began = source / f"{name}.md", time.process_time()
    text = text_of(name)
    if CODE in text:
        write_notebook(text, name, source / "static")
        # Sphinx reads a page again where its source has changed, so the source names the outputs.
        text = f"{with_download(text, name)}\n% outputs {of_run(text)}\n"
    write_if_changed(path, text)
    if CODE in text and not outputs_of(text).exists():
        keep(outputs_of(text), nbformat.writes(run_page(path)).encode())
    print(f"made {name} in {time.process_time() - began:.1f} s of processor time", flush=True)


def text_of(name: str) -> str:
    """Return the text of a page by its name. Texts of claims are kept, and so are their derivations."""
    folder, _, word = name.rpartition("/")
    if folder == "experiments":
        return page("experiment_family", word=word, experiments=families()[word])
    if name == LIVE:
        return page(name, **values_of_page())
    if folder != "claims":
        return page(name)
    claim = find(word)
    kept = file_of(of_text(claim), "md")
    if not kept.exists():
        keep(kept, page("claim", claim=claim).encode())
        keep_derivation(claim)
    return kept.read_text(encoding="utf-8")


def outputs_of(text: str) -> Path:
    """Return the file with the outputs that the last line of a page's source names."""
    return file_of(text.split()[-1], "ipynb")


def cache_outputs(source: Path, names: Sequence[str]) -> list[Path]:
    """Put the outputs of all pages with code where Sphinx finds them, and return their files."""
    texts = {source / f"{name}.md": (source / f"{name}.md").read_text(encoding="utf-8") for name in names}
    used = {path: outputs_of(text) for path, text in texts.items() if CODE in text}
    fill_cache(source.parent / ".jupyter_cache", {path: nbformat.read(kept, 4) for path, kept in used.items()})
    return list(used.values())


def files_in(toc: Any) -> list[str]:
    """Return the names of the pages in a table of contents, in its order."""
    if isinstance(toc, list):
        return [name for part in toc for name in files_in(part)]
    named = [toc[key] for key in ("root", "file") if key in toc]
    return named + [name for key in ("parts", "chapters", "sections") if key in toc for name in files_in(toc[key])]


def only(names: Sequence[str]) -> dict:
    """Return a table of contents of these pages alone. Raises ParameterError for a name that no page has."""
    known = files_in(contents())
    for name in names:
        if name not in known:
            raise ParameterError(f"only: {quoted(name)} is no page; the pages are {', '.join(known)}")
    others = {"chapters": [{"file": name} for name in names[1:]]} if names[1:] else {}
    return {"format": "jb-book", "root": names[0], **others}


def build_html(folder: Path, strictly: bool) -> int:
    """Build ``folder/_build/source`` with Jupyter Book and return the exit status. Where ``strictly``, warnings are errors.

    Pages whose source has not changed since the last build are left as they are, unless what holds for all pages has changed.
    """
    build = folder / "_build"
    shared = digest(
        [*(BOOK / "_build").parent.glob("*.py"), build / "source" / "_toc.yml", build / "source" / "_config.yml"]
    )
    mark = build / ".doctrees" / shared
    if not mark.exists():
        for made in ("html", ".doctrees"):
            shutil.rmtree(build / made, ignore_errors=True)
    paths = [str(BOOK.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    start = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    made = [*start, "build", str(build / "source"), "--path-output", str(folder)]
    made += ["--warningiserror", "--nitpick", "--keep-going"] if strictly else []
    status = subprocess.run(made, env=environment, check=False).returncode
    if status:
        # Sphinx would not read these pages again, and their warnings would be gone.
        shutil.rmtree(build / ".doctrees", ignore_errors=True)
    else:
        mark.touch()
    return status


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
    source, names = folder / "_build" / "source", files_in(toc)
    source.mkdir(parents=True, exist_ok=True)
    write_source(source, toc)
    if run_each(jobs(source, names)):
        print("the book was not built; the errors above say which pages could not be made", file=sys.stderr)
        return 1
    if LIVE in names:
        copy_parts(source / "static" / LIVE)
    outputs = cache_outputs(source, names)
    status = build_html(folder, strictly=not given.only)
    first = folder / "_build" / "html" / f"{toc['root']}.html"
    if status or not first.exists():
        print("the book was not built; the first warning or error above says why", file=sys.stderr)
        return status or 1
    if not given.only:
        claims = registry().values()
        texts = [file_of(of_text(claim), "md") for claim in claims]
        forget_all_but([*outputs, *texts, *(file_of(of_derivation(claim), "derivation") for claim in claims)])
    print(f"built {first} in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    run(main)
