"""Code on neural collapse that computes something else than the minimiser of its objective."""

from __future__ import annotations

import sympy as sp

from theory.expressions import Formula
from theory.reference_code.discrepancy import Lines, ReferenceCode
from theory.scalar import Shrinkage
from theory.symbols import (
    K,
    M,
    N,
    decay_product,
    feature_decay,
    k,
    n_k,
    weight_decay,
)

CROSS_ENTROPY = ("Fsoft-AIC/Cross-Entropy-Imbalanced", "8feea0edb4e0015da29514286cd8c004c00cfe05")
DEEP_LINEAR = ("Fsoft-AIC/Neural-Collapse-in-Deep-Linear-Networks", "1869cb1f4d8ebd4716ecaed0a772b0eb0c7a42b4")
"""Repositories on GitHub, each with the commit that was read."""

CROSS_ENTROPY_MARGIN = ReferenceCode(
    name="cross-entropy-margin",
    title="Cross-entropy with ReLU features: the margin",
    claim_id="ce-imbalanced-relu",
    says=(
        r"In the margin of the released validation code $\lambda_H$ cancels, while the trained margin depends on the decays "
        r"through $\lambda_W \lambda_H$ alone: it changes with $\lambda_H$ and stays when the two are exchanged. The two formulas "
        r"agree only where $\lambda_W = 4\lambda_H$, and metrics that divide every matrix by its norm do not show the difference."
    ),
    lines=(Lines(CROSS_ENTROPY, "validate_NC_unbalanced.py", 28, 45),),
    quantity="margin",
    formula=Formula(
        sp.log(
            (K - 1)
            * (
                sp.sqrt(n_k[k])
                / (
                    N
                    * sp.sqrt(feature_decay / 2 * weight_decay / 2)
                    * sp.sqrt((K - 1) * weight_decay / (K * feature_decay))
                )
                - 1
            )
        ),
        ((k, K),),
    ),
    derived=lambda prediction: Formula(prediction.named["margin"].expression, ((k, K),)),
    invariant="mean_logits",
    read=lambda xp, z, p: (p[K] * xp.diagonal_of(z) - xp.column_sums(z)) / (p[K] - 1),
    settings=tuple(
        {"class_counts": (4, 2, 1), "weight_decay": weights, "feature_decay": features}
        for weights, features in ((0.01, 0.01), (0.01, 0.03), (0.03, 0.01))
    ),
    agreeing=({"class_counts": (4, 2, 1), "weight_decay": 0.04, "feature_decay": 0.01},),
)

DEEP_MSE_BRANCH = ReferenceCode(
    name="deep-mse-branch",
    title="Deep linear MSE: the branch between fold and jump",
    claim_id="mse-deep-linear-imbalanced",
    says=(
        "The released code takes the largest root of the stationarity equation wherever there is one and does not compare it "
        "with zero. Between the fold, where that root appears, and the jump, where it becomes a global minimiser, zero is lower: "
        "there the code predicts a point that does not minimise the loss."
    ),
    lines=(
        Lines(DEEP_LINEAR, "validate_NC_unbalanced.py", 35, 42),
        Lines(DEEP_LINEAR, "synthetic_experiment_imbalanced.py", 70, 77),
    ),
    quantity="singular value of $Z$",
    formula=Formula(
        sp.sqrt(n_k[k]) * Shrinkage(M, N * decay_product ** (1 / (M + 1)) * n_k[k] ** (-M / (M + 1))), ((k, K),)
    ),
    derived=lambda prediction: Formula(
        sp.Piecewise((prediction.named["singular_value"].expression, prediction.threshold.alive), (0, True)), ((k, K),)
    ),
    invariant="mean_product",
    read=lambda xp, z, p: p[n_k] ** 0.5 * xp.diagonal_of(z),
    settings=(
        {"class_counts": (8, 3), "depth": 2, "weight_decay": 0.08, "feature_decay": 0.075},
        {"class_counts": (8, 3), "depth": 3, "weight_decay": 0.06, "feature_decay": 0.06},
    ),
    agreeing=({"class_counts": (8, 5), "depth": 2, "weight_decay": 0.04, "feature_decay": 0.05},),
    compares_losses=True,
)
