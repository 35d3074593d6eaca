"""The parts of the live page: which ones this build has, their place in the built book, and the data of the page."""

from __future__ import annotations

import fcntl
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
from book.examples import make_example, noun, sliding
from book.live.archives import compiled, dependencies, suite
from book.live.certificate import can_be_certified
from book.live.packages import PYODIDE, Unavailable, flint, pyodide
from theory.claim import Claim, registry
from theory.cli.arguments import written_parameters
from theory.problem import REQUIRED

CACHE = Path(__file__).resolve().parents[1] / "_build" / "live"
BROWSER = Path(__file__).resolve().parent / "browser"
CERTIFICATES = Path(__file__).resolve().parents[1] / "results" / "certificates"
WRITTEN = "parts.json"


@dataclass(frozen=True)
class Parts:
    """What the live page loads, as addresses below its folder by name; or the reason why this build has none of it."""

    addresses: Mapping[str, str]
    missing: str = ""
    uncertified: str = ""
    """The reason why this build has the live parts but no ball arithmetic."""


def prepare(cache: Path = CACHE) -> Parts:
    """Download and compile what the live page loads, unless the cache has it, and return what there is.

    Raises Altered for a download that is not the pinned file.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits, and then finds all in the cache
        parts = _prepared(cache)
    print(f"the live page: {parts.missing or parts.uncertified or 'all its parts are there'}", flush=True)
    return parts


def _prepared(cache: Path) -> Parts:
    try:
        python = pyodide(cache)
        archives = {"sympy": dependencies(), "theory": suite()}
        made = {name: compiled(name, files, python, cache) for name, files in archives.items()}
    except Unavailable as error:
        parts = Parts({}, str(error))
    else:
        # The version in an address keeps a browser from mixing files of two builds.
        addresses = {"pyodide": f"{python.name}/", **{name: f"{name}.zip?v={made[name].stem}" for name in made}}
        try:
            parts = Parts({**addresses, "flint": flint(cache).name})
        except Unavailable as error:
            parts = Parts(addresses, uncertified=str(error))
    (cache / WRITTEN).write_text(json.dumps(asdict(parts)), encoding="utf-8")
    return parts


def copy_parts(target: Path, cache: Path = CACHE) -> None:
    """Copy what ``prepare`` has prepared, and the scripts and the style of the page, to a folder."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(BROWSER, target)
    parts = Parts(**json.loads((cache / WRITTEN).read_text(encoding="utf-8")))
    shutil.copytree(CERTIFICATES, target / "certificates")
    for address in parts.addresses.values():
        path, _, version = address.partition("?v=")
        if path.endswith("/"):
            shutil.copytree(cache / path, target / path)
        else:
            shutil.copy(cache / (f"{version}.zip" if version else path), target / path)


def values_of_page() -> dict[str, Any]:
    """Prepare the live parts, and return the values of the template of the live page."""
    parts = prepare()
    claims = [described(claim) for claim in registry().values()]
    return {
        "live": parts,
        "claims": claims,
        "data": in_script({"parts": parts.addresses, "worker": versioned("worker.mjs"), "claims": claims}),
        "certificates": sorted(path.stem for path in CERTIFICATES.glob("*.json")),
        "scripts": [versioned("rendering.js"), versioned("page.js")],
        "style": versioned("live.css"),
        "pyodide": PYODIDE,
        "megabytes": {name: math.ceil(size(address) / 1e6) for name, address in parts.addresses.items()},
    }


def versioned(name: str) -> str:
    """Return the address of a script or style, with a version that changes when the file does."""
    return f"{name}?v={hashlib.sha256((BROWSER / name).read_bytes()).hexdigest()[:8]}"


def size(address: str, cache: Path = CACHE) -> int:
    """Return the number of bytes that a browser loads from an address."""
    path, _, version = address.partition("?v=")
    place = cache / (f"{version}.zip" if version else path)
    return sum(file.stat().st_size for file in ([place] if place.is_file() else place.iterdir()))


def described(claim: Claim) -> dict[str, Any]:
    """Return what the page says of a claim before any Python is loaded. The claim is derived for its example."""
    instance = make_example(claim).instance
    return {
        "id": claim.id,
        "title": claim.title,
        "verdict": str(claim.verdict),
        "family": chapter(claim),
        "noun": noun(claim),
        "sorted": claim.problem.sorted_parameter,
        "ordered": not claim.problem.spectral,
        "certifiable": can_be_certified(claim.problem, instance) and "mean_logits" in claim.prediction.invariants,
        "movable": sorted({threshold.tuned for threshold in sliding(claim)}),
        "example": written_parameters(claim, instance),
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
    """Return a value as JSON that can stand in a script of a page.

    ``</`` would end the script, and what is replaced in the formulas of a page, such as ``_{dec}``, must not be found here.
    """
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace("_{", "\\u005f{")
