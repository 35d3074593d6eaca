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
from theory.namespace import ArrayNamespace, Matrix, Measure, Number
from theory.neural_collapse.features import CROSS_ENTROPY, MSE, cross_entropy_losses, squared_losses
from theory.neural_collapse.layer_invariants import OF_BIAS, along_axes, along_classes, label_axes, scatter
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
    tied = nu_k if spectral else n_k
    size = natural_size(tied)
    return Problem(
        parameters=(
            Parameter("class_counts", counts, "samples per class, $n_1, …, n_K$"),
            *network_parameters(lambda values: len(values["class_counts"])),
        ),
        variables=network_variables(size, sp.Integer(1) if with_bias else None),
        loss=network_loss(fit),
        invariants=along_axes(size, label_axes, scatter(size), bias=1 / K)
        if spectral
        else along_classes(size) + (OF_BIAS if with_bias else ()),
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


def network_loss(fit: str, outputs: Callable[[ArrayNamespace, Point], Matrix] = logits) -> Measure:
    """Return the loss of a network, by default a deep linear one. ``fit`` is CROSS_ENTROPY or MSE; ``outputs(xp, v)`` gives the logits."""
    sample_losses = {CROSS_ENTROPY: cross_entropy_losses, MSE: squared_losses}[fit]

    def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
        fitted = xp.total(sample_losses(xp, outputs(xp, v), data)) / p[N]
        decays = xp.layer_decays(layers(v), p[layer_decay])
        return fitted + decays + p[feature_decay] / 2 * xp.total(xp.column_squares(v.H))

    return loss


def natural_size(squares: sp.IndexedBase) -> sp.Expr:
    """Return the size of a factor, its decay divided out, of a balanced network that fits the largest singular value.

    ``squares`` are the squared singular values of what the outputs are compared with.
    """
    return (decay_product * squares[1]) ** (1 / (2 * (M + 1)))


def network_parameters(outputs: Callable[[Values], int]) -> tuple[Parameter, ...]:
    """Return depth, widths and decays. ``outputs(values)`` is the number of outputs, the default of every width."""
    return (
        Parameter("depth", WholeNumber(1, DEEPEST), "number $M$ of linear layers", default=1),
        Parameter(
            "widths",
            Widths("depth"),
            "widths $d_1, …, d_M$ of features and hidden layers",
            default=lambda values: (outputs(values),) * values["depth"],
        ),
        Parameter(
            "weight_decay", PositivePerDimension("depth", decay=True), r"weight decays $\lambda_1, …, \lambda_M$"
        ),
        Parameter("feature_decay", PositiveReal(decay=True), r"feature decay $\lambda_H$"),
    )


def network_variables(size: sp.Expr, bias: sp.Expr | None) -> tuple[Variable, ...]:
    """Return the layers, the features and, unless ``bias`` is None, the last-layer bias, whose natural unit ``bias`` is."""
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
    if bias is not None:
        variables.append(Variable("b", (K, sp.Integer(1)), bias, offset=True))
    return tuple(variables)


def network_bindings(values: Values, outputs: int, largest_rank: int) -> Bindings:
    """Return the values of depth, rank, widths and decays.

    ``outputs`` is the number of outputs, and ``largest_rank`` the largest rank that what they are compared with has.
    """
    sides = (*values["widths"], outputs)
    total = values["feature_decay"]
    for decay in values["weight_decay"]:
        total = total * decay
    return {
        K: outputs,
        M: values["depth"],
        R: min(*sides, largest_rank),
        layer_decay: values["weight_decay"],
        feature_decay: values["feature_decay"],
        decay_product: total,
        **{layer_width[i]: side for i, side in enumerate(sides, start=1)},
    }


def _binding(with_bias: bool, spectral: bool) -> Callable[[Values], Bindings]:
    """Return the function that binds the symbols of a problem to the values of its parameters."""

    def bind(values: Values) -> Bindings:
        counts = values["class_counts"]
        classes = len(counts)
        return {
            **network_bindings(values, classes, classes - 1 if with_bias else classes),
            N: sum(counts),
            sym.n: counts[0],
            n_k: counts,
            **({nu_k: centred_spectrum(counts)} if spectral else {}),
        }

    return bind
