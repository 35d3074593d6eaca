"""Conditional VAEs with ReLU networks on correlated pairs and on halves of images, beside the linear theory of the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch

from numerics.networks.autoencoders.networks import mlp
from numerics.networks.autoencoders.one_level import NetworkAutoencoder
from numerics.networks.autoencoders.samples import Samples
from numerics.networks.autoencoders.summary import Summary
from numerics.networks.experiments.experiment import DEPARTS, Experiment, Parameters
from numerics.networks.experiments.latent_data import halves_of_images, pairs_of_each_correlation
from numerics.networks.experiments.latent_deviations import SAMPLED
from numerics.networks.experiments.latent_sweep import LatentSweep
from numerics.networks.experiments.linear_conditional_vaes import (
    HALVES_FULL,
    HALVES_SMALL,
    PAIRS,
    PAIRS_FULL,
    PAIRS_SMALL,
    of_claim,
)
from numerics.networks.experiments.linear_vaes import PAPER, weights_of
from numerics.networks.experiments.nonlinear_vaes import ADAM


def build(
    parameters: Parameters, settings: Sequence[Mapping[str, Any]], samples: Samples, generator: torch.Generator
) -> NetworkAutoencoder:
    """Return an untrained conditional VAE with networks; each sample has variances of its own."""
    count, latent, hidden = len(settings), parameters["latent_dim"], parameters["hidden"]
    seen, told, outputs = (part.shape[-1] for part in (samples.seen, samples.condition, samples.target))
    encoder = mlp(count, seen, hidden, 2 * latent, generator)
    decoder = mlp(count, latent + told, hidden, outputs, generator)
    return NetworkAutoencoder(weights_of(settings), encoder, decoder, None)


def falling(settings: Sequence[Mapping[str, Any]], predicted: Summary, measured: Summary) -> dict[str, float]:
    """Return by how many nats the divergence fails to grow as the correlation falls, and what is left of it at correlation 1."""
    totals = measured["total"]
    drops = sum(max(0.0, earlier - later) for earlier, later in pairwise(totals))
    return {"divergence_drops_nats": drops, "divergence_at_correlation_1_nats": totals[0]}


ARCHITECTURE = "ReLU encoder of x and y, ReLU decoder of z and x, variances of each sample"
_PAIRS = LatentSweep(
    claim="cvae",
    swept=("correlation", "beta", "eta_dec"),
    given=of_claim,
    data=pairs_of_each_correlation,
    build=build,
    limits={"divergence_drops_nats": 0.1, "divergence_at_correlation_1_nats": 0.1},
    judged=falling,
)
_HALVES = LatentSweep(
    claim="cvae", swept=("beta", "eta_dec"), given=of_claim, data=halves_of_images, build=build, limits=SAMPLED
)
NONLINEAR_CONDITIONAL_VAES = (
    Experiment(
        name="cvae-relu-correlation",
        title="ReLU conditional VAE on pairs of correlation 1, ½, ¼, ⅛, 0",
        source=f"{PAPER}, effects of the correlation of x and y; released as Synthetic_CVAE_Relu_correlation.py",
        shows="The stronger x and y are correlated, the less the latent variables carry; all collapse where y is x.",
        claim="cvae",
        architecture=ARCHITECTURE,
        sizes={
            "small": {**PAIRS_SMALL, **PAIRS, **ADAM, "epochs": 40, "hidden": 64},
            "full": {**PAIRS_FULL, **PAIRS, **ADAM, "epochs": 40, "hidden": 128},
        },
        predict=_PAIRS.predict,
        start=_PAIRS.start,
    ),
    Experiment(
        name="cvae-relu-halves",
        title="ReLU conditional VAE, lower halves of images given the upper ones",
        source=f"{PAPER}, ReLU CVAEs over β; released as MNIST_CVAE_Relu.py with quarters of images",
        shows="The thresholds of the linear theory tell where the latent directions of a non-linear CVAE collapse.",
        claim="cvae",
        architecture=ARCHITECTURE,
        sizes={"small": {**HALVES_SMALL, **ADAM, "hidden": 64}, "full": {**ADAM, **HALVES_FULL, "hidden": 256}},
        predict=_HALVES.predict,
        start=_HALVES.start,
        expected=DEPARTS,
        why="A network explains more of the lower half by the upper half than a regression does, and puts the rest on fewer "
        "directions: the spectrum of the linear residual is not the one that it encodes.",
    ),
)
