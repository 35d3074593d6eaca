"""Linear VAEs on images, with learnable and with given variances, against their claims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from numerics.backends.tensors import DTYPE
from numerics.networks.autoencoders.one_level import LinearAutoencoder, Weights, random_linear
from numerics.networks.autoencoders.samples import Samples
from numerics.networks.experiments.experiment import Experiment, Parameters
from numerics.networks.experiments.latent_data import whole_images
from numerics.networks.experiments.latent_deviations import EXACT, SAMPLED
from numerics.networks.experiments.latent_sweep import LatentSweep

PAPER = "Dang et al., ICLR 2024 (arXiv 2306.05023)"
L_BFGS = {"stages": 20, "iterations": 40, "encoder_reads": "whitened"}
"""Full-batch training of exact objectives."""
ADAM = {"stages": 15, "epochs": 24, "batch": 256, "rate": 2e-2, "warmup": 0.0, "encoder_reads": "whitened"}
"""Mini-batch training of sampled objectives."""
BETAS = [0.5, 1.0, 2.0, 4.0, 8.0]
SMALL = {"data": "digits", "latent_dim": 16}
FULL = {"data": "mnist", "latent_dim": 32, "epochs": 2, "beta": [*BETAS, 1.0, 1.0], "eta_dec": [1.0] * 5 + [0.5, 2.0]}


def weights_of(settings: Sequence[Mapping[str, Any]]) -> Weights:
    """Return β and η_dec of the settings."""
    beta, eta_dec = (torch.tensor([float(own[name]) for own in settings], dtype=DTYPE) for name in ("beta", "eta_dec"))
    return Weights(beta, eta_dec)


def learnable(
    parameters: Parameters, settings: Sequence[Mapping[str, Any]], samples: Samples, generator: torch.Generator
) -> LinearAutoencoder:
    """Return an untrained linear VAE with learnable variances."""
    return random_linear(weights_of(settings), samples, parameters["latent_dim"], generator)


def given(
    parameters: Parameters, settings: Sequence[Mapping[str, Any]], samples: Samples, generator: torch.Generator
) -> LinearAutoencoder:
    """Return an untrained linear VAE with given variances."""
    log_deviation = math.log(parameters["sigma"])
    return random_linear(weights_of(settings), samples, parameters["latent_dim"], generator, log_deviation)


def of_claim(parameters: Parameters, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the claim at a setting."""
    variances = (
        {"sigma": [parameters["sigma"]] * parameters["latent_dim"]} if parameters.get("sigma") is not None else {}
    )
    return {"beta": own["beta"], "eta_dec": own["eta_dec"], "latent_dim": parameters["latent_dim"], **variances}


def _experiment(name: str, title: str, fixed: bool, exact: bool, shows: str, source: str) -> Experiment:
    sweep = LatentSweep(
        claim="vae-fixed-variance" if fixed else "vae-learnable-variance",
        swept=("beta", "eta_dec"),
        given=of_claim,
        data=whole_images,
        build=given if fixed else learnable,
        limits=EXACT if exact else SAMPLED,
        exact=exact,
    )
    own = {**(L_BFGS if exact else ADAM), **({"sigma": 0.5} if fixed else {})}
    # Settings at which all, some and none of the directions of the digits collapse, away from thresholds. The sampled
    # training does not settle near one.
    if exact:
        swept = {"beta": [*BETAS, 1.0, 1.0], "eta_dec": [0.3] * 5 + [0.2, 0.6 if fixed else 0.5]}
    else:
        swept = {"beta": BETAS if fixed else [*BETAS[:4], 10.0], "eta_dec": 0.3}
    if fixed and not exact:
        own["epochs"] = 8
    return Experiment(
        name=name,
        title=title,
        source=source,
        shows=shows,
        claim=sweep.claim,
        architecture="linear encoder and decoder, 16 latent directions, "
        + ("given variances" if fixed else "learnable variances of all samples"),
        sizes={"small": {**SMALL, **swept, **own}, "full": {**own, **FULL}},
        predict=sweep.predict,
        start=sweep.start,
    )


LEARNABLE = "Directions of small variance collapse one by one as β or η_dec grows."
FIXED = "With given variances directions are given up, but their posterior is not the prior."
LEARNABLE_SOURCE = f"{PAPER}, linear VAE with learnable Σ; released as MNIST_VAE_Linear_learnable_sigma.py"
FIXED_SOURCE = f"{PAPER}, linear VAE with unlearnable Σ; released as MNIST_VAE_Linear_nonlearnable_sigma.py"
LINEAR_VAES = (
    _experiment(
        "vae-linear-exact",
        "Linear VAE, learnable variances, exact expectation",
        False,
        True,
        LEARNABLE,
        LEARNABLE_SOURCE,
    ),
    _experiment(
        "vae-linear-sampled",
        "Linear VAE, learnable variances, sampled codes",
        False,
        False,
        LEARNABLE,
        LEARNABLE_SOURCE,
    ),
    _experiment(
        "vae-linear-fixed-exact", "Linear VAE, given variances, exact expectation", True, True, FIXED, FIXED_SOURCE
    ),
    _experiment(
        "vae-linear-fixed-sampled", "Linear VAE, given variances, sampled codes", True, False, FIXED, FIXED_SOURCE
    ),
)
