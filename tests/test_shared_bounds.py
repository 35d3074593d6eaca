"""Separable bounds whose directions share a number: what is rejected, and what the brackets prove."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sympy as sp

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.balls import Ball, Undecided
from numerics.bounds.certificates import certify
from numerics.bounds.separable import separable_bound, start_is_least
from numerics.bounds.shared import minimiser, minimiser_above
from numerics.training.optimise import minimise
from theory.claim import find
from theory.problem import Width
from theory.proof import Piece, Separable, StepFailed
from theory.symbols import D, beta, theta

CLAIM = find("vae-learnable-decoder-variance")
NARROW = 1e-40


@pytest.fixture(scope="module")
def right() -> Separable:
    """The bound of the claim."""
    separable = CLAIM.proof.separable
    assert separable is not None
    return separable


def with_piece(
    right: Separable, change: Callable[[sp.Expr], sp.Expr] = lambda convex: convex, **other: sp.Expr
) -> Separable:
    (piece,) = right.pieces
    return replace(right, pieces=(Piece(change(piece.convex), **{"lower": sp.Integer(0), **other}),))


def with_shared(right: Separable, **other: sp.Expr) -> Separable:
    return replace(right, shared=replace(right.shared, **other))


WRONG: dict[str, tuple[Callable[[Separable, sp.Symbol, sp.Symbol], Separable], str]] = {
    "not convex in the shared number": (
        lambda right, x, t: with_piece(right, lambda convex: convex - sp.exp(t)),
        "step 'separable' fails",
    ),
    "convex in each number alone": (
        lambda right, x, t: with_piece(right, lambda _: x**2 + t**2 + 3 * x * t),
        "step 'separable' fails",
    ),
    "a rest that is not convex": (lambda right, x, t: with_shared(right, rest=-sp.exp(t)), "step 'separable' fails"),
    "a start that moves": (lambda right, x, t: with_piece(right, lower=t), "must not depend on t"),
    "directions that are free at some numbers": (
        lambda right, x, t: replace(right, free=t > 0),
        "must not depend on t",
    ),
    "a piece with an end": (lambda right, x, t: with_piece(right, upper=sp.Integer(5)), "without an upper end"),
    "two pieces": (lambda right, x, t: replace(right, pieces=2 * right.pieces), "one piece"),
    "another rest": (lambda right, x, t: with_shared(right, rest=2 * D * t), "separable"),
    "another reading": (lambda right, x, t: with_shared(right, reading=2 * right.shared.reading), "separable"),
}
"""Bounds that are unsound, as changes of the right one, whose variable is x and whose shared number is t, and what is said of each."""


@pytest.mark.parametrize("wrong", WRONG)
def test_an_unsound_bound_is_rejected(wrong, right):
    change, said = WRONG[wrong]
    with pytest.raises(StepFailed, match=said):
        change(right, right.variable, right.shared.variable).check(CLAIM.proof.bounds[-2].expression)


def test_the_bound_of_the_claim_is_accepted(right):
    right.check(CLAIM.proof.bounds[-2].expression)


@pytest.mark.parametrize("root", [-700.0, -3.25, 0.0, 1e-30, 0.1, 4096.5])
def test_a_bracket_holds_the_minimiser_and_is_narrow(root):
    """The slope e^(x − r) − 1 changes its sign at r alone."""
    found = minimiser(lambda at: (at - Ball(root)).exp() - 1)
    assert found.low <= root <= found.high
    assert found.high - found.low <= NARROW * (1 + abs(root))
    above = minimiser_above(lambda at: (at - Ball(root)).exp() - 1, Ball(-1000))
    assert above.low <= root <= above.high
    assert above.high - above.low <= NARROW * (1 + abs(root))


def test_the_end_of_a_half_line_is_its_own_bracket():
    found = minimiser_above(lambda at: at.exp(), Ball(2))
    assert found.low == found.high == 2


@pytest.mark.parametrize("slope", [lambda at: at.exp(), lambda at: -at.exp(), lambda at: 0 * at])
def test_a_slope_of_one_sign_has_no_bracket(slope):
    with pytest.raises(Undecided):
        minimiser(slope)


def test_a_loss_without_a_minimum_has_no_bound(right):
    """A rest that falls faster than the directions rise leaves no minimum: the bound says nothing, and is no number."""
    instance = CLAIM.problem.instance(theta=(3.0, 2.0, 1.0), latent_dim=1)
    falling = with_shared(right, rest=-right.shared.variable)
    assert separable_bound(falling, ball_bindings(CLAIM.problem, instance)) == Ball("-inf")


@pytest.mark.parametrize(("share", "collapsed"), [(1 - 1e-9, False), (1 + 1e-9, True)])
def test_a_direction_starts_at_its_least_value_beyond_its_threshold(share, collapsed, right):
    """The second of the variances 9, 4 and 1 collapses at β = 3 / (1 + 1 + 1/4)."""
    instance = CLAIM.problem.instance(theta=(3.0, 2.0, 1.0), latent_dim=2, beta=share * 3 / 2.25)
    bindings = ball_bindings(CLAIM.problem, instance)
    assert start_is_least(right, bindings, 2) is collapsed
    assert start_is_least(right, bindings, 1) is False


def test_the_bound_lies_below_the_sum_at_any_numbers(right):
    """At points of a grid around the minimum the sum is no lower than the bound, and close to it somewhere."""
    theta_values, weight = (3.0, 2.0, 1.0), 0.8
    instance = CLAIM.problem.instance(theta=theta_values, latent_dim=1, beta=weight)
    bound = float(separable_bound(right, ball_bindings(CLAIM.problem, instance)))
    numbers = {D: 3, beta: sp.Float(weight)}
    (piece,), x, t = right.pieces, right.variable, right.shared.variable
    total = sum(
        piece.convex.xreplace({theta[right.index]: sp.Float(value)}).subs(x, x if number == 0 else 0)
        for number, value in enumerate(theta_values)
    )
    value = sp.lambdify((x, t), (total + right.shared.rest).subs(numbers))
    found = [value(a / 50, b / 50) for a in range(0, 200) for b in range(-100, 200)]
    assert bound <= min(found) <= bound + 1e-3


def test_said_for_any_latent_dimension_the_claim_has_no_certificate():
    """With as many latent directions as the data has and β < 1 the loss is unbounded below: a domain that allows this is too wide."""
    wide = replace(
        CLAIM.problem,
        parameters=tuple(replace(p, domain=Width()) if p.name == "latent_dim" else p for p in CLAIM.problem.parameters),
    )
    instance = wide.instance(theta=(3.0, 2.0), latent_dim=2, beta=0.5)
    point = minimise(wide, [CLAIM.problem.instance(theta=(3.0, 2.0), latent_dim=1, beta=0.5)], starts=1).best_point()
    assert certify(CLAIM, [instance], point) == [None]
