"""The theorems about a claim that the hand-written files prove, and the axioms on which proofs rest."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from proofs_check.kernel.compiler import KERNEL
from theory.claim import Claim
from theory.errors import CheckFailed
from theory.export.attempt import LOGICAL
from theory.export.coq_statement import Proposition, statements

ALLOWED_AXIOMS = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
"""The axioms of the classical real numbers in Coq's standard library, the only ones on which a proof may rest."""
FORBIDDEN = re.compile(
    r"\b(Admitted|admit|give_up|Axioms?|Conjecture|Parameters?|bypass_check|Unset (Guard|Positivity|Universe) Checking)\b"
)
"""What no file may say: words that make Coq accept a statement without a proof."""
_COMMENT = re.compile(r"\(\*.*?\*\)", re.DOTALL)
_PARTS = re.compile(
    r"\(\*\* (?P<says>(?:(?!\*\)).)*?)\s*\*\)\s*\n(?=Theorem)"
    r"|^(?P<kind>Module|Section) (?P<opened>\w+)\.|^End (?P<closed>\w+)\."
    r"|^Theorem (?P<name>\w+)(?P<text>.*?)\.\s*\nProof",
    re.DOTALL | re.MULTILINE,
)
_STATED = re.compile(r"^\s*:\s*(?:Statement\w*)\.(?:(?P<module>\w+)\.)?(?P<proposition>\w+)$")


@dataclass(frozen=True)
class Theorem:
    """A theorem in a hand-written file: its name in Coq, what it says in words, and its text."""

    name: str
    says: str
    statement: str
    file: str

    @property
    def module(self) -> str:
        """The full name in Coq of the file."""
        return f"{LOGICAL}.{self.file.removesuffix('.v')}"

    @property
    def path(self) -> str:
        """The full name in Coq of the theorem."""
        return f"{self.module}.{self.name}"


def theorem_files(claim_id: str) -> list[str]:
    """Return the names of the hand-written files about a claim: those that exist of MseImbalanced.v, about its minimisers,
    and MseImbalancedCertificate.v, about certificates of its loss, for mse-imbalanced."""
    stem = "".join(word.capitalize() for word in claim_id.split("-"))
    return [name for name in (f"{stem}.v", f"{stem}Certificate.v") if (KERNEL / name).exists()]


def theorems(claim: Claim) -> list[Theorem]:
    """Return the theorems of the hand-written files about a claim, with the propositions that they state written out."""
    return [theorem for name in theorem_files(claim.id) for theorem in _theorems(claim, KERNEL / name)]


def _theorems(claim: Claim, path: Path) -> Iterator[Theorem]:
    stated = {
        (module, proposition.name): (_in_words(module, proposition, statement.wide), proposition.body)
        for module, statement in statements(claim).items()
        if statement.predicted
        for proposition in statement.propositions()
    }
    modules: list[str] = []
    sections: set[str] = set()
    says = ""
    for part in _PARTS.finditer(path.read_text(encoding="utf-8")):
        if part["opened"]:
            (modules.append if part["kind"] == "Module" else sections.add)(part["opened"])
        elif part["closed"]:
            (modules.remove if part["closed"] in modules else sections.discard)(part["closed"])
        elif part["says"]:
            says = " ".join(part["says"].split())
        elif part["name"] and not sections:  # within a section, the text leaves the variables of the section out
            found = _STATED.match(part["text"])
            key = (found["module"] or "", found["proposition"]) if found else None
            text = f"Theorem {part['name']}{part['text']}"
            if key in stated:
                says, text = stated[key]
            yield Theorem(".".join([*modules, part["name"]]), says, " ".join(text.split()), path.name)
            says = ""


def _in_words(module: str, proposition: Proposition, wide: bool) -> str:
    says = proposition.says
    if proposition.name != "domain_not_empty":
        says += f" For every size and every parameter that the claim allows{', at widths d >= K' if wide else ''}."
    return f"{module.replace('_', ' ').capitalize()}: {says}" if module else says


def forbidden_words(folder: Path) -> list[str]:
    """Return what the files below a folder say although no file may, each with the name of its file."""
    return [
        f"{path.relative_to(folder)}: {found.group()}"
        for path in sorted(folder.rglob("*.v"))
        for found in FORBIDDEN.finditer(_COMMENT.sub("", path.read_text(encoding="utf-8")))
    ]


def axioms(folder: Path, modules: Sequence[str], names: Sequence[str], jobs: int = 1) -> list[tuple[str, ...]]:
    """Return the axioms on which each of some proofs rests, given the full names in Coq of the proofs and of their files.

    Coq walks through all that a proof rests on, for each proof again, so that ``jobs`` processes share the proofs.
    Raises CheckFailed when Coq does not answer for each of them.
    """
    found: dict[str, tuple[str, ...]] = {}
    shares = [share for share in (names[first::jobs] for first in range(jobs)) if share]
    with ThreadPoolExecutor(jobs) as pool:
        for share, answers in zip(shares, pool.map(lambda share: _listed(folder, modules, share), shares), strict=True):
            found.update(zip(share, answers, strict=True))
    return [found[name] for name in names]


def _listed(folder: Path, modules: Sequence[str], names: Sequence[str]) -> list[tuple[str, ...]]:
    lines = [*(f"Require {module}." for module in modules), *(f"Print Assumptions {name}." for name in names)]
    done = subprocess.run(
        ["coqtop", "-q", "-Q", ".", LOGICAL],
        cwd=folder,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    answers = re.split(r"^(?:Axioms:|(?=Closed under the global context))", done.stdout, flags=re.MULTILINE)[1:]
    if len(answers) != len(names):
        raise CheckFailed(f"Coq lists the axioms of {len(answers)} of {len(names)} proofs: {done.stderr[-500:]}")
    return [tuple(sorted(re.findall(r"^([A-Za-z_][\w.']*)\s*(?::|$)", answer, re.MULTILINE))) for answer in answers]
