"""Wrong theorems about collapse and about named results: each turns the checks red on the batches that the checks train anyway."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import pytest
import sympy as sp

from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.examine import judge
from proofs_check.harness.plugin import BATCHES
from proofs_check.harness.report import Ledger
from proofs_check.harness.strategies import batches, drawn
from theory.claim import Claim, Derivation, find
from theory.domains.drawing import Regime
from theory.errors import CheckFailed, ParameterError
from theory.latex import latex
from theory.neural_collapse.ce_total_collapse import xi
from theory.neural_collapse.spectral_contrastive import eta_diff
from theory.posterior_collapse.hierarchy import beta_1, beta_2
from theory.posterior_collapse.hvae_anisotropic_variances import SIGMA
from theory.problem import Instance
from theory.proof import Prediction
from theory.results import Letter, Measured
from theory.symbols import D, M, N, beta, d, eta_dec, eta_enc, k, n_k, sigma, theta

Change = Callable[[Prediction], Prediction]


def level(name: str, **changed: object) -> Change:
    """Change a level of a prediction."""
    return lambda prediction: replace(
        prediction, levels=tuple(replace(x, **changed) if x.name == name else x for x in prediction.levels)
    )


def named(name: str, formula: Callable[[Prediction], sp.Expr]) -> Change:
    """Change the formula of a named result, and keep its measurement."""

    def change(prediction: Prediction) -> Prediction:
        result = replace(prediction.named[name], expression=formula(prediction))
        return replace(prediction, named={**prediction.named, name: result})

    return change


def formula(name: str) -> Callable[[Prediction], sp.Expr]:
    return lambda prediction: prediction.named[name].expression


def without_maximum(prediction: Prediction) -> sp.Expr:
    """Return the posterior variance of a living direction, as a claim about all directions."""
    return formula("variance")(prediction).replace(sp.Max, lambda *args: max(args, key=lambda a: a.has(k)))


WRONG = {
    # Wrong conditions of collapse.
    "vae-fixed-variance": {
        "a zero direction is collapsed": level("z", keeps_prior=sp.true),
        "no direction ever collapses": level("z", keeps_prior=sp.false),
        "a variance above the prior's is collapse": level("z", keeps_prior=sigma[k] >= eta_enc),
        "the largest decoder is the encoder": named("decoder", formula("encoder")),
    },
    "cvae-fixed-variance": {
        "a zero direction is collapsed": level("z", keeps_prior=sp.true),
        "a decoder half as large": named("decoder", lambda p: formula("decoder")(p) / 4),
        "eigenvalues taken for standard deviations": named(
            "decoder", lambda p: formula("decoder")(p).subs(sp.sqrt(theta[k]), theta[k])
        ),
        "an encoder in another power of the noise": named(
            "encoder", lambda p: formula("encoder")(p).subs(eta_dec, eta_dec**2)
        ),
        "the threshold of the variance for that of the deviation": named(
            "critical", lambda p: formula("critical")(p) ** 2
        ),
        "the prior's scale forgotten in the threshold": named("critical", lambda p: formula("critical")(p) * eta_enc),
        "directions beyond the latent dimension": lambda p: replace(
            p, thresholds=(replace(p.threshold, within_rank=sp.true),)
        ),
    },
    "hvae-anisotropic-variances": {
        "a zero direction of z_2 is collapsed": level("z_2", keeps_prior=sp.true),
        "a zero direction of z_1 is collapsed": level("z_1", keeps_prior=sp.true),
        "z_1 collapses with z_2": level("z_1", thresholds=(0,)),
        "z_2 collapses with z_1": level("z_2", thresholds=(1,)),
        "every direction with the smallest noise": named(
            "code_with_top", lambda p: formula("code_with_top")(p).subs(SIGMA[k], SIGMA[1])
        ),
        "the code with z_2 is that without": named("code_with_top", formula("code_without_top")),
    },
    "hvae-fixed-variances": {
        "a zero direction of z_2 is collapsed": level("z_2", keeps_prior=sp.true),
        "a zero direction of z_1 is collapsed": level("z_1", keeps_prior=sp.true),
        "z_1 collapses with z_2": level("z_1", thresholds=(0,)),
        "z_2 collapses with z_1": level("z_2", thresholds=(1,)),
        "the critical code with its weights swapped": named(
            "critical_code",
            lambda p: formula("critical_code")(p).subs({beta_1: beta_2, beta_2: beta_1}, simultaneous=True),
        ),
        "the code with z_2 is that without": named("code_with_top", formula("code_without_top")),
    },
    "hvae-learnable-variances": {
        "z_2 collapses where z_1 does": level("z_2", thresholds=(0,)),
        "z_1 always collapses": level("z_1", thresholds=()),
        "another price of the upper level": named("left", lambda p: 2 * formula("left")(p)),
    },
    "vae-learnable-variance": {
        "nothing of z collapses": level("z", keeps_prior=sp.false),
        "the variance of a live direction, said of all": named("variance", without_maximum),
    },
    "vae-information-weights": {
        "nothing of z collapses": level("z", keeps_prior=sp.false),
        "the variance of a live direction, said of all": named("variance", without_maximum),
        "a threshold twice as large": named("critical", lambda p: 2 * formula("critical")(p)),
    },
    "spectral-contrastive": {
        "a correlation of the other sign": named("correlation", lambda p: -formula("correlation")(p)),
        "deviations for variances": named(
            "correlation", lambda p: formula("correlation")(p).subs(eta_diff, sp.sqrt(eta_diff))
        ),
        "features that vary where pairs oppose": named("size", lambda p: formula("correlation")(p)),
        "the variance of the difference as the critical deviation": named(
            "critical", lambda p: formula("critical")(p) ** 2
        ),
    },
    "vae-learnable-decoder-covariance": {
        "nothing of z collapses": level("z", keeps_prior=sp.false),
        "standard deviations for variances": named("noise", lambda p: sp.sqrt(formula("noise")(p))),
        "a posterior of half the prior's variance": named("variance", lambda p: formula("variance")(p) / 2),
    },
    "vae-learnable-decoder-variance": {
        "nothing of z collapses": level("z", keeps_prior=sp.false),
        "directions beyond the latent dimension": lambda p: replace(
            p, thresholds=(replace(p.threshold, within_rank=sp.true),)
        ),
        "a variance that forgets the weight": named("noise", lambda p: formula("noise")(p).subs(beta, 1)),
        "a mean over all directions": named(
            "noise", lambda p: formula("noise")(p).replace(sp.Add, lambda *terms: max(terms, key=lambda a: a == D))
        ),
        "standard deviations summed for variances": named(
            "noise",
            lambda p: formula("noise")(p).replace(
                sp.Piecewise, lambda *cases: sp.Piecewise(*((sp.sqrt(value), where) for value, where in cases))
            ),
        ),
        "the threshold at a given variance of one": named("critical", lambda p: beta),
        "a threshold that counts standard deviations": named(
            "critical_weight",
            lambda p: formula("critical_weight")(p).replace(sp.Min, lambda *x: sp.Min(*map(sp.sqrt, x))),
        ),
        "collapse of all at a mean over the latent directions": named(
            "largest_weight", lambda p: formula("largest_weight")(p).subs(D, d)
        ),
    },
    # Wrong named results.
    "ce-imbalanced": {
        "total collapse a third too early": named("ratio", lambda p: formula("ratio")(p) * sp.Rational(3, 2)),
        "total collapse a third too late": named("ratio", lambda p: formula("ratio")(p) * sp.Rational(2, 3)),
        "residuals of the largest class alone": named("residual", lambda p: formula("residual")(p).subs(xi[1], n_k[1])),
    },
    "ce-imbalanced-relu": {
        "a margin that forgets a size": named("margin", lambda p: formula("margin")(p).subs(N, 1)),
        "rows of the classifier twice as long": named("classifier_row", lambda p: 2 * formula("classifier_row")(p)),
        "norms of the means said twice": named("mean_norm", lambda p: 2 * formula("mean_norm")(p)),
        "a critical count in N for N squared": named("critical_count", lambda p: formula("critical_count")(p) / N),
    },
    "mse-deep-linear-imbalanced": {
        "the jump is the fold": named("jump", lambda p: (M - 1) / (2 * M)),
        "an objective of another depth": named("objective", lambda p: formula("objective")(p).subs(M, M + 1)),
        "a share of another power": named("share", lambda p: formula("share")(p) ** 2),
    },
}
CASES = [(claim_id, says) for claim_id, wrong in WRONG.items() for says in wrong]


def changed(claim: Claim, change: Change) -> Claim:
    derivation = Derivation(claim.proof, change(claim.prediction))
    return replace(claim, derive=lambda problem: derivation)


@functools.cache
def drawn_once(claim_id: str, regime: Regime, number: int, seed: int) -> list[tuple[Instance, ...]]:
    """Return the batches that the checks draw of a claim: the same for all wrong theorems about it."""
    return drawn(batches(find(claim_id), regime), number, seed)


@pytest.mark.parametrize(("about", "says"), CASES, ids=lambda value: value.replace(" ", "_"))
def test_a_wrong_theorem_is_red(about: str, says: str, ledger: Ledger) -> None:
    claim = find(about)
    wrong = changed(claim, WRONG[about][says])
    if any(
        a.expression != b.expression
        for a, b in zip(wrong.prediction.named.values(), claim.prediction.named.values(), strict=True)
    ):
        assert wrong.rendered_statement() != claim.rendered_statement()
    failures: list[str] = []
    try:
        wrong.check_named()
    except CheckFailed as error:
        failures.append(str(error))
    trained = (batch for regime in REGIMES for batch in drawn_once(about, regime, BATCHES["ci"], ledger.seed))
    while not failures:
        batch = next(trained, None)
        assert batch is not None, "no check fails"
        judgement = ledger.judged(claim, batch)
        assert judgement.all_failures() == []
        failures += judge(wrong, judgement.examination).all_failures()


def test_a_named_result_needs_something_to_be_held_against() -> None:
    prediction = find("mse-imbalanced").prediction
    bare = {**prediction.named, "critical_count": prediction.named["critical_count"].expression}
    with pytest.raises(ParameterError, match="named: critical_count is a formula and nothing to hold it against"):
        replace(prediction, named=bare)


def test_a_named_result_that_holds_nowhere_is_refused() -> None:
    prediction = find("mse-imbalanced").prediction
    nowhere = replace(prediction.named["singular_value"], where=sp.false)
    with pytest.raises(ParameterError, match="named: singular_value is held against something nowhere"):
        replace(prediction, named={"singular_value": nowhere})


def test_a_letter_is_written_for_what_recurs() -> None:
    claim = find("vae-learnable-variance")
    (letter,) = claim.prediction.named["decoder"].letters
    meaning, symbol = latex(letter.meaning), latex(letter.symbol)
    assert f"$m_k = {meaning}$" in claim.rendered_statement()
    assert claim.rendered_statement().count(meaning) == 1
    assert claim.rendered_statement().count(symbol) == 4
    assert not claim.prediction.named["decoder"].expression.has(letter.symbol)


def test_a_letter_for_what_does_not_recur_is_refused() -> None:
    claim = find("vae-learnable-variance")
    decoder = claim.prediction.named["decoder"]
    nothing = replace(decoder, letters=(Letter(sp.Symbol("m"), eta_enc**3),))
    wrong = changed(claim, lambda p: replace(p, named={**p.named, "decoder": nothing}))
    with pytest.raises(CheckFailed, match="named: decoder has no part that m stands for"):
        wrong.check_named()


def test_what_a_result_reads_has_the_shape_of_its_axes(ledger: Ledger) -> None:
    claim = find("mse-imbalanced")
    (batch,) = drawn(batches(claim, REGIMES[0]), 1, ledger.seed)
    size = claim.prediction.named["singular_value"]
    assert isinstance(size, Measured)
    misread = replace(size, read=lambda reading: reading.diagonal("mean_logits")[..., :1])
    wrong = changed(claim, lambda p: replace(p, named={"singular_value": misread}))
    with pytest.raises(ParameterError, match="singular_value reads"):
        judge(wrong, ledger.judged(claim, batch).examination)
