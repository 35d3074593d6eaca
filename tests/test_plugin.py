"""The checks as a command: it reports an expression that matches nothing, and the progress of a long run."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from proofs_check.harness.drawing import REGIMES
from proofs_check.harness.progress import PAUSE, Progress
from proofs_check.harness.report import Ledger
from proofs_check.harness.strategies import batches, drawn
from theory.claim import find
from theory.point import Point

ROOT = Path(__file__).parents[1]


def test_an_expression_that_matches_nothing_is_said_in_one_line():
    own = ROOT / "book" / "tutorial" / "mse_target_scale.py"
    words = ("pytest", "proofs_check", "-n", "0", "--claims", str(own), "-k", "my-setting")
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    (said,) = (line for line in done.stdout.splitlines() if "'my-setting'" in line)
    assert said.startswith("no claim or check matches 'my-setting'; the claims are bce-balanced, ")
    assert " mse-target-scale, " in said
    assert said.endswith("a claim in a file of your own needs --claims FILE")


@pytest.fixture
def capture():
    return Point(global_and_fixture_disabled=contextlib.nullcontext)


def test_batches_are_told_as_they_are_judged(capture, capsys):
    claim = find("vae-learnable-variance")
    ledger = Ledger("cpu", "thorough", 0, Progress(capture, 2))
    for batch in drawn(batches(claim, REGIMES[0], 2), 2, seed=1):
        ledger.judged(claim, batch, "narrow")
        ledger.judged(claim, batch, "narrow")  # this batch is judged already and is not counted again
    first, second = capsys.readouterr().err.split("\n")[1:]
    assert first.startswith("vae-learnable-variance, narrow: batch 1/2, 0.")
    assert second.startswith("vae-learnable-variance, narrow: batch 2/2, 0.")


def test_lines_are_kept_apart(capture, capsys):
    progress = Progress(capture, 1000)
    for _ in range(100):
        progress.count("cvae", "wide")
    assert capsys.readouterr().err.count("\n") == 1
    progress.told -= PAUSE
    progress.count("cvae", "wide")
    assert "batch 101/1000" in capsys.readouterr().err


def test_only_a_thorough_run_tells(pytestconfig):
    ledger = pytestconfig.stash[Ledger.key]
    assert (ledger.progress is not None) == (ledger.profile == "thorough")


def test_a_thorough_run_has_no_limit_of_time():
    """One of its tests trains all batches of a claim, which may take longer than any other test."""
    words = ("pytest", "proofs_check/test_lemmas.py", "-n", "0", "--collect-only", "--hypothesis-profile")
    for profile, limited in (("quick", True), ("thorough", False)):
        done = subprocess.run(
            [sys.executable, "-m", *words, profile], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert ("\ntimeout: " in done.stdout) is limited
