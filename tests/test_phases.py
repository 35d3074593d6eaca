"""The committed sweeps are those of their specifications, agree with the proofs, and agree with cells that are computed again."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from book.figures.sweeps import described, results
from numerics.sweeps.claim_task import ClaimTask
from numerics.sweeps.specification import read_specification
from theory.claim import Verdict

SPECIFICATIONS = Path(__file__).parents[1] / "benchmarks" / "sweeps"
COMMITTED = ("deep_cross_entropy", "two_levels")
DEPTHS = range(1, 9)
DECAYS = {1e-7: 0, 1e-6: 1, 1e-5: 2, 1e-4: 3, 1e-3: 4, 1e-2: 5, 1e-1: 6}


@cache
def committed(name):
    """Return the task of a committed sweep, its columns, and the names of the codes of a verdict."""
    task, table = ClaimTask(read_specification(SPECIFICATIONS / f"{name}.toml")), results(name)
    task = ClaimTask(task.specification, 20)
    return task, {of: np.array(column["data"]) for of, column in table["data_vars"].items()}, table


def words(table, codes):
    return np.array(table["data_vars"]["verdict"]["attrs"]["words"])[codes]


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_sweep_is_whole_and_that_of_its_specification(name):
    task, columns, table = committed(name)
    assert bool(columns["done"].all())
    identity = json.loads(table["attrs"]["identity"])
    assert identity.items() >= json.loads(task.specification.identity()).items()
    assert columns["done"].shape == tuple(len(labels) for labels in task.axes.values())


@pytest.mark.parametrize(
    "cell", [(3, 1, 1e-2), (3, 2, 1e-3), (4, 2, 1e-2), (4, 3, 1e-5), (5, 2, 1e-2), (7, 2, 1e-4), (12, 8, 1e-3), (3, 8, 1e-1)]
)  # fmt: skip
def test_a_cell_is_decided_as_stored(cell):
    classes, depth, decay = cell
    position = (classes - 3, depth - 1, DECAYS[decay])
    task, columns, _ = committed("deep_cross_entropy")
    again = task.compute([position])
    for name in ("verdict", "rank", "groups"):
        assert again[name][0].tolist() == columns[name][position].tolist()
    assert again["certificate_gap"][0] == pytest.approx(columns["certificate_gap"][position], rel=1e-6, abs=1e-9)


def test_the_verdicts_agree_with_the_proof():
    task, columns, table = committed("deep_cross_entropy")
    refutation, verdicts = task.claim.refutation, words(table, columns["verdict"])
    for position in np.ndindex(verdicts.shape[:2]):
        here = refutation.status(task.instance((*position, 0)).bindings)
        at, rank, gap = (of[position] for of in (verdicts, columns["rank"], columns["certificate_gap"]))
        assert ((at == Verdict.HOLDS) == (here == "holds")).all()
        assert ((at == Verdict.REFUTED) == (gap < 0)).all()
        if here == "refuted":
            assert (
                (at == Verdict.REFUTED) | (rank == 0)
            ).all()  # or zero, the simplex ETF of margin 0, is the best point


def test_three_classes_have_counterexamples_where_the_network_is_deep_and_the_decay_large():
    _, columns, table = committed("deep_cross_entropy")
    found = np.argwhere(words(table, columns["verdict"])[0] == Verdict.REFUTED)
    assert {DEPTHS[depth] for depth, _ in found} == {5, 6, 7, 8}
    assert {decay for _, decay in found} == {DECAYS[1e-1]}


def test_points_of_every_geometry_are_described():
    assert described([2, 2, 3, 0], 4) == "2 pairs + 1 triple"
    assert described([5, 0], 4) == "1 simplex of 5"
    assert described([0, 0], 0) == "zero"
    assert described([0, 0], 2) == "found by training"


def test_every_cell_of_the_hierarchy_is_certified_in_the_regime_that_is_predicted():
    task, columns, table = committed("two_levels")
    assert (words(table, columns["verdict"]) == Verdict.HOLDS).all()
    assert (columns["alive"] == columns["alive_predicted"]).all()
    assert len(np.unique(columns["alive"].reshape(-1, 2), axis=0)) == 4
    assert columns["certificate_gap"].max() < 1e-9
    positions = [(0, 0, 0), (8, 3, 4), (16, 16, 8), (4, 12, 6)]
    again = ClaimTask(task.specification, 1).compute(positions)
    for number, position in enumerate(positions):
        assert again["alive"][number].tolist() == columns["alive"][position].tolist()
        assert again["failures"][number] == 0
