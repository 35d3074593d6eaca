"""Deep linear networks on unconstrained features: the objective that claims on neural collapse share.

The variables are the features H (d_1 × N), the layers W_1, …, W_M (W_M has K rows) and, where asked for, an unregularised
last-layer bias b. With ℓ the cross-entropy, or ½‖z − e_y‖², the objective is

    L = (1/N) Σ_i ℓ(W_M ⋯ W_1 h_i + b, y_i) + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖².
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from theory import symbols as sym
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Number
from theory.neural_collapse.features import CROSS_ENTROPY, MSE, cross_entropy_losses, squared_losses
from theory.neural_collapse.layer_invariants import OF_BIAS, along_classes, along_label_axes
from theory.neural_collapse.layers import DEEPEST, layers, logits
from theory.point import Point
from theory.problem import (
    ClassCounts,
    Parameter,
    PositivePerDimension,
    PositiveReal,
    Problem,
    Variable,
    WholeNumber,
    Widths,
)
from theory.secular import centred_spectrum
from theory.symbols import (
    K,
    M,
    N,
    R,
    decay_product,
    feature_decay,
    layer_decay,
    layer_width,
    n_k,
    nu_k,
)

SETTING = (
    "The columns $y_i$ of $Y$ are the one-hot labels of $N$ samples, $n_k$ of them from class $k$ of $K$. The "
    "features $H$ are variables themselves, and $M$ linear layers lie on top of them."
)
"""What the problem models, in words."""


def deep_linear_problem(fit: str, counts: ClassCounts, with_bias: bool = False) -> Problem:
    """Return the problem with these settings, for depths from 1 to DEEPEST.

    ``fit`` is CROSS_ENTROPY or MSE, ``counts`` the domain of the class counts. With a bias and unequal classes its directions are
    those of the centred labels, whose squared sizes are ``nu_k``.
    """
    spectral = with_bias and not counts.balanced
    sample_losses = {CROSS_ENTROPY: cross_entropy_losses, MSE: squared_losses}[fit]

    def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
        fitted = xp.total(sample_losses(xp, logits(xp, v), data)) / p[N]
        decays = xp.layer_decays(layers(v), p[layer_decay])
        return fitted + decays + p[feature_decay] / 2 * xp.total(xp.column_squares(v.H))

    # The natural size of all singular values: those of a network that fits the largest class, balanced over the factors.
    tied = nu_k if spectral else n_k
    size = (decay_product * tied[1]) ** (1 / (2 * (M + 1)))
    return Problem(
        parameters=_parameters(counts),
        variables=_variables(size, with_bias),
        loss=loss,
        invariants=along_label_axes(size) if spectral else along_classes(size) + (OF_BIAS if with_bias else ()),
        sorted_parameter="class_counts",
        tied=tied,
        bind=_binding(with_bias, spectral),
        data=lambda xp: Point(Y=xp.labels()),
        centred=with_bias and not spectral,
        spectral=spectral,
        labelled=(K, layer_width[M + 1]),
        # From two layers on zero is a local minimum: moving one factor alone changes no logit.
        ramped=lambda values: (layer_decay, feature_decay) if values["depth"] > 1 else (),
        objective=f"{fit}, several linear layers",
    )


def _parameters(counts: ClassCounts) -> tuple[Parameter, ...]:
    return (
        Parameter("class_counts", counts, "samples per class, $n_1, …, n_K$"),
        Parameter("depth", WholeNumber(1, DEEPEST), "number $M$ of linear layers", default=1),
        Parameter(
            "widths",
            Widths("depth"),
            "widths $d_1, …, d_M$ of features and hidden layers",
            default=lambda values: (len(values["class_counts"]),) * values["depth"],
        ),
        Parameter(
            "weight_decay", PositivePerDimension("depth", decay=True), r"weight decays $\lambda_1, …, \lambda_M$"
        ),
        Parameter("feature_decay", PositiveReal(decay=True), r"feature decay $\lambda_H$"),
    )


def _variables(size: sp.Expr, with_bias: bool) -> tuple[Variable, ...]:
    spread = sp.sqrt(K)
    variables = [
        Variable(
            f"W_{i}",
            (layer_width[i + 1], layer_width[i]),
            size / sp.sqrt(layer_decay[i]) / spread,
            exists=lambda values, i=i: i <= values["depth"],
        )
        for i in range(1, DEEPEST + 1)
    ]
    variables.append(Variable("H", (layer_width[1], N), size / sp.sqrt(feature_decay) / sp.sqrt(N)))
    if with_bias:
        variables.append(Variable("b", (K, sp.Integer(1)), sp.Integer(1), offset=True))
    return tuple(variables)


def _binding(with_bias: bool, spectral: bool) -> Callable[[Values], Bindings]:
    """Return the function that binds the symbols of a problem to the values of its parameters."""

    def bind(values: Values) -> Bindings:
        counts, depth = values["class_counts"], values["depth"]
        sides = (*values["widths"], len(counts))
        total = values["feature_decay"]
        for decay in values["weight_decay"]:
            total = total * decay
        return {
            K: len(counts),
            M: depth,
            R: min(*sides, len(counts) - 1 if with_bias else len(counts)),
            N: sum(counts),
            sym.n: counts[0],
            n_k: counts,
            layer_decay: values["weight_decay"],
            feature_decay: values["feature_decay"],
            decay_product: total,
            **({nu_k: centred_spectrum(counts)} if spectral else {}),
            **{layer_width[i]: side for i, side in enumerate(sides, start=1)},
        }

    return bind
