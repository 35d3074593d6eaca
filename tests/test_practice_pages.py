"""The pages of experiments: which experiment stands where, what is said of a record, and what the figures draw."""

import dataclasses
import math

import pytest

from book import experiments
from book.figures import practice as figures
from book.render import practice
from book.render.practice import Record
from numerics.networks.experiments.experiment import AGREES, DEPARTS, Experiment
from numerics.networks.experiments.known import known
from numerics.storage.json_values import json_value

EXPERIMENT = Experiment("vae-example", "title", "paper", "shows", "claim", "network", {}, dict, None)  # type: ignore[arg-type]


def a_run(seed, deviations, verdict=AGREES, **measured):
    return {"seed": seed, "predicted": {}, "measured": measured, "deviations": deviations, "verdict": verdict}


def a_record(runs, limits, predicted=None, parameters=None, experiment=EXPERIMENT):
    for run in runs:
        run["predicted"] = predicted or {}
    return Record(experiment, {}, parameters or {}, limits, runs, [1, 2], {})


def test_every_experiment_stands_on_one_page():
    placed = [each.name for of_page in practice.families().values() for each in of_page]
    assert sorted(placed) == sorted(known())
    assert "more" not in practice.families()


@pytest.mark.parametrize("name", [path.stem for path in sorted(practice.RESULTS.glob("*.json"))])
def test_recorded_runs_are_those_of_the_present_parameters(name):
    """Where this fails an experiment has changed since its runs were recorded: make experiments records them anew."""
    record = practice.recorded(name)
    given = json_value(known()[name].sizes[experiments.SIZE])
    assert record.parameters == experiments.rounded(given, experiments.DIGITS)
    assert tuple(run["seed"] for run in record.runs) == experiments.SEEDS
    assert record.environment["versions"]["torch"]


def test_a_badge_is_red_where_a_verdict_is_not_the_expected_one():
    agreeing = a_record([a_run(0, {})], {})
    assert practice.practice_badge(agreeing) == "{bdg-success}`AGREES`"
    mixed = a_record([a_run(0, {}), a_run(1, {}, DEPARTS)], {})
    assert practice.practice_badge(mixed) == "{bdg-danger}`AGREES` {bdg-danger}`DEPARTS`"
    expected = dataclasses.replace(EXPERIMENT, expected=DEPARTS)
    assert (
        practice.practice_badge(a_record([a_run(0, {}, DEPARTS)], {}, experiment=expected)) == "{bdg-warning}`DEPARTS`"
    )
    assert practice.practice_badge(a_record([a_run(0, {})], {}, experiment=expected)).startswith("{bdg-danger}")
    assert practice.practice_badge(None) == "{bdg-light}`not run`"


def test_the_worst_deviation_is_the_one_nearest_to_its_limit():
    runs = [a_run(0, {"a": 0.02, "b": 1e-4, "free": 9.0}), a_run(1, {"a": 0.01, "b": 9e-4, "free": 9.0})]
    record = a_record(runs, {"a": 0.1, "b": 1e-3})
    assert record.worst() == ("b", 9e-4, 1e-3)
    assert practice.in_short(record) == "b off by 9.00e-04 (agrees up to 0.001), 2 seeds"
    assert list(practice.deviations(record)) == [
        ("a", "0.01 to 0.02", "0.1"), ("b", "1.00e-04 to 9.00e-04", "0.001"), ("free", "9", "–"),
    ]  # fmt: skip


def test_a_deviation_that_is_no_number_is_beyond_every_limit():
    assert figures.share_of_limit(a_run(0, {"a": None}), {"a": 1.0}) == math.inf
    assert figures.share_of_limit(a_run(0, {"fates": 1.0}), {"fates": 0.0}) == math.inf
    assert figures.share_of_limit(a_run(0, {"fates": 0.0, "a": 0.5, "free": 7.0}), {"fates": 0.0, "a": 2.0}) == 0.25
    record = a_record([a_run(0, {"a": 0.1}), a_run(1, {"a": None})], {"a": 1.0})
    assert record.worst() == ("a", math.inf, 1.0)
    assert list(practice.deviations(record)) == [("a", "not a number", "1")]


def test_numbers_and_classes_are_compared_and_matrices_are_left_to_figures():
    predicted = {"value": 0.5, "vanished": [], "margins": [1.5, 2.0], "mean_gram": [[1.0]], "critical_count": 7.5}
    runs = [a_run(0, {}, value=0.5, vanished=[], margins=[1.5]), a_run(1, {}, value=0.51, vanished=[1], margins=[1.5])]
    record = a_record(runs, {}, predicted)
    assert list(practice.compared(record)) == [
        ("value", "0.5", "0.5 to 0.51"), ("vanished", "none", "none; 1"), ("critical count", "7.5", "–"),
    ]  # fmt: skip


SWEEP = {
    "setting": ["beta=1", "beta=2"],
    "divergences": [[2.0, 1.0], [1.0, 0.0]],
    "active": [2, 1],
    "total beta=1": 3.0,
}


@pytest.fixture
def swept(monkeypatch):
    measured = [
        {"divergences": [[2.1, 1.1], [1.1, 0.1]], "active": [2, 2]},
        {"divergences": [[2.2, 1.2], [1.2, 0.2]], "active": [1, 1]},
    ]
    record = a_record([a_run(seed, {}, **each) for seed, each in enumerate(measured)], {}, SWEEP)
    drawn = []
    monkeypatch.setattr(figures, "recorded", lambda name: record)
    monkeypatch.setattr(figures, "show", lambda name, panels, said, *slider: drawn.append((panels, *slider)))
    return record, drawn


def test_a_sweep_is_drawn_with_a_slider(swept):
    record, drawn = swept
    assert figures.figures_of(record) == ["divergences", "active_units"]
    figures.divergences("vae-example")
    (((panel,), slider),) = drawn
    first, second = panel.frames
    assert [list(mark.y) for mark in first] == [[2.0, 1.0], [2.1, 1.1], [2.2, 1.2]]
    assert [list(mark.y) for mark in second] == [[1.0, 0.0], [1.1, 0.1], [1.2, 0.2]]
    assert list(slider.says) == ["β = 1", "β = 2"]


def test_active_units_are_drawn_beside_the_predicted_ones(swept):
    figures.active_units("vae-example")
    (((panel,),),) = swept[1]
    assert [list(mark.y) for mark in panel.marks] == [[2, 1], [2, 2], [1, 1]]


def test_vanishing_classes_are_drawn_in_units_of_the_critical_count(monkeypatch):
    predicted = {
        "critical_count": 20.0,
        "vanished": [1],
        "mean_norms": [4.0, 0.0],
        "mean_gram": [[4.0, 0.0], [0.0, 0.0]],
    }
    about = dataclasses.replace(EXPERIMENT, name="minority-example")
    record = a_record([a_run(0, {}, mean_norms=[3.9, 0.1])], {}, predicted, {"class_counts": [40, 10]}, about)
    drawn = []
    monkeypatch.setattr(figures, "page_records", lambda word: [record])
    monkeypatch.setattr(figures, "show", lambda name, panels, said, *slider: drawn.append((panels, *slider)))
    assert figures.figures_of(record) == ["mean_gram"]
    assert figures.figures_of_page("minority") == ["overview", "vanishing"]
    figures.vanishing("minority")
    (((panel,),),) = drawn
    _, predicted_marks, trained = panel.marks
    assert list(predicted_marks.x) == list(trained.x) == [2.0, 0.5]
    assert list(trained.y) == [3.9 / 4, 0.1 / 4]
