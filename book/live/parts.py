"""The parts of the live page: which ones this build has, their place in the built book, and the data of the page."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Mapping
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


class LivePage:
    """The live page of one build. Its parts are prepared in a process of their own while the other pages are written."""

    def __init__(self, cache: Path = CACHE) -> None:
        self.cache = cache
        (cache / WRITTEN).unlink(missing_ok=True)
        command = [sys.executable, "-m", "book.live", str(cache)]
        self.preparing = subprocess.Popen(command, cwd=BROWSER.parents[2])

    def values(self, claims: Mapping[str, Mapping[str, Any]], target: Path) -> dict[str, Any]:
        """Wait for the parts, copy them to the folder ``target``, and return the values of the page's template.

        ``claims`` are those of ``described``, by id. Raises SystemExit with status 1 where the process failed.
        """
        if self.preparing.wait() != 0:
            raise SystemExit(1)
        parts = Parts(**json.loads((self.cache / WRITTEN).read_text(encoding="utf-8")))
        print(f"the live page: {parts.missing or 'all its parts are there'}")
        shutil.copytree(BROWSER, target)
        for path in parts.paths.values():
            (shutil.copytree if path.endswith("/") else shutil.copy)(self.cache / path, target / path)
        size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
        listed = [claims[claim_id] for claim_id in sorted(claims)]
        data = in_script({"parts": parts.paths, "claims": listed})
        return {
            "live": parts,
            "claims": listed,
            "data": data,
            "version": PYODIDE,
            "megabytes": math.ceil(size / 1e6),
        }


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


def live_link(claim: Claim) -> str:
    """Return a link from the page of a claim to the live page, as HTML."""
    return (
        f'<a class="live-link" href="../live.html?{urlencode({"claim": claim.id})}">Run this claim in your browser</a>'
    )


def in_script(value: Any) -> str:
    """Return a value as JSON that can stand in a script of an HTML page, where ``</`` would end the script."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
