"""The second worked example of the book: each mistake that is easily made in it fails a check."""

import inspect
import re
from pathlib import Path

import pytest

from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.examine import examine, judge
from proofs_check.harness.strategies import batches, drawn
from theory import sources
from theory.claim import add_files, find, places
from theory.errors import CheckFailed
from theory.neural_collapse import mse_regularised_bias

SECOND = Path(inspect.getfile(mse_regularised_bias))
WRONG = {
    "K directions that sum to zero": ("summed = (K - 1) *", "summed = K *", "step 'reduction' fails"),
    "the other share": ("return decay / (1 + decay)", "return 1 / (1 + decay)", "step 'reduction' fails"),
    "no bias penalty": ("p[bias_decay] / 2 * xp.squared_norm(v.b)", "0", "step 'reduction' fails"),
    "a whole bias penalty": ("p[bias_decay] / 2 * xp", "p[bias_decay] * xp", "step 'reduction' fails"),
    "a bias that takes the whole mean": (
        "b + mean / (1 + bias_decay)",
        "b + mean",
        "step 'the best bias' fails",
    ),
    "one size for all directions": (
        "((p, 1), (r, gamma))",
        "((p, 1), (r, 1))",
        "trained value .* lies below the predicted",
    ),
    "one threshold for all directions": (
        "Threshold(ratio.subs(here)",
        "Threshold(ratio.subs({**here, mu: 1})",
        "predicted and trained collapse differ",
    ),
    "one weight for all directions": (
        '(common_weight(values["bias_decay"]),)',
        "(1,)",
        "predicted and trained collapse differ",
    ),
    "a first bound that counts the common part in full": (
        "(centred + gamma * common)",
        "(centred + common)",
        "exceeds loss",
    ),
    "all singular values and the common one": (
        "xp.singular_values(xp.centre(over_samples(xp, v.W @ v.H)), p[K])",
        "xp.singular_values(v.W @ v.H, p[K])",
        "sum over directions exceeds best bias, nuclear-norm form",
    ),
}


@pytest.fixture
def second_example(tmp_path, monkeypatch):
    """Return a function that adds the second example, with one place changed, to the registry until the test ends."""
    monkeypatch.setenv(sources.FILES, "")

    def changed(old, new):
        text = SECOND.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path = tmp_path / "changed.py"
        text = text.replace(old, new).replace('id="mse-regularised-bias"', 'id="changed"')
        path.write_text(text, encoding="utf-8")
        add_files([path])
        return find("changed")

    yield changed
    places.cache_clear()


def failures(claim):
    """Return the failures of the checks of one batch, as one text."""
    try:
        claim.proof.check()
    except CheckFailed as error:
        return str(error)
    (batch,) = drawn(batches(claim, REGIMES[-1]), 1, seed=0)
    return "\n".join(judge(claim, examine(claim, batch, "cpu")).all_failures())


def test_the_second_example_as_it_is_fails_nothing(second_example):
    assert failures(second_example("CLAIM = Claim(", "CLAIM = Claim(")) == ""


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_second_example_fails(old, new, said, second_example):
    assert re.search(said, failures(second_example(old, new)))
