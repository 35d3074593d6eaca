"""Elimination of a variable in which the loss is quadratic: the least value over it is exact, so that a descent moves the others alone.

For a squared loss the descent then takes a twentieth of the iterations (variable projection, Golub and Pereyra 1973). Whether a
loss is quadratic in a variable is seen from the loss itself, at random points.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from numerics.training.layout import Layout, draw

QUADRATIC = 1e-9
"""Share of the gradient up to which that of a quadratic function with the curvatures found must agree with it at random points.
Rounding leaves 1e-13 of it, and a loss of another kind differs by a tenth or more."""
PROBED_AT = (1.0, 3.0)
"""Sizes of the random points, in units of a start. They lie apart, so that a loss which is quadratic near one of them is found out."""

Loss = Callable[[Float64[Tensor, "B n"]], Float64[Tensor, " B"]]


class FullObjective(Protocol):
    """The loss of all variables, of which one is eliminated."""

    layout: Layout
    starts: int

    def at(self, runs: Int64[Tensor, " B"]) -> Loss: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Place:
    """Where the entries of a variable stand in a packed point.

    ``first`` is the first of them, ``shape`` the variable's numbers of rows and columns. ``by_rows`` tells to read the variable as its
    rows, which then are the columns of its transpose; r and c count the rows and columns of what is read.
    """

    first: int
    shape: tuple[int, int]
    by_rows: bool

    @property
    def entries(self) -> int:
        return self.shape[0] * self.shape[1]

    def rest(self, x: Float64[Tensor, "B n"]) -> Float64[Tensor, "B m"]:
        """Return the entries of the other variables."""
        return torch.cat([x[:, : self.first], x[:, self.first + self.entries :]], 1)

    def own(self, x: Float64[Tensor, "B n"]) -> Float64[Tensor, "B r c"]:
        """Return the variable of packed points."""
        own = x[:, self.first : self.first + self.entries].reshape(-1, *self.shape)
        return own.mT if self.by_rows else own

    def joined(self, rest: Float64[Tensor, "B m"], own: Float64[Tensor, "B r c"]) -> Float64[Tensor, "B n"]:
        """Return the points with these entries of the variable and of the others."""
        own = own.mT if self.by_rows else own
        return torch.cat([rest[:, : self.first], own.flatten(1), rest[:, self.first :]], 1)

    def gradient(
        self, loss: Loss, rest: Float64[Tensor, "B m"], own: Float64[Tensor, "B r c"]
    ) -> Float64[Tensor, "B r c"]:
        """Return the gradients in the variable."""
        with torch.enable_grad():
            at = own.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(loss(self.joined(rest, at)).sum(), at)
        return gradient


@dataclass(frozen=True)
class Eliminated:
    """A variable in which a loss is quadratic, with the same curvature matrix for all its columns up to a factor each.

    ``factors`` [I, c] are those of the columns for each instance.
    """

    place: Place
    factors: Float64[Tensor, "I c"]

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns of the variable as it is read."""
        rows, columns = self.place.shape
        return (columns, rows) if self.place.by_rows else (rows, columns)

    def probing(self, objective: FullObjective, runs: Int64[Tensor, " B"]) -> Loss:
        """Return the loss of these runs at the points of a model: each run once where the variable is zero, then at the probes."""
        rows, columns = self.shape
        return objective.at(runs.repeat(1 + math.ceil(rows / columns)))

    def model(
        self, probing: Loss, rest: Float64[Tensor, "B m"], factors: Float64[Tensor, "B c"]
    ) -> tuple[Float64[Tensor, "B r c"], Float64[Tensor, "B r r"]]:
        """Return the gradients where the variable is zero, and the curvature matrices of columns with the factor 1.

        One evaluation of the ``probing`` loss gives all gradients: for a few runs an evaluation costs as much as for many.
        """
        rows, columns = self.shape
        unit = torch.eye(rows, dtype=rest.dtype, device=rest.device)
        parts = [torch.nn.functional.pad(part, (0, columns - part.shape[1])) for part in unit.split(columns, 1)]
        own = torch.stack([torch.zeros_like(parts[0]), *parts])[:, None].expand(-1, len(rest), -1, -1)
        gradients = self.place.gradient(probing, rest.repeat(len(own), 1), own.flatten(0, 1))
        at_zero, *others = gradients.unflatten(0, own.shape[:2])
        curvature = torch.cat([(gradient - at_zero) / factors[:, None] for gradient in others], 2)
        return at_zero, curvature[..., :rows]

    def best(
        self, probing: Loss, rest: Float64[Tensor, "B m"], factors: Float64[Tensor, "B c"]
    ) -> Float64[Tensor, "B r c"]:
        """Return the variable that minimises the loss beside the others; nan where the curvature is not positive."""
        rest = rest.detach()
        at_zero, curvature = self.model(probing, rest, factors)
        factor, failed = torch.linalg.cholesky_ex(curvature)
        solved = -torch.cholesky_solve(at_zero / factors[:, None], factor)
        return torch.where(failed[:, None, None] == 0, solved, torch.nan)

    def is_exact(self, loss: Loss, probing: Loss, x: Float64[Tensor, "I n"]) -> bool:
        """Tell whether the curvature is positive and the gradient that of the quadratic function, at one point of every instance."""
        rest, own = self.place.rest(x), self.place.own(x)
        at_zero, curvature = self.model(probing, rest, self.factors)
        gradient = self.place.gradient(loss, rest, own)
        far = (at_zero + curvature @ own * self.factors[:, None] - gradient).flatten(1).norm(dim=1)
        agrees = far <= QUADRATIC * gradient.flatten(1).norm(dim=1)
        return bool((agrees & (torch.linalg.cholesky_ex(curvature).info == 0)).all())


