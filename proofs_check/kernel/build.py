"""Everything that Coq checks, from the claims to the record: generate, compile, list axioms, check, write down."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from proofs_check.kernel.compiler import KERNEL, Compiled, checker_complaint, compile_all
from proofs_check.kernel.theorems import ALLOWED_AXIOMS, Theorem, axioms, forbidden_words, theorem_files, theorems
from theory.claim import find, registry
from theory.errors import CheckFailed
from theory.export.attempt import LOGICAL, attempted, version
from theory.export.coq_statement import statement
from theory.export.record import KernelRecord, StepRecord, TheoremRecord, write_record
from theory.export.steps_file import file_name, lemma_name, rendered_steps, steps_file

GENERATED = KERNEL / "generated"
"""The folder of the generated files."""
ALL_STEPS = "all_steps"
"""The definition at the end of a generated file that holds the proofs of all its steps."""
JOBS = min(2, os.cpu_count() or 1)
"""How many files are generated or compiled at a time: a file takes up to 1 GB."""


@dataclass(frozen=True)
class Row:
    """What Coq has checked of one claim, and how long it took; 0 seconds for files that had not changed."""

    claim_id: str
    record: KernelRecord
    axioms: frozenset[str]
    seconds: float


@dataclass(frozen=True)
class Generated:
    """The Coq texts of a claim: its steps, its statement where it has one, and the theorems about it."""

    claim_id: str
    steps: tuple[StepRecord, ...]
    theorems: tuple[Theorem, ...]


def generate(claim_id: str) -> Generated:
    """Write the generated files of a claim, each only where its text has changed."""
    claim = find(claim_id)
    steps = tuple(rendered_steps(claim))
    _write(file_name("Steps", claim_id), _with_all(steps_file(claim, steps), steps))
    try:
        _write(file_name("Statement", claim_id), statement(claim))
    except ValueError:
        return Generated(claim_id, steps, ())  # a loss or domain of a kind that has no rendering yet
    return Generated(claim_id, steps, tuple(theorems(claim)))


def build() -> list[Row]:
    """Check everything and write the record. Raises CheckFailed with the reason where Coq, or the rules, reject something."""
    GENERATED.mkdir(exist_ok=True)
    with ProcessPoolExecutor(JOBS, mp_context=get_context("spawn")) as pool:
        texts = list(pool.map(generate, registry()))
    for stale in {*GENERATED.glob("*.v")} - {GENERATED / f"{name}.v" for name in _names(texts)}:
        stale.unlink()
    if said := forbidden_words(KERNEL):
        raise CheckFailed(f"kernel: no file may say {'; '.join(said)}")
    compiled = compile_all(KERNEL, JOBS)
    texts = [_with_unproved(text, compiled) for text in texts]
    for name, file in compiled.items():
        if file.complaint:
            raise CheckFailed(f"kernel: Coq rejects {name}:\n{file.complaint.strip()[-2000:]}")
    with ThreadPoolExecutor(1) as beside:
        checked = beside.submit(checker_complaint, KERNEL, compiled)
        rows = _rows(texts, compiled)
        if complaint := checked.result():
            raise CheckFailed(f"kernel: coqchk rejects the compiled files:\n{complaint.strip()[-2000:]}")
    write_record({row.claim_id: row.record for row in rows}, version())
    return rows


def _names(texts: Iterable[Generated]) -> set[str]:
    kinds = ("Steps", "Statement")
    return {
        name
        for text in texts
        for kind in kinds
        if (GENERATED / f"{(name := file_name(kind, text.claim_id))}.v").exists()
    }


def _write(name: str, text: str) -> None:
    path = GENERATED / f"{name}.v"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _with_all(text: str, steps: Sequence[StepRecord]) -> str:
    """Return the text of a file of steps with a definition that uses every lemma, for one list of their axioms."""
    names = [lemma_name(position) for position, step in enumerate(steps, start=1) if step.checked]
    return f"{text}\nDefinition {ALL_STEPS} := ({', '.join(['I', *names])}).\n"


def _with_unproved(text: Generated, compiled: dict[str, Compiled]) -> Generated:
    """Find the steps that Coq does not accept, when it rejects the file of the steps, and compile the others."""
    name = f"generated/{file_name('Steps', text.claim_id)}.v"
    if not compiled[name].complaint or compiled["Tactics.v"].complaint:
        return text
    steps = tuple(attempted(KERNEL, text.steps))
    _write(file_name("Steps", text.claim_id), _with_all(steps_file(find(text.claim_id), steps), steps))
    compiled[name] = compile_all(KERNEL, JOBS)[name]
    return Generated(text.claim_id, steps, text.theorems)


def _rows(texts: Sequence[Generated], compiled: dict[str, Compiled]) -> list[Row]:
    every = [theorem for text in texts for theorem in text.theorems]
    files = [f"{LOGICAL}.generated.{file_name('Steps', text.claim_id)}" for text in texts]
    modules = [*files, *dict.fromkeys(theorem.module for theorem in every)]
    found = axioms(KERNEL, modules, [*(f"{file}.{ALL_STEPS}" for file in files), *(t.path for t in every)], JOBS)
    of_steps = dict(zip((text.claim_id for text in texts), found, strict=False))
    of_theorems = dict(zip((theorem.path for theorem in every), found[len(files) :], strict=True))
    rows = []
    for text in texts:
        names = [file_name(kind, text.claim_id) for kind in ("Steps", "Statement")]
        mine = [*(f"generated/{name}.v" for name in names), *theorem_files(text.claim_id)]
        record = KernelRecord(
            text.steps,
            tuple(TheoremRecord(t.name, t.says, t.statement, t.file, of_theorems[t.path]) for t in text.theorems),
        )
        used = frozenset(of_steps[text.claim_id]).union(*(theorem.axioms for theorem in record.theorems))
        if beyond := used - ALLOWED_AXIOMS:
            raise CheckFailed(f"kernel: {text.claim_id} rests on {', '.join(sorted(beyond))}")
        rows.append(Row(text.claim_id, record, used, sum(compiled[name].seconds for name in mine if name in compiled)))
    return rows
