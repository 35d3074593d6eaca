"""Claims from outside this suite: single files, and packages installed beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from theory.errors import ParameterError, quoted, shown_path

FILES = "COLLAPSE_ATLAS_CLAIMS"
"""Environment variable with a JSON list of claim files, which started processes inherit. A list with separators would
not do, because a path may contain any separator."""
PACKAGES = "collapse_atlas.claims"
"""Entry-point group of installed packages. Each entry names a claim, such as ``my_setting = "my_package.my_setting:CLAIM"``."""
LONGEST_COMPLAINT = 500
"""Most characters of a file's own error that a message shows."""


def add_files(paths: Sequence[str | Path]) -> None:
    """Add files with claims to the list of this process and of the processes that it starts."""
    listed = [*_listed(), *(str(Path(path).absolute()) for path in paths)]
    os.environ[FILES] = json.dumps(list(dict.fromkeys(listed)))


def _listed() -> list[str]:
    given = os.environ.get(FILES) or "[]"
    try:
        listed = json.loads(given)
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(path, str) for path in listed):
        raise ParameterError(f"{FILES}: {quoted(given)} is not allowed; {FILES} is a JSON list of files")
    return listed


def from_files() -> Iterator[tuple[str, Any]]:
    """Yield each listed file and its ``CLAIM``, or None where the file has no such name.

    Raises ParameterError, in one line, for a file that does not exist or does not run.
    """
    for path in _listed():
        yield path, getattr(load(Path(path)), "CLAIM", None)


def from_packages() -> Iterator[tuple[str, Any]]:
    """Yield each entry of installed packages and the claim that the entry names."""
    for entry in entry_points(group=PACKAGES):
        yield entry.value, loaded(entry)


def loaded(entry: EntryPoint) -> Any:
    """Return the object that an entry of an installed package names. Raises ParameterError when it cannot be loaded."""
    try:
        return entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may do anything while it runs, sys.exit included
        raise ParameterError(f"{entry.group}: {located(error, entry.value)}") from error


def module_at(place: str) -> ModuleType:
    """Return the module of a place: of a listed file, of the entry of an installed package, or of a module's own name."""
    return load(Path(place)) if place in _listed() else importlib.import_module(place.partition(":")[0])


def load(path: Path) -> ModuleType:
    """Run a file once and return it as a module of its own.

    Raises ParameterError, in one line, for a file that does not exist or does not run.
    """
    if not _is_file(path):
        raise ParameterError(f"claims: '{shown_path(path)}' is not a file")
    name = f"{path.stem}_{hashlib.sha256(str(path).encode(errors='surrogatepass')).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ParameterError(f"claims: '{shown_path(path)}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their module while it runs
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # a file may do anything while it runs, sys.exit included
        sys.modules.pop(name, None)
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ParameterError(f"claims: {located(error, path)}") from error
    return module


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


def asked(what: str, function: Callable[..., Any], *given: Any) -> Any:
    """Call a function that the author of a claim wrote; ``what`` names the function in an error.

    Raises ParameterError, with the line of the author's file, when the function does not run.
    """
    try:
        return function(*given)
    except ParameterError:
        raise
    except (Exception, SystemExit) as error:
        code = getattr(function, "__code__", None)
        raise ParameterError(f"{what}: {located(error, code.co_filename if code else str(type(function)))}") from error


def located(error: BaseException, path: Path | str) -> str:
    """Return one line that says what went wrong in a file, and in which line of the file."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else (lines or [None])[-1]
    where = shown_path(path) if line is None else f"{shown_path(path)}, line {line}"
    said = " ".join(str(getattr(error, "msg", None) or error).split())[:LONGEST_COMPLAINT]
    return f"{where}: {said if isinstance(error, ParameterError) else f'{type(error).__name__}: {said}'}"
