"""Lower bounds on the global minimum, computed from a trained point or from the data, without the predicted formula.

In floating point: a bound is trustworthy up to rounding, so ``rigorous`` is False.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import sympy as sp
import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.arrays import DTYPE, evaluate, setting, shared, stack_bindings
from numerics.tolerances import BELOW, CERTIFICATE_GAP, NEAR_CERTIFICATE_GAP
from theory import symbols as sym
from theory.claim import Claim
from theory.errors import ParameterError
from theory.expressions import Formula
from theory.neural_collapse.features import MSE, FeaturesProblem, logits
from theory.problem import Instance, Problem
from theory.proof import Separable

BISECTIONS = 100
"""Halvings of a bracket in float64: enough to reach neighbouring numbers from any bracket."""


@dataclass(frozen=True)
class Certificate:
    """``lower`` ≤ global minimum ≤ ``upper``; ``method`` says which bound was the best one."""

    upper: float
    lower: float
    method: str
    rigorous: bool = False

    @property
    def gap(self) -> float:
        """(upper − lower) / |upper|."""
        return (self.upper - self.lower) / abs(self.upper)

    def failures(self, predicted: float, near_threshold: bool) -> list[str]:
        """Return what is wrong: a gap that does not close, bounds in the wrong order, or a prediction outside them."""
        allowed = NEAR_CERTIFICATE_GAP if near_threshold else CERTIFICATE_GAP
        found = []
        if not -BELOW <= self.gap <= allowed:
            found.append(f"certificate gap {self.gap:.1e} lies outside [{-BELOW:.0e}, {allowed:.0e}]")
        scale = abs(self.upper)
        if not self.lower - BELOW * scale <= predicted <= self.upper + BELOW * scale:
            found.append(
                f"predicted value {predicted:.15g} lies outside the certified [{self.lower:.15g}, {self.upper:.15g}]"
            )
        return found


def certify(claim: Claim, instance: Instance, point: SimpleNamespace) -> Certificate:
    """Return the best certificate for one instance from a trained point (variables [rows, columns]).

    Raises ParameterError when no bound applies to the claim.
    """
    bindings = {
        s: v[0] if isinstance(v, Tensor) and not shared(s, v) else v for s, v in stack_bindings([instance]).items()
    }
    point = SimpleNamespace(**{name: a.to("cpu", DTYPE) for name, a in vars(point).items()})
    xp, data = setting(claim.problem, bindings)
    upper = float(claim.problem.loss(xp, point, data, bindings))
    bounds = problem_bounds(claim.problem, instance, bindings, point)
    if claim.proof.separable is not None:
        bounds["separable"] = separable_bound(claim.proof.separable, stack_bindings([instance]))
    bounds = {method: bound for method, bound in bounds.items() if not math.isnan(bound)}
    if not bounds:
        raise ParameterError(f"claim: {claim.id!r} is not allowed; no certificate applies to its problem yet")
    method = max(bounds, key=bounds.__getitem__)
    return Certificate(upper, bounds[method], method)


def problem_bounds(
    problem: Problem, instance: Instance, bindings: Mapping[sp.Basic, Any], point: SimpleNamespace
) -> dict[str, float]:
    """Return every lower bound that the form of the problem alone admits, by method."""
    if not isinstance(problem, FeaturesProblem):
        return {}
    xp, data = setting(problem, bindings)
    with_bias = hasattr(point, "b")
    decay = float(bindings[sym.weight_decay] * bindings[sym.feature_decay])
    z = logits(xp, point)
    if problem.fit == MSE:
        return {"dual": dual_bound_mse(z, data.Y, decay, with_bias)}
    bounds = {"dual": dual_bound_cross_entropy(z, data.Y, decay, with_bias)}
    if problem.nonnegative_features and not with_bias:
        bounds["copositive"] = copositive_bound(z, data.Y, decay)
    return bounds


def _wrong_probabilities(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"]) -> Float64[Tensor, "K N"]:
    """Softmax probabilities with the correct entry set to zero: small ones keep their relative accuracy."""
    return torch.softmax(z, 0) * (1 - y)


def _mean_entropy(wrong: Float64[Tensor, "K N"]) -> Tensor:
    """Mean entropy of the columns, given their wrong-class probabilities."""
    return _entropies(wrong).mean()


def _entropies(wrong: Float64[Tensor, "K N"]) -> Float64[Tensor, " N"]:
    """Entropy of each column, given its wrong-class probabilities; log1p keeps the accuracy of small ones."""
    missing = wrong.sum(0).clamp(max=1.0)
    correct = torch.where(missing < 1, (1 - missing) * torch.log1p(-missing.clamp(max=0.5)), 0.0)
    correct = torch.where(missing > 0.5, torch.xlogy(1 - missing, 1 - missing), correct)
    return -(torch.xlogy(wrong, wrong).sum(0) + correct)


def dual_bound_cross_entropy(
    z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: float, with_bias: bool
) -> float:
    """Return the dual value (1/N) Σ entropy(p_i) of a feasible P near the softmax of the logits.

    P is feasible when ‖(Y − P)/N‖_op ≤ √(λ_W λ_H), and (Y − P) 1 = 0 if there is a bias: shrinking P toward Y restores the
    first, a common shift of the columns (mixed with the class frequencies to stay positive) the second.
    """
    samples = z.shape[1]
    wrong = _wrong_probabilities(z, y)
    residual = wrong - y * wrong.sum(0)  # P − Y
    if with_bias:
        residual = residual - residual.mean(1, keepdim=True)
        p = y + residual
        frequency = y.mean(1, keepdim=True)
        deficit = (-p / frequency).clamp(min=0).max()
        mix = deficit / (1 + deficit)
        residual = (1 - mix) * residual + mix * (frequency - y)
    shrink = min(1.0, samples * decay**0.5 / float(torch.linalg.matrix_norm(residual, 2).clamp(min=1e-300)))
    p = y + shrink * residual
    return (
        float(-torch.xlogy(p.clamp(min=0), p.clamp(min=0)).sum(0).mean())
        if with_bias
        else float(_mean_entropy(shrink * wrong))
    )


def dual_bound_mse(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: float, with_bias: bool) -> float:
    """Return the dual value −⟨A, Y⟩ − (N/2)‖A‖² of a feasible A near the gradient (Z − Y)/N.

    A is feasible when ‖A‖_op ≤ √(λ_W λ_H), and A 1 = 0 if there is a bias.
    """
    samples = z.shape[1]
    a = (z - y) / samples
    if with_bias:
        a = a - a.mean(1, keepdim=True)
    a = a * min(1.0, decay**0.5 / float(torch.linalg.matrix_norm(a, 2).clamp(min=1e-300)))
    return float(-(a * y).sum() - samples / 2 * a.square().sum())


def copositive_bound(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: float) -> float:
    """Return (1/N) Σ entropy(p_i) for class-wise probabilities that make the quadratic form in H ≥ 0 copositive.

    With Q_kl = n_k δ_kl λ_W λ_H − n_k n_l ⟨e_k − p_k, e_l − p_l⟩ / N² the form is copositive when Q less its positive
    off-diagonal entries is positive semidefinite. Each class is shrunk toward its label until its diagonal entry is
    nonnegative, then all are shrunk together as far as needed.
    """
    samples = z.shape[1]
    counts = y.sum(1)
    wrong = (_wrong_probabilities(z, y) @ y.T) / counts
    wrong = wrong * (1 - torch.eye(len(counts), dtype=DTYPE))

    def shrunk(factor: float) -> tuple[Tensor, bool]:
        candidate = factor * wrong
        residual = candidate - torch.diag(candidate.sum(0))
        limit = samples * torch.sqrt(decay / counts)
        candidate = candidate * torch.clamp(limit / residual.norm(dim=0).clamp(min=1e-300), max=1.0)
        residual = candidate - torch.diag(candidate.sum(0))
        q = -torch.outer(counts, counts) * (residual.T @ residual) / samples**2
        diagonal = (counts * decay + q.diagonal()).clamp(min=0)
        off = (q - torch.diag(q.diagonal())).clamp(max=0)
        return candidate, bool(torch.linalg.eigvalsh(torch.diag(diagonal) + off)[0] >= 0)

    candidate, copositive = shrunk(1.0)
    if not copositive:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if shrunk(middle)[1] else (low, middle)
        candidate, _ = shrunk(low)
    return float((counts * _entropies(candidate)).sum() / samples)


def separable_bound(separable: Separable, bindings: Mapping[sp.Basic, Any]) -> float:
    """Return a lower bound on Σ_i min φ_i(x_i) for convex φ_i, without a formula for the minimisers.

    Each minimiser is bracketed by the sign of φ', the bracket halved, and φ bounded below on it by its two tangents.
    """
    axis = ((separable.index, separable.count),)
    trial = sp.IndexedBase("x_trial")
    at_trial = {separable.variable: trial[separable.index]}
    slope_formula = Formula(sp.diff(separable.summand, separable.variable).subs(at_trial), axis)
    value_formula = Formula(separable.summand.subs(at_trial), axis)

    def at(formula: Formula, x: Tensor) -> Tensor:
        return evaluate(formula, {**bindings, trial: x[None]})[0]

    lower = evaluate(Formula(separable.lower, axis), bindings)[0].clone()
    free = evaluate(Formula(separable.free, axis), bindings)[0].bool()
    at_lower = at(value_formula, lower)
    low, width = lower, torch.ones_like(lower)
    while bool((falling := at(slope_formula, low + width) < 0).any()):
        width = torch.where(falling, 2 * width, width)
    high = low + width
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        rising = at(slope_formula, middle) >= 0
        low, high = torch.where(rising, low, middle), torch.where(rising, middle, high)
    # On [low, high] a convex φ lies above the tangents at both ends; each alone is smallest at the far end.
    inside = torch.minimum(
        at(value_formula, low) + at(slope_formula, low).clamp(max=0) * (high - low),
        at(value_formula, high) - at(slope_formula, high).clamp(min=0) * (high - low),
    )
    at_bound = at(slope_formula, lower) >= 0
    return float(torch.where(free & ~at_bound, inside, at_lower).sum())
