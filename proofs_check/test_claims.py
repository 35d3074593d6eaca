"""Every claim of the registry, under four aspects: derived, chained, trained, certified."""

from __future__ import annotations

import hypothesis
import pytest

from numerics.backends.ball_evaluation import ball_bindings
from numerics.backends.balls import highest
from numerics.bounds.enclosures import predicted_value
from numerics.bounds.separable import separable_bound
from numerics.bounds.steps import contradictions
from numerics.tolerances import CERTIFICATE_GAP
from numerics.training.certified import train
from proofs_check.harness.drawing import LARGE, REGIMES
from proofs_check.harness.examine import NO_CERTIFICATE
from proofs_check.harness.report import Ledger
from proofs_check.harness.strategies import ALIVE_IN_A_BATCH, batches, drawn
from theory.claim import Claim, Verdict
from theory.cli.arguments import written_parameters
from theory.domains.drawing import Regime
from theory.errors import CheckFailed
from theory.problem import Instance
from theory.proof import StepFailed

MANY = "the value with many directions"
"""The name of this check in a closer look."""


def test_derived(claim: Claim, ledger: Ledger) -> None:
    """The derivation goes through. Each step holds in SymPy, and in balls at random numbers."""
    claim.proof.check()
    separable = claim.proof.separable
    steps = (*claim.proof.steps, *(() if separable is None else (*separable.steps(), *separable.ending())))
    if contradicted := list(contradictions(steps, ledger.seed)):
        raise CheckFailed("; ".join(map(str, contradicted)))
    claim.check_named()
    claim.rendered_statement()
    if claim.verdict is Verdict.HOLDS and not (claim.proof.bounds and claim.prediction.invariants):
        raise CheckFailed(f"{claim.id}: HOLDS takes a chain of bounds, and at least one invariant that is predicted")
    known = {i.name for i in claim.problem.invariants}
    if claim.prediction.value is None:
        assert set(claim.prediction.invariants) <= known
    else:
        # A conjecture may have a value and no chain yet. Then training alone is held against the value.
        assert not claim.proof.bounds or claim.proof.bounds[-1].expression == claim.prediction.value.expression
        assert set(claim.prediction.invariants) == known


@pytest.mark.parametrize("aspect", ["chained", "trained", "certified"])
def test_compared(claim: Claim, aspect: str, ledger: Ledger) -> None:
    """Instances drawn over the whole domain show no failure of this aspect. A failure is raised as CheckFailed, with a closer look."""

    def check(regime: Regime) -> None:
        @hypothesis.seed(ledger.seed)
        @hypothesis.given(batches(claim, regime))
        def no_failure(batch: tuple[Instance, ...]) -> None:
            if failures := ledger.judged(claim, batch, regime.name).failures[aspect]:
                raise CheckFailed("\n".join(failures))

        no_failure()

    for regime in REGIMES:
        try:
            check(regime)
        except StepFailed:
            raise  # without a derivation a closer look has nothing to show
        except CheckFailed as error:  # the closer look draws batches, which Hypothesis forbids while it draws
            raise CheckFailed(f"{error}\n{ledger.diagnosis(claim)}") from None


def test_value_with_many_directions(claim: Claim, ledger: Ledger) -> None:
    """The predicted value is the certified minimum, in balls, with more directions than the other checks draw.

    The certified minimum is the least value of the separable bound. Without such a bound it lies between the loss of a single
    trained start and the dual bound from there.
    """
    separable = claim.proof.separable
    (batch,) = drawn(batches(claim, LARGE), 1, ledger.seed)
    if separable is None or claim.prediction.value is None:
        alive = batch[ALIVE_IN_A_BATCH]
        (certificate,) = train(claim, [alive], 1, ledger.seed % 1000, ledger.device).certificates
        if certificate is not None:
            found = certificate.failures(predicted_value(claim, alive), near_threshold=False)
        else:
            found = [] if claim.verdict is Verdict.OPEN else [NO_CERTIFICATE]
        if found:
            raise failed(claim, alive, "; ".join(found), ledger)
        return
    for instance in batch:
        predicted, bindings = predicted_value(claim, instance), ball_bindings(claim.problem, instance)
        least = separable_bound(separable, bindings)
        if predicted < least or not highest((predicted - least) / abs(predicted)) <= CERTIFICATE_GAP:
            says = f"predicted value {float(predicted):.12g}, least value of the separable bound {float(least):.12g}"
            raise failed(claim, instance, says, ledger)


def failed(claim: Claim, instance: Instance, says: str, ledger: Ledger) -> CheckFailed:
    """Return the error of the check with many directions, with a closer look at the instance."""
    return CheckFailed(
        f"{says}: {written_parameters(claim, instance)}\n{ledger.diagnosis(claim, (MANY, says, instance))}"
    )
