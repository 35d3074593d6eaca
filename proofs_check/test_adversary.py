"""The adversary: claims that hold withstand it, and it breaks the refuted claims without help."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numerics.commands.main
from numerics.searching.adversary import Attack, attack, shrunk
from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.report import Ledger
from proofs_check.harness.strategies import batches, drawn
from proofs_check.test_refuted import instance_at
from theory.claim import Claim
from theory.domains.drawing import Regime
from theory.errors import CheckFailed

BUDGET = {"quick": (1, 1, 60), "ci": (1, 1, 100), "thorough": (3, 20, 600)}
"""Regimes, batches attacked in each, and descent steps on each link, by profile."""
INSTANCES = 2
ATTACKS_ON_A_FALSE_CLAIM = 12


def attacks(claim: Claim, ledger: Ledger, regimes: Sequence[Regime], number: int, steps: int) -> list[Attack]:
    """Attack ``number`` batches of each regime, until one of them breaks the claim, and return the attacks."""
    found: list[Attack] = []
    for batch in itertools.chain(*(drawn(batches(claim, r, INSTANCES), number, ledger.seed + 1) for r in regimes)):
        found.append(attack(claim, batch, steps, seed=ledger.seed % 1000))
        if found[-1].violation is not None:
            break
    ledger.enter(claim, {"attacks": sum(a.starts for a in found), "least_slack": min(a.margin for a in found)})
    return found


def test_withstands_the_adversary(claim: Claim, ledger: Ledger) -> None:
    """No attack breaks the claim. A violation is raised as CheckFailed, with a smaller one and the command that finds it."""
    regimes, number, steps = BUDGET[ledger.profile]
    broken = attacks(claim, ledger, REGIMES[-regimes:], number, steps)[-1].violation
    if broken is not None:
        smaller = shrunk(broken, steps)
        closer = ledger.diagnosis(claim, ("the adversary", smaller.what, smaller.instance))
        raise CheckFailed(f"{broken.what}; smaller: {smaller.command()}\n{closer}")


def test_a_false_claim_is_broken_and_the_command_finds_it_again(refuted: Claim, ledger: Ledger, capsys) -> None:
    """From the published structure alone a better point is found, made small, and found again by the printed command."""
    # Few directions: the violation is made smaller afterwards, which takes longer from a large one.
    small = dataclasses.replace(REGIMES[-1], directions=3)
    cases = refuted.refutation.cases
    if cases.fewest > small.directions:
        # So few classes refute nothing. At the smallest known sizes one attack takes as long as all of the others together.
        (classes, depth, shares), *_ = cases.refuted
        instances = [instance_at(refuted, classes, depth, shares[-1])]
        broken = smaller = attack(refuted, instances, steps=1, seed=ledger.seed % 1000).violation
    else:
        broken = attacks(refuted, ledger, [small], ATTACKS_ON_A_FALSE_CLAIM, steps=1)[-1].violation
        smaller = broken and shrunk(broken, steps=1)
    assert broken is not None, "a false claim withstood the adversary"
    assert smaller is not None
    assert len(smaller.instance.values["class_counts"]) <= len(broken.instance.values["class_counts"])
    words = smaller.command().removeprefix("python -m numerics ").split()
    assert numerics.commands.main.main([*words, "--starts", "2", "--steps", "1"]) == 1
    assert "broken: a trained point lies below" in capsys.readouterr().out
