"""Discrepancies between the code released with the papers and the minimisers of the objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from theory.claim import Claim, find
from theory.errors import ParameterError
from theory.expressions import Formula
from theory.proof import Prediction
from theory.scalar import Shrinkage
from theory.symbols import D, K, M, N, beta, decay_product, eta_dec, feature_decay, k, n_k, theta, weight_decay


@dataclass(frozen=True)
class ReferenceCode:
    """A formula of released code that differs from the derived one.

    ``formula`` is the code's formula for each class or direction: a size, or the condition under which the direction is
    alive.
    ``derived(prediction)`` is the formula that the claim's derivation gives instead. ``read(xp, measured, p)`` reads
    the same size off the ``invariant`` of a trained point. ``says`` states the difference in two sentences. The two
    formulas differ at each of ``settings`` and agree at each of ``agreeing``. Where ``compares_losses``, the formula
    gives the singular values of a point, and the loss at that point is compared with the trained loss.
    """

    name: str
    title: str
    claim_id: str
    says: str
    quantity: str
    formula: Formula
    derived: Callable[[Prediction], Formula]
    invariant: str
    read: Callable[[Any, Any, Any], Any]
    settings: tuple[dict[str, Any], ...]
    agreeing: tuple[dict[str, Any], ...] = ()
    compares_losses: bool = False

    @property
    def claim(self) -> Claim:
        return find(self.claim_id)

    @property
    def is_condition(self) -> bool:
        """Whether the formula says only which classes or directions are alive."""
        return isinstance(self.formula.expression, sp.logic.boolalg.Boolean)


CVAE_THRESHOLD = ReferenceCode(
    name="cvae-threshold",
    title="Conditional VAE: the threshold of collapse",
    claim_id="cvae",
    says=(
        r"The released code keeps latent direction $k$ where $\theta_k$ reaches $\sqrt{\beta}\,\eta_{dec}$, as if it were a "
        r"standard deviation; but these $\theta_k$ are eigenvalues of a covariance, and the optimum keeps those above "
        r"$\beta\eta_{dec}^2$. The two thresholds agree only where $\beta\eta_{dec}^2 = 1$: below it the code collapses "
        "directions that live, above it the code keeps directions that have collapsed."
    ),
    quantity="alive",
    formula=Formula(theta[k] >= sp.sqrt(beta) * eta_dec, ((k, D),)),
    derived=lambda prediction: Formula(prediction.threshold.alive, ((k, D),)),
    invariant="encoder_gram",
    read=lambda xp, gram, p: xp.diagonal_of(gram),
    settings=(
        {"theta": (2.0, 0.35, 0.1), "regression": ((1.0,), (0.5,), (-1.0,)), "beta": 0.5, "eta_dec": 0.6},
        {"theta": (6.0, 2.5, 0.4), "regression": ((1.0,), (0.5,), (-1.0,)), "beta": 2.0, "eta_dec": 1.3},
    ),
    agreeing=(
        {"theta": (2.0, 1.3, 0.4), "regression": ((1.0,), (0.5,), (-1.0,)), "beta": 1.0, "eta_dec": 1.0},
        {"theta": (2.0, 1.3, 0.4), "regression": ((1.0,), (0.5,), (-1.0,)), "beta": 4.0, "eta_dec": 0.5},
    ),
)

CROSS_ENTROPY_MARGIN = ReferenceCode(
    name="cross-entropy-margin",
    title="Cross-entropy with ReLU features: the margin",
    claim_id="ce-imbalanced-relu",
    says=(
        r"In the margin of the released validation code $\lambda_H$ cancels, while the trained margin depends on the decays "
        r"through $\lambda_W \lambda_H$ alone: it changes with $\lambda_H$ and stays when the two are exchanged. The two formulas "
        r"agree only where $\lambda_W = 4\lambda_H$, and metrics that divide every matrix by its norm do not show the difference."
    ),
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

REFERENCE_CODE = {code.name: code for code in (CVAE_THRESHOLD, CROSS_ENTROPY_MARGIN, DEEP_MSE_BRANCH)}


def reference_code(name: str) -> ReferenceCode:
    """Return the discrepancy with this name. Raises ParameterError when there is none."""
    if name not in REFERENCE_CODE:
        raise ParameterError(f"{name!r}: no such discrepancy; they are {', '.join(REFERENCE_CODE)}")
    return REFERENCE_CODE[name]
