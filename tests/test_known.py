"""What was found already on the same evidence is not computed again, and nothing else is taken for it."""

from numerics.judging.comparison import compare
from numerics.judging.known import Known
from numerics.judging.measured import measure_starts
from numerics.training.optimise import minimise
from proofs_check.harness.mutation import mutants, mutated_claim
from theory.claim import find


def test_an_object_that_is_equal_but_another_is_not_the_same():
    known, made = Known(), []
    first, second = [1.0], [1.0]
    for on in (first, second, first):
        known.once("sum", (on,), lambda on=on: made.append(on))
    known.once("product", (first,), lambda: made.append(first))
    assert [id(on) for on in made] == [id(first), id(second), id(first)]


def test_mutants_are_compared_with_what_is_known_as_they_are_alone():
    claim = find("vae-learnable-variance")
    instances = [claim.problem.instance(theta=(3.0, 1.0, 0.5), latent_dim=2, beta=beta) for beta in (0.3, 1.0, 2.0)]
    solution = minimise(claim.problem, instances, starts=2)
    measured, known = measure_starts(claim, solution), Known()
    assert all(c.failures == () for c in compare(claim, solution, measured, known))
    wrong = [mutated_claim(m) for m in mutants(claim, 2) if not m.of_bound]
    alone = [compare(w, solution, measured) for w in wrong]
    assert [compare(w, solution, measured, known) for w in wrong] == alone
    assert sum(any(c.failures for c in comparisons) for comparisons in alone) > len(wrong) / 2
