"""Every refuted claim of the registry: why it is false, a trained counterexample, the part that holds, and what stays open."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from numerics.bounds.steps import contradictions
from numerics.judging.counterexamples import (
    Counterexample,
    block_logits,
    hold_against_published,
    loss_at_logits,
    objective_at,
    simplex_logits,
    status,
)
from numerics.tolerances import VALUE_GAP
from numerics.training.optimise import minimise
from proofs_check.harness.report import Ledger
from theory.claim import Claim
from theory.problem import Instance

STARTS = 3
MARGINS = (0.1, 1.0, 4.0)
SAME_FORMULA = 1e-12
"""Relative distance of a loss computed from its matrices and its formula: rounding of some hundred terms."""
REFUTED = ((6, 2), (7, 2), (4, 3), (5, 3), (4, 5))
HOLDS = ((3, 1), (6, 1))
SHARES = (0.05, 0.25)
BEYOND_THE_PROOF = ((4, 2, (0.25,)), (5, 2, SHARES))
OPEN = ((2, 2, SHARES), (3, 2, SHARES), (3, 3, SHARES), (4, 2, (0.02,)))


def instance_at(claim: Claim, classes: int, depth: int, share: float) -> Instance:
    """Return an instance at which the Schatten term of a simplex ETF of margin 3 is this share of log K."""
    samples, p = 2, 2 / (depth + 1)
    decay = share * math.log(classes) / ((depth + 1) / 2 * (classes - 1) * (samples**0.5 * 3) ** p)
    # Unequal decays with the same product: only that enters.
    layers = tuple(decay * (2.0 if i % 2 else 0.5) for i in range(depth))
    rest = decay ** (depth + 1) / math.prod(layers)
    return claim.problem.instance(
        class_counts=(samples,) * classes, depth=depth, weight_decay=layers, feature_decay=rest
    )


def trained(
    claim: Claim, classes: int, depth: int, ledger: Ledger, shares: tuple[float, ...] = SHARES
) -> list[Counterexample]:
    """Train instances with these sizes from random starts and hold them against the published structure."""
    instances = [instance_at(claim, classes, depth, share) for share in shares]
    solution = minimise(claim.problem, instances, STARTS, ledger.seed % 1000, ledger.device)
    found = hold_against_published(claim, instances, solution.best_point())
    lowest = [c.lower for c in found]
    reached = sum(int((v <= low * (1 + VALUE_GAP)).sum()) for v, low in zip(solution.values, lowest, strict=True))
    ledger.enter(
        claim,
        {
            "instances": len(instances),
            "starts": solution.values.numel(),
            "starts_reached": reached,
            "value_gap": 0.0,
            "deviation": 0.0,
            "certificate_gap": 0.0,
        },
    )
    return found


def test_derivation(refuted: Claim, ledger: Ledger) -> None:
    refuted.proof.check()
    for piece in refuted.refutation.least.pieces:
        piece.check(refuted.refutation.t)
    steps = (*refuted.proof.steps, *refuted.refutation.least.steps())
    assert list(contradictions(steps, ledger.seed)) == []


def departures(claim: Claim, classes: int, depth: int, margin: float) -> Iterator[str]:
    """Yield the formulas of a refutation that are not the loss at the points they stand for."""
    instance, refutation = instance_at(claim, classes, depth, 0.1), claim.refutation
    simplex, last = simplex_logits(classes, margin), refutation.least.pieces[-1]
    stated = {"published": (refutation.published, simplex), "least": (refutation.least.total(), simplex)}
    for family in refutation.families:
        if sum(family.blocks(classes)) == classes:
            logits = block_logits(family.blocks(classes), margin)
            stated[family.name] = family.objective, logits
            stated[f"blocks of {family.name}"] = refutation.objective(family.blocks(classes)), logits
    if depth > 1 and len(stated) == 2:
        yield "no family has so many classes"
    pairs = {
        name: (objective_at(refutation, formula, instance, margin), loss_at_logits(claim, instance, logits))
        for name, (formula, logits) in stated.items()
    }
    # The penalty alone is worth the loss at margin zero where the search for the least margin ends.
    penalty = objective_at(refutation, last.concave.subs(refutation.t, last.upper), instance, margin)
    pairs["end"] = penalty, loss_at_logits(claim, instance, simplex_logits(classes, 0.0))
    for name, (value, loss) in pairs.items():
        if value != pytest.approx(loss, rel=SAME_FORMULA):
            yield f"{name} is {value}, the loss {loss}"


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize(("classes", "depth"), REFUTED + HOLDS)
def test_formulas_are_losses(refuted: Claim, classes: int, depth: int, margin: float) -> None:
    """Published structure and counterexamples: the formulas are the loss at points that have this structure."""
    assert list(departures(refuted, classes, depth, margin)) == []


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize(("classes", "depth"), REFUTED)
def test_a_family_beats_the_published_structure_margin_by_margin(
    refuted: Claim, classes: int, depth: int, margin: float
) -> None:
    for share in SHARES:
        instance, refutation = instance_at(refuted, classes, depth, share), refuted.refutation
        published = objective_at(refutation, refutation.published, instance, margin)
        sizes = {s: v for s, v in instance.bindings.items() if isinstance(v, int)}
        better = [f for f in refutation.families if bool(f.where.subs(sizes))]
        assert better
        assert all(objective_at(refutation, f.objective, instance, margin) < published for f in better)


@pytest.mark.parametrize(("classes", "depth"), REFUTED)
def test_counterexample_is_found_by_training(refuted: Claim, classes: int, depth: int, ledger: Ledger) -> None:
    assert status(refuted.refutation, instance_at(refuted, classes, depth, 0.1)) == "refuted"
    for counterexample in trained(refuted, classes, depth, ledger):
        assert counterexample.refutes, f"upper {counterexample.upper}, published at least {counterexample.lower}"


@pytest.mark.parametrize(("classes", "depth"), HOLDS)
def test_the_part_that_holds(refuted: Claim, classes: int, depth: int, ledger: Ledger) -> None:
    """There training reaches the published value, and nothing lower."""
    assert status(refuted.refutation, instance_at(refuted, classes, depth, 0.1)) == "holds"
    for counterexample in trained(refuted, classes, depth, ledger):
        assert 0 <= counterexample.gap <= VALUE_GAP


@pytest.mark.parametrize(("classes", "depth", "shares"), BEYOND_THE_PROOF)
def test_counterexamples_beyond_the_proof(
    refuted: Claim, classes: int, depth: int, shares: tuple[float, ...], ledger: Ledger
) -> None:
    """The proof covers every decay and stops here; at these decays the claim is false all the same."""
    assert status(refuted.refutation, instance_at(refuted, classes, depth, 0.1)) == "open"
    for counterexample in trained(refuted, classes, depth, ledger, shares):
        assert counterexample.refutes, f"upper {counterexample.upper}, published at least {counterexample.lower}"


@pytest.mark.parametrize(("classes", "depth", "shares"), OPEN)
def test_open_cases_are_attacked(
    refuted: Claim, classes: int, depth: int, shares: tuple[float, ...], ledger: Ledger
) -> None:
    """Nothing better than the published structure is found where the claim is called open."""
    assert status(refuted.refutation, instance_at(refuted, classes, depth, 0.1)) == "open"
    for counterexample in trained(refuted, classes, depth, ledger, shares):
        assert not counterexample.refutes, f"a counterexample: {counterexample}"
