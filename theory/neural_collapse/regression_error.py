"""The training error of a regression network with one linear layer: at a point, and along each axis at the predicted minimiser."""

from __future__ import annotations

import sympy as sp

from theory.expressions import Bindings
from theory.namespace import ArrayNamespace, Number
from theory.neural_collapse.features import squared_losses
from theory.neural_collapse.layers import logits
from theory.point import Point
from theory.proof import Prediction
from theory.symbols import K, M, N, k, nu_k, theta


def training_error(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the mean over the samples of the squared distance of the outputs from the targets."""
    return 2 * xp.total(squared_losses(xp, logits(xp, v), data)) / p[N]


def threshold_ratio(prediction: Prediction) -> sp.Expr:
    """Return what exceeds 1 where axis k lives, for one layer and in the deviations θ of the targets."""
    return sp.simplify(prediction.threshold.ratio.subs(M, 1).subs(nu_k[k], N * theta[k] ** 2))


def error_of_axis(prediction: Prediction, alive: bool) -> sp.Expr:
    """Return what is left of axis k at the minimiser of the claim on regression, for one layer, where the axis is ``alive`` or dead."""
    size = sp.sqrt(nu_k[k])
    fitted = prediction.named["singular_value"].expression.subs(M, 1) if alive else sp.Integer(0)
    return sp.simplify(sp.expand((size - fitted) ** 2 / N).subs(nu_k[k], N * theta[k] ** 2))


def predicted_error(prediction: Prediction) -> sp.Expr:
    """Return the training error at the minimiser of the claim on regression, for one layer at least as wide as there are targets."""
    cases = (error_of_axis(prediction, True), threshold_ratio(prediction) > 1), (error_of_axis(prediction, False), True)
    return sp.Sum(sp.Piecewise(*cases), (k, 1, K))
