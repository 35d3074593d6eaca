"""The sweep over all experiments, and the results that the book shows."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from noisy_descent import DESCENT, SMALL, Descent

from book import experiments
from numerics.networks.experiments.experiment import DEPARTS
from theory.errors import CheckFailed, ParameterError


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """Return a function that sweeps given experiments in this process, and the file of results of the first."""
    monkeypatch.setattr(experiments, "RESULTS", tmp_path / "results" / "experiments")
    monkeypatch.setattr(experiments, "CURVES", ("size",))

    def of(*given, words=()):
        monkeypatch.setattr(experiments, "known", lambda: {each.name: each for each in given})
        monkeypatch.setattr(experiments, "on_this_machine", lambda workers: ThreadPoolExecutor(1))
        return experiments.main(["--work", str(tmp_path / "work"), *words])

    return of


LONG = dataclasses.replace(DESCENT, sizes={"small": {**SMALL, "stages": 70}})


def test_results_of_a_sweep(swept, tmp_path):
    assert swept(LONG) == 0
    (file,) = (tmp_path / "results" / "experiments").iterdir()
    found = json.loads(file.read_text())
    assert found["environment"]["versions"]["torch"]
    assert found["environment"]["date"]
    assert [run["seed"] for run in found["runs"]] == [0, 1, 2]
    assert len({run["measured"]["size"] for run in found["runs"]}) == 3
    assert found["parameters"]["stages"] == 70
    assert (found["stages"][0], found["stages"][-1], len(found["stages"])) == (1, 70, experiments.CURVE_POINTS)
    for column in found["curves"].values():
        assert [len(curve) for curve in column] == [experiments.CURVE_POINTS] * 3
    assert list(found["curves"]) == ["size"]
    assert found["curves"]["size"][2][-1] == pytest.approx(found["runs"][2]["measured"]["size"], rel=1e-3)
    assert not list((tmp_path / "work").rglob("*.pt"))


def test_a_sweep_with_a_failing_run_writes_nothing(swept, tmp_path, monkeypatch, capsys):
    assert swept(DESCENT) == 0
    before = (tmp_path / "results" / "experiments" / "noisy-descent.json").read_bytes()

    class Breaking(Descent):
        def advance(self):
            raise RuntimeError("out of luck")

    with pytest.raises(CheckFailed, match="3 runs ended in an error"):
        swept(dataclasses.replace(LONG, name="breaking", start=Breaking), DESCENT)
    assert "failed: breaking, seed 1: RuntimeError: out of luck" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "results").rglob("*.json")] == ["noisy-descent.json"]
    assert (tmp_path / "results" / "experiments" / "noisy-descent.json").read_bytes() == before


def test_some_experiments_alone_change_no_results(swept, tmp_path):
    assert swept(DESCENT, words=["noisy-descent"]) == 0
    assert not (tmp_path / "results").exists()
    with pytest.raises(ParameterError, match="experiment: 'other' is not allowed"):
        swept(DESCENT, words=["other"])


def test_a_verdict_that_is_not_expected_fails_the_sweep(swept, capsys):
    assert swept(dataclasses.replace(DESCENT, expected=DEPARTS)) == 1
    assert "check failed: noisy-descent, seed 2: AGREES, expected was DEPARTS" in capsys.readouterr().err


def test_results_are_those_of_the_experiments_known_now(swept, tmp_path):
    swept(DESCENT)
    assert swept(dataclasses.replace(DESCENT, name="renamed")) == 0
    assert [path.name for path in (tmp_path / "results" / "experiments").iterdir()] == ["renamed.json"]
