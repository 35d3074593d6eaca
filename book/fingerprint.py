"""Fingerprints of pages: what a page is made from, so that a page is written and run again exactly when that has changed."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from theory.claim import Claim, module_of, registry

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("theory", "numerics", "proofs_check", "book", "benchmarks")
"""The packages whose files a page may be made from."""
DATA = ("book/results", "book/tutorial", "benchmarks/results", "benchmarks/sweeps", "constraints.txt")
"""Files that code reads without importing them. A change of one of them changes every fingerprint."""
NO_SOURCE = {"_build", "__pycache__", "generated"}
ANSWERS = "book/answers.py"
"""The module that runs commands of the suite on claims in files."""
PROGRAMS = ("proofs_check/test_*.py", "numerics/__main__.py", "theory/__main__.py")
"""What commands run, and what no page that shows their answers imports."""
SUBJECTS = ("book/tutorial/*.py",)
"""The files of claims that commands are asked about."""
CLAIM_PAGE = ("book/pages/claim.md", "book/render/pages.py")
"""The template of a claim's page, and the module that fills it in."""


def of_derivation(claim: Claim) -> str:
    """Return the fingerprint of a claim's derivation: of its file, and of all files that this file imports."""
    return digest(imported([claim_file(claim.id)]))


def of_text(claim: Claim) -> str:
    """Return the fingerprint of the text of a claim's page. A text comes from the claim's own file and from no other claim."""
    template, writer = (ROOT / name for name in CLAIM_PAGE)
    claims = {claim_file(each) for each in registry()}
    return digest({template, *imported([writer]) - claims, *imported([claim_file(claim.id)])}, claim.id)


def of_run(text: str) -> str:
    """Return the fingerprint of the outputs of a page: of its code, and of the files that this code imports or names."""
    cells = "\n".join(re.findall(r"^```\{code-cell\}.*?^```", text, flags=re.MULTILINE | re.DOTALL))
    code = "\n".join(line for line in cells.splitlines() if not line.startswith(("```", ":")))
    used = imported([*modules_in(ast.parse(code)), *claims_named(code)])
    if ROOT / ANSWERS not in used:
        return digest(used, cells)
    # A command derives no claim of the suite but those that it names, and lists the ids of all at most.
    programs = imported(fitting(PROGRAMS)) - {claim_file(each) for each in registry()}
    asked = imported([*fitting(SUBJECTS), *(claim_file(each) for each in registry() if each in code)])
    return digest({*used, *programs, *asked}, cells, *registry())


def fitting(places: Iterable[str]) -> list[Path]:
    """Return the files of the project that fit patterns, in order."""
    return [path for place in places for path in sorted(ROOT.glob(place))]


def digest(paths: Iterable[Path], *words: str) -> str:
    """Return a digest of files with their names, of the data, of the version of Python, of the claims given as files, and of words."""
    data = (path for place in DATA for path in files_under(place))
    parts = [f"{path}:{content(path)}" for path in sorted({*paths, *data})]
    return hashlib.sha256("\n".join([sys.version, *parts, *words]).encode()).hexdigest()[:32]


@cache
def content(path: Path) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def files_under(place: str) -> tuple[Path, ...]:
    """Return the files of a folder of the project, or the file itself."""
    path = ROOT / place
    if not path.is_dir():
        return (path,) if path.exists() else ()
    return tuple(p for p in sorted(path.rglob("*")) if p.is_file() and not NO_SOURCE & set(p.parts))


def imported(paths: Iterable[Path]) -> set[Path]:
    """Return these files with all files of the project that they import, and the files of all claims that they name, in turn."""
    found: set[Path] = set()
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += needed_by(path)
    return found


@cache
def needed_by(path: Path) -> tuple[Path, ...]:
    """Return the files that a file of code imports, and those of the claims whose ids it names."""
    text = path.read_text(encoding="utf-8")
    return (*modules_in(ast.parse(text)), *claims_named(text))


def modules_in(tree: ast.AST) -> Iterator[Path]:
    """Yield the files of the project's modules that code imports, with the packages around them."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            yield from module_files(name)


@cache
def module_files(name: str) -> tuple[Path, ...]:
    """Return the file of a module and the ``__init__`` files above it, or nothing for a module from elsewhere."""
    parts = name.split(".")
    if parts[0] not in ROOMS:
        return ()
    above = [ROOT.joinpath(*parts[:size], "__init__.py") for size in range(1, len(parts) + 1)]
    return tuple(path for path in (*above, ROOT.joinpath(*parts).with_suffix(".py")) if path.exists())


def claims_named(text: str) -> list[Path]:
    """Return the files of the claims whose ids stand in quotation marks in a text."""
    return [claim_file(claim_id) for claim_id in registry() if f'"{claim_id}"' in text]


@cache
def claim_file(claim_id: str) -> Path:
    """Return the file that defines a claim."""
    return Path(inspect.getfile(module_of(claim_id))).resolve()
