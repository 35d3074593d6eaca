"""The experiments by name."""

from __future__ import annotations

from numerics.networks.experiments import (
    linear_conditional_vaes,
    linear_hierarchies,
    linear_vaes,
    nonlinear_conditional_vaes,
    nonlinear_hierarchies,
    nonlinear_vaes,
)
from numerics.networks.experiments.experiment import Experiment


def known() -> dict[str, Experiment]:
    """Return every experiment by its name, in the order in which the list shows them."""
    experiments: list[Experiment] = [
        *linear_vaes.EXPERIMENTS,
        *linear_conditional_vaes.EXPERIMENTS,
        *linear_hierarchies.EXPERIMENTS,
        *nonlinear_vaes.EXPERIMENTS,
        *nonlinear_conditional_vaes.EXPERIMENTS,
        *nonlinear_hierarchies.EXPERIMENTS,
    ]
    return {experiment.name: experiment for experiment in experiments}
