"""The checks can fail: every mutant of every prediction and bound turns them red, or is equivalent for a stated reason."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from hypothesis import strategies as st
from sampling import everything

from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.examine import Judgement, examine, judge
from proofs_check.harness.mutation import UNEVALUABLE, Evidence, Mutant, mutants, refutation_mutants
from proofs_check.harness.plugin import BATCHES
from proofs_check.harness.report import Ledger
from proofs_check.harness.strategies import batches, drawn
from proofs_check.test_refuted import MARGINS, departures, formula_cases
from theory.claim import Claim
from theory.problem import Instance

FURTHER_BATCHES = 3
BATCH_SIZE = 8
"""Instances of a further batch for each threshold. They are more than the checks train, since they cost little more together and a
changed exponent shows only on one side of a threshold and of 1."""
LEAST_KILLED = 0.95
LARGEST_POINT = 150
"""Largest number of entries of all variables of an instance of a further batch. Training time grows with this number, and a wrong
formula shows on small instances as well."""
LARGEST_SAMPLE = 12
"""Approximate number of mutants of each target (value, invariant, threshold, bound) in an ordinary run.

There are some thirteen thousand. To try them all takes less than a minute a claim."""

STILL_A_PROOF = "the mutated bound is weaker than the original, still above the next, and tight at the minimum: a proof all the same"
LAST_ONE_ZERO = (
    f"{STILL_A_PROOF}; the smallest singular value enters with a nonnegative factor and vanishes at the minimum, where the rank is "
    "below the number of classes: the logits of a sample sum to zero, or the bias takes their mean over the samples"
)

ZERO_FACTOR = (
    "the changed factor is multiplied by the squared decoder weight ω_k², which vanishes wherever the change shows: where "
    "direction k is zero or lies beyond the latent dimension"
)

ZERO_EXCESS = (
    "the changed denominator divides a/Σ_1 − 1, by which the variance of the code exceeds that given x, and that vanishes wherever "
    "the change shows: where direction k is zero or lies beyond d_1"
)

EQUIVALENT = {
    **{
        (
            "ce-relu-bias-two-classes",
            target,
            "Max to its argument sqrt(2)*n[1]*sqrt(n[2])/(N**2*sqrt(lambda_H)*sqrt(lambda_W))",
        ): ("in one of its places the maximum m multiplies m - 1, which is zero where m is not this argument")
        for target in (
            "value",
            "invariant classifier_gram",
            "invariant mean_gram",
            "invariant mean_logits",
            "bound predicted value",
        )
    },
    **{
        (
            "ce-relu-bias-two-classes",
            f"invariant {name}",
            change,
        ): "of two classes, k - 1 is 0 or 1 and equal to its powers"
        for name, changes in (
            ("mean_gram", ("drop power of (k - 1)**2", "constant 2 to 3")),
            ("mean_logits", ("drop power of (j - 1)**2", "constant 2 to 3")),
        )
        for change in changes
    },
    **{
        ("ce-relu-bias-two-classes", "bound minimum over classifier and bias", change): f"{STILL_A_PROOF}; {why}"
        for change, why in (
            (
                "Max to its argument sqrt(2)*n[1]*sqrt(n[2])/(N**2*sqrt(lambda_H)*sqrt(lambda_W))",
                "in one of its places it takes off more of ||h_1 - h_2||^2, as much as the decay of the smaller class allows",
            ),
            ("constant -2 to -1", "it takes off more where the class means have a positive inner product"),
        )
    },
    **{
        (
            "ce-relu-bias-balanced",
            "bound minimum over the classifier",
            f"Max to its argument (K**(3/2)*sqrt({n}) - sqrt(K)*sqrt({n}) - N*sqrt(lambda_H)*sqrt(lambda_W)*(K - 1)**(3/2))"
            "/(N*sqrt(lambda_H)*sqrt(lambda_W)*sqrt(K - 1))",
        ): (
            f"{STILL_A_PROOF}; when all collapses it takes off a larger multiple of tr((K I - J) G), which is not negative, and one "
            "at which no entry of the form is negative yet"
        )
        for n in ("n[j]", "n[k]")
    },
    (
        "supcon-relu",
        "bound mean similarities of each class",
        "drop factor g[k]",
    ): f"{STILL_A_PROOF}; it takes every class mean for as long as the features, and length only lowers the bound",
    **{
        ("hvae-learnable-variances", f"invariant {name}", change): ZERO_EXCESS
        for name in ("decoder_gram", "encoder_gram", "decoded_noise")
        for change in ("Max to its argument theta[k]**2/(beta_1*eta_dec**2)", "constant 0 to 1")
    },
    (
        "hvae-learnable-variances",
        "invariant decoded_noise",
        "sign of Max(1, theta[k]**2/(beta_1*eta_dec**2))",
    ): "in the denominator, which is (1 + m − 1)² with m, and (1 − m − 1)² with −m: the same",
    (
        "hvae-learnable-variances",
        "bound minimum over the code",
        "drop last term of the sum over k",
    ): f"{STILL_A_PROOF}; the term is what the smallest eigenvalue of U_2 U_2ᵀ costs, which is not negative and zero at the minimum",
    **{
        (claim_id, "named encoder", change): ZERO_FACTOR
        for claim_id, variance in (("vae-learnable-variance", "theta[k]**2"), ("cvae", "theta[k]"))
        for change in (f"Max to its argument {variance}", "drop factor beta", "constant 2 to 3")
    },
    **{
        (
            "hvae-learnable-variances",
            f"named {name}",
            "Max to its argument theta[k]**2/(beta_1*eta_dec**2)",
        ): ZERO_EXCESS
        for name in ("encoder", "decoder")
    },
    **{
        (claim_id, "invariant encoder_gram", change): ZERO_FACTOR
        for claim_id, variance in (("vae-learnable-variance", "theta[k]**2"), ("cvae", "theta[k]"))
        for change in (
            f"Max to its argument {variance}",
            "constant -2 to -1",
            "constant -4 to -3",
            "drop factor beta**(-2)",
            "drop factor eta_dec**(-4)",
            "drop power of beta**(-2)",
            "drop power of eta_dec**(-4)",
            "sign of 1/(beta**2*eta_dec**4)",
        )
    },
    **{
        (claim_id, "invariant decoded_noise", change): ZERO_FACTOR
        for claim_id, variance, weight in (
            ("vae-learnable-variance", "theta[k]**2", "beta"),
            ("cvae", "theta[k]", "beta"),
            ("vae-information-weights", "theta[k]**2", "beta_mi"),
        )
        for change in (
            f"Max to its argument {variance}",
            "constant -2 to -1",
            f"drop factor 1/{weight}",
            "drop factor eta_dec**(-2)",
            f"drop power of 1/{weight}",
            "drop power of eta_dec**(-2)",
            f"sign of 1/({weight}*eta_dec**2)",
        )
    },
    **{
        ("vae-fixed-variance", "invariant encoder_gram", change): ZERO_FACTOR
        for change in (
            "Max to its argument eta_dec*(sqrt(beta)*eta_enc*theta[k] - beta*eta_dec*sigma[k])/(eta_enc**2*sigma[k])",
            "constant 0 to 1",
        )
    },
    **{
        (claim_id, f"bound {bound}", "drop last term of the sum over k"): LAST_ONE_ZERO
        for claim_id, bound in (
            ("ce-balanced-etf", "dual bound"),
            ("ce-label-smoothing", "dual bound"),
            ("ce-imbalanced", "nuclear-norm form"),
            ("ce-soft-labels", "nuclear-norm form"),
            ("mse-deep-linear-balanced-bias", "centred product"),
            ("mse-deep-linear-imbalanced-bias", "centred product"),
        )
    },
    **{
        (
            claim_id,
            "bound dual bound",
            f"Max to its argument {argument}",
        ): f"{STILL_A_PROOF}; in one of its places it only lowers a nonnegative factor of the nuclear norm to zero when all collapses"
        for claim_id, argument in (
            ("ce-balanced-etf", "-K + 1 + 1/(sqrt(lambda_H)*sqrt(lambda_W)*sqrt(n))"),
            ("ce-label-smoothing", "-K + K/(K*sqrt(lambda_H)*sqrt(lambda_W)*sqrt(n) + alpha) + 1"),
        )
    },
    **{
        (claim_id, f"bound {bound}", change): "the two cases meet at this value of a_k"
        for claim_id, bound, change in (
            (
                "hvae-anisotropic-variances",
                "minimum over the upper decoder",
                "alpha[k] <= beta_2*eta_dec**2*sigma_2**2/(beta_1*eta_enc**2) to StrictLessThan",
            ),
            (
                "hvae-anisotropic-variances",
                "the best order of the given variances",
                "log((x[k] + 1)*sigma_1[k]**2) <= log(beta_2*eta_dec**2*sigma_2**2/(beta_1*eta_enc**2)) to StrictLessThan",
            ),
            (
                "hvae-fixed-variances",
                "minimum over the upper decoder",
                "log(sigma_1**2 + x[k]) <= log(beta_2*eta_dec**2*sigma_2**2/(beta_1*eta_enc**2)) to StrictLessThan",
            ),
            (
                "hvae-learnable-top-variance",
                "minimum over the upper decoder",
                "log(beta_2*eta_dec**2/beta_1) >= log(sigma_1**2 + x[k]) to StrictGreaterThan",
            ),
        )
    },
}
"""Surviving mutants, each with the reason why it is no wrong theorem. An equivalent mutant always survives, so a second mutant of
the same name, from another place of the expression, shows as a count above one."""


def entries(claim: Claim, batch: tuple[Instance, ...]) -> int:
    """Return the number of entries of all variables of one instance of a batch."""
    sizes = {symbol: value for symbol, value in batch[0].bindings.items() if isinstance(value, int)}
    shapes = [variable.shape for variable in claim.problem.active_variables(batch[0])]
    return sum(int((rows * columns).subs(sizes)) for rows, columns in shapes)


def in_turn(strategies: Sequence[st.SearchStrategy], number: int, seed: int) -> Iterator[tuple[Instance, ...]]:
    """Return ``number`` batches of each strategy, in turn: first one of each strategy, then the next of each."""
    of_all = itertools.zip_longest(*(drawn(strategy, number, seed) for strategy in strategies))
    return (batch for batch in itertools.chain.from_iterable(of_all) if batch is not None)


def evidence(claim: Claim, ledger: Ledger) -> Iterator[Judgement]:
    """Yield the judged batches that the checks train in this run, and then further small batches that are trained here."""
    of_checks = [batches(claim, regime) for regime in REGIMES]
    for batch in in_turn(of_checks, BATCHES[ledger.profile], ledger.seed):
        yield ledger.judged(claim, batch)
    small = [batches(claim, r, BATCH_SIZE).filter(lambda b: entries(claim, b) <= LARGEST_POINT) for r in REGIMES]
    for batch in in_turn(small, FURTHER_BATCHES, seed=1):
        yield judge(claim, examine(claim, batch, "cpu"))


def unexplained(survivors: list[Mutant]) -> list[Mutant]:
    """Return the survivors that are not known to be equivalent. Of two survivors with the same name, one is not the known mutant."""
    counted = Counter(m.name for m in survivors)
    return [m for m in survivors if counted[m.name] > 1 or m.name not in EQUIVALENT]


def test_mutants_are_killed(claim, ledger, record_property):
    tried = list(mutants(claim, None if everything() else LARGEST_SAMPLE))
    survivors = tried
    trained: list[Evidence] = []
    for judgement in evidence(claim, ledger):  # a batch is trained only while mutants survive
        assert judgement.all_failures() == [], "the evidence fails the claim itself"
        trained.append(Evidence(claim, judgement.examination))
        survivors = [m for m in survivors if trained[-1].first_failure(m) is None]
        if not unexplained(survivors):
            break
    left = [m for m in unexplained(survivors) if not (m.of_bound and any(e.attack(m) for e in trained))]
    record_property("mutants", len(tried))
    record_property("survivors", len(survivors))
    print(f"{claim.id}: {len(tried)} mutants, {len(survivors)} survive, {len(trained)} batches trained")
    assert not left, "\n".join(map(str, left))
    assert len(survivors) <= (1 - LEAST_KILLED) * len(tried)


def departs(claim: Claim) -> bool:
    """Return whether a formula of a refutation is not the loss at some point for which it stands."""
    points = itertools.product(formula_cases(claim), MARGINS)
    try:
        return any(any(departures(claim, classes, depth, margin)) for (classes, depth, _), margin in points)
    except UNEVALUABLE:
        return True


def test_mutants_of_a_refutation_are_killed(refuted):
    assert not departs(refuted)
    tried = list(refutation_mutants(refuted, None if everything() else LARGEST_SAMPLE))
    print(f"{refuted.id}: {len(tried)} mutants")
    assert [name for name, mutant in tried if not departs(mutant)] == []
