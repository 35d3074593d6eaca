"""The adversary: what is claimed to hold withstands it, and what is false it finds unaided."""

from __future__ import annotations

import dataclasses

import hypothesis
import pytest
import sympy as sp

import numerics.commands
from numerics.adversary import Attack, attack, shrunk
from proofs_check.report import Ledger
from proofs_check.strategies import REGIMES, batches
from theory.claim import Claim, Derivation

BUDGET = {"quick": (1, 60), "ci": (2, 120), "thorough": (20, 600)}
"""Batches attacked in each regime, and descent steps on each link, by profile."""
INSTANCES = 2
ATTACKS_ON_A_FALSE_CLAIM = 12


def attacks(
    claim: Claim, ledger: Ledger, number: int, regimes=REGIMES, steps: int = BUDGET["quick"][1]
) -> list[Attack]:
    """Attack batches drawn from the claim's domain, until one of them breaks it."""
    found: list[Attack] = []

    for regime in regimes:

        @hypothesis.seed(ledger.seed + 1)
        @hypothesis.settings(max_examples=number, phases=[hypothesis.Phase.generate])
        @hypothesis.given(batches(claim, regime, INSTANCES))
        def one(batch) -> None:
            if not found or found[-1].violation is None:
                found.append(attack(claim, batch, steps, seed=ledger.seed % 1000))

        one()
    return found


def test_withstands_the_adversary(claim: Claim, ledger: Ledger) -> None:
    number, steps = BUDGET[ledger.profile]
    found = attacks(claim, ledger, number, steps=steps)
    ledger.attacked(sum(a.starts for a in found), min(a.margin for a in found))
    broken = found[-1].violation
    assert broken is None, f"{broken.what}; smaller: {shrunk(broken, steps).command()}"


def test_a_false_claim_is_broken_and_the_command_finds_it_again(refuted: Claim, ledger: Ledger, capsys) -> None:
    """With nothing said but the published structure, a better point is found, made small, and found again."""
    found = attacks(refuted, ledger, ATTACKS_ON_A_FALSE_CLAIM, REGIMES[2:])
    ledger.attacked(sum(a.starts for a in found), min(a.margin for a in found))
    broken = found[-1].violation
    assert broken is not None, "a false claim withstood the adversary"
    smaller = shrunk(broken, steps=1)
    assert len(smaller.instance.values["class_counts"]) <= len(broken.instance.values["class_counts"])
    words = smaller.command().removeprefix("python -m numerics ").split()
    assert numerics.commands.main([*words, "--starts", "2", "--steps", "1"]) == 1
    assert "broken: a trained point lies below" in capsys.readouterr().out


@pytest.mark.parametrize("factor", [sp.Rational(1001, 1000), sp.Rational(11, 10)])
def test_a_raised_bound_is_broken(claim: Claim, ledger: Ledger, factor: sp.Expr) -> None:
    """The first bound of every chain is tight somewhere: a little more and the adversary gets below it."""
    first, *others = claim.proof.bounds
    raised = dataclasses.replace(first, expression=factor * first.expression)
    derivation = Derivation(dataclasses.replace(claim.proof, bounds=(raised, *others)), claim.prediction)
    false = dataclasses.replace(claim, derive=lambda problem: derivation)
    found = attacks(false, ledger, 2, REGIMES[2:], steps=BUDGET["ci"][1])
    assert found[-1].violation is not None
