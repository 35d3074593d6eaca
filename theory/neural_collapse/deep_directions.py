"""The directions of deep linear MSE networks: the scalar problem of each, its minimiser, and layers of balanced size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy as sp
from sympy.logic.boolalg import Boolean

from theory.algebra import SymbolicLayers, SymbolicMatrix
from theory.namespace import Row
from theory.neural_collapse.layers import product
from theory.point import Point
from theory.proof import ALIVE, Step, StepRecorder, SumOfSquares, Threshold
from theory.results import Axes, Decides, Letter, Measured, Minimised, Read, Reading, Result
from theory.scalar import DeepMinimum, minimise_deep_direction
from theory.symbols import K, M, N, R, decay_product, feature_decay, indexed, k, layer, layer_decay, n_k, positive

count, q = positive("n"), positive("q")
"""Along one direction: the squared singular value of the labels, which is a class count, and the singular value of the product."""


@dataclass(frozen=True)
class Readers:
    """Functions that measure the singular values of the product, their ratios to those of the labels, and λ_l σ² of every layer."""

    singular_values: Read
    relative: Read
    shares: Read


def _readers(directions: sp.Expr, counts: sp.IndexedBase) -> Readers:
    """Return what measures so many directions, whose squared singular values of the labels are ``counts``."""

    def first(row: Row, reading: Reading) -> Row:
        """Return the entries of the directions: with a bias there is one fewer than there are classes."""
        return row[..., : int(directions.subs(K, reading.p[K]))]

    def shares(reading: Reading) -> Row:
        return first(reading.invariants["layer_spectra"], reading) * reading.p[layer_decay][..., None]

    def singular_values(reading: Reading) -> Row:
        return first(reading.xp.singular_values(product(reading.xp, reading.v), reading.p[K]), reading)

    def relative(reading: Reading) -> Row:
        return singular_values(reading) / first(reading.p[counts], reading) ** 0.5

    return Readers(singular_values, relative, shares)


@dataclass(frozen=True)
class Directions:
    """The scalar problems of all directions, with their minimisers.

    ``best`` is the minimiser, written in ``count`` and ``q``, and ``steps`` prove it. ``counts`` are the squared singular values of
    the labels, one a direction.
    """

    best: DeepMinimum
    steps: tuple[Step, ...]
    counts: sp.IndexedBase

    def objective(self, value: sp.Expr) -> sp.Expr:
        """Return the objective of direction k at a singular value."""
        return self.best.function.subs({q: value, count: self.counts[k]})

    def minimum(self, samples: sp.Expr, index: sp.Expr) -> sp.Expr:
        """Return the predicted singular value of the direction with that many samples."""
        alive = sp.sqrt(samples) * self.best.factor.subs(count, samples)
        return sp.Piecewise((alive, ALIVE[index] > 0), (sp.Integer(0), True))

    def singular_value(self, alive: Boolean, samples: sp.Expr, symbol: sp.Expr) -> Letter:
        """Return the letter for the predicted singular value of a direction with that many samples, zero unless ``alive``."""
        value = sp.sqrt(samples) * self.best.factor.subs(count, samples)
        return Letter(
            symbol, sp.Piecewise((value, alive), (sp.Integer(0), True)), says="the singular value of the product"
        )

    def penalties(self, singular_value: sp.Expr) -> sp.Expr:
        """Return the sum of the decay terms of K directions, balanced over the factors."""
        return sp.Sum(self.best.penalty.subs(q, singular_value), (k, 1, K))

    def threshold(self, kept: sp.Expr, directions: sp.Expr = K) -> Threshold:
        """Return the threshold of so many directions, of which the rank lets no more than ``kept`` live."""
        ratio = self.best.ratio.subs(count, self.counts[k])
        return Threshold(ratio, k, directions, tuned="feature_decay", within_rank=k <= kept, jump=M > 1)

    def named(self, directions: sp.Expr = K) -> dict[str, Result]:
        """Return the results that statements refer to, for so many directions."""
        of_k, axes, size = {count: self.counts[k]}, ((k, directions),), sp.sqrt(self.counts[k])
        measured = _readers(directions, self.counts)
        return {
            "singular_value": Measured(
                size * self.best.factor.subs(of_k),
                measured.singular_values,
                axes,
                where=sp.And(k <= R, self.best.ratio.subs(of_k) > 1),
                unit=size,
            ),
            "critical_count": Decides(self.best.critical.subs(of_k), lambda critical: self.counts[k] / critical),
            "jump": Measured(self.best.jump, measured.relative, axes, where=k <= R, at_threshold=True),
            "share": self._share(axes, measured),
            "objective": Minimised(self.best.function.subs(of_k), q, measured.singular_values, axes, where=k <= R),
        }

    def _share(self, axes: Axes, measured: Readers) -> Measured:
        """Return λ_l σ² for the singular value σ of every layer, in that of the product."""
        q_k = indexed("q", nonnegative=True)
        return Measured(
            decay_product ** (1 / (M + 1)) * q_k[k] ** (2 / (M + 1)),
            measured.shares,
            ((layer, M), *axes),
            unit=(decay_product * self.counts[1]) ** (1 / (M + 1)),
            given={q_k: measured.singular_values},
        )


def minimised_directions(counts: sp.IndexedBase = n_k) -> Directions:
    """Reduce the loss along each direction to a scalar problem, and minimise it, at every depth."""
    best, steps = _one_direction()
    return Directions(best, steps, counts)


@cache
def _one_direction() -> tuple[DeepMinimum, tuple[Step, ...]]:
    """Minimise one direction, once for all claims, and record why the decay terms have the form they have."""
    record = StepRecorder()
    best = minimise_deep_direction(record, count, N, decay_product, M, q)
    record_balanced_factors(record)
    return best, tuple(record.steps)


def record_balanced_factors(record: StepRecorder) -> None:
    """Record why all factors of one direction share λ σ²: at a fixed product the sum of the decay terms is smallest."""
    x, y = sp.symbols("x y", positive=True)
    record(
        SumOfSquares(
            "balanced factors",
            r"Moving two factors of a fixed product together, $x = \lambda\sigma^2$, $y = \lambda'\sigma'^2$, lowers the sum of "
            r"their decay terms until $x = y$.",
            (x + y) / 2 - sp.sqrt(x * y),
            ((sp.Rational(1, 2), sp.sqrt(x) - sp.sqrt(y)),),
        )
    )


def balanced_layers(q: sp.Expr, frame: SymbolicMatrix, samples: sp.Expr) -> Point:
    """Return W_l = √(μ/λ_l) F and H = √(μ/(λ_H n)) F with μ = Λ^(1/(M+1)) q^(2/(M+1)), the same for all factors."""
    root = decay_product ** (1 / (2 * (M + 1))) * q ** (1 / (M + 1))
    size = root / sp.sqrt(feature_decay * samples)
    h = SymbolicMatrix(frame.size, size * frame.diagonal, tuple((size * a, b) for a, b in frame.rank_one))
    return Point(layers=SymbolicLayers(root, frame, M, layer_decay, decay_product / feature_decay), H=h)