@dataclass(frozen=True)
class _Entries:
    """The bounds of the entries that are left."""

    bounded: Bool[Tensor, " m"]


class Reduced:
    """The least loss over an eliminated variable, as a function of the others.

    Its gradient is that of the loss at the best value of the variable, which therefore is held while it is taken.
    """

    def __init__(self, objective: FullObjective, eliminated: Eliminated) -> None:
        self.objective, self.eliminated = objective, eliminated
        self.layout = _Entries(eliminated.place.rest(objective.layout.bounded[None])[0])

    def at(self, runs: Int64[Tensor, " B"]) -> Loss:
        """Return the least loss of these runs, to be called with one point of the other variables each."""
        eliminated, factors = self.eliminated, self._factors(runs)
        loss, probing = self.objective.at(runs), eliminated.probing(self.objective, runs)

        def least(rest: Tensor) -> Tensor:
            return loss(eliminated.place.joined(rest, eliminated.best(probing, rest, factors)))

        return least

    def rest(self, x: Float64[Tensor, "B n"]) -> Float64[Tensor, "B m"]:
        """Return the entries that are left of points of all variables."""
        return self.eliminated.place.rest(x)

    def whole(self, rest: Float64[Tensor, "B m"], runs: Int64[Tensor, " B"]) -> Float64[Tensor, "B n"]:
        """Return the points of all variables."""
        probing = self.eliminated.probing(self.objective, runs)
        best = self.eliminated.best(probing, rest, self._factors(runs))
        return self.eliminated.place.joined(rest, best)

    def _factors(self, runs: Int64[Tensor, " B"]) -> Float64[Tensor, "B c"]:
        return self.eliminated.factors[runs // self.objective.starts]


def find_eliminated(objective: FullObjective) -> Eliminated | None:
    """Return the largest unbounded variable in which the loss is quadratic with one curvature for all columns, or all rows, up to factors.

    Of two equally large ones it is that whose factors are spread further. None where there is no such variable, or no other
    variable beside it.
    """
    layout = objective.layout
    runs = torch.arange(len(objective), device=layout.bounded.device) * objective.starts
    loss, generator = objective.at(runs), torch.Generator().manual_seed(0)
    points = [size * draw(generator, len(runs), layout) for size in PROBED_AT]
    for _, places in itertools.groupby(_places(layout), key=lambda place: place.entries):
        candidates = [Eliminated(p, _factors(p, loss, points[0])) for p in places if _is_quadratic(p, loss, points[0])]
        candidates.sort(key=lambda candidate: -_spread(candidate.factors))
        for candidate in candidates:
            probing = candidate.probing(objective, runs)
            if all(candidate.is_exact(loss, probing, x) for x in points):
                return candidate
    return None


def _places(layout: Layout) -> list[Place]:
    """Return the unbounded variables beside which there are others, by rows and by columns, the largest first."""
    places, first = [], 0
    for shape, length in zip(layout.shapes, layout.lengths, strict=True):
        if not bool(layout.bounded[first : first + length].any()) and length < len(layout.bounded):
            # One curvature matrix for many columns is cheaper than a large one for few.
            places += [Place(first, shape, by_rows) for by_rows in (shape[0] > shape[1], shape[0] <= shape[1])]
        first += length
    return sorted(places, key=lambda place: -place.entries)


def _is_quadratic(place: Place, loss: Loss, x: Float64[Tensor, "I n"]) -> bool:
    """Tell whether the gradient grows linearly along the variable, at one point of every instance."""
    rest, own = place.rest(x), place.own(x)
    zero, once, twice = (place.gradient(loss, rest, size * own).flatten(1) for size in (0.0, 1.0, 2.0))
    return bool(((twice - 2 * once + zero).norm(dim=1) <= QUADRATIC * twice.norm(dim=1)).all())


def _factors(place: Place, loss: Loss, x: Float64[Tensor, "I n"]) -> Float64[Tensor, "I c"]:
    """Return the curvatures along the entries in the first row of a variable, as multiples of the first."""
    rest = place.rest(x)
    zero = torch.zeros_like(place.own(x))
    ones = zero.clone()
    ones[:, 0] = 1.0
    curved = (place.gradient(loss, rest, ones) - place.gradient(loss, rest, zero))[:, 0]
    return curved / curved[:, :1]


def _spread(factors: Float64[Tensor, "I c"]) -> float:
    """Return the largest ratio of two factors, 1 where they are not all positive."""
    return float((factors.amax(1) / factors.amin(1)).max()) if bool((factors > 0).all()) else 1.0
