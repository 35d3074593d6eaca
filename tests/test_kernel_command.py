"""``python -m theory kernel``: files of Coq for a claim, with and without Coq, and what list and show say of the kernel."""

import json

import pytest

from proofs_check.kernel.build import Row
from theory.cli import commands, kernel
from theory.cli.entry import DONE
from theory.errors import ParameterError
from theory.export.attempt import HOW_TO_GET_COQ, available
from theory.export.record import KernelRecord, recorded

CLAIM = "mse-imbalanced"


@pytest.fixture
def without_coq(monkeypatch):
    monkeypatch.setattr(kernel, "available", lambda: False)


def test_files_are_written_without_coq(without_coq, tmp_path, capsys):
    assert commands.main(["kernel", CLAIM, "--out", str(tmp_path / "new")]) == DONE
    said = capsys.readouterr().out
    assert "7 of 7 steps stated" in said
    assert said.strip().endswith(HOW_TO_GET_COQ)
    generated = tmp_path / "new" / "generated"
    assert "Lemma step_7 : forall" in (generated / "Steps_mse_imbalanced.v").read_text()
    assert "Definition lower_bound : Prop" in (generated / "Statement_mse_imbalanced.v").read_text()
    assert (tmp_path / "new" / "Tactics.v").exists()


@pytest.mark.skipif(not available(), reason="Coq is not installed: no step is tried")
def test_coq_tries_the_steps(tmp_path, capsys):
    assert commands.main(["kernel", CLAIM, "--out", str(tmp_path)]) == DONE
    assert "7 of 7 steps proved by Coq" in capsys.readouterr().out


def test_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ParameterError, match=r"out: .*file is not allowed; it is a file"):
        commands.main(["kernel", CLAIM, "--out", str(tmp_path / "file")])


def test_list_and_show_say_how_far_a_claim_is_checked(capsys):
    record = recorded(CLAIM)
    commands.main(["list", "--json"])
    rows = {row["id"]: row["kernel"] for row in json.loads(capsys.readouterr().out)}
    assert rows[CLAIM] == record.summary()
    assert {"lower_bound", "attained"} <= set(rows[CLAIM]["theorems"])
    commands.main(["show", CLAIM, "--json"])
    assert json.loads(capsys.readouterr().out)["kernel"] == record.summary()
    commands.main(["show", CLAIM])
    assert (
        f"kernel: Coq proves {record.checked} of {len(record.steps)} steps, and lower_bound" in capsys.readouterr().out
    )


def test_a_row_of_the_table():
    from proofs_check.kernel.__main__ import table

    lines = table([Row("a-claim", KernelRecord((), ()), frozenset({"classic"}), 1.25)]).splitlines()
    assert lines[0].split() == ["claim", "steps", "theorems", "axioms", "seconds"]
    assert lines[1].split() == ["a-claim", "0", "of", "0", "0", "1", "1.2"]
    assert lines[-1] == "axioms: classic"
