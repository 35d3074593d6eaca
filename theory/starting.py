"""Starting files: a claim of this suite under a new name, with a word on what each part is for."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import tokenize
from importlib import import_module
from pathlib import Path

from theory.claim import ID, Claim, places, registry
from theory.errors import ParameterError, shown_path
from theory.problem import reject

PARTS = {
    "def loss(": "The loss, written once: `xp` is SymPy in the derivation, PyTorch in training, balls in certificates.",
    "PROBLEM =": "The problem: parameters with their domains, variables with their shapes, and what is compared.",
    "def derive(": "From the loss to its minimiser: every `record(…)` is a step that is checked on the spot.",
    "    statistics =": "What the chain of bounds is written in: numbers measured at a point.",
    "    bounds =": "The chain: each bound lies below the one before it, at every point, and says what that rests on.",
    "CLAIM =": "The claim. The statement may use, as {name}, whatever `predict` was given as `named`.",
}
"""What a file consists of, by how its lines begin, and the comment that is put above each part."""
HEAD = '''"""{id}: say here in one sentence what is minimised.

So far this is {like} under another name. Change one thing at a time, and look at the answer each time:

    python -m theory show {id} --claims {file}
    pytest proofs_check --claims {file} -k {id}

{rest}"""
'''


def starting_file(claim_id: str, like: Claim, file: str) -> str:
    """Return the text of a file with the claim ``like`` under a new id.

    Raises ParameterError for an id that is no name or is taken, and for a claim that does not write its id as a word.
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
        for start, says in PARTS.items():
            if line.startswith(start):
                lines.append(f"{' ' * (len(start) - len(start.lstrip()))}# {says}")
        lines.append(own_id.sub(f'id="{claim_id}"', line))
    rest = _in_docstring((docstring or "").partition("\n\n")[2])
    head = HEAD.format(id=claim_id, like=like.id, file=_in_docstring(file), rest=f"{rest}\n" if rest else "")
    return head + "\n".join(lines) + "\n"


def _in_docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"') if "\\" in text or '"""' in text else text


def _source(place: str) -> str:
    """Return the text of the file or module that a claim comes from."""
    if Path(place).is_file():
        with tokenize.open(place) as file:  # in the encoding that the file says it has
            return file.read()
    return inspect.getsource(import_module(place.partition(":")[0]))


def write_starting_file(claim_id: str, like: Claim, folder: Path) -> Path:
    """Write a starting file into a folder and return its path.

    Raises ParameterError as ``starting_file`` does, for a folder that is not there or cannot be written to, and rather than
    overwrite a file.
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
        path.unlink()  # half a file would only be in the way of the next attempt
        raise _unwritable(path, error) from error
    return path


def _unwritable(path: Path, error: Exception) -> ParameterError:
    said = getattr(error, "strerror", None) or "no file can have this name"
    return ParameterError(f"out: '{shown_path(path)}' cannot be written: {said}")
