"""The table of the checks as a file: finished claims are kept, by one run and by the next ones."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from proofs_check.harness.plugin import Bookkeeper, pytest_configure
from proofs_check.harness.report import Check, Ledger
from proofs_check.harness.table import TableFile, writable
from theory.errors import ParameterError

ROOT = Path(__file__).parents[1]
BATCH = {"instances": 6, "starts": 18, "starts_reached": 18, "certificate_gap": 1e-14}


def ended(claim_id: str, name: str, of: int, passed: bool = True) -> SimpleNamespace:
    """Return the report of one of several checks of a claim."""
    check = Check(name, of, passed, seconds=1.5, found=[BATCH])
    return SimpleNamespace(checked=[claim_id, vars(check)])


def rows_of(path: Path) -> dict[str, dict]:
    return {row["claim"]: row for row in json.loads(path.read_text())["rows"]}


def bookkeeper(path: Path, seed: int) -> Bookkeeper:
    """Return the books of a run that writes its table to a path."""
    return Bookkeeper(Ledger("cpu", "quick", seed), TableFile.at(path, "quick", seed, "cpu"))


def test_a_claim_is_written_when_all_its_checks_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    books = bookkeeper(path, seed=1)
    books.pytest_runtest_logreport(SimpleNamespace())  # a test that checks no claim
    books.pytest_runtest_logreport(ended("cvae", "first", 2))
    books.pytest_runtest_logreport(ended("cvae", "first", 2))
    assert not path.exists()
    books.pytest_runtest_logreport(ended("ce-sphere", "first", 2))
    books.pytest_runtest_logreport(ended("cvae", "second", 2))
    rows = rows_of(path)
    assert list(rows) == ["cvae"]
    assert (rows["cvae"]["instances"], rows["cvae"]["certificate_gap"]) == (18, 1e-14)
    assert books.table_in_words() == f"table written to {path}, without ce-sphere, which this run did not check in full"


def test_a_later_run_adds_to_the_table_and_replaces_what_it_checks_again(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    first = bookkeeper(path, seed=1)
    for claim_id, passed in (("cvae", True), ("ce-sphere", False), ("mse-imbalanced", True)):
        first.pytest_runtest_logreport(ended(claim_id, "only", 1, passed))
    second = bookkeeper(path, seed=2)
    assert second.table is not None
    assert second.table.finished == ["cvae", "mse-imbalanced"]
    second.pytest_runtest_logreport(ended("ce-sphere", "only", 1))
    second.pytest_runtest_logreport(ended("cvae", "only", 2, passed=False))
    rows = rows_of(path)
    assert {claim_id: row["passed"] for claim_id, row in rows.items()} == {
        "ce-sphere": True,
        "cvae": True,  # not checked in full by the second run
        "mse-imbalanced": True,
    }


@pytest.mark.parametrize("resume", [True, False])
def test_every_run_that_adds_to_a_table_draws_with_its_seed(resume: bool, tmp_path: Path) -> None:
    """Otherwise a claim that has failed might pass at other instances."""
    path = tmp_path / "table.json"
    bookkeeper(path, seed=7).pytest_runtest_logreport(ended("cvae", "only", 1, passed=False))
    options = {"--table": path, "--resume": resume, "--device": "cpu", "--claims": [], "--hypothesis-profile": "quick"}
    plugins = SimpleNamespace(register=lambda *plugin: None)
    config = SimpleNamespace(getoption=options.__getitem__, stash={}, pluginmanager=plugins)
    pytest_configure(config)
    ledger = config.stash[Ledger.key]
    assert ledger.seed == 7
    again = Bookkeeper(ledger, TableFile.at(path, "quick", ledger.seed, "cpu"))
    again.pytest_runtest_logreport(ended("ce-sphere", "only", 1))
    assert json.loads(path.read_text())["seed"] == 7


def test_a_full_disk_leaves_the_former_table_and_is_said_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.json"
    books = bookkeeper(path, seed=1)
    books.pytest_runtest_logreport(ended("cvae", "only", 1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    books.pytest_runtest_logreport(ended("ce-sphere", "only", 1))
    assert list(rows_of(path)) == ["cvae"]
    assert str(books.table_in_words()).startswith("no table written: ")
    monkeypatch.undo()
    assert books.table_in_words() == f"table written to {path}"
    assert list(rows_of(path)) == ["ce-sphere", "cvae"]


def test_what_is_no_table_of_the_same_circumstances_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    bookkeeper(path, seed=1).pytest_runtest_logreport(ended("cvae", "only", 1))
    with pytest.raises(ParameterError, match=r"its table is of another run, with other profile, device$"):
        TableFile.at(path, "ci", 1, "NVIDIA H200")
    other = tmp_path / "notes.md"
    for content in ("# Notes\n", "[1, 2]", '{"rows": []}'):
        other.write_text(content)
        with pytest.raises(ParameterError, match=r"notes.md' is not allowed; it holds something else than a table$"):
            TableFile.at(other, "quick", 1, "cpu")
        assert other.read_text() == content


def test_a_table_that_cannot_be_written_is_said_before_the_checks_run(tmp_path: Path) -> None:
    options = {
        "--device": "cpu",
        "--claims": [],
        "--hypothesis-profile": "quick",
        "--table": tmp_path / "no" / "table.json",
    }
    config = SimpleNamespace(getoption=options.__getitem__, stash={})
    with pytest.raises(pytest.UsageError, match=r"no/table.json' is not allowed; it is a file that can be written"):
        pytest_configure(config)
    assert not any(map(writable, (tmp_path, tmp_path / ("a" * 300), tmp_path / "no" / "table.json", Path("/dev/null"))))
    assert writable(tmp_path / "table.json")


def collected(*words: str) -> str:
    """Return what pytest says when it collects the checks that every claim has, of two claims."""
    command = ("-m", "pytest", "proofs_check/test_claims.py", "--collect-only", "-q", "-n", "0", *words)
    chosen = ("-k", "ce-sphere or mse-regression")
    done = subprocess.run(
        [sys.executable, *command, *chosen], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout + done.stderr


def test_a_resumed_run_leaves_out_the_finished_claims(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    books = bookkeeper(path, seed=1)
    books.pytest_runtest_logreport(ended("ce-sphere", "only", 1))
    books.pytest_runtest_logreport(ended("mse-regression", "only", 1, passed=False))
    of_both, of_one = collected("--table", str(path)), collected("--table", str(path), "--resume")
    assert "[ce-sphere" in of_both
    assert "[ce-sphere" not in of_one
    assert all("test_derived[mse-regression]" in said for said in (of_both, of_one))


def test_a_run_is_resumed_from_a_table_alone() -> None:
    assert "ERROR: --resume: it needs --table FILE, where the finished claims are" in collected("--resume")
