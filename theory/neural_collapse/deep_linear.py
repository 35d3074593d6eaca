"""Deep linear networks on unconstrained features: the objective, and what the claims on MSE share.

Variables are the features H (d_1 × N), the layers W_1, …, W_M (W_M has K rows) and optionally an unregularised last-layer
bias b. With ℓ the cross-entropy, or ½‖z − e_y‖², the objective is

    L = (1/N) Σ_i ℓ(W_M ⋯ W_1 h_i + b, y_i) + Σ_j (λ_j/2) ‖W_j‖² + (λ_H/2) ‖H‖².
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import sympy as sp

from theory import symbols as sym
from theory.algebra import SymbolicArrays, SymbolicLayers, SymbolicMatrix, sum_over
from theory.claim import Derivation
from theory.neural_collapse.features import (
    MSE,
    cross_entropy_losses,
    mean_features,
    squared_losses,
)
from theory.neural_collapse.lemmas import MIRSKY, SCHATTEN
from theory.problem import (
    ClassCounts,
    Invariant,
    Parameter,
    PositivePerDimension,
    PositiveReal,
    Problem,
    Variable,
    WholeNumber,
    Widths,
)
from theory.proof import (
    ALIVE,
    Bound,
    Identity,
    Nonnegative,
    Piece,
    Proof,
    Separable,
    Statistic,
    StepRecorder,
    StructuredPoint,
    Threshold,
    Vanishes,
)
from theory.symbols import K, M, N, R, decay_product, feature_decay, j, k, layer_decay, layer_width, n_k, positive

DEEPEST = 8


def layers(v: Any) -> Any:
    """The layers W_1, …, W_M of a point, in this order."""
    if hasattr(v, "layers"):
        return v.layers
    return tuple(getattr(v, f"W_{i}") for i in range(1, DEEPEST + 1) if hasattr(v, f"W_{i}"))


def logits(xp: Any, v: Any) -> Any:
    """W_M ⋯ W_1 H, plus the bias where the problem has one."""
    z = xp.apply_layers(layers(v), v.H)
    return xp.add_column(z, v.b) if hasattr(v, "b") else z


def product(xp: Any, v: Any, data: Any) -> Any:
    return xp.apply_layers(layers(v), v.H)


def mean_logits(xp: Any, v: Any, data: Any, p: Any) -> Any:
    return xp.class_means(logits(xp, v), data.Y)


def deep_linear_problem(fit: str, counts: ClassCounts, with_bias: bool = False) -> Problem:
    """Return the problem with these settings, for depths from 1 to DEEPEST."""
    sample_losses = {MSE: squared_losses}.get(fit, cross_entropy_losses)

    def loss(xp: Any, v: Any, data: Any, p: Any) -> Any:
        fitted = xp.total(sample_losses(xp, logits(xp, v), data)) / p[N]
        decays = xp.layer_decays(layers(v), p[layer_decay])
        return fitted + decays + p[feature_decay] / 2 * xp.total(xp.column_squares(v.H))

    def bind(values: dict[str, Any]) -> dict[sp.Basic, Any]:
        counted, depth = values["class_counts"], values["depth"]
        sides = (*values["widths"], len(counted))
        total = values["feature_decay"]
        for decay in values["weight_decay"]:
            total = total * decay
        return {
            K: len(counted),
            M: depth,
            R: min(sides),
            N: sum(counted),
            sym.n: counted[0],
            n_k: counted,
            layer_decay: values["weight_decay"],
            feature_decay: values["feature_decay"],
            decay_product: total,
            **{layer_width[i]: side for i, side in enumerate(sides, start=1)},
        }

    # The natural size of all singular values: those of a network that fits the largest class, balanced over the factors.
    size = (decay_product * n_k[1]) ** (1 / (2 * (M + 1)))
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
        variables.append(Variable("b", (K, sp.Integer(1)), sp.Integer(1)))
    return Problem(
        parameters=(
            Parameter("class_counts", counts, "samples per class, $n_1, …, n_K$"),
            Parameter("depth", WholeNumber(1, DEEPEST), "number $M$ of linear layers", default=1),
            Parameter(
                "widths",
                Widths("depth"),
                "widths $d_1, …, d_M$ of features and hidden layers",
                default=lambda values: (len(values["class_counts"]),) * values["depth"],
            ),
            Parameter("weight_decay", PositivePerDimension("depth"), r"weight decays $\lambda_1, …, \lambda_M$"),
            Parameter("feature_decay", PositiveReal(), r"feature decay $\lambda_H$"),
        ),
        variables=tuple(variables),
        loss=loss,
        invariants=_invariants(size),
        sorted_parameter="class_counts",
        tied=n_k,
        bind=bind,
        data=lambda xp: SimpleNamespace(Y=xp.labels()),
        centred=with_bias,
    )


def _invariants(size: sp.Expr) -> tuple[Invariant, ...]:
    def from_top(xp: Any, v: Any, data: Any, p: Any) -> Any:
        return xp.top_grams(layers(v))

    def from_features(xp: Any, v: Any, data: Any, p: Any) -> Any:
        return xp.bottom_grams(layers(v), mean_features(xp, v, data))

    return (
        Invariant(
            "mean_gram",
            r"$\bar H^T \bar H$",
            lambda xp, v, data, p: xp.transpose(mean_features(xp, v, data)) @ mean_features(xp, v, data),
            unit=size**2 / feature_decay / n_k[1],
            shows_collapse=True,
        ),
        Invariant(
            "classifier_grams",
            r"$P_j P_j^T$ with $P_j = W_M \cdots W_j$, for each layer $j$",
            from_top,
            unit=size**2 / sp.Max(*[layer_decay[M]]),
        ),
        Invariant(
            "feature_grams",
            r"$B_j^T B_j$ with $B_j = W_j \cdots W_1 \bar H$, for each layer $j$",
            from_features,
            unit=size**4 / (feature_decay * layer_decay[1] * n_k[1]),
        ),
        Invariant(
            "layer_spectra",
            "eigenvalues of $W_j W_j^T$, for each layer $j$",
            lambda xp, v, data, p: xp.layer_spectra(layers(v), data.Y),
            kind="spectrum",
            unit=size**2 / layer_decay[1],
        ),
        Invariant("mean_logits", "class means of the logits", mean_logits),
        Invariant(
            "within_class_scatter",
            r"$\sum_i \|h_i - \bar h_{y_i}\|^2$",
            lambda xp, v, data, p: xp.total(xp.column_squares(v.H - mean_features(xp, v, data) @ data.Y)),
            kind="scalar",
            unit=size**2 / feature_decay,
        ),
    )
