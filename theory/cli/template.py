"""Starting files: a commented copy of an existing claim under a new id."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import sys
import tokenize
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from theory import sources
from theory.claim import ID, Claim, places, registry
from theory.errors import ParameterError, shown_path
from theory.problem import reject

WORK = frozenset({"Bound", "StructuredPoint"})
"""The classes that a derivation makes: the bounds of its chain, and the point at which it evaluates the loss."""
PARTS = {
    "def loss(": "The loss, written once: `xp` is SymPy in the derivation, PyTorch in training, balls in certificates.",
    "PROBLEM =": "The problem: parameters with their domains, variables with their shapes, and invariants to compare.",
    "def derive(": "From the loss to its minimiser: every `record(…)` is a step that the checks decide.",
    "def reduce(": "The reduction: at candidates for the minimiser the loss is a function of a few numbers.",
    "def minimise(": "The minimiser: the best numbers, and the threshold at which they leave zero.",
    "def predict(": "The prediction: the point that is put into the loss, and the value and the invariants there.",
    "def chain(": "The chain: the proof, bounds of the loss that hold at every point.",
    "    statistics =": "The statistics in which the bounds are written: numbers measured at a point.",
    "STATISTICS =": "The statistics in which the bounds are written: numbers measured at a point.",
    "    bounds =": "Each bound lies below the one before it, at every point, and names what proves this.",
    "REFUTATION =": "The refutation: the best of the published structure, points that lie below it, and sizes to examine.",
    "CLAIM =": "The claim. The statement may use, as {name}, each result that `predict` was given as `named`.",
}
"""The comment that is put above each part of a file, by the beginning of the line with which the part begins."""
PLACE = re.compile(r"\s+(short_title|chapter)=\"[^\"]*\",")
"""A line that gives a claim its name in lists or its place in the book; both are the other claim's."""
HEAD = '''"""{id}: say here in one sentence what is minimised.

So far this is {like} under another name. Change one thing at a time, and look at the answer each time:

    python -m theory show {id} --claims {file}
    pytest proofs_check --claims {file} -k {id}

{rest}"""
'''


def starting_file(claim_id: str, like: Claim, file: str) -> str:
    """Return the text of a file with the claim ``like`` under a new id.

    Raises ParameterError for an id that is no name or is taken, and for a claim whose file does not contain
    ``id="…"``.
    """
    if not ID.fullmatch(claim_id):
        raise reject("id", claim_id, "lower-case words and numbers joined by hyphens, such as my-setting")
    if claim_id in registry():
        raise reject("id", claim_id, "a name that no claim has yet")
    text = _source(places()[like.id][0])
    tree = ast.parse(text)
    docstring = ast.get_docstring(tree)
    body = text.removesuffix("\n").split("\n")[0 if docstring is None else tree.body[0].end_lineno :]
    own_id = re.compile(rf"""\bid=(["']){like.id}\1""")
    if not any(map(own_id.search, body)):
        raise reject("like", like.id, f'a claim whose file says id="{like.id}" somewhere')
    lines = []
    for line in body:
        if PLACE.fullmatch(line):
            continue
        for start, says in PARTS.items():
            if line.startswith(start):
                lines.append(f"{' ' * (len(start) - len(start.lstrip()))}# {says}")
        lines.append(own_id.sub(f'id="{claim_id}"', line))
    rest = _in_docstring((docstring or "").partition("\n\n")[2])
    head = HEAD.format(id=claim_id, like=like.id, file=_in_docstring(file), rest=f"{rest}\n" if rest else "")
    return head + "\n".join(lines) + "\n"


def _in_docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"') if "\\" in text or '"""' in text else text


def starting_points() -> dict[str, int]:
    """Return the claims whose whole derivation is in their own file, shortest first, with the number of its lines."""
    found = {}
    for claim_id, (place, claim) in places().items():
        tree = ast.parse(_source(place))
        if claim.derive is not None and _works(tree) and not shared_derivations(claim):
            found[claim_id] = sum(
                (node.end_lineno or node.lineno) - node.lineno + 1 for node in _reached(tree, "derive")
            )
    return dict(sorted(found.items(), key=lambda item: item[1]))


