"""``certify --coq`` writes a theorem of Coq, or ends in one line; ``proofs_check/kernel`` has Coq accept what is written."""

import json
import sys

import pytest

from numerics.__main__ import main
from numerics.commands import coq_file
from theory.cli.entry import CHECK_FAILED, DONE, UNUSABLE_INPUT, run
from theory.errors import ParameterError

CERTIFY = ["certify", "mse-imbalanced", "class_counts=3,2", "weight_decay=0.01", "feature_decay=0.02", "--starts", "2"]


def test_a_theorem_is_written_once(tmp_path, capsys):
    """Coq itself is not needed for that. A file that exists is left as it is."""
    file = tmp_path / "Bound.v"
    assert main([*CERTIFY, "--coq", str(file)]) == DONE
    said = capsys.readouterr().out
    assert f"wrote {file}: no loss is below 0." in said
    assert f"Atlas {file}" in said
    text = file.read_text()
    assert "Theorem no_loss_below" in text
    with pytest.raises(ParameterError, match="exists already"):
        main([*CERTIFY, "--coq", str(file)])
    assert file.read_text() == text


def test_no_theorem_is_written_without_a_dual_point(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(coq_file, "dual_at", lambda *_: None)
    assert main([*CERTIFY, "--coq", str(tmp_path / "Bound.v"), "--json"]) == CHECK_FAILED
    told = capsys.readouterr()
    assert json.loads(told.out)["coq"] is None
    assert "no dual point in integers" in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["certify", "ce-sphere", "--coq", "Bound.v"], "Coq checks no certificates of 'ce-sphere'"),
        (["certify", "ce-deep-linear", "--coq", "Bound.v"], "Coq checks no certificates of 'ce-deep-linear'"),
        ([*CERTIFY, "--coq", "a-bound.v"], "coq: 'a-bound.v' is not allowed; coq is a path to a file that is named by"),
        ([*CERTIFY, "--coq", "nowhere/Bound.v"], "a folder that exists"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(words, says, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command", *words])
    with pytest.raises(SystemExit) as caught:
        run(main)
    said = capsys.readouterr().err
    assert caught.value.code == UNUSABLE_INPUT
    assert len(said.splitlines()) == 1
    assert says in said
