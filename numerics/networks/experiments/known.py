"""The experiments by name."""

from __future__ import annotations

from numerics.networks.experiments.deep_heads import DEEP_HEADS
from numerics.networks.experiments.experiment import Experiment
from numerics.networks.experiments.image_networks import IMAGE_NETWORKS
from numerics.networks.experiments.linear_conditional_vaes import LINEAR_CONDITIONAL_VAES
from numerics.networks.experiments.linear_hierarchies import LINEAR_HIERARCHIES
from numerics.networks.experiments.linear_vaes import LINEAR_VAES
from numerics.networks.experiments.mini_batch import MINI_BATCH
from numerics.networks.experiments.minority_collapse import MINORITY_COLLAPSE
from numerics.networks.experiments.nonlinear_conditional_vaes import NONLINEAR_CONDITIONAL_VAES
from numerics.networks.experiments.nonlinear_hierarchies import NONLINEAR_HIERARCHIES
from numerics.networks.experiments.nonlinear_vaes import NONLINEAR_VAES
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
        *LINEAR_VAES,
        *LINEAR_CONDITIONAL_VAES,
        *LINEAR_HIERARCHIES,
        *NONLINEAR_VAES,
        *NONLINEAR_CONDITIONAL_VAES,
        *NONLINEAR_HIERARCHIES,
    ]
    return {experiment.name: experiment for experiment in experiments}
