"""Lower bounds on the global minimum, computed from a trained point or from the data, without the predicted formula.

Floating point proposes (dual points, probabilities, intervals) and ball arithmetic decides: feasibility is verified, and every
bound is evaluated, on enclosures. What is left to trust are the inequalities themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sympy as sp
import torch
from jaxtyping import Float64
from torch import Tensor

from numerics.backends.balls import (
    Ball,
    BallArrays,
    BallMatrix,
    Undecided,
    ball_bindings,
    decide,
    evaluate_in_balls,
    function_in_balls,
    highest,
    lowest,
)
from numerics.backends.points import points_of
from numerics.backends.tensors import DTYPE, TorchArrays, shared, stack_bindings
from numerics.tolerances import CERTIFICATE_GAP, NEAR_CERTIFICATE_GAP
from theory.claim import Claim
from theory.point import Point
from theory.problem import Instance, Problem
from theory.proof import Piece, Separable

HALVINGS = 200
"""Rounds of branch and bound; twenty or so settle a direction, more are needed where its minimiser lies many decades below
the width of its piece."""
RESOLVED = 1e-13
"""Branch and bound ends where lower bound and least value known of all directions together come this close, relative."""
RADII = 16
"""A bound this many of its own radii below the least value known is as close as balls of this precision get."""
MOST_INTERVALS = 4000
"""Intervals of one direction at a time, beyond which branch and bound goes no further: the bound reached holds, and is loose."""
MARGINS = (1e-13, 1e-11, 1e-9, 1e-7)
"""By how much, relative, a dual point is shrunk below the limit that floating point computed, until it is verified."""


@dataclass(frozen=True)
class Enclosure:
    """The loss at a trained point, and a lower bound of something, as balls.

    ``rigorous``: no floating-point result is trusted in either.
    """

    upper_ball: Ball
    lower_ball: Ball
    rigorous: ClassVar[bool] = True

    @property
    def upper(self) -> float:
        """A double not below the loss at the point."""
        return highest(self.upper_ball)

    @property
    def lower(self) -> float:
        """A double not above the lower bound."""
        return lowest(self.lower_ball)

    @property
    def gap_ball(self) -> Ball:
        """(upper − lower) / |upper|."""
        return (self.upper_ball - self.lower_ball) / abs(self.upper_ball)

    @property
    def gap(self) -> float:
        """A double not below the relative gap."""
        return highest(self.gap_ball)


@dataclass(frozen=True)
class Certificate(Enclosure):
    """lower ≤ global minimum ≤ upper; ``method`` says which bound was the best one."""

    method: str

    def failures(self, predicted: Ball | None, near_threshold: bool) -> list[str]:
        """Return what is wrong: a gap that does not close, bounds in the wrong order, or a prediction outside them."""
        allowed = NEAR_CERTIFICATE_GAP if near_threshold else CERTIFICATE_GAP
        found = []
        if self.gap_ball < 0:
            found.append(f"the lower bound exceeds a value of the loss: gap {self.gap_ball.str(3)}")
        if not self.gap <= allowed:
            found.append(f"certificate gap {self.gap:.1e} exceeds {allowed:.0e}")
        if predicted is not None and (predicted > self.upper_ball or predicted < self.lower_ball):
            found.append(
                f"predicted value {float(predicted):.15g} lies outside the certified [{self.lower:.15g}, {self.upper:.15g}]"
            )
        return found


def certify(claim: Claim, instances: Sequence[Instance], points: Point) -> list[Certificate | None]:
    """Return the best certificate for each instance from a trained point (variables [instances, rows, columns]).

    The point is taken as the doubles it consists of, exactly. None where no bound applies, or none could be verified.
    """
    certificates: list[Certificate | None] = []
    for instance, point in zip(instances, points_of(points), strict=True):
        bounds = problem_bounds(claim.problem, instance, point)
        if claim.proof.separable is not None:
            bounds["separable"] = separable_bound(claim.proof.separable, ball_bindings(claim.problem, instance))
        bounds = {method: bound for method, bound in bounds.items() if bound.is_finite()}
        if not bounds:
            certificates.append(None)
            continue
        method = max(bounds, key=lambda m: lowest(bounds[m]))
        certificates.append(Certificate(value_at(claim.problem, instance, point), bounds[method], method))
    return certificates


def value_at(problem: Problem, instance: Instance, point: Point) -> Ball:
    """Enclose the loss at a point (variables [rows, columns]), the doubles taken exactly."""
    bindings = ball_bindings(problem, instance)
    xp = BallArrays(bindings)
    v = point.map(lambda a: BallMatrix.from_tensor(a))
    return problem.loss(xp, v, problem.given(xp), bindings)


def predicted_value(claim: Claim, instance: Instance) -> Ball | None:
    """Enclose the predicted value; None where the claim has no formula."""
    formula = claim.prediction.value
    return None if formula is None else evaluate_in_balls(formula, ball_bindings(claim.problem, instance))


def problem_bounds(problem: Problem, instance: Instance, point: Point) -> dict[str, Ball]:
    """Return every lower bound that the form of the problem alone admits, by method; nan where none could be verified."""
    form = problem.nuclear_form
    if form is None:
        return {}
    stacked = stack_bindings([instance])
    at = {s: v[0] if isinstance(v, Tensor) and not shared(s, v) else v for s, v in stacked.items()}
    xp = TorchArrays(at)
    balls = ball_bindings(problem, instance)
    decay = balls[form.decays[0]] * balls[form.decays[1]]
    with_bias = form.bias in point
    z = form.logits(xp, point)
    if not form.cross_entropy:
        return {"dual": dual_bound_mse(z, form.labels(xp, at), decay, with_bias)}
    bounds = {"dual": dual_bound_cross_entropy(z, form.labels(BallArrays(balls), balls), decay, with_bias)}
    if form.copositive and not with_bias:
        bounds["copositive"] = copositive_bound(z, form.labels(xp, at), decay)
    return bounds


def wrong_probabilities(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"]) -> Float64[Tensor, "K N"]:
    """Softmax probabilities with the correct entry, that of the largest label, set to zero: small ones keep their accuracy."""
    return torch.softmax(z, 0) * (1 - largest_labels(y))


def largest_labels(y: Float64[Tensor, "K N"]) -> Float64[Tensor, "K N"]:
    """One-hot columns: where the largest label of each sample is."""
    return torch.nn.functional.one_hot(y.argmax(0), y.shape[0]).to(y).T


def entropy(wrong: Sequence[Ball]) -> Ball:
    """Enclose −Σ p log p, given the wrong-class probabilities; nan where one may be negative."""
    missing = sum(wrong, Ball(0))
    if any(not p >= 0 for p in wrong) or not missing <= 1:
        return Ball("nan")
    logs = sum((p * p.log() for p in wrong if not p.is_zero()), Ball(0))
    rest = Ball(0) if missing == 1 else (1 - missing) * (-missing).log1p()
    return -(logs + rest)


def exact_labels(y: Float64[Tensor, "K N"]) -> list[int]:
    """The class of each sample, that of its largest label."""
    return y.argmax(0).tolist()


def dual_bound_cross_entropy(z: Float64[Tensor, "K N"], labels: BallMatrix, decay: Ball, with_bias: bool) -> Ball:
    """Enclose the dual value (1/N) Σ entropy(p_i) of a feasible P near the softmax of the logits.

    The columns of the labels Y are probabilities. P is feasible when ‖(Y − P)/N‖_op ≤ √(λ_W λ_H), and (Y − P) 1 = 0 if there is
    a bias: shrinking P toward Y restores the first, a common shift of the columns (mixed with the mean label to stay positive)
    the second. The entry of the largest label, the correct one, is never written down: it is 1 less the others, so that small
    ones keep their relative accuracy.
    """
    samples = z.shape[1]
    y = torch.tensor([float(x) for x in labels.entries.entries()], dtype=DTYPE).reshape(z.shape)
    label_columns, correct = labels.transposed.tolist(), exact_labels(y)
    wrong = wrong_probabilities(z, y)
    largest = largest_labels(y)
    residual = wrong - y * (1 - largest)
    residual = residual - largest * residual.sum(0)  # P − Y
    if with_bias:
        residual = residual - residual.mean(1, keepdim=True)
    shrink = min(1.0, samples * float(decay) ** 0.5 / float(torch.linalg.matrix_norm(residual, 2).clamp(min=1e-300)))
    for margin in MARGINS:
        kept = shrink * (1 - margin)
        nearer = BallMatrix.from_tensor(kept * wrong) - labels * Ball(kept)
        columns = _with_correct_entries(nearer.transposed.tolist(), correct)
        if with_bias:
            columns = _balanced_columns(columns, label_columns, correct)
        p_minus_y = BallMatrix.of(columns).transposed
        if not has_norm_at_most(p_minus_y, samples**2 * decay):
            continue
        found = Ball(0)
        for column, label, own in zip(columns, label_columns, correct, strict=True):
            found += entropy([a + b for i, (a, b) in enumerate(zip(column, label, strict=True)) if i != own])
        if found.is_finite():
            return found / samples
    return Ball("nan")


def _with_correct_entries(wrong: Sequence[Sequence[Any]], labels: Sequence[int]) -> list[list[Ball]]:
    """Return columns of P − Y from the wrong-class probabilities: the correct entry is what makes the sum zero."""
    columns = []
    for column, label in zip(wrong, labels, strict=True):
        entries = [Ball(x) for x in column]
        entries[label] = -sum((x for i, x in enumerate(entries) if i != label), Ball(0))
        columns.append(entries)
    return columns


def _balanced_columns(
    columns: Sequence[Sequence[Ball]], labels: Sequence[Sequence[Ball]], correct: Sequence[int]
) -> list[list[Ball]]:
    """Return columns of P − Y whose mean is exactly zero: shifted by their mean, and mixed with the mean label.

    The share of the mean label is the least one under which no probability is negative, and a trifle more.
    """
    samples, classes = len(columns), len(columns[0])
    shift = [sum((c[i] for c in columns), Ball(0)) / samples for i in range(classes)]
    frequency = [sum((y[i] for y in labels), Ball(0)) / samples for i in range(classes)]
    shifted = [[x - s for x, s in zip(column, shift, strict=True)] for column in columns]
    deficit = max(
        highest(-(x + y[i]) / frequency[i])
        for c, y, own in zip(shifted, labels, correct, strict=True)
        for i, x in enumerate(c)
        if i != own
    )
    share = Ball(max(0.0, deficit))
    share = share / (1 + share)
    return [
        [(1 - share) * x + share * (f - y_i) for x, f, y_i in zip(column, frequency, y, strict=True)]
        for column, y in zip(shifted, labels, strict=True)
    ]


def dual_bound_mse(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: Ball, with_bias: bool) -> Ball:
    """Enclose the dual value −⟨A, Y⟩ − (N/2)‖A‖² of a feasible A near the gradient (Z − Y)/N.

    A is feasible when ‖A‖_op ≤ √(λ_W λ_H), and A 1 = 0 if there is a bias.
    """
    samples = z.shape[1]
    proposed = (z - y) / samples
    if with_bias:
        proposed = proposed - proposed.mean(1, keepdim=True)
    shrink = min(1.0, float(decay) ** 0.5 / float(torch.linalg.matrix_norm(proposed, 2).clamp(min=1e-300)))
    labels = exact_labels(y)
    for margin in MARGINS:
        a = BallMatrix.from_tensor(shrink * (1 - margin) * proposed)
        if with_bias:
            a = BallMatrix.of([[x - sum(row, Ball(0)) / samples for x in row] for row in a.tolist()])
        if has_norm_at_most(a, decay):
            fitted = sum((a.entries[label, i] for i, label in enumerate(labels)), Ball(0))
            return -fitted - Ball(samples) / 2 * a.squared_norm()
    return Ball("nan")


def has_norm_at_most(a: BallMatrix, square: Ball) -> bool:
    """Verify ‖a‖_op² ≤ square: square · I − a aᵀ is positive semidefinite."""
    gram = (a @ a.transposed).tolist()
    return is_semidefinite([[square * int(i == j) - x for j, x in enumerate(row)] for i, row in enumerate(gram)])


def is_semidefinite(rows: Sequence[Sequence[Ball]]) -> bool:
    """Verify that every symmetric matrix within these balls is positive semidefinite, by its LDLᵀ decomposition.

    Rows that are exactly zero off the diagonal need no positive pivot. False means not verified.
    """
    left = [list(row) for row in rows]
    for i, row in enumerate(left):
        if all(x.is_zero() for x in row[i + 1 :]):
            if not row[i] >= 0:
                return False
            continue
        if not row[i] > 0:
            return False
        for below in range(i + 1, len(left)):
            factor = row[below] / row[i]
            for column in range(below, len(left)):
                left[below][column] -= factor * row[column]
    return True


def copositive_bound(z: Float64[Tensor, "K N"], y: Float64[Tensor, "K N"], decay: Ball) -> Ball:
    """Enclose (1/N) Σ entropy(p_i) for class-wise probabilities that make the quadratic form in H ≥ 0 copositive.

    With Q_kl = n_k δ_kl λ_W λ_H − n_k n_l ⟨e_k − p_k, e_l − p_l⟩ / N² the form is copositive when Q less its positive
    off-diagonal entries is positive semidefinite. Each class is shrunk toward its label until its diagonal entry is
    nonnegative, then all are shrunk together as far as needed.
    """
    samples = z.shape[1]
    counts = y.sum(1)
    sizes = [int(n) for n in counts.tolist()]
    wrong = (wrong_probabilities(z, y) @ y.T) / counts
    wrong = wrong * (1 - torch.eye(len(counts), dtype=DTYPE))

    def shrunk(factor: float) -> Tensor:
        candidate = factor * wrong
        residual = candidate - torch.diag(candidate.sum(0))
        limit = samples * torch.sqrt(float(decay) / counts)
        return candidate * torch.clamp(limit / residual.norm(dim=0).clamp(min=1e-300), max=1.0)

    def seems_copositive(candidate: Tensor) -> bool:
        residual = candidate - torch.diag(candidate.sum(0))
        q = -torch.outer(counts, counts) * (residual.T @ residual) / samples**2
        diagonal = (counts * float(decay) + q.diagonal()).clamp(min=0)
        off = (q - torch.diag(q.diagonal())).clamp(max=0)
        return bool(torch.linalg.eigvalsh(torch.diag(diagonal) + off)[0] >= 0)

    factor = 1.0
    if not seems_copositive(shrunk(factor)):
        low, factor = 0.0, 1.0
        for _ in range(60):
            middle = (low + factor) / 2
            low, factor = (middle, factor) if seems_copositive(shrunk(middle)) else (low, middle)
        factor = low
    for margin in MARGINS:
        columns = _with_correct_entries(((1 - margin) * shrunk(factor)).T.tolist(), range(len(sizes)))
        residual = BallMatrix.of(columns)
        inner = (residual @ residual.transposed).tolist()
        form = [
            [
                n * decay - Ball(n * n) * inner[i][i] / samples**2
                if i == j
                else _negative_part(-inner[i][j]) * n * m / samples**2
                for j, m in enumerate(sizes)
            ]
            for i, n in enumerate(sizes)
        ]
        if is_semidefinite(form):
            entropies = [entropy([x for i, x in enumerate(c) if i != label]) for label, c in enumerate(columns)]
            return sum((n * e for n, e in zip(sizes, entropies, strict=True)), Ball(0)) / samples
    return Ball("nan")


def _negative_part(x: Ball) -> Ball:
    return Ball(0) if x >= 0 else x.min(Ball(0))


def separable_bound(separable: Separable, bindings: Mapping[sp.Basic, Any]) -> Ball:
    """Enclose a lower bound on Σ_i min φ_i(x_i), without a formula for the minimisers; −∞ where there is none.

    Branch and bound: on an interval a convex part lies above its tangents at both ends and a concave part above its chord,
    so that φ lies above two linear functions, and above any mean of them. How fine a direction has to be resolved follows
    from the sum of the least values known, never from a value elsewhere: with decays far below one a value at zero may be
    larger by more decades than a double has.
    """
    count = int(sp.sympify(separable.count).subs({s: v for s, v in bindings.items() if isinstance(v, int)}))
    fixed, searches = Ball(0), []
    for number in range(1, count + 1):
        direction = _Direction(separable, bindings, number)
        if decide(separable.free, bindings, {separable.index: number}):
            searches.append(_BranchAndBound(direction.pieces))
        else:
            fixed += direction.at_start
    for _ in range(HALVINGS):
        known = sum((search.known for search in searches), fixed)
        share = RESOLVED * abs(known) / max(1, len(searches))
        coarse = [search for search in searches if not (search.settled() or search.known - search.lower() <= share)]
        if not coarse:
            break
        for search in coarse:
            search.halve()
    return sum((search.lower() for search in searches), fixed)


def start_is_least(separable: Separable, bindings: Mapping[sp.Basic, Any], direction: int) -> bool:
    """Decide whether a direction (from 1) is minimised where its pieces start: whether zero is optimal for it.

    Both answers are proved; raises Undecided where neither can be.
    """
    pieces = _Direction(separable, bindings, direction).pieces
    level = pieces[0].low.value
    return all(piece.stays_above(level) for piece in pieces)


class _Direction:
    """The scalar problem of one direction in balls: its pieces that are not empty, and the value where they start."""

    def __init__(self, separable: Separable, bindings: Mapping[sp.Basic, Any], number: int) -> None:
        def in_balls(expression: sp.Expr) -> Callable[[Ball], Ball]:
            return function_in_balls(sp.sympify(expression), separable.variable, bindings, {separable.index: number})

        pieces = [_PieceInBalls(piece, separable.variable, in_balls) for piece in separable.pieces]
        self.pieces = [piece for piece in pieces if not piece.high.at < piece.low.at]
        first = separable.pieces[0]
        self.at_start = in_balls(first.function)(in_balls(first.lower)(Ball(0)))


@dataclass(frozen=True)
class _End:
    """An end of an interval: a number, the value of the piece there and of its concave part, and the slope of the convex one."""

    at: Ball
    value: Ball
    concave: Ball
    slope: Ball


Interval = tuple[_End, _End]


class _PieceInBalls:
    """A piece between two numbers, ``low`` and ``high``: its ends, rounded outward, and the first beyond which it only grows."""

    def __init__(
        self, piece: Piece, variable: sp.Symbol, in_balls: Callable[[sp.Expr], Callable[[Ball], Ball]]
    ) -> None:
        self.convex, self.concave = in_balls(piece.convex), in_balls(piece.concave)
        self.slope = in_balls(sp.diff(piece.convex, variable))
        self.low = self.end(in_balls(piece.lower)(Ball(0)).lower())
        if piece.upper != sp.oo:
            self.high = self.end(in_balls(piece.upper)(Ball(0)).upper())
            return
        width = Ball(1)
        while not self.slope(self.low.at + width) > 0:
            width = 2 * width
        self.high = self.end((self.low.at + width).upper())

    def end(self, x: Ball) -> _End:
        concave = self.concave(x)
        return _End(x, self.convex(x) + concave, concave, self.slope(x))

    def halved(self, interval: Interval) -> tuple[Interval, Interval]:
        start, end = interval
        middle = self.end(((start.at + end.at) / 2).mid())
        return (start, middle), (middle, end)

    def stays_above(self, level: Ball) -> bool:
        """Decide whether no value of the piece lies below a level; raises Undecided where HALVINGS do not settle it."""
        intervals = [(self.low, self.high)]
        for _ in range(HALVINGS):
            if any(end.value < level for interval in intervals for end in interval):
                return False
            # Where the level is the value at the very start, a piece that rises from there stays above it exactly.
            intervals = [
                (start, end)
                for start, end in intervals
                if not (_below(start, end) >= level or (start is self.low and _rises(start, end)))
            ]
            if not intervals:
                return True
            if len(intervals) > MOST_INTERVALS:
                break
            intervals = [half for interval in intervals for half in self.halved(interval)]
        raise Undecided(f"whether a piece stays above {level.str(15)}")


class _BranchAndBound:
    """The search for the least value of one direction: ``known`` is not below it, ``lower()`` not above it."""

    def __init__(self, pieces: Sequence[_PieceInBalls]) -> None:
        self.known, self.within_rounding = Ball("inf"), Ball("inf")
        self.open: list[tuple[_PieceInBalls, Interval, Ball]] = []
        self._take([(piece, (piece.low, piece.high)) for piece in pieces])

    def lower(self) -> Ball:
        """A number not above the least value: intervals that were left hold nothing below ``known`` or ``within_rounding``."""
        return min([self.known, self.within_rounding, *(below for _, _, below in self.open)])

    def settled(self) -> bool:
        """Whether halving brings nothing more, or is given up."""
        return not self.open or len(self.open) > MOST_INTERVALS

    def halve(self) -> None:
        """Halve every interval that may hold a value below the least one known."""
        self._take([(piece, half) for piece, interval, _ in self.open for half in piece.halved(interval)])

    def _take(self, intervals: Sequence[tuple[_PieceInBalls, Interval]]) -> None:
        for _, ends in intervals:
            for end in ends:
                if end.value.is_finite():
                    self.known = min(self.known, end.value.upper())
        self.open = []
        for piece, interval in intervals:
            found = _below(*interval)
            below = found.lower() if found.is_finite() else Ball("-inf")
            if below >= self.known:
                continue
            # Where the function is nothing but what cancels, no interval gets closer than the radius of the balls.
            if found.is_finite() and below >= self.known - RADII * found.rad():
                self.within_rounding = min(self.within_rounding, below)
            else:
                self.open.append((piece, interval, below))


def _rises(start: _End, end: _End) -> bool:
    """Whether the function is proved to be least at the start of an interval."""
    if start.at == end.at:
        return True
    chord = (end.concave - start.concave) / (end.at - start.at)
    return bool(start.slope + chord >= 0)


def _below(start: _End, end: _End) -> Ball:
    """Enclose a lower bound between two numbers, from a line through either end with the slope of the function there."""
    if start.at == end.at:  # a piece of one point
        return start.value
    length = end.at - start.at
    chord = (end.concave - start.concave) / length
    rise, fall = start.slope + chord, end.slope + chord
    if rise >= 0:
        return start.value
    if fall <= 0:
        return end.value
    # Any mean of the two lines lies below the function: the level one is about the highest.
    weight = (fall / (fall - rise)).mid()
    if not (weight >= 0 and weight <= 1):
        weight = Ball(1)
    left = weight * start.value + (1 - weight) * (end.value - fall * length)
    right = weight * (start.value + rise * length) + (1 - weight) * end.value
    return left.min(right)
