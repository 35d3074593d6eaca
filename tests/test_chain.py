"""A chain is run in doubles, and in balls where doubles leave a doubt."""

import dataclasses

import pytest
import sympy as sp
import torch

from numerics.backends.points import points_of, random_point
from numerics.judging.chain import Chain
from numerics.training.optimise import minimise
from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.strategies import batches, drawn
from theory.claim import Derivation, find, registry
from theory.point import Point


@pytest.fixture(scope="module")
def cancelling():
    """A chain at minima at which all directions keep the prior: every link is tight, and the terms of the loss cancel."""
    claim = find("vae-learnable-variance")
    instance = claim.problem.instance(theta=(2.2e-4, 1.4e-4), latent_dim=5, beta=3.3, eta_dec=0.23, eta_enc=3.0)
    solution = minimise(claim.problem, [instance], starts=8)
    return claim, [instance] * 8, Point({name: array[0] for name, array in solution.points.items()})


@pytest.mark.parametrize("claim_id", registry())
def test_doubles_and_balls_agree(claim_id):
    claim = find(claim_id)
    (batch,) = drawn(batches(claim, REGIMES[1]), 1, 7)
    point = random_point(claim, batch, 1.0, torch.Generator().manual_seed(1))
    chain = Chain(claim, batch)
    run = chain.run(point)
    values = torch.tensor(chain.in_balls(batch[0], points_of(point)[0]), dtype=run.values.dtype)
    torch.testing.assert_close(run.values[:, 0], values, rtol=1e-10, atol=1e-12 * float(values.abs().max()))


def raised(claim, share):
    """Return a claim whose first bound is raised by a share of itself."""
    first, *rest = claim.proof.bounds
    first = dataclasses.replace(first, expression=first.expression * (1 + sp.Rational(share)))
    proof = dataclasses.replace(claim.proof, bounds=(first, *rest))
    return dataclasses.replace(claim, derive=lambda problem: Derivation(proof, claim.prediction))


def test_rounding_does_not_break_a_link(monkeypatch, cancelling):
    """Even if doubles may leave nothing at all, a true chain holds in balls."""
    claim, instances, point = cancelling
    monkeypatch.setattr("numerics.judging.chain.LINK", 1e-17)
    chain = Chain(claim, instances)
    assert chain.run(point).broken() != {}
    assert chain.judged(point).broken() == {}


def test_a_link_that_is_broken_by_little_stays_broken(cancelling):
    """Balls do not excuse a bound that exceeds its predecessor by a billionth."""
    claim, instances, point = cancelling
    assert Chain(claim, instances).judged(point).broken() == {}
    broken = Chain(raised(claim, "1e-9"), instances).judged(point).broken()
    assert broken != {}
    assert max(broken.values()) == pytest.approx(1e-9, rel=0.05)


def test_balls_that_say_nothing_excuse_nothing(monkeypatch, cancelling):
    """Where an enclosure is wide, or an operation is unknown to balls, a link that doubles break stays broken."""
    claim, instances, point = cancelling
    chain = Chain(raised(claim, "1e-9"), instances)
    broken = chain.run(point).broken()
    assert broken != {}
    monkeypatch.setattr("numerics.judging.chain.ROUNDED", 0.0)
    assert chain.in_balls(instances[0], points_of(point)[0]) is None
    monkeypatch.undo()

    def unknown(formula, known):
        raise NotImplementedError

    monkeypatch.setattr("numerics.judging.chain.evaluate_in_balls", unknown)
    assert chain.judged(point).broken() == broken
