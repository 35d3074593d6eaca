"""What trained minimisers look like where nothing is claimed: ranks, zero classes, norms, angles, and the nearest known frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.arrays import DTYPE
from numerics.certificates import Certificate
from numerics.tolerances import INVARIANT
from theory.claim import Claim
from theory.problem import Instance
from theory.symbols import D, K, M, N, layer_width, n_k

SAME = INVARIANT
"""Relative distance at which numbers count as equal, a size as zero, and a Gram matrix as that of a frame."""


@dataclass(frozen=True)
class Family:
    """Vectors, one a class or direction, as a trained point has them.

    ``rank``: of all of them together. ``zero``: which are zero, from 1. ``norms``: of all. ``cosines``: least and largest one
    between two that are not zero, None where there are fewer than two. ``frame``: the known frame nearest to the Gram matrix,
    and ``distance`` from it, relative. ``scatter``: how far samples lie from their class mean, relative, for features.
    """

    name: str
    rank: int
    zero: tuple[int, ...]
    norms: tuple[float, ...]
    cosines: tuple[float, float] | None
    frame: str
    distance: float
    scatter: float | None

    def says(self) -> str:
        """Return the observations as a sentence."""
        parts = [f"rank {self.rank}"]
        if self.scatter is not None:
            parts.append(
                "equal within each class" if self.scatter <= SAME else f"scatter within classes {self.scatter:.1e}"
            )
        if self.zero:
            parts.append(f"zero: {', '.join(map(str, self.zero))}")
        alive = [norm for i, norm in enumerate(self.norms, start=1) if i not in self.zero]
        if alive and max(alive) - min(alive) <= SAME * max(alive):
            parts.append(f"norms all {alive[0]:.6g}")
        elif alive:
            parts.append(f"norms {', '.join(f'{norm:.6g}' for norm in self.norms)}")
        if self.cosines is not None:
            low, high = self.cosines
            parts.append(
                f"cosines all {_shown(low)}" if high - low <= SAME else f"cosines from {low:.4g} to {high:.4g}"
            )
        near = "it is" if self.distance <= SAME else "the nearest known frame is"
        parts.append(f"{near} {self.frame} (distance {self.distance:.1e})")
        return f"{self.name}: {'; '.join(parts)}"


@dataclass(frozen=True)
class Conjecture:
    """What one trained point shows: its value, what is certified below it, and each family of vectors."""

    instance: Instance
    value: float
    certificate: Certificate | None
    families: tuple[Family, ...]

    def lines(self) -> list[str]:
        parameters = " ".join(f"{name}={_written(value)}" for name, value in self.instance.values.items())
        bound = "no lower bound applies"
        if self.certificate is not None:
            bound = f"certified within {self.certificate.gap:.1e} (relative) by the {self.certificate.method} bound"
        return [parameters, f"value {self.value:.12g}, {bound}", *(family.says() for family in self.families)]


def observe(
    claim: Claim, instance: Instance, point: SimpleNamespace, value: float, certificate: Certificate | None
) -> Conjecture:
    """Describe a trained point (variables [rows, columns]) without any claim about it."""
    return Conjecture(instance, value, certificate, tuple(_families(claim, instance, point)))


def _families(claim: Claim, instance: Instance, point: SimpleNamespace) -> Iterator[Family]:
    """Describe what a variable has one of for each class, direction or sample; hidden units have no names of their own."""
    labelled = {K, D}
    if M in instance.bindings:
        labelled.add(layer_width[instance.bindings[M] + 1])  # the side of the last layer
    for variable in claim.problem.active_variables(instance):
        array, (rows, columns) = getattr(point, variable.name), variable.shape
        if columns == N:
            means, scatter = _class_means(array, instance.bindings[n_k])
            yield _described(f"class means of {variable.name}", means, scatter)
        if columns in labelled:
            yield _described(f"columns of {variable.name}", array)
        if rows in labelled and array.shape[1] > 1:
            yield _described(f"rows of {variable.name}", array.T)


def _class_means(h: Float64[Tensor, "d N"], counts: Sequence[int]) -> tuple[Float64[Tensor, "d K"], float]:
    """The class means, and the relative size of what is left when they are taken off."""
    parts = h.split([int(count) for count in counts], 1)
    means = torch.stack([part.mean(1) for part in parts], 1)
    left = torch.cat([part - part.mean(1, keepdim=True) for part in parts], 1)
    return means, float(left.norm() / h.norm().clamp(min=1e-300))


def _described(name: str, vectors: Float64[Tensor, "d K"], scatter: float | None = None) -> Family:
    norms = vectors.norm(dim=0)
    largest = float(norms.max())
    alive = norms > SAME * largest if largest > SAME else torch.zeros_like(norms, dtype=torch.bool)
    kept = vectors[:, alive]
    cosines = None
    if kept.shape[1] > 1:
        unit = kept / kept.norm(dim=0)
        between = (unit.T @ unit)[~torch.eye(kept.shape[1], dtype=torch.bool)]
        cosines = float(between.min()), float(between.max())
    frame, distance = nearest_frame(kept.T @ kept)
    values = torch.linalg.svdvals(vectors)
    return Family(
        name,
        rank=int((values > SAME * values[0]).sum()) if bool(alive.any()) else 0,
        zero=tuple((~alive).nonzero()[:, 0].add(1).tolist()),
        norms=tuple(norms.tolist()),
        cosines=cosines,
        frame=frame,
        distance=distance,
        scatter=scatter,
    )


def nearest_frame(gram: Float64[Tensor, "m m"]) -> tuple[str, float]:
    """Return the name of the known frame nearest to the Gram matrix of vectors that are not zero, and the relative distance.

    Of frames equally near the one with fewer free numbers is named.
    """
    size = len(gram)
    if size == 0:
        return "zero", 0.0
    lengths = gram.diagonal().sqrt()
    if size == 1:
        return "a single vector", 0.0
    identity = torch.eye(size, dtype=DTYPE)
    simplex = (size * identity - 1) / (size - 1)  # unit vectors with cosines −1/(m − 1)
    mean = gram.diagonal().mean()
    between = (gram.sum() - gram.trace()) / (size * (size - 1))
    candidates = {
        "an orthogonal frame": mean * identity,
        "a simplex ETF": mean * simplex,
        "a general orthogonal frame": torch.diag(gram.diagonal()),
        "one vector for all": mean * torch.ones_like(gram),
        "a simplex with unequal lengths": torch.outer(lengths, lengths) * simplex,
        "vectors of equal norms and angles": mean * identity + between * (1 - identity),
    }
    distances = {name: float((gram - frame).norm() / gram.norm()) for name, frame in candidates.items()}
    best = min(distances.values())
    return next((name, d) for name, d in distances.items() if d <= max(SAME, best))


def _shown(cosine: float) -> str:
    return f"{0.0 if abs(cosine) <= SAME else cosine:.6g}"


def _written(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
