"""The invariants of deep linear networks: along the axes of the classes, or along those of the centred labels."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Layers, Matrix
from theory.neural_collapse.features import mean_features, mean_gram, within_class_scatter
from theory.neural_collapse.layers import layers, product
from theory.point import Point
from theory.problem import Invariant
from theory.symbols import K, M, feature_decay, layer, layer_decay, n_k

i = sp.Symbol("i", integer=True, positive=True)
"""The index of a product over layers."""


def above(size: sp.Expr) -> sp.Expr:
    """Return the natural size of P_l P_lᵀ, P_l = W_M ⋯ W_l, in a network whose factors all have the ``size``."""
    return size ** (2 * (M - layer + 1)) / sp.Product(layer_decay[i], (i, layer, M))


def mean_product(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """The class means of W_M ⋯ W_1 H."""
    return xp.class_means(product(xp, v), data.Y)


def along_classes(size: sp.Expr) -> tuple[Invariant, ...]:
    """Return the invariants along the axes of the classes; ``size`` is that of every factor once decays are divided out."""

    def from_top(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Layers:
        return xp.top_grams(layers(v))

    def from_features(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Layers:
        return xp.bottom_grams(layers(v), mean_features(xp, v, data))

    return (
        Invariant(
            "mean_gram",
            r"$\bar H^T \bar H$",
            mean_gram,
            unit=size**2 / feature_decay / n_k[1],
            shows_collapse=True,
        ),
        Invariant(
            "classifier_grams",
            r"$P_l P_l^T$ with $P_l = W_M \cdots W_l$, for each layer $l$",
            from_top,
            unit=above(size),
        ),
        Invariant(
            "feature_grams",
            r"$B_l^T B_l$ with $B_l = W_l \cdots W_1 \bar H$, for each layer $l$",
            from_features,
            unit=size ** (2 * layer + 2) / (feature_decay * n_k[1] * sp.Product(layer_decay[i], (i, 1, layer))),
        ),
        Invariant(
            "layer_spectra",
            "eigenvalues of $W_l W_l^T$, for each layer $l$",
            lambda xp, v, data, p: xp.layer_spectra(layers(v), data.Y),
            kind="spectrum",
            symbol=r"\mu_k(W_l W_l^T)",
            unit=size**2 / layer_decay[layer],
        ),
        Invariant("mean_product", r"class means of $W_M \cdots W_1 H$", mean_product, symbol=r"\bar Z"),
        scatter(size),
    )


def scatter(size: sp.Expr) -> Invariant:
    """Return the scatter within classes."""
    return Invariant(
        "within_class_scatter",
        r"$\sum_i \|h_i - \bar h_{y_i}\|^2$",
        within_class_scatter,
        kind="scalar",
        unit=size**2 / feature_decay,
    )


Axes = Callable[[ArrayNamespace, Point, Bindings], tuple[Matrix, Matrix]]
"""``axes(xp, data, p)`` gives left and right singular vectors U and V of the centred labels or targets."""


def label_axes(xp: ArrayNamespace, data: Point, p: Bindings) -> tuple[Matrix, Matrix]:
    """Return the singular vectors of the centred labels; those in V are constant on every class."""
    return xp.label_axes(data.Y)


def along_axes(
    size: sp.Expr, axes: Axes, outside: Invariant, bias: sp.Expr, square: sp.Expr = sp.Integer(1)
) -> tuple[Invariant, ...]:
    """Return the invariants along the singular vectors U and V of what the outputs are compared with.

    ``outside`` measures what the features have outside V, ``bias`` is the natural size of an entry of the bias, and ``square`` the
    squared length of a column of V.
    """

    def features(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
        return v.H @ axes(xp, data, p)[1]

    def feature_gram(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
        return xp.transpose(features(xp, v, data, p)) @ features(xp, v, data, p)

    def from_top(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Layers:
        left, _ = axes(xp, data, p)
        return xp.transpose(left) @ xp.top_grams(layers(v)) @ left

    def turned_product(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
        left, right = axes(xp, data, p)
        return xp.transpose(left) @ product(xp, v) @ right

    return (
        Invariant(
            "feature_gram", r"$V^T H^T H V$", feature_gram, unit=square * size**2 / feature_decay, shows_collapse=True
        ),
        Invariant(
            "classifier_grams",
            r"$U^T P_l P_l^T U$ with $P_l = W_M \cdots W_l$, for each layer $l$",
            from_top,
            unit=above(size),
        ),
        Invariant(
            "feature_grams",
            r"$B_l^T B_l$ with $B_l = W_l \cdots W_1 H V$, for each layer $l$",
            lambda xp, v, data, p: xp.bottom_grams(layers(v), features(xp, v, data, p)),
            unit=square * size ** (2 * layer + 2) / (feature_decay * sp.Product(layer_decay[i], (i, 1, layer))),
        ),
        Invariant(
            "layer_spectra",
            "eigenvalues of $W_l W_l^T$, for each layer $l$",
            lambda xp, v, data, p: xp.layer_spectra(layers(v), xp.transpose(axes(xp, data, p)[0])),
            kind="spectrum",
            symbol=r"\mu_k(W_l W_l^T)",
            unit=size**2 / layer_decay[layer],
        ),
        Invariant("turned_product", r"$U^T W_M \cdots W_1 H V$", turned_product),
        outside,
        Invariant("bias", "$b$", lambda xp, v, data, p: xp.entries(v.b), kind="list", unit=bias),
    )


OF_BIAS = (
    Invariant(
        "bias_mean",
        "mean entry of $b$",
        lambda xp, v, data, p: xp.mean_entry(v.b),
        kind="scalar",
        unit=1 / K,
        symbol=r"\bar b",
    ),
    Invariant(
        "bias_spread",
        r"$\sum_k (b_k - \bar b)^2$",
        lambda xp, v, data, p: xp.spread(v.b),
        kind="scalar",
        unit=1 / K,
    ),
)
"""The invariants of a bias with equal entries."""
