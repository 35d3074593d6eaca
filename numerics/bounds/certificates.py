"""Lower bounds on the global minimum, computed from a trained point or from the data, without the predicted formula.

Floating point proposes (dual points, probabilities, intervals) and ball arithmetic decides: feasibility is verified,
and every bound is evaluated, on enclosures. Only the inequalities themselves are left to trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numerics.backends.ball_arrays import BallArrays
from numerics.backends.ball_evaluation import ball_bindings, evaluate_in_balls
from numerics.backends.balls import Ball, lowest
from numerics.backends.bindings import single_bindings
from numerics.backends.points import points_of
from numerics.backends.tensors import TorchArrays
from numerics.bounds.copositive import copositive_bound
from numerics.bounds.cumulative import dual_bound_cumulative
from numerics.bounds.dual import (
    dual_bound_binary,
    dual_bound_cross_entropy,
    dual_bound_in_nuclear_ball,
    dual_bound_mse,
)
from numerics.bounds.enclosures import Enclosure, value_at
from numerics.bounds.separable import separable_bound
from numerics.bounds.similarity_box import dual_bound_in_similarity_box
from numerics.tolerances import CERTIFICATE_GAP, NEAR_CERTIFICATE_GAP
from theory.claim import Claim
from theory.expressions import Formula
from theory.point import Point
from theory.problem import BINARY_CROSS_ENTROPY, MSE, Instance, Problem


@dataclass(frozen=True)
class Certificate(Enclosure):
    """Bounds lower ≤ global minimum ≤ upper; ``method`` names the lower bound that was the best one."""

    method: str

    def failures(self, predicted: Ball | None, near_threshold: bool) -> list[str]:
        """Return the failures: a gap that does not close, bounds in the wrong order, or a prediction outside the bounds."""
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

    The doubles of the point are taken exactly. A certificate is None where no bound applies, or no bound could be
    verified.
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


def problem_bounds(problem: Problem, instance: Instance, point: Point) -> dict[str, Ball]:
    """Return every lower bound that the form of the problem alone admits, by method. A bound that is not verified is nan."""
    cumulative = problem.cumulative_form
    form, ball, box = problem.nuclear_form, problem.nuclear_ball, problem.similarity_box
    if not problem.has_bound:
        return {}
    at = single_bindings(instance)
    xp = TorchArrays(at)
    balls = ball_bindings(problem, instance)
    if box is not None:
        most = evaluate_in_balls(Formula(box.most), balls)
        return {"dual": dual_bound_in_similarity_box(box.similarities(xp, point, at), box.labels(xp, at), most)}
    if cumulative is not None:
        z, y = cumulative.latent(xp, point), cumulative.labels(xp, at)
        product = balls[cumulative.decays[0]] * balls[cumulative.decays[1]]
        return {"dual": dual_bound_cumulative(z, y, balls[cumulative.odds], product)}
    if form is None:
        assert ball is not None
        radius = evaluate_in_balls(Formula(ball.radius), balls)
        return {"dual": dual_bound_in_nuclear_ball(ball.logits(xp, point, at), ball.labels(xp, at), radius)}
    decay = balls[form.decays[0]] * balls[form.decays[1]]
    with_bias = form.bias in point
    z = form.logits(xp, point)
    if form.loss == MSE:
        return {"dual": dual_bound_mse(z, form.labels(xp, at), decay, with_bias)}
    if form.loss == BINARY_CROSS_ENTROPY:
        return {"dual": dual_bound_binary(z, form.labels(xp, at), decay, with_bias)}
    bounds = {"dual": dual_bound_cross_entropy(z, form.labels(BallArrays(balls), balls), decay, with_bias)}
    if form.copositive:
        bounds["copositive"] = copositive_bound(z, form.labels(xp, at), decay, with_bias)
    return bounds
