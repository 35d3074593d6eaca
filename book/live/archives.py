"""The archives of Python modules that the live page imports, compiled for Pyodide's Python."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from book.live.packages import PYODIDE, program, run
from theory import sources
from theory.claim import registry
from theory.cli.arguments import DATA_SOURCES, load_data
from theory.errors import ParameterError

LIVE = Path(__file__).resolve().parent
SUITE = LIVE.parents[1]
IN_THE_BROWSER = ("__init__", "session", "given_data", "certificate", "ball_loss")
"""The modules of this package that the browser runs."""
DEPENDENCIES = ("sympy", "mpmath")
UNUSED = re.compile(
    r"(^|/)(tests|benchmarks)/"
    r"|^sympy/(crypto|diffgeom|holonomic|liealgebras|sandbox|stats|unify)/"
    r"|^sympy/parsing/(autolev|c|fortran|latex)/"
    r"|^sympy/physics/(biomechanics|continuum_mechanics|hep|mechanics|optics|quantum|vector)/"
)
"""Files of the dependencies that no other file of theirs imports, not even inside a function."""
COMPILE = (LIVE / "compile.mjs", LIVE / "compiling.py")
DISTRIBUTION = "collapse_atlas_live-0.dist-info"
WRITTEN = (1980, 1, 1, 0, 0, 0)
"""The date of every file in an archive, so that the same files give the same archive."""

Files = dict[str, bytes]
"""Contents of files, by their path in an archive."""


def dependencies() -> Files:
    """Return the modules of SymPy and mpmath, as they are installed here, without those that no derivation imports."""
    found = {}
    for package in DEPENDENCIES:
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        root = Path(spec.origin).parent
        found |= {f"{package}/{name}": content for name, content in modules_under(root).items()}
    return {name: content for name, content in found.items() if not UNUSED.search(name)}


def modules_under(folder: Path) -> Files:
    """Return the Python files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py"))}


def suite() -> Files:
    """Return the modules of the theory, those of the live page, the claims of single files, and the data sources."""
    found = {f"theory/{name}": content for name, content in modules_under(SUITE / "theory").items()}
    for path in (LIVE.parent / "__init__.py", *(LIVE / f"{name}.py" for name in IN_THE_BROWSER)):
        found[path.relative_to(SUITE).as_posix()] = path.read_bytes()
    for number, (path, _) in enumerate(sources.from_files()):
        found[f"claims/{number:03}/{Path(path).name}"] = Path(path).read_bytes()
    given = data_sources()
    entries = "".join(f"{name} = book.live.given_data:{name}\n" for name in given)
    found["book/live/given_data.json"] = json.dumps(given).encode()
    found[f"{DISTRIBUTION}/entry_points.txt"] = f"[{DATA_SOURCES}]\n{entries}".encode()
    found[f"{DISTRIBUTION}/METADATA"] = b"Metadata-Version: 2.1\nName: collapse-atlas-live\nVersion: 0\n"
    return found


def data_sources() -> dict[str, dict[str, Any]]:
    """Return what each installed data source gives for each view that a claim asks for, or the line with which it refuses."""
    views = sorted({claim.problem.data_view for claim in registry().values()})
    names = sorted(source.name for source in entry_points(group=DATA_SOURCES))
    return {name: {view: given(name, view) for view in views} for name in names}


def given(source: str, view: str) -> dict[str, Any]:
    try:
        return {"parameters": load_data(source, view)}
    except ParameterError as error:
        return {"refused": str(error)}


def compiled(name: str, files: Files, pyodide: Path, cache: Path) -> Path:
    """Return an archive of these files, with every module compiled by Pyodide, from the cache where the files are the same.

    Modules of the dependencies are packed without their sources. Raises Unavailable where Node.js cannot run Pyodide.
    """
    digest = hashlib.sha256(PYODIDE.encode())
    for content in (path.read_bytes() for path in COMPILE):
        digest.update(content)
    for path, content in sorted(files.items()):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    archive = cache / f"{name}-{digest.hexdigest()[:16]}.zip"
    if not archive.exists():
        for outdated in cache.glob(f"{name}-*.zip"):
            outdated.unlink()
        loose = cache / f"{name}.sources.zip"
        with zipfile.ZipFile(loose, "w") as packed:
            for path, content in sorted(files.items()):
                packed.writestr(zipfile.ZipInfo(path, WRITTEN), content)
        arguments = [str(pyodide), str(loose), str(archive.with_suffix(".part")), str(COMPILE[1])]
        run([*program("node"), str(COMPILE[0]), *arguments], f"Node.js cannot compile {name}")
        loose.unlink()
        archive.with_suffix(".part").rename(archive)
    return archive
