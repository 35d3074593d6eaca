"""The comparison of a trained classifier with its reference: what is predicted, what was reached, and how far the two are apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from numerics.data.labelled import Labelled
from numerics.networks.classifiers.reading import accuracy, in_parts, read
from numerics.networks.classifiers.reference import GRAMS, Reference, decays_by_name, reference_of
from numerics.networks.classifiers.setting import Setting
from numerics.networks.experiments.experiment import Comparison
from numerics.networks.measure import Measurement, measure
from numerics.networks.models.classifier import Classifier
from numerics.networks.structure import effective_decays
from numerics.tolerances import BELOW_BOUND, NC1_IN_PRACTICE

WRONG_FATES = "wrong_fates"
"""The number of classes that have vanished and should not, or the other way round."""


def compare_trained(
    setting: Setting, reference: Reference, network: Classifier, train: Labelled, test: Labelled, limit: float
) -> Comparison:
    """Hold a trained classifier against its reference.

    A deviation is the relative distance of an invariant, of the value or of an effective decay from the predicted one. NC1
    has a limit of its own where no class should vanish: it divides by the variance between classes, so a vanished class leaves
    it without a meaning. ``below_bound`` is the share of a certified lower bound by which the value lies below that bound.
    ``normalised_mean_gram`` compares Gram matrices of norm 1, and a name that ends in ``_at_nominal_decays`` compares
    with the prediction for the decays as they are given to a released trainer; neither decides the verdict.

    Arguments:
        setting: the setting of the training.
        reference: the claim, its problem, and the effective decays.
        network: the trained network.
        train: its training samples.
        test: other samples.
        limit: the largest deviation that still agrees.
    """
    found = measure(
        in_parts(network, train),
        train.labels,
        list(network.layers),
        network.bias,
        loss=setting.loss,
        weight_decay=list(reference.training.weight_decay),
        feature_decay=reference.training.feature_decay,
        nonnegative=setting.rectified,
    )
    reached = _reached(found, reference, network, train)
    predicted = {name: reference.predicted[name] for name in reached}
    deviations = {**found.deviations, **_deviations(found, reached, predicted)}
    limits = dict.fromkeys(deviations, limit)
    limits |= {WRONG_FATES: 0.0, "below_bound": BELOW_BOUND, "nc1": NC1_IN_PRACTICE}
    if predicted["vanished"]:
        del limits["nc1"]
    beside = {"normalised_mean_gram": _normalised_distance(reached["mean_gram"], predicted["mean_gram"])}
    if setting.objective == "released":
        beside |= _at_nominal_decays(setting, reference, reached)
    return Comparison(
        predicted,
        reached,
        deviations | beside,
        {name: bound for name, bound in limits.items() if name in deviations},
        nc1=found.nc1,
        vanished=tuple(reached["vanished"]),
        accuracy={"train": found.accuracy, "test": accuracy(network, test)},
    )


def _reached(found: Measurement, reference: Reference, network: Classifier, train: Labelled) -> dict[str, Any]:
    """Return the measured quantities under the names of the predicted ones."""
    decays = effective_decays(read(network, train, reference).structure, reference.training)
    return {
        "value": found.value,
        **{name: found.measured[name] for name in GRAMS if name in found.measured},
        "margins": found.measured["margins"],
        "mean_norms": np.diagonal(found.measured["mean_gram"]).tolist(),
        "vanished": found.vanished or [],
        **decays_by_name(*decays),
    }


def _deviations(found: Measurement, reached: dict[str, Any], predicted: dict[str, Any]) -> dict[str, float]:
    """Return the deviations that are no invariants of the claim."""
    deviations = {
        "value": abs(reached["value"] / predicted["value"] - 1),
        "nc1": float("nan") if found.nc1 is None else found.nc1,
        WRONG_FATES: float(len(set(reached["vanished"]) ^ set(predicted["vanished"]))),
    }
    for name in decays_by_name((), 0.0):
        deviations[name] = float(np.abs(np.divide(reached[name], predicted[name]) - 1).max())
    if found.lower_bound is not None:
        deviations["below_bound"] = max(0.0, 1 - reached["value"] / found.lower_bound)
    return deviations


def _relative_distance(got: Any, expected: Any) -> float:
    """Return the Frobenius distance of two matrices, relative to the expected one."""
    return float(np.linalg.norm(np.subtract(got, expected)) / np.linalg.norm(expected))


def _normalised_distance(got: Any, expected: Any) -> float:
    """Return the Frobenius distance of two matrices that are scaled to norm 1; nan if one of them is zero."""
    sizes = np.linalg.norm(got), np.linalg.norm(expected)
    if min(sizes) == 0:
        return float("nan")
    return float(np.linalg.norm(np.divide(got, sizes[0]) - np.divide(expected, sizes[1])))


def _at_nominal_decays(setting: Setting, reference: Reference, reached: dict[str, Any]) -> dict[str, float]:
    """Return the deviations from the prediction for the decays as they are given, not as the objective has them."""
    nominal = reference_of(setting, reference.claim.id, setting.given).predicted
    return {
        f"{name}_at_nominal_decays": _relative_distance(reached[name], nominal[name])
        for name in GRAMS
        if name in reached
    }
