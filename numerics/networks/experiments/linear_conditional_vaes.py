"""Linear conditional VAEs on correlated pairs and on halves of images, against their claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numerics.networks.experiments.experiment import Experiment, Parameters
from numerics.networks.experiments.latent_data import halves_of_images, pairs_of_each_correlation
from numerics.networks.experiments.latent_deviations import CONDITIONAL, SAMPLED
from numerics.networks.experiments.latent_sweep import LatentSweep
from numerics.networks.experiments.linear_vaes import ADAM, BETAS, L_BFGS, PAPER, learnable

CORRELATIONS = [1.0, 0.5, 0.25, 0.125, 0.0]
PAIRS_SMALL = {"samples": 500, "width": 12, "latent_dim": 12}
PAIRS_FULL = {"samples": 1000, "width": 128, "latent_dim": 128}
PAIRS = {"correlation": CORRELATIONS, "beta": 1.0, "eta_dec": 0.5}
"""The correlations, β and η_dec of the study."""
FEW = {"batch": 125, "epochs": 70}
"""Mini-batches of the few pairs."""
HALVES_SMALL = {"data": "digits", "latent_dim": 12, "beta": [0.5, 1.0, 2.0, 4.0, 12.0], "eta_dec": 0.2}
HALVES_FULL = {"data": "mnist", "latent_dim": 64, "epochs": 2, "beta": BETAS, "eta_dec": 1.0}


def of_claim(parameters: Parameters, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the claim at a setting."""
    return {"beta": own["beta"], "eta_dec": own["eta_dec"], "latent_dim": parameters["latent_dim"]}


def _experiment(pairs: bool, exact: bool) -> Experiment:
    sweep = LatentSweep(
        claim="cvae",
        swept=("correlation", "beta", "eta_dec") if pairs else ("beta", "eta_dec"),
        given=of_claim,
        data=pairs_of_each_correlation if pairs else halves_of_images,
        build=learnable,
        limits=CONDITIONAL if exact else SAMPLED,
        exact=exact,
    )
    small, full = (PAIRS_SMALL | PAIRS, PAIRS_FULL | PAIRS) if pairs else (HALVES_SMALL, HALVES_FULL)
    how, training = ("exact", L_BFGS) if exact else ("sampled", {**ADAM, **FEW} if pairs else ADAM)
    data = "pairs of correlation 1, ½, ¼, ⅛, 0" if pairs else "lower halves of images given the upper ones"
    return Experiment(
        name=f"cvae-linear-{'correlation' if pairs else 'halves'}-{how}",
        title=f"Linear conditional VAE, {data}, {'exact expectation' if exact else 'sampled codes'}",
        source=f"{PAPER}, effects of the correlation of x and y; released as Synthetic_CVAE_Relu_correlation.py"
        if pairs
        else f"{PAPER}, linear CVAEs; released as MNIST_CVAE_Linear.py with quarters of images",
        shows="The more the condition explains of the output, the more latent directions collapse."
        if pairs
        else "Latent directions encode what the condition leaves of the output, and collapse one by one as β grows.",
        claim=sweep.claim,
        architecture="linear encoder of x and y, linear decoder of z and x, learnable variances of all samples",
        sizes={"small": {**small, **training}, "full": {**training, **full}},
        predict=sweep.predict,
        start=sweep.start,
    )


LINEAR_CONDITIONAL_VAES = tuple(_experiment(pairs, exact) for pairs in (True, False) for exact in (True, False))
