"""The unconstrained-features family that the claims on neural collapse share: one objective, several settings.

Variables are the features H (d × N), one linear classifier W (K × d) and optionally an unregularised bias b. With ℓ the
cross-entropy, or ½‖z − e_y‖², the objective is

    L = (1/N) Σ_i ℓ(W h_i + b, y_i) + (λ_W/2) ‖W‖² + (λ_H/2) ‖H‖².

With smoothed labels the cross-entropy is taken against (1 − α) e_y + (α/K) 1 in place of e_y.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from theory import symbols as sym
from theory.claim import Source
from theory.point import Point
from theory.problem import (
    ClassCounts,
    Flag,
    Invariant,
    NuclearForm,
    Parameter,
    PositiveReal,
    Problem,
    RealBetween,
    Variable,
    Width,
)
from theory.results import Reading

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

CROSS_ENTROPY, MSE = "cross-entropy", "MSE"


def logits(xp: Any, v: Any) -> Any:
    """W H, plus the bias where the problem has one."""
    z = v.W @ v.H
    return xp.add_column(z, v.b) if "b" in v else z


def cross_entropy_losses(xp: Any, z: Any, data: Any) -> Any:
    return xp.column_cross_entropy(z, data.Y)


def squared_losses(xp: Any, z: Any, data: Any) -> Any:
    return xp.column_squares(z - data.Y) / 2


def mean_features(xp: Any, v: Any, data: Any) -> Any:
    return xp.class_means(v.H, data.Y)


def mean_logits(xp: Any, v: Any, data: Any, p: Any) -> Any:
    return xp.class_means(logits(xp, v), data.Y)


def centred_mean_logits(xp: Any, v: Any, data: Any, p: Any) -> Any:
    """Class means of the logits up to the shift that leaves the cross-entropy unchanged."""
    return xp.centre(mean_logits(xp, v, data, p))


def margins(reading: Reading) -> Any:
    """By how much the correct logit of each class exceeds the mean of the others."""
    z = reading.invariants["mean_logits"]
    correct, every = reading.xp.diagonal_of(z), reading.xp.column_sums(z)
    classes = reading.p[sym.K]
    return (classes * correct - every) / (classes - 1)


def class_singular_values(reading: Reading) -> Any:
    """The singular value of each class: √n_k times the diagonal of the mean logits."""
    return reading.diagonal("mean_logits") * reading.p[sym.n_k] ** 0.5


def features_problem(
    fit: str,
    counts: ClassCounts,
    width: Width,
    nonnegative_features: bool = False,
    with_bias: bool = False,
    smoothed: bool = False,
) -> Problem:
    """Return the problem of the family with these settings; smoothed labels are for the cross-entropy alone."""
    if smoothed and fit != CROSS_ENTROPY:
        raise ValueError(f"labels are not smoothed under {fit}")
    sample_losses = {CROSS_ENTROPY: cross_entropy_losses, MSE: squared_losses}[fit]

    def labels(xp: Any, p: Any) -> Any:
        """The labels the logits are fitted to: one-hot, or smoothed."""
        y = xp.labels()
        return y - xp.scale(xp.centre(y), p[sym.smoothing]) if smoothed else y

    def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
        z = logits(xp, v)
        fitted = xp.total(sample_losses(xp, z, data))
        if (
            smoothed
        ):  # the labels enter linearly: ⟨e_y − ((1 − α) e_y + (α/K) 1), z⟩ is α times the centred correct logit
            fitted = fitted + p[sym.smoothing] * xp.total(xp.column_inner(xp.centre(z), data.Y))
        return (
            fitted / p[sym.N]
            + p[sym.weight_decay] / 2 * xp.squared_norm(v.W)
            + p[sym.feature_decay] / 2 * xp.total(xp.column_squares(v.H))
        )

    def bind(values: dict[str, Any]) -> dict[sp.Basic, Any]:
        counted = values["class_counts"]
        return {
            sym.K: len(counted),
            sym.d: values["widths"],
            sym.N: sum(counted),
            sym.n: counted[0],
            sym.n_k: counted,
            sym.weight_decay: values["weight_decay"],
            sym.feature_decay: values["feature_decay"],
            **({sym.smoothing: values["smoothing"]} if smoothed else {}),
        }

    centring = {
        CROSS_ENTROPY: (", each centred over the classes", centred_mean_logits),
        MSE: ("", mean_logits),
    }[fit]
    balance = (sym.feature_decay / sym.weight_decay) ** sp.Rational(1, 4)
    parameters = [
        Parameter("class_counts", counts, "samples per class, $n_1, …, n_K$"),
        Parameter("widths", width, "feature dimension $d$", default=lambda values: len(values["class_counts"])),
        Parameter("weight_decay", PositiveReal(decay=True), r"weight decay $\lambda_W$"),
        Parameter("feature_decay", PositiveReal(decay=True), r"feature decay $\lambda_H$"),
    ]
    variables = [
        Variable("W", (sym.K, sym.d), balance),
        Variable("H", (sym.d, sym.N), 1 / balance, nonnegative=nonnegative_features),
    ]
    invariants = [
        Invariant("classifier_gram", "$W W^T$", lambda xp, v, data, p: v.W @ xp.transpose(v.W), unit=balance**2),
        Invariant(
            "mean_gram",
            r"$\bar H^T \bar H$",
            lambda xp, v, data, p: xp.transpose(mean_features(xp, v, data)) @ mean_features(xp, v, data),
            unit=balance**-2,
            shows_collapse=True,
        ),
        Invariant("mean_logits", "class means of the logits" + centring[0], centring[1]),
        Invariant(
            "within_class_scatter",
            r"$\sum_i \|h_i - \bar h_{y_i}\|^2$",
            lambda xp, v, data, p: xp.total(xp.column_squares(v.H - mean_features(xp, v, data) @ data.Y)),
            kind="scalar",
            unit=balance**-2,
        ),
    ]
    if smoothed:
        parameters.append(
            Parameter("smoothing", RealBetween(0, 1), r"label smoothing $\alpha$, the share spread over all classes")
        )
    if with_bias:
        parameters.append(
            Parameter("bias", Flag(), "whether the classifier has an unregularised bias $b$", default=False)
        )
        variables.append(Variable("b", (sym.K, sp.Integer(1)), exists=lambda values: values["bias"], offset=True))
    return Problem(
        parameters=tuple(parameters),
        variables=tuple(variables),
        loss=loss,
        invariants=tuple(invariants),
        sorted_parameter="class_counts",
        tied=sym.n_k,
        bind=bind,
        data=lambda xp: Point(Y=xp.labels()),
        nuclear_form=NuclearForm(
            fit == CROSS_ENTROPY,
            logits,
            labels,
            (sym.weight_decay, sym.feature_decay),
            copositive=nonnegative_features and fit == CROSS_ENTROPY and not smoothed,
        ),
    )
