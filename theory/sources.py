"""Where claims come from besides the packages of this suite: single files, and packages installed beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from theory.errors import ParameterError

FILES = "COLLAPSE_ATLAS_CLAIMS"
"""Environment variable that lists files with claims, so that processes started from here find them too."""
PACKAGES = "collapse_atlas.claims"
"""Entry-point group of installed packages: each entry names a claim, such as ``my_setting = "my_package.my_setting:CLAIM"``."""


def add_files(paths: Sequence[str | Path]) -> None:
    """List further files with claims, for this process and those that it starts."""
    listed = [*_listed(), *(str(Path(path).absolute()) for path in paths)]
    os.environ[FILES] = os.pathsep.join(dict.fromkeys(listed))


def _listed() -> list[str]:
    return [path for path in os.environ.get(FILES, "").split(os.pathsep) if path]


def from_files() -> Iterator[tuple[str, Any]]:
    """Yield each listed file and what it calls CLAIM, None where there is no such name.

    Raises ParameterError, in one line, for a file that is not there or does not run.
    """
    for path in _listed():
        yield path, getattr(load(Path(path)), "CLAIM", None)


def from_packages() -> Iterator[tuple[str, Any]]:
    """Yield each entry of installed packages and the claim it names."""
    for entry in entry_points(group=PACKAGES):
        yield entry.value, entry.load()


def load(path: Path) -> ModuleType:
    """Return a file as a module of its own, which it is run for once.

    Raises ParameterError, in one line, for a file that is not there or does not run.
    """
    if not path.is_file():
        raise ParameterError(f"claims: {str(path)!r} is not a file")
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ParameterError(f"claims: {str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while it runs
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ParameterError(f"claims: {located(error, path)}") from error
    return module


def located(error: Exception, path: Path | str) -> str:
    """Say in one line what went wrong in a file, and in which line of it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else (lines or [None])[-1]
    where = str(path) if line is None else f"{path}, line {line}"
    said = " ".join(str(getattr(error, "msg", None) or error).split())
    return f"{where}: {said if isinstance(error, ParameterError) else f'{type(error).__name__}: {said}'}"
