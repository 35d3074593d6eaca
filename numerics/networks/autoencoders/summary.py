"""A sweep of autoencoders in numbers: by name of the quantity, a list with an entry for each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from numerics.networks.autoencoders.likelihood import log_likelihood
from numerics.networks.autoencoders.readings import LevelReading, read_levels
from numerics.networks.autoencoders.samples import Samples
from numerics.networks.autoencoders.training import Model

LIKELIHOOD_SAMPLES, LIKELIHOOD_DRAWS = 256, 32
"""Samples and codes for each of them from which log-likelihoods are estimated."""
Summary = dict[str, list[Any]]


def named(quantity: str, level: str, levels: int) -> str:
    """Return the name of a quantity of a level, without the level where there is only one."""
    return quantity if levels == 1 else f"{quantity}_{level}"


def summarise(model: Model, samples: Samples, values: Sequence[float], seed: int) -> Summary:
    """Return divergences, their totals, active units, collapsed directions, value, reconstruction error and log-likelihood.

    ``values`` are those of the objective, and ``seed`` that of the codes from which the log-likelihood is estimated.
    """
    found: Summary = {}
    readings = read_levels(model, samples)
    for level, of_settings in readings.items():
        for quantity, read in QUANTITIES.items():
            found[named(quantity, level, len(readings))] = [read(reading) for reading in of_settings]
    generator = torch.Generator(samples.target.device).manual_seed(seed)
    some = samples.rows(slice(LIKELIHOOD_SAMPLES))
    with torch.no_grad():
        errors = model.reconstruction_error(samples).tolist()
    likelihood = log_likelihood(model, some, LIKELIHOOD_DRAWS, generator).tolist()
    return {**found, "value": list(values), "reconstruction_error": errors, "log_likelihood": likelihood}


QUANTITIES = {
    "divergences": lambda reading: reading.divergences,
    "total": lambda reading: reading.total,
    "active": lambda reading: len(reading.active),
    "collapsed": lambda reading: len(reading.collapsed),
}
"""What is read of a level, by name: see ``LevelReading``. ``active`` and ``collapsed`` are numbers of directions."""


@torch.no_grad()
def sampled_values(model: Model, samples: Samples, seed: int, passes: int) -> list[float]:
    """Return the objective of each setting, averaged over ``passes`` over the samples, each with new codes."""
    generator = torch.Generator(samples.target.device).manual_seed(seed)
    blocks = [(len(block) / len(samples), block) for _ in range(passes) for block in samples.blocks()]
    values = [share * model.objective(block, generator) for share, block in blocks]
    return (torch.stack(values).sum(0) / passes).tolist()


def columns(
    readings: Mapping[str, Sequence[LevelReading]], gaps: Sequence[float], labels: Sequence[str]
) -> dict[str, float]:
    """Return what is recorded after a stage: one number for each quantity and setting.

    ``gaps`` are the relative distances of the objectives from the predicted minima, and ``labels`` name the settings.
    """
    row: dict[str, float] = {}
    for number, label in enumerate(labels):
        for level, of_settings in readings.items():
            reading = of_settings[number]
            for quantity in ("total", "active", "collapsed"):
                row[f"{named(quantity, level, len(readings))} {label}"] = float(QUANTITIES[quantity](reading))
            for direction, nats in enumerate(reading.divergences, start=1):
                row[f"{named('divergence', level, len(readings))}_{direction} {label}"] = nats
        row[f"value_gap {label}"] = gaps[number]
    return row
