"""Linear VAEs with two levels on images, over β_1 and β_2, against their claims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from numerics.backends.tensors import DTYPE
from numerics.networks.autoencoders.samples import Samples
from numerics.networks.autoencoders.two_levels import HierarchyWeights, LinearHierarchy, random_linear_hierarchy
from numerics.networks.experiments.experiment import Experiment, Parameters
from numerics.networks.experiments.latent_data import whole_images
from numerics.networks.experiments.latent_deviations import EXACT
from numerics.networks.experiments.latent_sweep import LatentSweep
from numerics.networks.experiments.linear_vaes import L_BFGS, PAPER

NAMES = ("beta1", "beta2", "eta_dec", "eta_enc", "sigma1")
BETAS = {"beta1": [1.0, 1.0, 1.0, 1.0, 0.5, 2.0], "beta2": [0.5, 1.0, 2.0, 10.0, 1.0, 1.0]}
TRAINING = {**L_BFGS, "iterations": 70}
SMALL = {"data": "digits", "latent_dim": [10, 6], **BETAS, "eta_dec": 0.3, "eta_enc": 0.3, "sigma1": 0.3}
FULL = {"data": "mnist", "latent_dim": [10, 10], **BETAS, "eta_dec": 0.5, "eta_enc": 0.5, "sigma1": 0.5}


def hierarchy_weights(settings: Sequence[Mapping[str, Any]]) -> HierarchyWeights:
    """Return β_1, β_2, η_dec, η_enc and σ_1 of the settings."""
    return HierarchyWeights(
        **{name: torch.tensor([float(own[name]) for own in settings], dtype=DTYPE) for name in NAMES}
    )


def build(
    parameters: Parameters, settings: Sequence[Mapping[str, Any]], samples: Samples, generator: torch.Generator
) -> LinearHierarchy:
    """Return an untrained linear hierarchy; the variance of z_2 is given where ``sigma2`` is."""
    below, above = parameters["latent_dim"]
    given = math.log(parameters["sigma2"]) if parameters.get("sigma2") is not None else None
    return random_linear_hierarchy(hierarchy_weights(settings), samples, (below, above), generator, given)


def of_claim(parameters: Parameters, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the claim at a setting."""
    given = {"sigma2": parameters["sigma2"]} if parameters.get("sigma2") is not None else {}
    return {**{name: own[name] for name in NAMES}, "latent_dim": tuple(parameters["latent_dim"]), **given}


def _experiment(fixed: bool) -> Experiment:
    sweep = LatentSweep(
        claim="hvae-fixed-variances" if fixed else "hvae-learnable-top-variance",
        swept=NAMES,
        given=of_claim,
        data=whole_images,
        build=build,
        limits=EXACT,
        exact=True,
    )
    small, full = ({"sigma2": 0.2}, {"sigma2": 0.4}) if fixed else ({}, {})
    script = f"MNIST_HVAE_Linear_{'nonlearnable' if fixed else 'learnable'}_sigma_2.py"
    return Experiment(
        name="hvae-linear-fixed-exact" if fixed else "hvae-linear-exact",
        title=f"Linear VAE with two levels, {'given variances' if fixed else 'learnable variance of z_2'}, exact expectation",
        source=f"{PAPER}, linear MHVAEs over β_1 and β_2; released as {script}",
        shows="A larger β_1 or a smaller β_2 keeps directions of z_2 alive.",
        claim=sweep.claim,
        architecture="linear encoders and decoders of both levels; the variance of z_1 given",
        sizes={"small": {**SMALL, **small, **TRAINING}, "full": {**FULL, **full, **TRAINING}},
        predict=sweep.predict,
        start=sweep.start,
    )


LINEAR_HIERARCHIES = (_experiment(False), _experiment(True))
