"""VAEs with two levels and ReLU networks on images, beside the linear theory of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from numerics.networks.autoencoders.networks import mlp
from numerics.networks.autoencoders.samples import Samples
from numerics.networks.autoencoders.summary import Summary
from numerics.networks.autoencoders.two_levels import NetworkHierarchy
from numerics.networks.experiments.experiment import DEPARTS, Experiment, Parameters
from numerics.networks.experiments.latent_data import whole_images
from numerics.networks.experiments.latent_deviations import SAMPLED
from numerics.networks.experiments.latent_sweep import LatentSweep
from numerics.networks.experiments.linear_hierarchies import NAMES, hierarchy_weights, of_claim
from numerics.networks.experiments.linear_vaes import PAPER
from numerics.networks.experiments.nonlinear_vaes import ADAM

OVER_TOP = {"beta1": 1.0, "beta2": [0.5, 1.0, 3.0, 10.0]}
SMALL = {
    "data": "digits",
    "latent_dim": [10, 6],
    "hidden": 64,
    **OVER_TOP,
    "eta_dec": 0.3,
    "eta_enc": 0.3,
    "sigma1": 0.3,
}
FULL = {
    "data": "mnist",
    "latent_dim": [16, 16],
    "hidden": 256,
    **OVER_TOP,
    "eta_dec": 0.5,
    "eta_enc": 0.5,
    "sigma1": 0.5,
}


def build(
    parameters: Parameters, settings: Sequence[Mapping[str, Any]], samples: Samples, generator: torch.Generator
) -> NetworkHierarchy:
    """Return an untrained hierarchy with networks; each z_1 has variances of z_2 of its own."""
    count, hidden, outputs = len(settings), parameters["hidden"], samples.target.shape[-1]
    below, above = parameters["latent_dim"]
    return NetworkHierarchy(
        hierarchy_weights(settings),
        code=mlp(count, samples.seen.shape[-1], hidden, below, generator),
        top=mlp(count, below, hidden, 2 * above, generator),
        explain=mlp(count, above, hidden, below, generator),
        decode=mlp(count, below, hidden, outputs, generator),
    )


def beyond_threshold(settings: Sequence[Mapping[str, Any]], predicted: Summary, measured: Summary) -> dict[str, float]:
    """Return how many directions of z_2 are active in the settings in which the linear theory has none."""
    pairs = zip(measured["active_z_2"], predicted["active_z_2"], strict=True)
    return {"active_z_2_beyond_threshold": float(sum(got for got, expected in pairs if expected == 0))}


_SWEEP = LatentSweep(
    claim="hvae-learnable-top-variance",
    swept=NAMES,
    given=of_claim,
    data=whole_images,
    build=build,
    limits=SAMPLED,
    judged=beyond_threshold,
)
NONLINEAR_HIERARCHIES = (
    Experiment(
        name="hvae-relu",
        title="ReLU VAE with two levels, over β_2",
        source=f"{PAPER}, ReLU MHVAEs over β_1 and β_2; released as MNIST_HVAE_Relu.py with half of each KL",
        shows="The thresholds of the linear theory tell where the directions of z_2 collapse.",
        claim="hvae-learnable-top-variance",
        architecture="ReLU encoders and decoders of both levels; the variance of z_1 given, those of z_2 of each sample",
        sizes={"small": {**SMALL, **ADAM, "warmup": 0.0}, "full": {**FULL, **ADAM, "epochs": 3}},
        predict=_SWEEP.predict,
        start=_SWEEP.start,
        expected=DEPARTS,
        why="Networks put a curved set of images on a code that is not Gaussian, and z_2 describes that code: neither has the "
        "spectrum of the linear theory. Far beyond the thresholds of that theory z_2 collapses here, too.",
    ),
)
