"""What the code of a linear VAE knows of the data: the divergence of posterior and prior, and the mutual information, in nats.

The encoder is z|x ~ N(Wx, S Sᵀ), and the prior N(0, η_enc² I). ``data.root`` is a root of the covariance of the data.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from theory.expressions import Bindings, Formula
from theory.namespace import ArrayNamespace, Number
from theory.point import Point
from theory.posterior_collapse import linear_gaussian as vae
from theory.problem import Problem
from theory.proof import Prediction
from theory.symbols import D, d, eta_enc, k, theta


def mean_divergence(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the mean over the data of KL(posterior ‖ prior) at a point."""
    return vae.twice_kl(xp, v.W @ data.root, v.S, p) / 2


def mutual_information(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
    """Return the mutual information of x and z at a point: half the log ratio of the covariances of z and of z given x."""
    encoded = v.W @ data.root
    code = encoded @ xp.transpose(encoded) + v.S @ xp.transpose(v.S)
    return (xp.logdet_of_gram(code) / 2 - xp.logdet_of_gram(v.S)) / 2


def predicted_divergences(prediction: Prediction) -> Formula:
    """Return KL(posterior ‖ prior) of each direction at the predicted minimiser."""
    encoder, variance = _encoder_and_variance(prediction)
    expression = ((encoder + variance) / eta_enc**2 - 1 - sp.log(variance / eta_enc**2)) / 2
    return Formula(expression, ((k, D),))


def predicted_information(prediction: Prediction) -> Formula:
    """Return the mutual information that each direction carries at the predicted minimiser."""
    encoder, variance = _encoder_and_variance(prediction)
    return Formula(sp.log(1 + encoder / variance) / 2, ((k, D),))


def _encoder_and_variance(prediction: Prediction) -> tuple[sp.Expr, sp.Expr]:
    """Return the squared whitened encoder and the posterior variance of direction k, from the predicted minimiser."""
    encoder, noise = (prediction.minimiser[name].number for name in ("W", "S"))
    return (encoder * theta[k]) ** 2, noise**2


def on_side(expression: sp.Expr, alive: bool) -> sp.Expr:
    """Return what an expression of direction k ≤ d is where the direction is ``alive``, or where it has collapsed.

    At a given η_dec the marginal variance is the maximum of θ_k², where direction k is alive, and of a floor without θ_k.
    """
    within = sp.simplify(
        expression.replace(sp.Piecewise, lambda *cases: next(c[0] for c in cases if c[1].subs(k, d) == sp.true))
    )

    def chosen(*parts: sp.Expr) -> sp.Expr:
        (side,) = (part for part in parts if part.has(theta) == alive)
        return side

    expanded = sp.expand_log(sp.simplify(within.replace(sp.Max, chosen)))
    assert isinstance(expanded, sp.Expr)
    return sp.simplify(expanded)


def cost_of_direction(prediction: Prediction) -> sp.Expr:
    """Return the summand of the predicted value that belongs to direction k, with the factor before the sum."""
    (total,) = prediction.minimum.atoms(sp.Sum)
    return prediction.minimum / total * total.function


def loss_without_information(problem: Problem) -> Callable[[ArrayNamespace, Point, Point, Bindings], Number]:
    """Return the least loss of a linear VAE whose code knows nothing of the data, as a function of any point of the same sizes.

    Such a code has W = 0. Then neither term of the loss is below its value at U = 0 and at the prior's covariance, and a learned
    decoder variance is best at the mean variance of the data, and a learned decoder covariance at that of the data.
    """

    def loss(xp: ArrayNamespace, v: Point, data: Point, p: Bindings) -> Number:
        silent = {"U": xp.scale(v.U, 0), "W": xp.scale(v.W, 0), "S": xp.scale(xp.identity(v.S), p[eta_enc])}
        if "eta_dec" in v:
            mean = xp.squared_norm(data.root) / p[D]
            silent["eta_dec"] = xp.scale(xp.identity(v.eta_dec), mean**0.5)
        if "L" in v:
            silent["L"] = data.root
        return problem.loss(xp, Point(silent), data, p)

    return loss
