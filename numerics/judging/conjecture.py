"""The structure of trained minimisers where nothing is claimed: singular values, zero classes, norms, angles, the nearest frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.tensors import DTYPE
from numerics.bounds.certificates import Certificate
from numerics.tolerances import INVARIANT
from theory.claim import Claim
from theory.cli.arguments import written_parameters
from theory.point import Point
from theory.problem import Instance, Problem, Variable

SAME = INVARIANT
"""Relative distance at which two numbers count as equal, a size counts as zero, and a Gram matrix counts as that of a frame."""


@dataclass(frozen=True)
class Family:
    """Vectors of a trained point, one for each class or direction, in the order the user gave.

    ``rank`` is the rank of all the vectors together. ``zero`` lists the vectors that are zero, counted from 1.
    ``norms`` are the norms of all vectors. ``cosines`` are the least and the largest cosine between two nonzero
    vectors, or None where there are fewer than two. ``frame`` names the known frame nearest to the Gram matrix, and
    ``distance`` is the relative distance from that frame. ``scatter`` is, for features, the relative distance of the
    samples from their class mean.
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
            shown = (0.0 if i in self.zero else norm for i, norm in enumerate(self.norms, start=1))
            parts.append(f"norms {', '.join(f'{norm:.6g}' for norm in shown)}")
        if self.cosines is not None:
            low, high = self.cosines
            parts.append(
                f"cosines all {_shown(low)}" if high - low <= SAME else f"cosines from {low:.4g} to {high:.4g}"
            )
        near = "it is" if self.distance <= SAME else "the nearest known frame is"
        parts.append(f"{near} {self.frame} (distance {self.distance:.1e})")
        return f"{self.name}: {'; '.join(parts)}"

    def structure(self) -> str:
        """Return the properties that stay while parameters move a little: rank, zero vectors, and the frame if it is a known one."""
        parts = [f"rank {self.rank}"]
        if self.zero:
            parts.append(f"zero: {','.join(map(str, self.zero))}")
        if self.rank and self.scatter is not None and self.scatter > SAME:
            parts.append("scattered within classes")
        parts.append(self.frame if self.distance <= SAME else "no known frame")
        return ", ".join(parts)


@dataclass(frozen=True)
class Matrix:
    """A variable as a whole: its shape, its rank, and its singular values in descending order.

    ``entries`` are the entries of a variable with a single column, such as a bias, in the order the user gave; None for
    other variables.
    """

    name: str
    shape: tuple[int, int]
    rank: int
    singular_values: tuple[float, ...]
    entries: tuple[float, ...] | None

    def says(self) -> str:
        """Return the observations as a sentence."""
        return f"{self.name} ({self.shape[0]}×{self.shape[1]}): {self._seen()}"

    def structure(self) -> str:
        """Return the properties that stay while parameters move a little."""
        if self.entries is None or self.rank == 0:
            return f"rank {self.rank}"
        return "all entries equal" if _alike(self.entries) else "entries differ"

    def _seen(self) -> str:
        if self.rank == 0:
            return "zero"
        if self.entries is None:
            return f"rank {self.rank}; singular values {_grouped(self.singular_values)}"
        if _alike(self.entries):
            return f"all entries {self.entries[0]:.6g}"
        return f"entries {', '.join(f'{entry:.6g}' for entry in self.entries)}"


@dataclass(frozen=True)
class Conjecture:
    """The observations at one trained point: its value, the certified lower bound, each variable, and each family of vectors.

    ``parameters`` are written as a command line takes them.
    """

    parameters: str
    value: float
    certificate: Certificate | None
    variables: tuple[Matrix, ...]
    families: tuple[Family, ...]

    def lines(self) -> list[str]:
        """Return the observations: a line for the parameters, one for the value, and one for each variable and family."""
        bound = "no lower bound applies"
        if self.certificate is not None:
            bound = f"certified within {self.certificate.gap:.1e} (relative) by the {self.certificate.method} bound"
        described = (*self.variables, *self.families)
        return [self.parameters, f"value {self.value:.12g}, {bound}", *(each.says() for each in described)]

    def structure(self) -> dict[str, str]:
        """Return the structure of each variable and family by its name."""
        return {each.name: each.structure() for each in (*self.variables, *self.families)}


