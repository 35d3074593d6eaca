"""Formulas as the book writes them: each letter stands for the part it replaces, and no line is wider than the page."""

import re

import pytest
import sympy as sp

from book.render.abbreviations import abbreviated
from book.render.lines import ROOM, displayed, in_lines
from book.render.width import width
from theory.symbols import k

A, B, C = sp.symbols("alpha_{first} beta_{second} gamma_{third}", positive=True)
X = sp.IndexedBase("x", positive=True)
SHARED = A * sp.log(B**2 / C**2 + 1) / (B * C * (A**2 + X[k]))
LARGER = sp.Max(A**2 / (B * C), B**2 / (A * C) - X[k], C**2)
CASES = sp.Piecewise((SHARED + LARGER, X[k] < A), (-SHARED + LARGER**2, X[k] < B), (A - SHARED, True))
LONG = sp.Add(*[sp.sqrt(sp.Symbol(f"s_{i}")) / sp.Symbol(f"t_{i}") for i in range(20)])


def put_back(short, number: int = 0) -> sp.Basic:
    expression = short.expressions[number]
    for _ in short.meanings:
        expression = expression.xreplace(dict(short.meanings))
    return expression


@pytest.mark.parametrize("expression", [CASES, sp.Sum(CASES, (k, 1, 3)), sp.Tuple(CASES, -CASES), LONG + CASES])
def test_letters_stand_for_what_they_replace(expression):
    short = abbreviated(expression)
    assert put_back(short) == expression
    assert len(short.meanings) >= 2
    assert len(sp.latex(short.expressions[0])) < len(sp.latex(expression))


def test_a_part_has_the_same_letter_in_all_expressions():
    short = abbreviated(CASES, sp.sin(CASES) + LARGER)
    assert [put_back(short, number) for number in range(2)] == [CASES, sp.sin(CASES) + LARGER]
    symbols = [symbol for symbol, _ in short.meanings]
    assert len(symbols) == len(set(symbols)) >= 2
    assert any(all(text.has(symbol) for text in short.expressions) for symbol in symbols)


def test_a_narrow_form_is_given_where_a_phone_needs_one():
    shown = displayed(f"x = {sp.latex(LONG)}")
    assert shown.startswith('```{raw} html\n<div class="math notranslate nohighlight" data-narrow="\\[')
    wide, narrow = (
        re.sub(r"\\(begin|end)\{aligned\}", "", part) for part in (shown.partition(">")[2], shown.partition(">")[0])
    )
    assert narrow.count(r"\\") > wide.count(r"\\")


def test_cases_are_stacked_where_values_and_conditions_have_no_room_side_by_side():
    wide = sp.Piecewise((A + B + C, A + B > C + A * B), (B + C, True))
    latex = in_lines(f"left = {sp.latex(wide)}", 12)
    assert "&" not in re.sub(r"\\begin\{aligned\}.*?\\end\{aligned\}", "", latex, flags=re.DOTALL)
    assert latex.count(r"\text{for}") == 1


@pytest.mark.parametrize(
    "expression",
    [
        LONG,
        A * LONG,
        LONG / (A + B),
        B * (C + A * LONG),
        sp.log(LONG),
        sp.Max(LONG, A, evaluate=False),
        A + B / LONG**2,
    ],
)
def test_sums_are_broken_into_lines_that_fit(expression):
    lines = re.split(r" \\\\\n", in_lines(f"left = {sp.latex(expression)}"))
    assert len(lines) > 1
    assert [line for line in lines if width(re.sub(r"\\(begin|end)\{aligned\}", "", line)) > ROOM] == []


def test_rows_of_cases_are_broken():
    latex = in_lines(f"left = {sp.latex(sp.Piecewise((LONG, A > B), (A, True)))}")
    assert width(latex) <= ROOM
    assert latex.count(r"\text{for}") == 1


def test_what_fits_stays_on_one_line():
    assert displayed("a = b + c") == "$$\na = b + c\n$$"


@pytest.mark.parametrize(
    ("latex", "written"),
    [
        (r"\Lambda^{\frac{1}{M + 1}}", r"\Lambda^{1/(M + 1)}"),
        (r"x^{- \frac{M - 1}{M}}", r"x^{- (M - 1)/M}"),
        (r"q_{k}^{\frac{2 M}{3}}", r"q_{k}^{2 \, M/3}"),
        (r"x^{\frac{1}{2 M}}", r"x^{1/(2 \, M)}"),
        (r"{a^{+}}_{k}^{2} - {a^{-}}_{k}", r"{a_{k}^{+}}^{2} - {a_{k}^{-}}"),
    ],
)
def test_powers_and_signs_are_written_as_in_a_paper(latex, written):
    assert displayed(latex) == f"$$\n{written}\n$$"


def test_the_entry_of_a_direction_is_written_with_its_index_alone():
    entry = sp.IndexedBase("omega_dir", positive=True)[k]
    assert displayed(sp.latex(entry ** sp.Rational(2, 3))) == "$$\n" + r"{\omega}_{k}^{2/3}" + "\n$$"
