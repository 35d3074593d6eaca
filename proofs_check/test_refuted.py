"""Every refuted claim of the registry: the refutation, trained counterexamples, the part that holds, and the part that stays open."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pytest
import torch

from numerics.backends.tensors import DTYPE
from numerics.bounds.steps import contradictions
from numerics.judging.chain import Chain
from numerics.judging.counterexamples import (
    Counterexample,
    hold_against_published,
    loss_at,
    objective_at,
    point_of_family,
    published_point,
    status,
)
from numerics.tolerances import VALUE_GAP
from numerics.training.optimise import MAX_ITERATIONS, minimise
from proofs_check.harness.examine import chain_failures
from proofs_check.harness.points import chain_points
from proofs_check.harness.report import Ledger
from theory.claim import Claim, registry
from theory.point import Point
from theory.problem import Instance
from theory.refutation import SHARES, Case, SimplexRefutation

STARTS = 3
MARGINS = (0.1, 1.0, 4.0)
SAME_FORMULA = 1e-12
"""Relative distance of a loss from its formula: rounding of some hundred terms."""


def over(kind: str) -> pytest.MarkDecorator:
    """Parametrise a test by the cases of one kind of every refuted claim."""
    refuted = [claim for claim in registry().values() if claim.refutation is not None]
    found = [(claim, *case) for claim in refuted for case in getattr(claim.refutation.cases, kind)]
    names = [f"{claim.id}-{classes}-{depth}" for claim, classes, depth, _ in found]
    return pytest.mark.parametrize(("refuted", "classes", "depth", "shares"), found, ids=names)


def formula_cases(claim: Claim) -> tuple[Case, ...]:
    """Return the sizes at which the formulas of a refutation are held against losses."""
    cases = claim.refutation.cases
    return cases.refuted + cases.formulas + cases.holds


def instance_at(claim: Claim, classes: int, depth: int, share: float, samples: int = 0) -> Instance:
    """Return an instance at which the decay terms of the published point cost this share of the loss at zero."""
    refutation = claim.refutation
    cases = refutation.cases

    def of(layers: tuple[float, ...], rest: float) -> Instance:
        counts = (samples or cases.samples,) * classes
        return claim.problem.instance(class_counts=counts, depth=depth, weight_decay=layers, feature_decay=rest)

    unit, concave = of((1.0,) * depth, 1.0), refutation.least.pieces[-1].concave
    whole = objective_at(refutation, concave, unit, cases.margin)
    decay = share * objective_at(refutation, refutation.published, of((1e-9,) * depth, 1e-9), 0.0) / whole
    # The decays of the layers are unequal with the same product, since only the product enters.
    layers = tuple(decay * (2.0 if i % 2 else 0.5) for i in range(depth))
    return of(layers, decay ** (depth + 1) / math.prod(layers))


def trained(claim: Claim, classes: int, depth: int, ledger: Ledger, shares: tuple[float, ...]) -> list[Counterexample]:
    """Train instances of these sizes from random starts, and hold the best points against the published structure."""
    instances = [instance_at(claim, classes, depth, share) for share in shares]

    def refuting(rows: list[int], points: Point) -> list[bool]:
        """Tell at which instances no lower point is needed."""
        return [found.refutes for found in hold_against_published(claim, [instances[i] for i in rows], points)]

    solution = minimise(
        claim.problem,
        instances,
        STARTS,
        ledger.seed % 1000,
        ledger.device,
        max_iterations=claim.refutation.cases.iterations or MAX_ITERATIONS,
        closed=refuting,
    )
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
    """Yield a line for each formula of a refutation that is not the loss at the points for which it stands."""
    instance, refutation = instance_at(claim, classes, depth, 0.1, samples=2), claim.refutation
    published, last = published_point(claim, instance, margin), refutation.least.pieces[-1]
    stated = {"published": (refutation.published, published), "least": (refutation.least.total(), published)}
    for family in refutation.families if depth > 1 else ():
        if family.exists(classes):
            stated[family.name] = family.objective, point_of_family(claim, instance, family, margin)
        if isinstance(refutation, SimplexRefutation) and family.blocks is not None and family.exists(classes):
            blocks = refutation.objective(family.blocks(classes))
            stated[f"blocks of {family.name}"] = blocks, point_of_family(claim, instance, family, margin)
    if depth > 1 and len(stated) == 2:
        yield "no family has so many classes"
    pairs = {
        name: (objective_at(refutation, formula, instance, margin), loss_at(claim, instance, point))
        for name, (formula, point) in stated.items()
    }
    # Where the search for the least margin ends, the penalty alone equals the loss at margin zero.
    penalty = objective_at(refutation, last.concave.subs(refutation.t, last.upper), instance, margin)
    pairs["end"] = penalty, loss_at(claim, instance, published_point(claim, instance, 0.0))
    for name, (value, loss) in pairs.items():
        if value != pytest.approx(loss, rel=SAME_FORMULA):
            yield f"{name} is {value}, the loss {loss}"


def test_every_refuted_claim_has_cases(refuted: Claim) -> None:
    assert refuted.refutation.cases.refuted
    assert refuted.refutation.cases.holds


def test_formulas_are_losses(refuted: Claim) -> None:
    """The formulas of the published structure and of the counterexamples are the loss at points of these structures."""
    for (classes, depth, _), margin in itertools.product(formula_cases(refuted), MARGINS):
        assert list(departures(refuted, classes, depth, margin)) == []


def test_no_offset_lowers_the_published_loss(refuted: Claim) -> None:
    """Offsets, such as a bias, are zero at the published points; no other offset is better there, and equal entries change nothing."""
    offsets = [v.name for v in refuted.problem.variables if v.offset]
    generator = torch.Generator().manual_seed(0)
    for (classes, depth), margin in itertools.product(((3, 3), (4, 2)) if offsets else (), MARGINS):
        instance = instance_at(refuted, classes, depth, 0.1)
        point = published_point(refuted, instance, margin)
        least = loss_at(refuted, instance, point)
        for scale, name in itertools.product((1e-3, 0.1, 1.0, 10.0), offsets):
            drawn = scale * torch.randn(point[name].shape, generator=generator, dtype=DTYPE)
            assert loss_at(refuted, instance, point.extended(**{name: drawn})) > least * (1 - SAME_FORMULA)
            even = loss_at(refuted, instance, point.extended(**{name: torch.full_like(point[name], scale)}))
            assert even == pytest.approx(least, rel=SAME_FORMULA)


def not_better(claim: Claim) -> Iterator[str]:
    """Yield a line for each family that is said to beat the published structure and does not."""
    refutation = claim.refutation
    for classes, depth, margin in itertools.product(range(2, 13), range(1, 6), MARGINS):
        instance = instance_at(claim, classes, depth, 0.1)
        published = objective_at(refutation, refutation.published, instance, margin)
        sizes = {s: v for s, v in instance.bindings.items() if isinstance(v, int)}
        for family in refutation.families:
            if (
                bool(family.where.subs(sizes))
                and not objective_at(refutation, family.objective, instance, margin) < published
            ):
                yield f"{family.name}: not better at {classes} classes and {depth} layers"


def broken_links(claim: Claim) -> list[str]:
    """Return the links of the chain that some point of a few instances breaks."""
    found: list[str] = []
    for classes, depth in ((3, 1), (3, 2), (4, 3)):
        instances = [instance_at(claim, classes, depth, share) for share in SHARES]
        trained = minimise(
            claim.problem, instances, 1, max_iterations=10, closed=lambda rows, points: [True] * len(rows)
        )
        points = chain_points(claim, instances, trained.best_point(), seed=0)
        chain = Chain(claim, instances)
        found += chain_failures([chain.judged(point) for point in points], [False] * len(instances))
    return found


def test_a_family_beats_the_published_structure_margin_by_margin(refuted: Claim) -> None:
    assert list(not_better(refuted)) == []
    for classes, depth, _ in refuted.refutation.cases.refuted + refuted.refutation.cases.formulas:
        assert status(refuted.refutation, instance_at(refuted, classes, depth, 0.1)) == "refuted"


def test_the_chain_holds_at_every_point(refuted: Claim) -> None:
    assert broken_links(refuted) == []


@over("refuted")
def test_counterexample_is_found_by_training(
    refuted: Claim, classes: int, depth: int, shares: tuple[float, ...], ledger: Ledger
) -> None:
    assert status(refuted.refutation, instance_at(refuted, classes, depth, 0.1)) == "refuted"
    for counterexample in trained(refuted, classes, depth, ledger, shares):
        assert counterexample.refutes, f"upper {counterexample.upper}, published at least {counterexample.lower}"


@over("holds")
def test_the_part_that_holds(
    refuted: Claim, classes: int, depth: int, shares: tuple[float, ...], ledger: Ledger
) -> None:
    """Where the claim holds, training reaches the published value and nothing lower."""
    assert status(refuted.refutation, instance_at(refuted, classes, depth, 0.1)) == "holds"
    for counterexample in trained(refuted, classes, depth, ledger, shares):
        assert 0 <= counterexample.gap <= VALUE_GAP


@over("beyond")
def test_counterexamples_beyond_the_proof(
    refuted: Claim, classes: int, depth: int, shares: tuple[float, ...], ledger: Ledger
) -> None:
    """The proof, which covers every decay, does not reach these sizes. At these decays the claim is false all the same."""
    assert status(refuted.refutation, instance_at(refuted, classes, depth, 0.1)) == "open"
    for counterexample in trained(refuted, classes, depth, ledger, shares):
        assert counterexample.refutes, f"upper {counterexample.upper}, published at least {counterexample.lower}"


@over("still_open")
def test_open_cases_are_attacked(
    refuted: Claim, classes: int, depth: int, shares: tuple[float, ...], ledger: Ledger
) -> None:
    """Where the claim is open, training finds nothing better than the published structure."""
    assert status(refuted.refutation, instance_at(refuted, classes, depth, 0.1)) == "open"
    for counterexample in trained(refuted, classes, depth, ledger, shares):
        assert not counterexample.refutes, f"a counterexample: {counterexample}"
