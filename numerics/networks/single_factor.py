"""The single factor that explains a departure from the theory: a scale of the features or of a layer, or one decay."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from numerics.networks.applicable_claim import Training, applicable
from numerics.networks.comparison import SCATTER, Compared, common_factor, compare
from numerics.networks.structure import Structure, effective_decays
from theory.claim import Claim
from theory.errors import ParameterError
from theory.problem import Instance

ONE_FACTOR = 1e-2
"""Share of an invariant that may remain once it is divided by one factor, where the factor explains the deviation."""


@dataclass(frozen=True)
class Factor:
    """A quantity that is ``by`` times what theory predicts, or than was given; ``says`` tells so in words.

    ``explains`` says whether everything agrees once the quantity is divided by the factor.
    """

    what: str
    by: float
    explains: bool
    says: str


def single_factor(
    claim: Claim, instance: Instance, structure: Structure, training: Training, compared: Compared
) -> Factor:
    """Return the single factor that leaves the smallest deviation, or the common factor of the invariant that deviates most.

    Tried are a scale of the features, a scale of each layer, and each decay: the decay at which the measured point
    would be stationary along the scale of its factor.
    """
    tried = [
        (other.worst[1], not other.agrees, factor)
        for factor, other in _explanations(claim, instance, structure, training, compared)
    ]
    if tried:
        remaining, departs, factor = min(tried, key=lambda each: each[:2])
        if not departs:
            return factor
    name, deviation = compared.worst
    if name == SCATTER:
        said = f"features differ within classes, by {deviation:.2g} of the squared norm of all features"
        return Factor(name, float("nan"), False, said)
    by, remaining = common_factor(compared.measured[name], compared.predicted[name])
    if remaining <= ONE_FACTOR:
        return Factor(name, by, False, f"all of {name} is {by:.4g} times the predicted one")
    return Factor(name, by, False, f"{name} deviates by {deviation:.2g}, by no single factor")


def _explanations(
    claim: Claim, instance: Instance, structure: Structure, training: Training, compared: Compared
) -> Iterator[tuple[Factor, Compared]]:
    """Yield each single factor with the comparison that is left once it is taken out."""
    telling = claim.problem.telling
    if telling not in compared.predicted:
        of_features = structure.imbalance(training)
    else:
        of_features = _root(common_factor(compared.measured[telling], compared.predicted[telling])[0])
    if of_features is not None:
        said = f"features are {of_features:.4g} times as large as predicted"
        left = structure.scaled({}, 1 / of_features)
        yield Factor("features", of_features, True, said), compare(claim, instance, left, training)
    for number, by in enumerate(_layer_scales(structure, compared)):
        if by is not None:
            name = "weight" if len(structure.head.layers) == 1 else f"weight_{number + 1}"
            said = f"{name} is {by:.4g} times as large as predicted"
            yield (
                Factor(name, by, True, said),
                compare(claim, instance, structure.scaled({number: 1 / by}, 1.0), training),
            )
    yield from _other_decays(structure, training)


def _root(square: float) -> float | None:
    return math.sqrt(square) if math.isfinite(square) and square > 0 else None


def _layer_scales(structure: Structure, compared: Compared) -> list[float | None]:
    """Return the factor of each layer, from the invariant that holds its squared singular values."""
    if "layer_spectra" in compared.predicted:
        got, expected = compared.measured["layer_spectra"], compared.predicted["layer_spectra"]
        return [_root(common_factor(got[:, i], expected[:, i])[0]) for i in range(got.shape[1])]
    if "classifier_gram" in compared.predicted:
        name = "classifier_gram"
        return [_root(common_factor(compared.measured[name], compared.predicted[name])[0])]
    return [None] * len(structure.head.layers)


def _other_decays(structure: Structure, training: Training) -> Iterator[tuple[Factor, Compared]]:
    layers, features = effective_decays(structure, training)
    several = len(layers) > 1
    candidates: list[tuple[str, float, float, int | None]] = [
        (f"weight_decay of layer {i + 1}" if several else "weight_decay", training.weight_decay[i], decay, i)
        for i, decay in enumerate(layers)
    ]
    candidates.append(("feature_decay", training.feature_decay, features, None))
    if several and max(layers) > 0:
        candidates.append(("weight_decay", training.weight_decay[0], float(np.mean(layers)), -1))
    for name, given, decay, number in candidates:
        weights = list(training.weight_decay)
        if number is not None:
            weights = [decay if number in (i, -1) else old for i, old in enumerate(weights)]
        other = dataclasses.replace(
            training,
            weight_decay=tuple(weights),
            feature_decay=decay if number is None else training.feature_decay,
        )
        if not (math.isfinite(decay) and decay > 0):
            continue
        try:
            found = applicable(other, structure.head, structure.counts.tolist())
        except ParameterError:
            continue
        if found is not None:
            said = f"the network is trained with a {name} of {decay:.4g}, and {given:.4g} is given"
            yield Factor(name, given / decay, True, said), compare(*found, structure, other)
