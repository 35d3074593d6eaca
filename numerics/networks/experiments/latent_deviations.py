"""How far a sweep of autoencoders is from the predicted one, by name of the deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numerics.networks.autoencoders.readings import LevelReading
from numerics.networks.autoencoders.summary import named

RELATIVE, NATS = 0.02, 0.01
"""A divergence agrees within 2 per cent or 0.01 nats: near a threshold it is small, and its relative error means nothing."""
UNIT = 1.0
"""Nats below which a total is not taken as the unit of its own deviation."""

EXACT = {"divergences": 1.0, "live_directions": 0.0, "value": 0.01}
"""Limits for the exact objective."""
SAMPLED = {"total": 0.01, "divergence_nats": 0.03, "live_directions": 0.0}
"""Limits for the sampled objective."""


def deviations(
    predicted: Mapping[str, Any],
    measured: Mapping[str, Any],
    readings: Mapping[str, Sequence[LevelReading]],
    live: Mapping[str, Sequence[Sequence[bool]]],
) -> dict[str, float]:
    """Return the deviations of a sweep, each the largest of all settings and levels.

    ``divergences`` is the deviation of a direction's divergence in units of 2 per cent of it or 0.01 nats, whichever is larger,
    and ``divergence_nats`` that in nats. ``total`` is relative, or in nats where less than one is predicted. ``live_directions``
    is the number of directions that are active and should not be, or should be and are not, and ``active_units`` the difference
    of the numbers of active units. ``value`` and ``reconstruction_error`` are relative, and ``log_likelihood_nats`` is in nats.
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
            worst("total", abs(got - expected) / max(abs(expected), UNIT))
        for reading, alive in zip(of_settings, live[level], strict=True):
            # Directions are read largest first.
            should = set(range(sum(alive)))
            found["live_directions"] += len(should.symmetric_difference(reading.active))
            worst("active_units", abs(len(reading.active) - len(should)))
    for expected, got in pairs("value"):
        worst("value", abs(got - expected) / abs(expected))
    for expected, got in pairs("reconstruction_error"):
        worst("reconstruction_error", abs(got - expected) / expected)
    for expected, got in pairs("log_likelihood"):
        worst("log_likelihood_nats", abs(got - expected))
    return found
