"""Linear VAEs with one level, direction by direction: the model, its diagonal points, and the reduction of the loss to directions.

In direction k let θ be the standard deviation of the data, ω the decoder's entry and v the encoder's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from theory.algebra import SymbolicArrays, SymbolicMatrix, sum_over
from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse.linear_gaussian import OfPoint
from theory.problem import Problem
from theory.proof import Identity, Prediction, StepRecorder, StructuredPoint
from theory.symbols import D, eta_dec, indexed, k, positive


def given_variance(xp: ArrayNamespace, v: Point, p: Bindings) -> Number:
    """Return η_dec², which is a parameter."""
    return p[eta_dec] ** 2


Diagonals = Mapping[str, sp.Expr]
"""Variables that are diagonal matrices: the k-th entry by the name of the variable, written in ω and v."""

deviation, omega = positive("theta"), positive("omega")
v = sp.Symbol("v", real=True)


@dataclass(frozen=True)
class LinearVAE:
    """A linear VAE with one level.

    ``decoder`` and ``encoder`` name the variables, and ``deviation`` is the standard deviation of the data along direction k,
    written in the parameters of the problem. ``others`` are the further variables at the minimiser, besides a root of the
    posterior covariance. ``numbers`` are variables with one entry, and ``decoder_variance`` is the variance of the decoder.
    """

    problem: Problem
    decoder: str
    encoder: str
    deviation: sp.Expr
    others: Diagonals = field(default_factory=dict)
    numbers: Mapping[str, sp.Expr] = field(default_factory=dict)
    decoder_variance: OfPoint = given_variance
    xp: SymbolicArrays = field(default_factory=lambda: SymbolicArrays(D), init=False)

    def at(self, decoder: sp.Expr, encoder: sp.Expr, others: Diagonals) -> Point:
        """Return the point with diagonal matrices of these entries; ``others`` are the further variables."""
        here = {omega: decoder, v: encoder}
        entries = {self.decoder: decoder, self.encoder: encoder}
        entries |= {name: entry.subs(here) for name, entry in others.items()}
        matrices = {name: SymbolicMatrix.diag(self.xp.size, entry) for name, entry in entries.items()}
        numbers = {name: SymbolicMatrix.diag(sp.Integer(1), number) for name, number in self.numbers.items()}
        return Point(matrices, **numbers)

    def without_others(self, prediction: Prediction) -> Prediction:
        """Return a prediction of a minimiser without ``others``: in general they are what the data make of them, and not diagonal."""
        kept = {name: formula for name, formula in prediction.minimiser.items() if name not in self.others}
        return replace(prediction, minimiser=kept)


def reduce_to_directions(record: StepRecorder, model: LinearVAE, direction: sp.Expr, others: Diagonals) -> None:
    """Prove that at diagonal variables the loss is the sum of ``direction`` over the directions.

    ``others`` are the further variables. They and ``direction`` are written in θ, ω and v.
    """
    here = {
        deviation: model.deviation,
        omega: indexed("omega_dir", positive=True)[k],
        v: indexed("v_dir", real=True)[k],
    }
    record(
        Identity(
            "reduction",
            "With all matrices diagonal the loss is the sum of one-direction objectives.",
            StructuredPoint(model.problem, model.xp, model.at(here[omega], here[v], others), {}).loss(),
            sum_over(direction.subs(here), k, D),
        )
    )
