"""Derive, predict and check a claim, one event at a time. This module runs in the reader's browser, and needs the theory alone."""

from __future__ import annotations

import json
import shlex
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from sympy.core.cache import clear_cache

from theory.claim import Claim, add_files, find, registry
from theory.cli.arguments import parse_assignments
from theory.cli.commands import predict
from theory.errors import CheckFailed, ParameterError, quoted
from theory.sources import load

Event = dict[str, Any]
"""What the page is told: the ``kind`` of the event, and values that JSON can hold."""


def words_of(text: str) -> list[str]:
    """Return the ``name=value`` words of a text, which is read as a shell reads a command line.

    Raises ParameterError for a text with an open quotation.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        complaint = str(error).lower()
        raise ParameterError(f"parameters: {quoted(text)} is not allowed; {complaint}") from None


def events(claim_id: str, text: str) -> Iterator[Event]:
    """Yield what happens while a claim is derived, predicted at the parameters of a text, and checked step by step.

    The kinds of events are ``claim``, ``derived``, ``predicted``, ``step`` and ``checked``. The last event is an
    ``error``, with the line that the command line prints, where a parameter is not allowed or a step does not hold.
    """
    try:
        claim = find(claim_id)
        instance = claim.problem.instance(**parse_assignments(words_of(text), claim.problem))
        yield _introduced(claim)
        began = time.perf_counter()
        steps = len(claim.derivation.proof.steps)
        yield {"kind": "derived", "steps": steps, "seconds": time.perf_counter() - began}
        yield {"kind": "predicted", "prediction": predict(claim, instance)}
        yield from _checked(claim)
    except ParameterError as error:
        yield {"kind": "error", "line": f"error: {error}"}
    except CheckFailed as error:
        yield {"kind": "error", "line": f"check failed: {error}"}


def _introduced(claim: Claim) -> Event:
    return {
        "kind": "claim",
        "id": claim.id,
        "title": claim.title,
        "verdict": str(claim.verdict),
        "invariants": {invariant.name: invariant.says for invariant in claim.problem.invariants},
    }


def _checked(claim: Claim) -> Iterator[Event]:
    """Check every step, then the parts of the proof that belong to no step. Raises CheckFailed at the first failure."""
    clear_cache()  # SymPy remembers what it has simplified, and a check that is remembered would be no check
    began = time.perf_counter()
    proof = claim.derivation.proof
    for number, step in enumerate(proof.steps):
        start = time.perf_counter()
        replace(step).check()  # a step remembers that it holds, and a copy decides it afresh
        seconds = time.perf_counter() - start
        kind = type(step).__name__
        yield {"kind": "step", "number": number, "name": step.name, "says": step.says, "type": kind, "seconds": seconds}
    if proof.separable is not None:
        proof.separable.check(proof.bounds[-2].expression)
    claim.check_named()
    yield {"kind": "checked", "separable": proof.separable is not None, "seconds": time.perf_counter() - began}


def moved(claim_id: str, text: str) -> str:
    """Return as JSON the prediction at the parameters of a text, or the line that says why there is none."""
    try:
        claim = find(claim_id)
        instance = claim.problem.instance(**parse_assignments(words_of(text), claim.problem))
        found: Event = {"prediction": predict(claim, instance)}
    except ParameterError as error:
        found = {"line": f"error: {error}"}
    return json.dumps({"kind": "moved", **found}, allow_nan=False)


def statement(claim_id: str, number: int) -> str:
    """Return the statement of a step as JSON: in LaTeX for the reader, and its parts as SymPy writes them."""
    step = find(claim_id).derivation.proof.steps[number]
    parts = [f"{f.name}: {getattr(step, f.name)}" for f in fields(step) if f.name not in ("name", "says")]
    return json.dumps({"kind": "statement", "claim": claim_id, "number": number, "latex": step.latex(), "parts": parts})


def run(claim_id: str, text: str, post: Callable[[str], object]) -> None:
    """Post the events of ``events`` as JSON, each as it happens."""
    for event in events(claim_id, text):
        post(json.dumps(event, allow_nan=False))


def add_claims_of(archive: str, folder: str) -> list[str]:
    """Unpack the single files with claims in an archive to a folder, add their claims, and load all claims.

    Returns a line for each file that does not run here.
    """
    refused = []
    with zipfile.ZipFile(archive) as packed:
        own = [name for name in packed.namelist() if name.startswith("claims/") and name.endswith(".py")]
        for path in (packed.extract(name, folder) for name in own):
            try:
                load(Path(path))
            except ParameterError as error:
                refused.append(str(error))
            else:
                add_files([path])
    registry()
    return refused