def observe(
    claim: Claim, instance: Instance, point: Point, value: float, certificate: Certificate | None
) -> Conjecture:
    """Describe a trained point (variables [rows, columns]) without the use of any claim."""
    problem = claim.problem
    variables = (_matrix(problem, v, point[v.name], instance) for v in problem.active_variables(instance))
    families = tuple(_families(claim, instance, point))
    return Conjecture(written_parameters(claim, instance), value, certificate, tuple(variables), families)


def _matrix(problem: Problem, variable: Variable, array: Float64[Tensor, "r c"], instance: Instance) -> Matrix:
    rows, columns = array.shape
    values = torch.linalg.svdvals(array)
    entries = None
    if variable.shape[1] == 1:
        labelled = problem.is_labelled(variable.shape[0], instance)
        column = _in_user_order(array.T, instance).T if labelled else array
        entries = tuple(column[:, 0].tolist())
    return Matrix(variable.name, (rows, columns), _rank(values), tuple(values.tolist()), entries)


def _in_user_order(vectors: Float64[Tensor, "d K"], instance: Instance) -> Float64[Tensor, "d K"]:
    """Permute columns, one for each entry of the sorted list, back to the order the user gave."""
    count = vectors.shape[1]
    return vectors[:, instance.in_user_order(list(range(count)))] if count == len(instance.order) else vectors


def _families(claim: Claim, instance: Instance, point: Point) -> Iterator[Family]:
    """Yield the families of vectors in which a variable has one vector for each class, direction or sample.

    Hidden units have no identity of their own, so their vectors are left out.
    """
    problem, (samples, counts) = claim.problem, claim.problem.samples
    for variable in problem.active_variables(instance):
        array, (rows, columns) = point[variable.name], variable.shape
        if columns == samples and counts in instance.bindings:
            means, scatter = _class_means(array, instance.bindings[counts])
            yield _described(f"class means of {variable.name}", _in_user_order(means, instance), scatter)
        if problem.is_labelled(columns, instance):
            yield _described(f"columns of {variable.name}", _in_user_order(array, instance))
        if problem.is_labelled(rows, instance) and array.shape[1] > 1:
            yield _described(f"rows of {variable.name}", _in_user_order(array.T, instance))


def _class_means(h: Float64[Tensor, "d N"], counts: Sequence[int]) -> tuple[Float64[Tensor, "d K"], float]:
    """Return the class means, and the relative size of the features less their class means."""
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
    return Family(
        name,
        rank=_rank(torch.linalg.svdvals(vectors)),
        zero=tuple((~alive).nonzero()[:, 0].add(1).tolist()),
        norms=tuple(norms.tolist()),
        cosines=cosines,
        frame=frame,
        distance=distance,
        scatter=scatter,
    )


def _rank(values: Float64[Tensor, " m"]) -> int:
    """Return the number of nonzero singular values. The largest is compared with 1, the others with the largest."""
    return int((values > SAME * values[0]).sum()) if float(values[0]) > SAME else 0


def nearest_frame(gram: Float64[Tensor, "m m"]) -> tuple[str, float]:
    """Return the name of the known frame nearest to the Gram matrix of nonzero vectors, and the relative distance.

    Of several frames that are equally near, the frame with the fewest free numbers is named.
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


def _alike(entries: Sequence[float]) -> bool:
    return max(entries) - min(entries) <= SAME * max(map(abs, entries))


def _grouped(values: Sequence[float]) -> str:
    """Write descending numbers as text; equal numbers are written once, with how many they are."""
    groups: list[list[float]] = []
    for value in values:
        if groups and groups[-1][0] - value <= SAME * values[0]:
            groups[-1].append(value)
        else:
            groups.append([value])
    shown = (f"{0.0 if group[0] <= SAME * values[0] else group[0]:.6g}" for group in groups)
    return ", ".join(n if len(g) == 1 else f"{n} ({len(g)} times)" for n, g in zip(shown, groups, strict=True))
