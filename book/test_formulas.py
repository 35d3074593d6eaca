"""Formulas as the book writes them: each letter stands for the part it replaces, and no line is wider than the page."""

import re

import pytest
import sympy as sp

from book.render.abbreviations import abbreviated
from book.render.lines import ROOM, displayed, in_lines
from book.render.width import width
from theory.claim import find
from theory.symbols import k

A, B, C = sp.symbols("alpha_{first} beta_{second} gamma_{third}", positive=True)
X = sp.IndexedBase("x", positive=True)
SHARED = A * sp.log(B**2 / C**2 + 1) / (B * C * (A**2 + X[k]))
LARGER = sp.Max(A**2 / (B * C), B**2 / (A * C) - X[k], C**2)
CASES = sp.Piecewise((SHARED + LARGER, X[k] < A), (-SHARED + LARGER**2, X[k] < B), (A - SHARED, True))
LONG = sp.Add(*[sp.sqrt(sp.Symbol(f"s_{i}")) / sp.Symbol(f"t_{i}") for i in range(20)])


def put_back(short) -> sp.Basic:
    expression = short.expression
    for _ in short.meanings:
        expression = expression.xreplace(dict(short.meanings))
    return expression


@pytest.mark.parametrize("expression", [CASES, sp.Sum(CASES, (k, 1, 3)), sp.Tuple(CASES, -CASES), LONG + CASES])
def test_letters_stand_for_what_they_replace(expression):
    short = abbreviated(expression)
    assert put_back(short) == expression
    assert len(short.meanings) >= 2
    assert len(sp.latex(short.expression)) < len(sp.latex(expression))


def test_a_letter_has_the_indices_on_which_its_meaning_depends():
    """A sum binds its index, also in the letters inside it: here a letter stands for D − β Σ_i Ξ_i."""
    short = abbreviated(find("vae-learnable-decoder-variance").prediction.minimum)
    meanings = dict(short.meanings)
    assert any(meaning.has(sp.Sum) for meaning in meanings.values())
    for symbol, meaning in meanings.items():
        for _ in meanings:
            meaning = meaning.xreplace(meanings)
        free = {str(index) for index in meaning.free_symbols if str(index) in ("i", "k", "l")}
        assert set(str(symbol).split("_")[1:]) == free


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


def test_the_entry_of_a_direction_is_written_with_its_index_alone():
    entry = sp.IndexedBase("omega_dir", positive=True)[k]
    assert displayed(sp.latex(entry ** sp.Rational(2, 3))) == "$$\n" + r"{\omega}_{k}^{2/3}" + "\n$$"
