"""VAEs with ReLU networks and with convolutions on images, beside the linear theory of the same images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch

from numerics.backends.tensors import DTYPE
from numerics.networks.autoencoders.networks import convolutional_decoder, convolutional_encoder, mlp
from numerics.networks.autoencoders.one_level import NetworkAutoencoder
from numerics.networks.autoencoders.samples import Samples
from numerics.networks.autoencoders.summary import Summary
from numerics.networks.experiments.experiment import Experiment, Parameters
from numerics.networks.experiments.latent_data import whole_images
from numerics.networks.experiments.latent_sweep import LatentSweep
from numerics.networks.experiments.linear_vaes import PAPER, of_claim, weights_of

BETAS = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
ADAM = {"stages": 15, "epochs": 9, "batch": 128, "rate": 3e-3, "warmup": 0.3, "encoder_reads": "plain"}
SMALL = {"data": "digits", "latent_dim": 16, "hidden": 64, "beta": BETAS, "eta_dec": 0.3}
RELU, CONVOLUTIONAL = "ReLU", "convolutional"
NEAR_PRIOR = 0.05
"""Nats from the prior below which a posterior is near it. The mean of an inactive unit costs at most a tenth of that, and a
standard deviation of half the prior's six times as much."""
LIMITS = {"active_increases": 0.0, "active_beyond_threshold": 0.0, "collapse": 0.0}
"""Limits of what the linear theory is said to predict of networks: fewer active units as β grows, none beyond its threshold, and
inactive ones with the prior for a posterior where variances are learnable."""
FULL = {"data": "mnist", "latent_dim": 16, "hidden": 256, "beta": BETAS, "eta_dec": 1.0, "epochs": 3}


def build(
    parameters: Parameters, settings: Sequence[Mapping[str, Any]], samples: Samples, generator: torch.Generator
) -> NetworkAutoencoder:
    """Return an untrained VAE with networks; its variances are those of all samples, given where ``sigma`` is."""
    count, latent, width = len(settings), parameters["latent_dim"], samples.target.shape[-1]
    if parameters["network"] == CONVOLUTIONAL:
        side = math.isqrt(width)
        encoder = convolutional_encoder(count, side, latent, generator)
        decoder = convolutional_decoder(count, latent, side, generator)
    else:
        encoder = mlp(count, width, parameters["hidden"], latent, generator)
        decoder = mlp(count, latent, parameters["hidden"], width, generator)
    given = parameters.get("sigma") is not None
    log_deviation = torch.full((count, 1, latent), math.log(parameters["sigma"]) if given else 0.0, dtype=DTYPE)
    return NetworkAutoencoder(weights_of(settings), encoder, decoder, log_deviation, learnable=not given)


def active_units(
    fixed: bool, settings: Sequence[Mapping[str, Any]], predicted: Summary, measured: Summary
) -> dict[str, float]:
    """Return by how many units the active ones grow with β, how many are left where the linear theory has none, and ``collapse``.

    The last counts the units on whose posterior the theory is wrong: where variances are learnable that of an inactive
    unit is near the prior, and where they are ``fixed`` at another one than the prior's, none is.
    """
    counts = measured["active"]
    increases = sum(max(0, later - earlier) for earlier, later in pairwise(counts))
    beyond = sum(got for got, expected in zip(counts, predicted["active"], strict=True) if expected == 0)
    rows = zip(measured["divergences"], counts, strict=True)
    if fixed:
        wrong = sum(nats < NEAR_PRIOR for row, _ in rows for nats in row)
    else:
        wrong = sum(nats > NEAR_PRIOR for row, active in rows for nats in row[active:])
    return {"active_increases": float(increases), "active_beyond_threshold": float(beyond), "collapse": float(wrong)}


def _experiment(name: str, title: str, network: str, fixed: bool, source: str, shows: str) -> Experiment:
    sweep = LatentSweep(
        claim="vae-fixed-variance" if fixed else "vae-learnable-variance",
        swept=("beta", "eta_dec"),
        given=of_claim,
        data=whole_images,
        build=build,
        limits=LIMITS,
        judged=partial(active_units, fixed),
    )
    own: dict[str, Any] = {"network": network, **({"sigma": 0.5} if fixed else {})}
    small = (
        {"beta": BETAS[1:], "epochs": 7} if network == CONVOLUTIONAL else {"warmup": 0.0, "hidden": 32, "epochs": 16}
    )
    return Experiment(
        name=name,
        title=title,
        source=source,
        shows=shows,
        claim=sweep.claim,
        architecture=f"{network} encoder and decoder, 16 latent directions, "
        + ("given variances" if fixed else "learnable variances of all samples"),
        sizes={
            "small": {**SMALL, **ADAM, **own, **small},
            "full": {**ADAM, **FULL, **own},
        },
        predict=sweep.predict,
        start=sweep.start,
    )


NONLINEAR_VAES = (
    _experiment(
        "vae-relu",
        "ReLU VAE, learnable variances, over β",
        RELU,
        False,
        f"{PAPER}, ReLU VAEs with learnable Σ; released as MNIST_VAE_Relu_learnable_sigma.py with half of the KL",
        "The thresholds of the linear theory tell where the latent directions of a non-linear VAE collapse.",
    ),
    _experiment(
        "vae-relu-fixed",
        "ReLU VAE, given variances, over β: the counterpart of vae-relu, like for like",
        RELU,
        True,
        f"{PAPER}, ReLU VAEs with unlearnable Σ; the released MNIST_VAE_Relu_nonlearnable_sigma.py is a linear model",
        "Without a learnable variance the posterior need not collapse to the prior.",
    ),
    _experiment(
        "vae-convolutional",
        "Convolutional VAE, learnable variances, over β",
        CONVOLUTIONAL,
        False,
        f"{PAPER}, convolutional models; released as MNIST_CVAE_CNN_single_digit.py and MNIST_HVAE_CNN.py",
        "The thresholds of the linear theory tell where the latent directions of a non-linear VAE collapse.",
    ),
)
