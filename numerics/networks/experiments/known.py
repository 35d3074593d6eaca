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
from numerics.networks.experiments.deep_heads import DEEP_HEADS
from numerics.networks.experiments.experiment import Experiment
from numerics.networks.experiments.image_networks import IMAGE_NETWORKS
from numerics.networks.experiments.mini_batch import MINI_BATCH
from numerics.networks.experiments.minority_collapse import MINORITY_COLLAPSE
from numerics.networks.experiments.plain_weight_decay import PLAIN_WEIGHT_DECAY
from numerics.networks.experiments.released_trainers import RELEASED_TRAINERS
from numerics.networks.experiments.unconstrained_features import UNCONSTRAINED_FEATURES


def known() -> dict[str, Experiment]:
    """Return every experiment by its name, in the order in which the list shows them."""
    experiments: list[Experiment] = [
        *UNCONSTRAINED_FEATURES,
        *MINI_BATCH,
        *DEEP_HEADS,
        *MINORITY_COLLAPSE,
        *RELEASED_TRAINERS,
        *IMAGE_NETWORKS,
        *PLAIN_WEIGHT_DECAY,
        *linear_vaes.EXPERIMENTS,
        *linear_conditional_vaes.EXPERIMENTS,
        *linear_hierarchies.EXPERIMENTS,
        *nonlinear_vaes.EXPERIMENTS,
        *nonlinear_conditional_vaes.EXPERIMENTS,
        *nonlinear_hierarchies.EXPERIMENTS,
    ]
    return {experiment.name: experiment for experiment in experiments}
