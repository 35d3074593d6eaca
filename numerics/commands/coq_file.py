"""The file that ``certify --coq`` writes: a lower bound as a theorem of Coq, with the certificate that proves it."""

from __future__ import annotations

import re
import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any

from numerics.backends.points import points_of
from numerics.bounds.integer_columns import DENOMINATOR
from numerics.bounds.integer_dual import dual_at
from numerics.training.certified import Training
from theory.claim import Claim
from theory.errors import ParameterError, shown_path
from theory.export.attempt import LOGICAL, kernel_folder
from theory.export.coq_certificate import UNIT, certificate_theorem, checker_of
from theory.problem import Instance, reject

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\.v")
"""The names of files that Coq compiles."""


def coq_path(claim: Claim, given: str) -> Path:
    """Return the path at which a theorem about a claim is to be written.

    Raises ParameterError for a claim whose certificates Coq does not check, a name that Coq does not compile, a folder that
    does not exist, and a file that exists.
    """
    checker_of(claim.id)
    path = Path(given)
    if not NAME.fullmatch(path.name):
        raise reject("coq", given, "a path to a file that is named by a letter, then letters, digits or _, then .v")
    if not path.parent.is_dir():
        raise reject("coq", given, "a path to a file in a folder that exists")
    if path.exists():
        raise ParameterError(f"coq: '{shown_path(path)}' exists already")
    return path


def write_theorem(claim: Claim, instance: Instance, training: Training, path: Path) -> dict[str, Any] | None:
    """Write the theorem that no point of an instance has a loss below the bound of a dual point near the trained one.

    Returns the path, the bound in decimals, its relative distance from the trained value, and the command with which Coq checks
    the file. Returns None, and writes no file, where no dual point is verified.
    """
    (point,) = points_of(training.solution.best_point())
    form = claim.problem.nuclear_form
    assert form is not None  # every claim with a checker has one
    dual = dual_at(form, instance, point)
    if dual is None:
        return None
    text = certificate_theorem(claim.id, dual.decays, dual.counts, DENOMINATOR, dual.columns, dual.factor, dual.bound)
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)
    command = shlex.join(["coqc", "-q", "-Q", str(kernel_folder()), LOGICAL, str(path)])
    upper = float(training.solution.best_value()[0])
    gap = (upper - dual.bound / UNIT) / upper
    return {"file": str(path), "lower": str(Decimal(dual.bound) / UNIT), "gap": gap, "check": command}
