"""The parts of the live page: which ones this build has, their place in the built book, and the data of the page."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from book.contents import chapter
from book.examples import make_example, noun
from book.live.archives import compiled, dependencies, suite
from book.live.packages import PYODIDE, Unavailable, pyodide
from theory.claim import Claim, registry
from theory.cli.arguments import written_parameters
from theory.problem import REQUIRED

CACHE = Path(__file__).resolve().parents[1] / "_build" / "live"
BROWSER = Path(__file__).resolve().parent / "browser"
WRITTEN = "parts.json"


@dataclass(frozen=True)
class Parts:
    """What the live page loads, as addresses below its folder by name; or the reason why this build has none of it."""

    addresses: Mapping[str, str]
    missing: str = ""


def prepare(cache: Path = CACHE) -> Parts:
    """Download and compile what the live page loads, unless the cache has it, and return what there is.

    Raises Altered for a download that is not the pinned file.
    """
    cache.mkdir(parents=True, exist_ok=True)
    try:
        python = pyodide(cache)
        archives = {"sympy": dependencies(), "theory": suite()}
        made = {name: compiled(name, files, python, cache) for name, files in archives.items()}
    except Unavailable as error:
        parts = Parts({}, str(error))
    else:
        # The version in an address keeps a browser from mixing files of two builds.
        parts = Parts({"pyodide": f"{python.name}/", **{name: f"{name}.zip?v={made[name].stem}" for name in made}})
    (cache / WRITTEN).write_text(json.dumps(asdict(parts)), encoding="utf-8")
    print(f"the live page: {parts.missing or 'all its parts are there'}", flush=True)
    return parts


def copy_parts(target: Path, cache: Path = CACHE) -> None:
    """Copy what ``prepare`` has prepared, and the scripts and the style of the page, to a folder."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(BROWSER, target)
    parts = Parts(**json.loads((cache / WRITTEN).read_text(encoding="utf-8")))
    for address in parts.addresses.values():
        path, _, version = address.partition("?v=")
        if version:
            shutil.copy(cache / f"{version}.zip", target / path)
        else:
            shutil.copytree(cache / path, target / path)


def values_of_page() -> dict[str, Any]:
    """Prepare the live parts, and return the values of the template of the live page."""
    parts = prepare()
    claims = [described(claim) for claim in registry().values()]
    return {
        "live": parts,
        "claims": claims,
        "data": in_script({"parts": parts.addresses, "worker": versioned("worker.mjs"), "claims": claims}),
        "script": versioned("page.js"),
        "style": versioned("live.css"),
        "pyodide": PYODIDE,
        "megabytes": math.ceil(sum(map(size, parts.addresses.values())) / 1e6),
    }


def versioned(name: str) -> str:
    """Return the address of a script or style, with a version that changes when the file does."""
    return f"{name}?v={hashlib.sha256((BROWSER / name).read_bytes()).hexdigest()[:8]}"


def size(address: str, cache: Path = CACHE) -> int:
    """Return the number of bytes that a browser loads from an address."""
    path, _, version = address.partition("?v=")
    files = [cache / f"{version}.zip"] if version else [file for file in (cache / path).iterdir() if file.is_file()]
    return sum(file.stat().st_size for file in files)


def described(claim: Claim) -> dict[str, Any]:
    """Return what the page says of a claim before any Python is loaded. The claim is derived for its example."""
    return {
        "id": claim.id,
        "title": claim.title,
        "verdict": str(claim.verdict),
        "family": chapter(claim),
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
