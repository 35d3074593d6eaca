"""How far a sweep of autoencoders is from the predicted one, by name of the deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numerics.networks.autoencoders.readings import LevelReading
from numerics.networks.autoencoders.summary import named

RELATIVE, NATS = 0.02, 0.01
"""A divergence agrees within 2 per cent or 0.01 nats: near a threshold it is small, and its relative error means nothing."""
UNIT = 1.0
"""The least unit of a relative deviation: a total of less than a nat, or a loss of less than one, is not a unit of its own."""

EXACT = {"divergences": 1.0, "live_directions": 0.0, "value": 0.01}
"""Limits for the exact objective."""
CONDITIONAL = {"total": 0.01, "divergence_nats": 0.01, "live_directions": 0.0, "value": 0.01}
"""Limits for the exact objective of conditional VAEs."""
SAMPLED = {"total": 0.01, "divergence_nats": 0.03, "live_directions": 0.0}
"""Limits for the sampled objective."""


def relative(measured: float, predicted: float) -> float:
    """Return the deviation of a number, relative to the predicted one or to UNIT, whichever is larger."""
    return (measured - predicted) / max(abs(predicted), UNIT)


def deviations(
    predicted: Mapping[str, Any],
    measured: Mapping[str, Any],
    readings: Mapping[str, Sequence[LevelReading]],
    live: Mapping[str, Sequence[Sequence[bool]]],
) -> dict[str, float]:
    """Return the deviations of a sweep, each the largest of all settings and levels.

    ``divergences`` is the deviation of a direction's divergence in units of 2 per cent of it or 0.01 nats, whichever is
    larger, and ``divergence_nats`` that in nats. ``total``, ``value`` and ``reconstruction_error`` are relative, or absolute
    where less than one is predicted, and ``log_likelihood_nats`` is in nats. ``live_directions`` is the number of directions
    that are active and should not be, or should be and are not, and ``active_units`` the difference of the numbers of
    active units.
    """
    found = {"divergences": 0.0, "divergence_nats": 0.0, "total": 0.0, "live_directions": 0.0, "active_units": 0.0}

    def worst(name: str, off: float) -> None:
        found[name] = max(found.get(name, 0.0), off)

    def pairs(quantity: str) -> zip[tuple[Any, Any]]:
        return zip(predicted[quantity], measured[quantity], strict=True)

    for level, of_settings in readings.items():
        for expected, got in pairs(named("divergences", level, len(readings))):
            for nats, own in zip(expected, got, strict=True):
                worst("divergence_nats", abs(own - nats))
                worst("divergences", abs(own - nats) / max(RELATIVE * abs(nats), NATS))
        for expected, got in pairs(named("total", level, len(readings))):
            worst("total", abs(relative(got, expected)))
        for reading, alive in zip(of_settings, live[level], strict=True):
            # Directions are read largest first.
            should = set(range(sum(alive)))
            found["live_directions"] += len(should.symmetric_difference(reading.active))
            worst("active_units", abs(len(reading.active) - len(should)))
    for expected, got in pairs("value"):
        worst("value", abs(relative(got, expected)))
    for expected, got in pairs("reconstruction_error"):
        worst("reconstruction_error", abs(relative(got, expected)))
    for expected, got in pairs("log_likelihood"):
        worst("log_likelihood_nats", abs(got - expected))
    return found
