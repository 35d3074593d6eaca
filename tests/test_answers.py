"""The page that brings a theorem: its file is short, its wrong guesses are wrong as it says, and its commands answer."""

import functools
import re
from pathlib import Path

import pytest

from book import fingerprint
from book.answers import answer, broken
from proofs_check.harness.examine import examine, judge
from proofs_check.harness.report import Ledger
from proofs_check.test_claims import test_derived as derived
from proofs_check.test_thresholds import zero_is_optimal
from theory import sources
from theory.claim import Verdict, add_files, find, places, registry
from theory.errors import CheckFailed

ROOT = Path(__file__).parents[1]
FILE = ROOT / "book" / "tutorial" / "decayed_autoencoder.py"
PAGE = ROOT / "book" / "pages" / "bring_us_your_theorem.md"
LONGEST = 60
AT = {"theta": (3.0, 2.0, 1.0), "weight_decay": 2.0}


@pytest.fixture(scope="module")
def changes():
    """Return the replacements in the code of the page, in its order."""
    return re.findall(r'\.replace\("(.*?)", "(.*?)"\)', PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def changed(changes, tmp_path, monkeypatch):
    """Return a function that makes some of the page's replacements in the file, and returns the claim."""

    def change(*numbers):
        monkeypatch.setenv(sources.FILES, "")  # the next file gives the same id
        text = FILE.read_text(encoding="utf-8")
        for old, new in (changes[number] for number in numbers):
            assert text.count(old) == 1
            text = text.replace(old, new)
        path = tmp_path / f"changed_{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text, encoding="utf-8")
        add_files([path])
        return find("decayed-autoencoder")

    yield change
    places.cache_clear()


def test_the_file_is_as_short_as_the_page_says():
    assert len(FILE.read_text(encoding="utf-8").splitlines()) == LONGEST
    assert f"a file of {LONGEST} lines" in " ".join(PAGE.read_text(encoding="utf-8").split())


def test_a_wrong_guess_fails_at_the_step_that_the_page_shows(changed):
    with pytest.raises(CheckFailed, match=r"(?s)step 'kept' fails.* left = .*left - right = "):
        changed(0).proof.check()


def test_a_guess_without_a_bound_is_held_against_training(changed):
    """The right guess agrees, on either side of the threshold too. The wrong guess lies above what is trained."""
    claim = changed(1, 2)
    assert claim.verdict is Verdict.OPEN
    derived(claim, Ledger("cpu", "quick", 0))
    batch = [claim.problem.instance(**AT)]
    assert judge(claim, examine(claim, batch, "cpu")).all_failures() == []
    for weight_decay, optimal in ((9.00001, True), (8.99999, False)):
        assert zero_is_optimal(claim, claim.problem.instance(**{**AT, "weight_decay": weight_decay}), 1) == optimal
    wrong = changed(0, 1, 2)
    found = "\n".join(judge(wrong, examine(wrong, batch, "cpu")).failures["trained"])
    assert "lies below the predicted" in found


def test_every_claim_that_the_page_names_is_one_to_start_from():
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][2:]
    named = set(re.findall(r"`([a-z0-9-]+)`", "\n".join(table)))
    assert named <= registry().keys()
    assert {"ce-sphere", "mse-deep-relu", "mse-regression", "vae-learnable-decoder-variance", "bce-balanced"} <= named
    assert {"mse-regularised-bias", "vae-information-weights", "cvae-fixed-variance"} <= named


def test_an_answer_is_what_the_command_prints_with_these_files():
    text = FILE.read_text(encoding="utf-8").replace("decayed-autoencoder", "another-name")
    said = answer("python -m theory list --claims own.py", {"own.py": text}).data
    assert said.startswith("```text\n")
    assert re.search(r"^another-name +HOLDS", said, re.MULTILINE)


def test_long_lines_of_words_are_broken_and_those_of_tables_are_not():
    assert broken("word " * 40).count("\n") == 2
    assert broken("cell  " * 40) == "cell  " * 40


CLAIM = "theory/neural_collapse/ce_imbalanced.py"


@pytest.mark.parametrize(
    ("name", "command", "again"),
    [
        ("proofs_check/test_claims.py", "", True),
        ("numerics/commands/conjecture.py", "", True),
        ("theory/steps.py", "", True),
        (CLAIM, "", False),
        (CLAIM, "python -m theory predict ce-imbalanced class_counts=2,1", True),
    ],
)
def test_the_answers_on_a_page_rest_on_the_checks_and_on_the_claims_that_commands_name(
    name, command, again, monkeypatch
):
    cell = f"```{{code-cell}} python\nfrom book.answers import answer\nanswer('{command}', {{}})\n```\n"
    page = functools.partial(fingerprint.of_run, cell)
    before, real, path = page(), fingerprint.content, ROOT / name
    assert path.exists()
    monkeypatch.setattr(fingerprint, "content", lambda at: "changed" if at == path else real(at))
    assert (page() != before) is again


def test_the_answers_on_a_page_rest_on_the_ids_of_all_claims(monkeypatch):
    page = functools.partial(fingerprint.of_run, "```{code-cell} python\nfrom book.answers import answer\n```\n")
    before, known = page(), registry()
    monkeypatch.setattr(fingerprint, "registry", lambda: {name: known[name] for name in list(known)[1:]})
    assert page() != before
