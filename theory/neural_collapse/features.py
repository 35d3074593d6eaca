"""Unconstrained features with one linear layer: the objective that claims on neural collapse share, in several settings.

The variables are the features H (d × N), a linear classifier W (K × d) and, where asked for, an unregularised bias b. With ℓ the
cross-entropy, or ½‖z − e_y‖², the objective is

    L = (1/N) Σ_i ℓ(W h_i + b, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖².

Smoothed labels are (1 − α) e_y + (α/K) 1 in place of e_y, and soft labels any probabilities q_y, the columns of a matrix Q.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import sympy as sp

from theory import symbols as sym
from theory.claim import Source
from theory.expressions import Bindings, Values
from theory.namespace import ArrayNamespace, Matrix, Number, Row
from theory.point import Point
from theory.problem import (
    BINARY_CROSS_ENTROPY,
    CROSS_ENTROPY,
    MSE,
    ClassCounts,
    Flag,
    Invariant,
    LabelMatrix,
    NuclearForm,
    Parameter,
    PositiveReal,
    Problem,
    RealBetween,
    TwoUnequalCounts,
    Variable,
    Width,
)
from theory.results import Reading

SETTING = (
    "The columns $y_i$ of $Y$ are the one-hot labels of $N$ samples, $n_k$ of them from class $k$ of $K$. The "
    "features $H$, one column $h_i$ for each sample, are variables themselves: a network that can produce any "
    "features stands behind them."
)
"""What the problem models, in words."""

DLN = Source(
    "Dang, Tran, Osher, Tran-The, Ho, Nguyen",
    "Neural Collapse in Deep Linear Networks: From Balanced to Imbalanced Data",
    "ICML 2023",
    "2301.00437",
)
CEI = Source(
    "Dang, Tran, Nguyen, Ho",
    "Neural Collapse for Cross-entropy Class-Imbalanced Learning with Unconstrained ReLU Features Model",
    "ICML 2024",
    "2401.02058",
)

BALANCE = (sym.feature_decay / sym.weight_decay) ** sp.Rational(1, 4)
"""Where the decay terms of W and H are equal, W is this many times as large as √‖W H‖ and H as many times smaller."""


def logits(xp: ArrayNamespace, v: Point) -> Matrix:
    """W H, plus the bias where the problem has one."""
    z = v.W @ v.H
    return xp.add_column(z, v.b) if "b" in v else z


def sample_labels(data: Point) -> Matrix:
    """The label of each sample: T = Q Y where classes have soft labels Q, and Y elsewhere."""
    return data.T if "T" in data else data.Y


def class_labels(xp: ArrayNamespace, data: Point) -> Matrix:
    """The label of each class, as a column."""
    return xp.class_means(sample_labels(data), data.Y)


def cross_entropy_losses(xp: ArrayNamespace, z: Matrix, data: Point) -> Row:
    """The cross-entropy of each sample's logits."""
    return xp.column_cross_entropy(z, sample_labels(data))


def binary_losses(xp: ArrayNamespace, z: Matrix, data: Point) -> Row:
    """The binary cross-entropies of each sample's logits, summed over the classes."""
    return xp.column_binary_cross_entropy(z, data.Y)


def squared_losses(xp: ArrayNamespace, z: Matrix, data: Point) -> Row:
    """Half the squared distance of each sample's logits from its label."""
    return xp.column_squares(z - data.Y) / 2


SAMPLE_LOSSES = {CROSS_ENTROPY: cross_entropy_losses, BINARY_CROSS_ENTROPY: binary_losses, MSE: squared_losses}
"""The losses of the samples by the name of the fit."""


def mean_features(xp: ArrayNamespace, v: Point, data: Point) -> Matrix:
    """The mean of the features of each class, one column a class."""
    return xp.class_means(v.H, data.Y)


