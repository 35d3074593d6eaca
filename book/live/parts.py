"""The parts of the live page: which ones this build has, their place in the built book, and the data of the page."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from book.examples import make_example, noun
from book.live.packages import PYODIDE
from book.render.claims import family
from theory.claim import Claim, find
from theory.cli.arguments import written_parameters
from theory.problem import REQUIRED

CACHE = Path(__file__).resolve().parents[1] / "_build" / "live"
BROWSER = Path(__file__).resolve().parent / "browser"
WRITTEN = "parts.json"


@dataclass(frozen=True)
class Parts:
    """What the live page loads, by name, as paths below its folder; or the reason why this build has none of it."""

    paths: Mapping[str, str]
    missing: str = ""


def write_parts(cache: Path, paths: Mapping[str, str], missing: str = "") -> None:
    """Write into the cache which parts there are."""
    (cache / WRITTEN).write_text(json.dumps({"paths": paths, "missing": missing}), encoding="utf-8")


def start_preparing(cache: Path = CACHE) -> subprocess.Popen:
    """Start to prepare the live parts in a process of its own, so that pages are written meanwhile."""
    (cache / WRITTEN).unlink(missing_ok=True)
    return subprocess.Popen([sys.executable, "-m", "book.live", str(cache)], cwd=BROWSER.parents[2])


def copy_parts(preparing: subprocess.Popen, target: Path, cache: Path = CACHE) -> Parts:
    """Wait for the live parts, copy them to their folder in the source of the book, and return them.

    Raises SystemExit with status 1 when they could not be prepared for another reason than that this machine lacks them.
    """
    if preparing.wait() != 0:
        raise SystemExit(1)
    parts = Parts(**json.loads((cache / WRITTEN).read_text(encoding="utf-8")))
    shutil.copytree(BROWSER, target)
    for path in parts.paths.values():
        (shutil.copytree if path.endswith("/") else shutil.copy)(cache / path, target / path)
    return parts


def described(claim_id: str) -> dict[str, Any]:
    """Return what the page says of a claim before any Python is loaded. The claim is derived for its example."""
    claim = find(claim_id)
    return {
        "id": claim.id,
        "title": claim.title,
        "verdict": str(claim.verdict),
        "family": family(claim),
        "noun": noun(claim),
        "example": written_parameters(claim, make_example(claim).instance),
        "parameters": [
            {"name": p.name, "says": p.domain.says, "means": p.means, "optional": p.default is not REQUIRED}
            for p in claim.problem.parameters
        ],
    }


def values_of_page(parts: Parts, claims: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of the template of the live page; ``claims`` are those of ``described``."""
    sizes = [file.stat().st_size for path in parts.paths.values() for file in files_of(CACHE / path)]
    data = {"parts": parts.paths, "claims": claims}
    return {
        "live": parts,
        "claims": claims,
        "data": in_script(data),
        "version": PYODIDE,
        "megabytes": math.ceil(sum(sizes) / 1e6),
    }


def files_of(path: Path) -> list[Path]:
    """Return the files of a folder, or the file itself."""
    return sorted(path.iterdir()) if path.is_dir() else [path]


def live_link(claim: Claim) -> str:
    """Return a link from the page of a claim to the live page, as HTML."""
    return (
        f'<a class="live-link" href="../live.html?{urlencode({"claim": claim.id})}">Run this claim in your browser</a>'
    )


def in_script(value: Any) -> str:
    """Return a value as JSON that can stand in a script of an HTML page, where ``</`` would end the script."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
