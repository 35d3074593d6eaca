"""The task that a specification describes, of whichever kind."""

from __future__ import annotations

from collections.abc import Sequence

from numerics.sweeps.claim_task import ClaimTask
from numerics.sweeps.experiment_task import ExperimentTask
from numerics.sweeps.specification import Specification


def task_of(specification: Specification, files: Sequence[str] = ()) -> ClaimTask | ExperimentTask:
    """Return the task of a specification after all its cells were validated; ``files`` have claims, by absolute path.

    Raises ParameterError, with the parameter, its value and what is allowed, for a cell outside the domain.
    """
    if specification.kind == "claim":
        return ClaimTask(specification, files=tuple(files)).checked()
    return ExperimentTask(specification).checked()
