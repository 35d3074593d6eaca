"""What earlier builds of the book made: texts, outputs and derivations, each under the fingerprint of what it is made from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import cloudpickle

from book.fingerprint import of_derivation
from theory.claim import Claim

FOLDER = Path(__file__).resolve().parent / "_build" / "kept"


def file_of(fingerprint: str, kind: str) -> Path:
    """Return the file of a text (``md``), of outputs (``ipynb``) or of a derivation (``derivation``)."""
    return FOLDER / f"{fingerprint}.{kind}"


def keep(path: Path, content: bytes) -> None:
    """Write a file in one go, so that a build that is stopped leaves no half of it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(f".{os.getpid()}")
    half.write_bytes(content)
    half.replace(path)


def keep_derivation(claim: Claim) -> None:
    """Keep the derivation of a claim for ``restore_derivations``."""
    keep(file_of(of_derivation(claim), "derivation"), cloudpickle.dumps(claim.derivation))


def restore_derivations(claims: Iterable[Claim]) -> None:
    """Give each claim its kept derivation, so that pages on all claims derive none again. Claims without one are left as they are."""
    for claim in claims:
        path = file_of(of_derivation(claim), "derivation")
        if path.exists():
            # Both are properties that are computed once.
            claim.__dict__["_derived"] = claim.__dict__["derivation"] = cloudpickle.loads(path.read_bytes())


def forget_all_but(used: Iterable[Path]) -> None:
    """Remove what no page of the book is made from any longer."""
    for path in set(FOLDER.glob("*")) - set(used):
        path.unlink()