def shared_derivations(claim: Claim) -> list[str]:
    """Return the functions and classes of other files that work out a claim's derivation, as ``module.name``.

    The list is empty for a claim whose own file works out the derivation.
    """
    place, _ = places()[claim.id]
    module = _module(place)
    used = {thing for node in ast.walk(ast.parse(_source(place))) for thing in _named(node, vars(module))}
    others = [thing for thing in used if thing.__module__ != module.__name__ and _may_work(thing)]
    return sorted(f"{other.__module__}.{other.__name__}" for other in others if _does_work(other))


def _does_work(thing: Any) -> bool:
    """Tell whether a class or function, or code of its own file that it uses, makes an instance of a class in ``WORK``."""
    tree = ast.parse(inspect.getsource(sys.modules[thing.__module__]))
    return any(map(_works, _reached(tree, thing.__name__)))


def _reached(tree: ast.Module, start: str) -> list[ast.FunctionDef | ast.ClassDef]:
    """Return the function or class ``start`` of a file and all those of the same file that it uses, directly or indirectly."""
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    reached, waiting = [], [defined.pop(start, None)]
    while waiting:
        if (node := waiting.pop()) is not None:
            reached.append(node)
            names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
            waiting += [defined.pop(name, None) for name in names]
    return reached


def _named(node: ast.AST, names: dict[str, Any]) -> Iterator[Any]:
    """Yield the class or function that an expression names, either by itself or as the attribute of a module."""
    thing = None
    if isinstance(node, ast.Name):
        thing = names.get(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = names.get(node.value.id)
        thing = getattr(module, node.attr, None) if inspect.ismodule(module) else None
    if inspect.isclass(thing) or inspect.isfunction(thing):
        yield thing


def _may_work(thing: Any) -> bool:
    """Tell whether the module of a class or function knows a class in ``WORK``; other modules need not be read."""
    return not WORK.isdisjoint(vars(sys.modules[thing.__module__]))


def _works(tree: ast.AST) -> bool:
    """Tell whether code makes an instance of a class in ``WORK``."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Name) and called.id in WORK for called in calls)


def _module(place: str) -> ModuleType:
    """Return the module that a claim comes from, given the module's name or the path of a file."""
    path = Path(place)
    return sources.load(path) if path.is_file() else import_module(place.partition(":")[0])


def _source(place: str) -> str:
    """Return the text of the file or module that a claim comes from."""
    if Path(place).is_file():
        with tokenize.open(place) as file:  # in the encoding that the file declares
            return file.read()
    return inspect.getsource(_module(place))


def write_starting_file(claim_id: str, like: Claim, folder: Path) -> Path:
    """Write a starting file into a folder and return its path.

    Raises ParameterError as ``starting_file`` does, for a folder that does not exist or cannot be written to, and for a
    file that exists already.
    """
    path = folder / f"{claim_id.replace('-', '_')}.py"
    text = starting_file(claim_id, like, path.name if folder == Path() else shlex.quote(str(path)))
    try:
        if not folder.is_dir():
            raise reject("out", folder, "a folder that exists")
        file = path.open("x", encoding="utf-8", errors="backslashreplace")
    except FileExistsError:
        raise ParameterError(f"out: '{shown_path(path)}' exists already") from None
    except (OSError, UnicodeEncodeError) as error:
        raise _unwritable(path, error) from error
    try:
        with file:
            file.write(text)
    except OSError as error:
        path.unlink()  # half a file would block the next attempt
        raise _unwritable(path, error) from error
    return path


def _unwritable(path: Path, error: Exception) -> ParameterError:
    said = getattr(error, "strerror", None) or "no file can have this name"
    return ParameterError(f"out: '{shown_path(path)}' cannot be written: {said}")
