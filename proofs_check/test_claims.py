"""Every claim of the registry, under four aspects: derived, chained, trained, certified."""

from __future__ import annotations

import hypothesis
import pytest

from numerics.balls import ball_bindings, evaluate_in_balls, highest
from numerics.certificates import separable_bound
from numerics.probing import contradictions
from numerics.tolerances import CERTIFICATE_GAP
from proofs_check.report import Ledger
from proofs_check.strategies import LARGE, REGIMES, batches, drawn
from theory.claim import Claim, Verdict
from theory.errors import CheckFailed
from theory.neural_collapse.features import FeaturesProblem
from theory.problem import Instance


def test_derived(claim: Claim, ledger: Ledger) -> None:
    """The derivation goes through; each of its steps holds when checked again on its own, and in balls at random numbers."""
    claim.proof.check()
    separable = claim.proof.separable
    steps = (*claim.proof.steps, *(() if separable is None else (*separable.steps(), *separable.ending())))
    if contradicted := list(contradictions(steps, ledger.seed)):
        raise CheckFailed("; ".join(map(str, contradicted)))
    claim.rendered_statement()
    if claim.verdict is Verdict.HOLDS and not (claim.proof.bounds and claim.prediction.invariants):
        raise CheckFailed(f"{claim.id}: HOLDS takes a chain of bounds, and at least one invariant that is predicted")
    known = {i.name for i in claim.problem.invariants}
    if claim.prediction.value is None:
        assert set(claim.prediction.invariants) <= known
    else:
        assert claim.proof.bounds[-1].expression == claim.prediction.value.expression
        assert set(claim.prediction.invariants) == known


@pytest.mark.parametrize("aspect", ["chained", "trained", "certified"])
def test_compared(claim: Claim, aspect: str, ledger: Ledger) -> None:
    """Instances drawn over the whole domain show no failure of this aspect."""

    for regime in REGIMES:

        @hypothesis.seed(ledger.seed)
        @hypothesis.given(batches(claim, regime))
        def no_failure(batch: tuple[Instance, ...]) -> None:
            if failures := ledger.judged(claim, batch).failures[aspect]:
                raise CheckFailed("\n".join(failures))

        try:
            no_failure()
        except CheckFailed as error:  # looked at more closely out here, as Hypothesis does not draw while it draws
            raise CheckFailed(f"{error}\n\n{ledger.diagnosis(claim)}") from None


def test_value_with_many_directions(claim: Claim, ledger: Ledger) -> None:
    """With more directions than are trained the predicted value is still the least of the separable bound, in balls."""
    separable, value = claim.proof.separable, claim.prediction.value
    if separable is None:
        assert isinstance(claim.problem, FeaturesProblem) or claim.verdict is Verdict.OPEN  # certified by its dual
        return
    (batch,) = drawn(batches(claim, LARGE), 1, ledger.seed)
    for instance in batch:
        bindings = ball_bindings(claim.problem, instance)
        predicted, least = evaluate_in_balls(value, bindings), separable_bound(separable, bindings)
        if predicted < least or not highest((predicted - least) / abs(predicted)) <= CERTIFICATE_GAP:
            raise CheckFailed(
                f"predicted value {float(predicted):.12g}, least value of the separable bound {float(least):.12g}: "
                f"{dict(instance.values)}"
            )
