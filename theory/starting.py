"""Starting files: a claim of this suite under a new name, with a word on what each part is for."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

from theory.claim import ID, Claim, places, registry
from theory.errors import ParameterError
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

    Raises ParameterError for an id that is no name or is taken.
    """
    if not ID.fullmatch(claim_id):
        raise reject("id", claim_id, "lower-case words and numbers joined by hyphens, such as my-setting")
    if claim_id in registry():
        raise reject("id", claim_id, "a name that no claim has yet")
    text = _source(places()[like.id][0])
    tree = ast.parse(text)
    docstring = ast.get_docstring(tree) or ""
    body = text.splitlines()[tree.body[0].end_lineno :]
    lines = []
    for line in body:
        for start, says in PARTS.items():
            if line.startswith(start):
                lines.append(f"{' ' * (len(start) - len(start.lstrip()))}# {says}")
        lines.append(line.replace(f'id="{like.id}"', f'id="{claim_id}"'))
    rest = docstring.partition("\n\n")[2]
    return HEAD.format(id=claim_id, like=like.id, file=file, rest=f"{rest}\n" if rest else "") + "\n".join(lines) + "\n"


def _source(place: str) -> str:
    """Return the text of the file or module that a claim comes from."""
    path = Path(place)
    return path.read_text("utf-8") if path.is_file() else inspect.getsource(import_module(place.partition(":")[0]))


def write_starting_file(claim_id: str, like: Claim, folder: Path) -> Path:
    """Write a starting file into a folder and return its path.

    Raises ParameterError as ``starting_file`` does, for a folder that is not there, and rather than overwrite a file.
    """
    if not folder.is_dir():
        raise reject("out", folder, "a folder that exists")
    path = folder / f"{claim_id.replace('-', '_')}.py"
    text = starting_file(claim_id, like, path.name if folder == Path() else str(path))
    if path.exists():
        raise ParameterError(f"out: {str(path)!r} exists already")
    path.write_text(text, encoding="utf-8")
    return path
