"""Lower bounds on the global minimum, computed from a trained point or from the data, without the predicted formula.

In floating point: a bound is trustworthy up to rounding, so ``rigorous`` is False.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import sympy as sp
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from numerics.arrays import DTYPE, evaluate, setting, shared, stack_bindings
from numerics.tolerances import BELOW, CERTIFICATE_GAP, NEAR_CERTIFICATE_GAP
from theory import symbols as sym
from theory.claim import Claim
from theory.errors import ParameterError
from theory.expressions import Formula
from theory.neural_collapse.features import MSE, FeaturesProblem, logits
from theory.problem import Instance, Problem
from theory.proof import Piece, Separable

HALVINGS = 60
"""Rounds of branch and bound: intervals shrink by 2^-60, to neighbouring numbers."""
RESOLVED = 1e-14
"""An interval whose lower bound comes this close to the least value known, relative, is not halved again: ten roundings."""


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


def certify(claim: Claim, instances: Sequence[Instance], points: SimpleNamespace) -> list[Certificate]:
    """Return the best certificate for each instance from a trained point (variables [instances, rows, columns]).

    Raises ParameterError when no bound applies to the claim.
    """
    points = SimpleNamespace(**{name: a.to("cpu", DTYPE) for name, a in vars(points).items()})
    stacked = stack_bindings(instances)
    xp, data = setting(claim.problem, stacked)
    uppers = claim.problem.loss(xp, points, data, stacked).tolist()
    separable = claim.proof.separable
    separate = None if separable is None else separable_bounds(separable, stacked).tolist()
    certificates = []
    for number, upper in enumerate(uppers):
        bindings = {s: v[number] if isinstance(v, Tensor) and not shared(s, v) else v for s, v in stacked.items()}
        point = SimpleNamespace(**{name: a[number] for name, a in vars(points).items()})
        bounds = problem_bounds(claim.problem, bindings, point)
        if separate is not None:
            bounds["separable"] = separate[number]
        bounds = {method: bound for method, bound in bounds.items() if not math.isnan(bound)}
        if not bounds:
            raise ParameterError(f"claim: {claim.id!r} is not allowed; no certificate applies to its problem yet")
        method = max(bounds, key=bounds.__getitem__)
        certificates.append(Certificate(upper, bounds[method], method))
    return certificates


def problem_bounds(problem: Problem, bindings: Mapping[sp.Basic, Any], point: SimpleNamespace) -> dict[str, float]:
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


def wrong_probabilities(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"]) -> Float64[Tensor, "K N"]:
    """Softmax probabilities with the correct entry set to zero: small ones keep their relative accuracy."""
    return torch.softmax(z, 0) * (1 - y)


def mean_entropy(wrong: Float64[Tensor, "K N"], shares: Float64[Tensor, " N"] | None = None) -> Tensor:
    """Mean entropy of the columns, given their wrong-class probabilities; weighted where their shares are given."""
    return _entropies(wrong).mean() if shares is None else (shares * _entropies(wrong)).sum()


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
    wrong = wrong_probabilities(z, y)
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
        else float(mean_entropy(shrink * wrong))
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
    wrong = (wrong_probabilities(z, y) @ y.T) / counts
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


def separable_bounds(separable: Separable, bindings: Mapping[sp.Basic, Any]) -> Float64[Tensor, " B"]:
    """Return a lower bound on Σ_i min φ_i(x_i) for each instance of a batch, without a formula for the minimisers.

    Branch and bound, direction by direction: on an interval a convex part lies above its tangents at both ends and a
    concave part above its chord, so that φ lies above the larger of two linear functions.
    """
    axis = ((separable.index, separable.count),)
    free = evaluate(Formula(separable.free, axis), bindings).bool()
    first = separable.pieces[0]
    at_start = evaluate(Formula(first.function.subs(separable.variable, first.lower), axis), bindings)
    least = torch.full_like(at_start, torch.inf)
    for piece in separable.pieces:
        least = torch.minimum(least, _least_on_piece(separable, piece, bindings))
    return torch.where(free, least, at_start).sum(1)


def _least_on_piece(separable: Separable, piece: Piece, bindings: Mapping[sp.Basic, Any]) -> Float64[Tensor, "B n"]:
    """Return a lower bound on the least value of one piece, for every instance and direction."""
    axis = ((separable.index, separable.count),)
    low = evaluate(Formula(piece.lower, axis), bindings)
    shape, low = low.shape, low.flatten()
    owner = torch.arange(len(low))
    convex, concave = (_Flat(part, separable, bindings, shape) for part in (piece.convex, piece.concave))
    slope = _Flat(sp.diff(piece.convex, separable.variable), separable, bindings, shape)
    if piece.upper == sp.oo:
        width = torch.ones_like(low)
        while bool((falling := slope(low + width, owner) < 0).any()):
            width = torch.where(falling, 2 * width, width)
        high = low + width
    else:
        high = evaluate(Formula(piece.upper, axis), bindings).flatten()
    known = torch.minimum(convex(low, owner) + concave(low, owner), convex(high, owner) + concave(high, owner))
    known = torch.where(high < low, torch.inf, known)  # an empty piece has no values
    settled = torch.full_like(low, torch.inf)
    empty = high <= low
    owner, low, high = owner[~empty], low[~empty], high[~empty]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        owner, low, high = owner.repeat(2), torch.cat([low, middle]), torch.cat([middle, high])
        at_low, at_high = convex(low, owner), convex(high, owner)
        chord_low, chord_high = concave(low, owner), concave(high, owner)
        length = high - low
        chord = (chord_high - chord_low) / length.clamp(min=torch.finfo(DTYPE).tiny)
        rise, fall = slope(low, owner) + chord, slope(high, owner) + chord
        start, end = at_low + chord_low, at_high + chord_high
        # The two lines start at ``start`` with slope ``rise`` and end at ``end`` with slope ``fall``.
        crossing = (end - start - fall * length) / (rise - fall).clamp(max=-torch.finfo(DTYPE).tiny)
        inside = start + rise * crossing.clamp(min=torch.zeros_like(length), max=length)
        bound = torch.where(rise >= 0, start, torch.where(fall <= 0, end, inside))
        known = known.scatter_reduce(0, owner, torch.minimum(start, end), "amin")
        closed = bound >= known[owner] - RESOLVED * torch.maximum(known[owner].abs(), at_low.abs())
        settled = settled.scatter_reduce(0, owner[closed], bound[closed], "amin")
        owner, low, high = owner[~closed], low[~closed], high[~closed]
        if len(owner) == 0:
            break
    settled = settled.scatter_reduce(0, owner, bound[~closed], "amin") if len(owner) else settled
    # What was left out lies above the known value; without this an interval dropped early would count as if it had not been.
    return torch.minimum(settled, known).reshape(shape)


class _Flat:
    """A formula of one direction, evaluated for single directions of single instances at a given variable."""

    def __init__(
        self, expression: sp.Expr, separable: Separable, bindings: Mapping[sp.Basic, Any], shape: torch.Size
    ) -> None:
        self.variable = separable.variable
        axis = ((separable.index, separable.count),)
        expression = sp.sympify(expression)
        # Sums over all directions and entries of this direction are numbers here, each with a name of its own.
        sums = {e: sp.Dummy("sum", real=True) for e in expression.atoms(sp.Sum)}
        expression = expression.xreplace(sums)
        entries = {e: sp.Dummy(str(e), positive=True) for e in expression.atoms(sp.Indexed)}
        self.expression = expression.xreplace(entries)
        self.fixed = {s: v for s, v in bindings.items() if isinstance(v, int)}
        self.values = {
            dummy: evaluate(Formula(e, axis), bindings).expand(shape).flatten()
            for e, dummy in (sums | entries | {separable.index: separable.index}).items()
        }
        for symbol, value in bindings.items():
            if isinstance(value, Tensor) and isinstance(symbol, sp.Symbol):
                self.values[symbol] = value[:, None].expand(shape).flatten()

    def __call__(self, x: Float64[Tensor, " L"], owner: Int64[Tensor, " L"]) -> Float64[Tensor, " L"]:
        given = {symbol: value[owner] for symbol, value in self.values.items()}
        return evaluate(Formula(self.expression), {**self.fixed, **given, self.variable: x}).expand(len(x))