def mean_gram(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """The inner products of the class means."""
    means = mean_features(xp, v, data)
    return xp.transpose(means) @ means


def within_class_scatter(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """The sum of the squared distances of the features from their class means."""
    return xp.total(xp.column_squares(v.H - mean_features(xp, v, data) @ data.Y))


MEAN_GRAM = Invariant("mean_gram", r"$\bar H^T \bar H$", mean_gram, unit=BALANCE**-2, shows_collapse=True)
SCATTER = Invariant(
    "within_class_scatter",
    r"$\sum_i \|h_i - \bar h_{y_i}\|^2$",
    within_class_scatter,
    kind="scalar",
    unit=BALANCE**-2,
)
"""What every problem of free features measures at them: the Gram matrix of the class means, and how far samples lie from these."""


def mean_logits(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """The mean of the logits of each class, one column a class."""
    return xp.class_means(logits(xp, v), data.Y)


def centred_mean_logits(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """The class means of the logits without the shift that the cross-entropy does not see."""
    return xp.centre(mean_logits(xp, v, data, p))


def shared_mean_logits(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Matrix:
    """Minus the mean over the classes of each column of the class means of the logits."""
    z = mean_logits(xp, v, data, p)
    return xp.centre(z) - z


def margins(reading: Reading) -> Row:
    """By how much the correct logit of each class exceeds the mean of the others."""
    z = reading.invariants["mean_logits"]
    correct, every = reading.xp.diagonal_of(z), reading.xp.column_sums(z)
    classes = reading.p[sym.K]
    return (classes * correct - every) / (classes - 1)


def class_singular_values(reading: Reading) -> Row:
    """The singular value of each class: √n_k times the diagonal of the mean logits."""
    return reading.diagonal("mean_logits") * reading.p[sym.n_k] ** 0.5


def smoothed_labels(xp: ArrayNamespace, p: Bindings) -> Matrix:
    """The labels (1 − α) e_y + (α/K) 1."""
    y = xp.labels()
    return y - xp.scale(xp.centre(y), p[sym.smoothing])


def smoothing_loss(xp: ArrayNamespace, z: Matrix, data: Point, p: Bindings) -> Number:
    """What smoothed labels add to the sum of the cross-entropies: α times the sum of the centred correct logits.

    The labels enter the cross-entropy linearly, as −⟨label, z⟩, and e_y − ((1 − α) e_y + (α/K) 1) = α (e_y − 1/K).
    """
    return p[sym.smoothing] * xp.total(xp.column_inner(xp.centre(z), data.Y))


def features_problem(
    fit: str,
    counts: ClassCounts | TwoUnequalCounts,
    width: Width,
    nonnegative_features: bool = False,
    with_bias: bool = False,
    smoothed: bool = False,
    always_biased: bool = False,
    soft: bool = False,
) -> Problem:
    """Return the problem of the family with these settings.

    ``fit`` is CROSS_ENTROPY, BINARY_CROSS_ENTROPY or MSE. ``counts`` and ``width`` are the domains of the class counts and of the feature dimension.
    ``with_bias`` lets a parameter say whether there is a bias, and with ``always_biased`` there is one. With ``soft`` a parameter gives
    the labels of the classes. Raises ValueError for smoothed or soft labels with another loss than the cross-entropy.
    """
    if (smoothed or soft) and fit != CROSS_ENTROPY:
        raise ValueError(f"labels are not smoothed under {fit}")

    def labels(xp: ArrayNamespace) -> Point:
        y = xp.labels()
        return Point(Y=y, T=xp.given(sym.label_matrix) @ y) if soft else Point(Y=y)

    def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
        z = logits(xp, v)
        fitted = xp.total(SAMPLE_LOSSES[fit](xp, z, data))
        if smoothed:
            fitted = fitted + smoothing_loss(xp, z, data, p)
        return (
            fitted / p[sym.N]
            + p[sym.weight_decay] / 2 * xp.squared_norm(v.W)
            + p[sym.feature_decay] / 2 * xp.total(xp.column_squares(v.H))
        )

    variables = [
        Variable("W", (sym.K, sym.d), BALANCE),
        Variable("H", (sym.d, sym.N), 1 / BALANCE, nonnegative=nonnegative_features),
    ]
    if with_bias or always_biased:
        variables.append(
            Variable("b", (sym.K, sp.Integer(1)), exists=lambda values: always_biased or values["bias"], offset=True)
        )
    return Problem(
        parameters=_parameters(counts, width, with_bias, smoothed, soft),
        variables=tuple(variables),
        loss=loss,
        invariants=_invariants(fit),
        sorted_parameter="class_counts",
        tied=sym.n_k,
        bind=_bind,
        data=labels,
        nuclear_form=NuclearForm(
            fit,
            logits,
            smoothed_labels if smoothed else lambda xp, p: sample_labels(labels(xp)),
            (sym.weight_decay, sym.feature_decay),
            copositive=nonnegative_features and fit == CROSS_ENTROPY and not smoothed and not soft,
        ),
        objective=f"{fit}, one linear layer",
    )


def _parameters(
    counts: ClassCounts | TwoUnequalCounts, width: Width, with_bias: bool, smoothed: bool, soft: bool
) -> tuple[Parameter, ...]:
    parameters = [
        Parameter("class_counts", counts, "samples per class, $n_1, …, n_K$"),
        Parameter("widths", width, "feature dimension $d$", default=lambda values: len(values["class_counts"])),
        Parameter("weight_decay", PositiveReal(decay=True), r"weight decay $\lambda_W$"),
        Parameter("feature_decay", PositiveReal(decay=True), r"feature decay $\lambda_H$"),
    ]
    if soft:
        parameters.insert(
            1, Parameter("soft_labels", LabelMatrix(), "label of each class, $q_1, …, q_K$, the columns of $Q$")
        )
    if smoothed:
        parameters.append(
            Parameter("smoothing", RealBetween(0, 1), r"label smoothing $\alpha$, the share spread over all classes")
        )
    if with_bias:
        parameters.append(
            Parameter("bias", Flag(), "whether the classifier has an unregularised bias $b$", default=False)
        )
    return tuple(parameters)


def _bind(values: Values) -> Bindings:
    counts = values["class_counts"]
    return {
        sym.K: len(counts),
        sym.d: values["widths"],
        sym.N: sum(counts),
        sym.n: counts[0],
        sym.n_k: counts,
        sym.weight_decay: values["weight_decay"],
        sym.feature_decay: values["feature_decay"],
        **({sym.smoothing: values["smoothing"]} if "smoothing" in values else {}),
        **({sym.label_matrix: _columns(values["soft_labels"])} if "soft_labels" in values else {}),
    }


def _columns(labels: Sequence[Sequence[Fraction]]) -> tuple[tuple[sp.Rational, ...], ...]:
    """Return the matrix whose columns are these labels, as a tuple of rows."""
    return tuple(tuple(sp.Rational(x.numerator, x.denominator) for x in row) for row in zip(*labels, strict=True))


def _invariants(fit: str) -> tuple[Invariant, ...]:
    """Return the invariants. The cross-entropy sees logits up to a shift, so that its logits are centred."""
    centred = "class means of the logits, each centred over the classes"
    of_logits = {
        CROSS_ENTROPY: (Invariant("mean_logits", centred, centred_mean_logits, symbol=r"\bar Z"),),
        # Here the logits have a common part, which lives on where the classes have become one.
        BINARY_CROSS_ENTROPY: (
            Invariant("centred_logits", centred, centred_mean_logits),
            Invariant("shared_logits", "minus the mean of each column that is taken out", shared_mean_logits),
        ),
        MSE: (Invariant("mean_logits", "class means of the logits", mean_logits, symbol=r"\bar Z"),),
    }[fit]
    return (
        Invariant("classifier_gram", "$W W^T$", lambda xp, v, data, p: v.W @ xp.transpose(v.W), unit=BALANCE**2),
        MEAN_GRAM,
        *of_logits,
        SCATTER,
    )
