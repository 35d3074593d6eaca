"""The metrics NC1 to NC4 of neural collapse, as the public package ``rhubarbwu/neural-collapse`` defines them.

With class means h̄_k, their unweighted mean h̄ and M the K × d matrix of the rows h̄_k − h̄:

    NC1  tr(Σ_B⁺ Σ_W)/K with Σ_W = (1/N) Σ_i (h_i − h̄_{y_i})(h_i − h̄_{y_i})ᵀ and Σ_B = MᵀM/K;
    NC2  ‖M Mᵀ/‖M Mᵀ‖ − (I − J/K)/√(K − 1)‖, the distance of the means from a simplex ETF;
    NC3  ‖W Mᵀ/‖W Mᵀ‖ − (I − J/K)/√(K − 1)‖, the distance of classifier and means from self-duality;
    NC4  the share of the samples that the classifier and the nearest class mean put into the same class.

All norms are Frobenius norms. NC1 to NC3 vanish and NC4 is 1 at the collapse onto a simplex ETF. The package leaves the
bias of the classifier out of NC4; here the classifier decides with its bias. NC2 and NC3 measure against a simplex ETF
alone: they stay away from zero where theory predicts another structure, as for unequal classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numerics.networks.class_statistics import ClassMeans, Scatter
from numerics.networks.head import Head


def between_directions(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvectors (d × r) and eigenvalues (r) of Σ_B that are not zero, for centred class means (K × d).

    An eigenvalue is zero below d times the rounding of float64 times the largest one, as in a pseudoinverse.
    """
    _, sizes, rows = np.linalg.svd(centred, full_matrices=False)
    values = sizes**2 / len(centred)
    kept = values > centred.shape[1] * np.finfo(float).eps * values.max(initial=0.0)
    return rows[kept].T, values[kept]


def variability(along: np.ndarray, between: np.ndarray, samples: int, classes: int) -> float | None:
    """Return NC1 from the scatter along the eigenvectors of Σ_B and its eigenvalues, or None where all means coincide."""
    return None if len(between) == 0 else float((along / samples / between).sum() / classes)


def distance_from_simplex(gram: np.ndarray) -> float | None:
    """Return the distance of a K × K matrix, scaled to norm 1, from that of a simplex ETF, or None for the zero matrix."""
    size, classes = np.linalg.norm(gram), len(gram)
    if size == 0:
        return None
    simplex = (np.eye(classes) - 1 / classes) / np.sqrt(classes - 1)
    return float(np.linalg.norm(gram / size - simplex))


def collapse_metrics(head: Head, means: ClassMeans, scatter: Scatter, between: np.ndarray) -> dict[str, Any]:
    """Return NC1 to NC4 by name, and the ``accuracy``, from the two passes over the features.

    Arguments:
        head: the classifier.
        means: the first pass.
        scatter: the second pass, along the eigenvectors of Σ_B.
        between: the eigenvalues of Σ_B that are not zero (r).
    """
    samples = int(means.counts.sum())
    return {
        "nc1": variability(scatter.along, between, samples, head.classes),
        "nc2": distance_from_simplex(means.centred @ means.centred.T),
        "nc3": distance_from_simplex(head.product @ means.centred.T),
        "nc4": scatter.agreeing / samples,
        "accuracy": scatter.correct / samples,
    }
