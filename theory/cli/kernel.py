"""``python -m theory kernel``: the steps and the statement of a claim as files of Coq, and what Coq accepts of them."""

from __future__ import annotations

from pathlib import Path

from theory.claim import Claim
from theory.errors import ParameterError
from theory.export.attempt import HOW_TO_GET_COQ, attempted, available, compile_tactics, copy_tactics
from theory.export.coq_statement import statement
from theory.export.steps_file import file_name, rendered_steps, steps_file


def kernel_files(claim: Claim, folder: Path) -> list[str]:
    """Write the files of Coq for a claim into a folder, and return lines that say what they hold.

    Where Coq is installed, each step is tried, and a step without a proof stands in the file as a comment. Raises
    ParameterError for a folder that is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"out: {folder} is not allowed; it is a file, and not a folder")
    steps = rendered_steps(claim)
    copy_tactics(folder)
    if available():
        compile_tactics(folder)
        steps = attempted(folder, steps)
    generated = folder / "generated"
    generated.mkdir(exist_ok=True)
    file = generated / f"{file_name('Steps', claim.id)}.v"
    file.write_text(steps_file(claim, steps), encoding="utf-8")
    did = "proved by Coq" if available() else "stated"
    lines = [f"wrote {file}: {sum(step.checked for step in steps)} of {len(steps)} steps {did}"]
    lines += [f"  left: {step.name}: {step.reason}" for step in steps if not step.checked]
    try:
        text = statement(claim)
    except ValueError as error:
        lines.append(f"no statement of the whole claim: {error}")
    else:
        file = generated / f"{file_name('Statement', claim.id)}.v"
        file.write_text(text, encoding="utf-8")
        lines.append(f"wrote {file}: loss, prediction and the propositions that are left to prove by hand")
    return lines if available() else [*lines, HOW_TO_GET_COQ]
