"""Files that are started from each claim: they load, are listed and derived, and a change of one part of them fails a check."""

import re

import pytest
from sampling import sampled

from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.examine import examine, judge
from proofs_check.harness.strategies import batches, drawn
from proofs_check.test_refuted import broken_links
from theory import sources
from theory.__main__ import main as theory_main
from theory.claim import add_files, find, places, registry
from theory.cli.template import starting_file
from theory.errors import CheckFailed, ParameterError

CHANGES = {
    "bce-balanced": ("(K - 2) * pull * x", "(K - 1) * pull * x", "step 'the logits apart' fails"),
    "ce-balanced-etf": ("ClassCounts(balanced=True)", "ClassCounts()", "dual bound exceeds tangent"),
    "ce-deep-linear": (
        "(K - 1) - K / 2 * 2**q",
        "(K - 1) - K / 3 * 2**q",
        "step 'pairs: where the argument ends' fails",
    ),
    "ce-imbalanced": (
        "STEEPEST = sp.sqrt(xi[1]) / N",
        "STEEPEST = xi[1] / N",
        "residual, which the statement names, deviates",
    ),
    "ce-imbalanced-relu": (
        "feature_decay * count * u / 2",
        "feature_decay * count * u",
        "step 'reduction' fails",
    ),
    "ce-label-smoothing": ("smoothing / 3 for i", "smoothing / 2 for i", "step 'smoothed labels' fails"),
    "ce-soft-labels": ("sp.Add(*towards) / 3", "sp.Add(*towards) / 2", "step 'the slope at zero' fails"),
    "ce-sphere": ("gram.entry(k, k) - 1, u", "gram.entry(k, k) - K, u", "step 'unit norm' fails"),
    "cvae": ("data, v.S, p)", "data, xp.scale(v.S, 2), p)", "step 'reduction' fails"),
    "cvae-fixed-variance": ("data, data.S, p)", "data, xp.scale(data.S, 2), p)", "step 'reduction' fails"),
    "hvae-anisotropic-variances": (
        "v, data, p, root_of_noise(xp)",
        "v, data, p, xp.scale(root_of_noise(xp), 2)",
        "step 'reduction' fails",
    ),
    "hvae-fixed-variances": (
        "sigma_2**2 / eta_enc**2 - 1",
        "sigma_2**2 / eta_enc**2 - 2",
        "step 'the two sizes' fails",
    ),
    "hvae-learnable-top-variance": (
        "lambda y: beta_2 * sp.log(",
        "lambda y: 2 * beta_2 * sp.log(",
        "step 'the two sizes' fails",
    ),
    "hvae-learnable-variances": (
        "beta_2 * sp.log(1 + size",
        "2 * beta_2 * sp.log(1 + size",
        "step 'the two sizes' fails",
    ),
    "mse-deep-linear-balanced": ("problem(MSE", 'problem("cross-entropy"', "step 'reduction' fails"),
    "mse-deep-linear-balanced-bias": ("(K - 1 - R) * n", "(K - R) * n", "step 'reduction' fails"),
    "mse-deep-linear-imbalanced": ("problem(MSE", 'problem("cross-entropy"', "step 'reduction' fails"),
    "mse-deep-linear-imbalanced-bias": ("(root, root / N)", "(root, 2 * root / N)", "step 'centred labels' fails"),
    "mse-deep-relu": ("r ** (M - 1) / 2\n", "r ** (M - 1) / 3\n", "step 'the loss at 6 edges, 4 layers' fails"),
    "mse-imbalanced": (
        "(q - sp.sqrt(count)) ** 2 / (2 * N)",
        "(q - sp.sqrt(count)) ** 2 / N",
        "step 'reduction' fails",
    ),
    "mse-imbalanced-relu": ("problem(MSE", 'problem("cross-entropy"', "step 'reduction' fails"),
    "mse-regression": (
        "samples * deviation * deviation",
        "samples * deviation",
        "sum over singular values exceeds centred product",
    ),
    "mse-regularised-bias": ("summed = (K - 1) *", "summed = K *", "step 'reduction' fails"),
    "ordinal-cumulative-link": ("SLOPE = high - low", "SLOPE = high - 2 * low", "step 'the slope of a class' fails"),
    "vae-fixed-variance": (
        "encoded, v.U, data.S, p)",
        "encoded, v.U, xp.scale(data.S, 2), p)",
        "step 'reduction' fails",
    ),
    "vae-information-weights": ("share = FLOOR / m", "share = 2 * FLOOR / m", "step 'the marginal variance' fails"),
    "vae-learnable-decoder-variance": ("p[D] * xp.logdet", "2 * p[D] * xp.logdet", "step 'reduction' fails"),
    "vae-learnable-variance": ("encoded, v.U, v.S, p)", "encoded, v.U, xp.scale(v.S, 2), p)", "step 'reduction' fails"),
}
"""By claim: a text of the started file, what replaces it, and what the checks say then."""
FEW = 9
"""Number of claims for which an ordinary run tries this."""


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Return a function that starts a file from a claim, replaces a text in it, and returns the claim of the file."""
    monkeypatch.setenv(sources.FILES, "")

    def start(claim_id, old="", new=""):
        text = starting_file("my-setting", find(claim_id), "my_setting.py")
        if old:
            assert text.count(old) == 1
        path = tmp_path / "my_setting.py"
        path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
        add_files([path])
        return find("my-setting")

    yield start
    places.cache_clear()


def failures(claim):
    """Return what the derivation says is wrong, or else the checks of one batch of instances."""
    try:
        claim.proof.check()
        claim.check_named()
        claim.rendered_statement()
        if claim.refutation is not None:
            return "\n".join(broken_links(claim))
        (batch,) = drawn(batches(claim, REGIMES[-1]), 1, seed=0)
        return "\n".join(judge(claim, examine(claim, batch, "cpu")).all_failures())
    except (CheckFailed, ParameterError) as error:
        return str(error)


@pytest.mark.parametrize("claim_id", registry())
def test_a_started_file_is_listed_and_derived(claim_id, started, capsys):
    claim, model = started(claim_id), find(claim_id)
    assert theory_main(["list"]) == 0
    assert re.search(rf"^my-setting +{claim.verdict}", capsys.readouterr().out, re.MULTILINE)
    claim.proof.check()
    claim.check_named()
    claim.rendered_statement()
    assert (claim.statement, claim.verdict) == (model.statement, model.verdict)
    assert (claim.short_title, claim.chapter) == ("", "")
    assert [p.name for p in claim.problem.parameters] == [p.name for p in model.problem.parameters]
    assert 'id="next-setting"' in starting_file("next-setting", claim, "next_setting.py")


@pytest.mark.parametrize("claim_id", ["ce-sphere", "mse-regression", "cvae-fixed-variance"])
def test_a_started_file_passes_the_checks_of_a_batch(claim_id, started):
    assert failures(started(claim_id)) == ""


@pytest.mark.parametrize("claim_id", sampled(CHANGES, FEW))
def test_a_change_of_one_part_is_seen(claim_id, started):
    old, new, said = CHANGES[claim_id]
    assert re.search(said, failures(started(claim_id, old, new)))
