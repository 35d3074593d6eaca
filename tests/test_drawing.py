"""The drawings of the book: axes, marks, panels, legends and sliders, as SVG and HTML that a browser reads."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from book.figures.axes import Axis, linear_marks, logarithmic_marks, numbered, spanning
from book.figures.landscape import has_landscape, landscape
from book.figures.marks import Bars, Cells, Line, Points, Region, Rule, Words
from book.figures.panel import Panel
from book.figures.plotting import COLOURS, STYLE, Slider, show
from book.figures.scene import Arrow, Scene, turned
from book.figures.svg import power_of_ten, text
from theory.claim import find, registry

UNIT = Axis(0, 1)


def parsed(drawn: str) -> ElementTree.Element:
    """Return SVG as a tree; text that is no XML raises an error."""
    return ElementTree.fromstring(drawn)


def panel(*marks, **options) -> Panel:
    return Panel(UNIT, UNIT, marks, "A drawing.", **options)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1.12, 0.6), (0, 1e-7), (3, 20), (-5e4, 7e4)])
def test_marks_of_an_axis_are_few_round_and_between_its_ends(low: float, high: float) -> None:
    found = linear_marks(low, high)
    assert 3 <= len(found) <= 8
    assert all(low - 1e-12 <= number <= high * (1 + 1e-9) for number, _ in found)
    assert len({words for _, words in found}) == len(found)
    assert [float(words.replace("−", "-")) for _, words in found] == pytest.approx([number for number, _ in found])


@pytest.mark.parametrize(("low", "high"), [(1e-17, 10), (0.3, 7), (1e-5, 1e3)])
def test_marks_of_a_logarithmic_axis_are_powers(low: float, high: float) -> None:
    found = Axis(low, high, logarithmic=True).marks()
    assert 2 <= len(found) <= 8
    assert all(low <= number <= high for number, _ in found)
    assert all(math.log10(number) == round(math.log10(number)) for number, _ in logarithmic_marks(1e-5, 1e3))


def test_a_power_of_ten_is_written_as_readers_write_it() -> None:
    assert [power_of_ten(power) for power in (-12, -1, 0, 1, 3)] == ["10⁻¹²", "0.1", "1", "10", "10³"]


def test_a_logarithmic_axis_has_equal_steps_for_equal_factors() -> None:
    axis = Axis(1, 100, logarithmic=True)
    assert axis.place(10) == pytest.approx(0.5)
    assert not axis.holds(0)
    assert not axis.holds(None)


def test_an_axis_holds_what_it_spans() -> None:
    assert all(spanning([3.0, 3.0]).holds(x) for x in (3.0,))
    assert all(spanning([1e-9, 4.0], logarithmic=True).holds(x) for x in (1e-9, 4.0))


def test_words_below_the_line_return_to_it() -> None:
    drawn = parsed(text(1, 2, "λ<sub>W</sub> & θ"))
    assert "".join(drawn.itertext()) == "λW & θ"
    shifts = [float(span.get("dy", 0)) for span in drawn.iter("tspan")]
    assert sum(shifts) == 0
    assert shifts[0] > 0


def test_a_line_is_interrupted_where_there_is_no_number() -> None:
    (path,) = re.findall(r'd="(M[^"]*)"', Line(x=[0, 0.2, 0.4, 0.6, 0.8], y=[0, 0.5, None, 0.5, 2]).drawn(panel()))
    assert [len(stretch.split()) // 2 for stretch in path.split("M")[1:]] == [2, 1]


def test_bars_reach_from_the_axis_to_their_height() -> None:
    frame = Panel(numbered(["1", "2"]), UNIT, (), "A drawing.")
    _, top, _, bottom = frame.inside()
    bars = re.findall(r' y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', Bars(x=[1, 2], y=[0, 1]).drawn(frame))
    (empty, full) = [(float(y), float(height)) for y, height in bars]
    assert empty == pytest.approx((bottom, 0), abs=0.1)
    assert full == pytest.approx((top, bottom - top), abs=0.1)


def test_negative_cells_differ_from_positive_ones_without_colour() -> None:
    positive, negative = (Cells(values=[[value]], top=1).drawn(panel(bare=True)) for value in (0.5, -0.5))
    assert "<path" not in positive
    assert "<path" in negative


def test_neighbours_in_a_row_are_one_region() -> None:
    drawn = Region(cells=[(1, 1), (2, 1), (4, 1)]).outline(Panel(numbered("abcd"), numbered("a"), (), "A drawing."))
    assert drawn.count("Z") == 2


def test_only_the_first_frame_is_shown_without_a_script() -> None:
    drawn = parsed(panel(frames=[[Rule(x=[0.1])], [Rule(x=[0.5])], [Rule(x=[0.9])]]).drawn())
    frames = [part for part in drawn.iter("g") if part.get("data-frame")]
    assert [frame.get("style") for frame in frames] == [None, "display:none", "display:none"]
    assert drawn.get("role") == "img"
    assert drawn.get("aria-label") == "A drawing."


def test_a_figure_names_each_kind_of_mark_once() -> None:
    marks = [
        Points("c0", "trained", [0.1], [0.1]),
        Points("c0", "trained", [0.2], [0.2]),
        Line("c1", "predicted", [0, 1], [0, 1]),
    ]
    drawn = show("example", [panel(*marks, Words(x=0.5, y=0.5, says="here"))], "Words.").data
    legend = re.search(r'<p class="atlas-legend">(.*?)</p>', drawn)
    assert legend is not None
    assert re.sub(r"<.*?>", "", legend[1]).split() == ["trained", "predicted"]
    assert all(f".{name}{{" in STYLE for name in (*COLOURS, "ink", "words", "soft", "grid"))


def test_a_slider_has_a_name_and_says_where_it_stands() -> None:
    drawn = Slider('decay "λ"', ["one", "two & three"]).drawn()
    (name,) = re.findall(r'<label for="([\w-]+)"', drawn)
    assert f'id="{name}"' in drawn
    assert 'aria-valuetext="one"' in drawn
    assert 'max="1"' in drawn


def test_vectors_are_turned_without_changing_their_length() -> None:
    for point in ((1.0, 2.0, -3.0), (0.0, 0.0, 1.0)):
        assert math.hypot(*turned(point, 73, -20)) == pytest.approx(math.hypot(*point))
    assert turned((0, 0, 1), 0, 0)[:2] == pytest.approx((0, -1))
    drawn = Scene([Arrow((0, 0, 1), (0, 0, 1), "1", "c0")], "One vector.").drawn()
    assert drawn.count("data-at=") == 6 + 3


@pytest.mark.parametrize("claim_id", registry())
def test_a_landscape_ends_alive_and_collapsed(claim_id: str) -> None:
    if not has_landscape(find(claim_id)):
        with pytest.raises(ValueError, match=claim_id):
            landscape(claim_id)
        return
    drawn = landscape(claim_id).data
    frames = drawn.split("data-frame=")[1:]
    frames[-1] = frames[-1].partition("</svg>")[0]
    said = [re.findall(r"alive|collapsed|both are minimal", frame) for frame in frames]
    assert said[0] == ["alive"]
    assert said[-1] == ["collapsed"]
    jumps = "jumps to zero" in drawn
    assert (["both are minimal"] in said) == jumps


def test_a_claim_has_a_landscape_where_it_has_a_scalar_problem() -> None:
    assert has_landscape(find("mse-imbalanced"))
    assert not has_landscape(find("ce-imbalanced"))
