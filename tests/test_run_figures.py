"""The figures of a run: what they draw is what the run has measured."""

import math

import numpy as np

from numerics.networks.runs.figures import (
    falls_by_decades,
    figures,
    level,
    matrices,
    matrices_in_words,
    panels,
    shared_matrices,
)

RESULT = {
    "predicted": {
        "gram": [[2.0, 0.0], [0.0, 1.0]],
        "margins": [3.0, 1.0],
        "kl": 0.5,
        "shape": [[1.0, 2.0]],
        "none": None,
    },
    "measured": {"gram": [[2.1, 0.0], [0.0, 0.9]], "margins": [3.0, 1.0], "kl": 0.4, "shape": [[1.0]]},
}
COLUMNS = {"kl": [1.0, 0.4], "margin 0": [0.0, 3.0], "margin 1": [0.0, 1.0], "nc1": [1.0, math.nan]}


def test_matrices_are_drawn_on_one_scale_with_their_difference():
    predicted, measured = shared_matrices(RESULT)["gram"]
    figure = matrices(predicted, measured)
    assert [np.asarray(trace.z).tolist() for trace in figure.data[:2]] == [predicted.tolist(), measured.tolist()]
    assert np.allclose(figure.data[2].z, [[0.1, 0.0], [0.0, -0.1]])
    assert {trace.coloraxis for trace in figure.data} == {"coloraxis"}
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-2.1, 2.1)
    assert matrices_in_words(predicted, measured) == "Entries reach 2.1, and the largest difference is 1.0e-01."


def test_only_matrices_of_one_shape_are_compared():
    assert list(shared_matrices(RESULT)) == ["gram"]


def test_columns_of_one_first_word_share_a_panel_and_have_their_levels():
    assert panels([*COLUMNS, "gram deviation"]) == {
        "kl": ["kl"], "margin": ["margin 0", "margin 1"], "nc1": ["nc1"], "gram deviation": ["gram deviation"],
    }  # fmt: skip
    predicted = {**RESULT["predicted"], "total beta=2": 4.0}
    names = ("kl", "margin 1", "margin 5", "nc1", "total beta=2", "none")
    assert [level(predicted, name) for name in names] == [0.5, 1.0, None, None, 4.0, None]


def test_a_run_has_a_figure_of_each_matrix_and_of_its_metrics():
    drawn = figures(RESULT, COLUMNS)
    assert list(drawn) == ["gram", "metrics"]
    lines = {trace.name: list(trace.y) for trace in drawn["metrics"].data}
    assert lines["margin 0"] == [0.0, 3.0]
    assert lines["margin 0, predicted"] == [3.0, 3.0]
    assert lines["kl, predicted"] == [0.5, 0.5]
    assert "nc1, predicted" not in lines


def test_an_axis_is_logarithmic_where_numbers_fall_by_decades():
    assert falls_by_decades([1.0, math.nan, 1e-3])
    assert not falls_by_decades([1.0, 0.0])
    assert not falls_by_decades([1.0, 0.5])
    assert not falls_by_decades([math.nan])
