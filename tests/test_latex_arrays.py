"""Losses that write themselves down as LaTeX."""

from __future__ import annotations

import pytest
import sympy as sp

from book.render.setting import layers, minimised, objective, shapes
from theory import symbols as sym
from theory.claim import find, registry
from theory.export.latex_arrays import LatexArrays, atom, number

W, H, Y = atom("W", sym.K, "w"), atom("H", sym.d, "h"), atom("Y", sym.K, "y")
XP = LatexArrays(sym.K, sym.N)


@pytest.mark.parametrize(
    ("claim_id", "written"),
    [
        (
            "mse-imbalanced",
            r"\frac{1}{2 N} \|W H - Y\|^2 + \frac{\lambda_{W}}{2} \|W\|^2 + \frac{\lambda_{H}}{2} \|H\|^2",
        ),
        ("ce-balanced-etf", r"\frac{1}{N} \sum_{i=1}^{N} \mathrm{CE}\left(W h_{i} + b,\, y_{i}\right) + "),
        ("mse-deep-linear-balanced-bias", r"\|W_{M} \cdots W_{1} H + b \mathbf{1}^{T} - Y\|^2 + \sum_{l=1}^{M} "),
        ("spectral-contrastive", r"4 \eta_{diff}^{2} \|F\|^2 + \|\left(F C^{1/2}\right)^{T} F C^{1/2} - I\|^2"),
        ("vae-learnable-variance", r"\|C^{1/2} - U W C^{1/2}\|^2 + \|U S\|^2"),
        ("hvae-anisotropic-variances", r"\|U_{1} S\|^2"),
        ("hvae-anisotropic-variances", r"$S = \mathrm{diag}({\sigma_{1}}_{1}, \ldots, {\sigma_{1}}_{d_{1}})$"),
        ("vae-learnable-decoder-covariance", r"\|L^{-1} \left(C^{1/2} - U W C^{1/2}\right)\|^2 + \|L^{-1} U S\|^2"),
    ],
)
def test_the_setting_is_the_loss_itself(claim_id: str, written: str) -> None:
    assert written in objective(find(claim_id).problem)


@pytest.mark.parametrize("claim_id", registry())
def test_every_loss_has_a_notation(claim_id: str) -> None:
    problem = find(claim_id).problem
    said = objective(problem)
    deep = layers(problem)
    assert len(minimised(problem)) == len(shapes(problem)) == len(problem.variables) - len(deep) + bool(deep)
    assert all(said.count(shape) == 1 for shape in shapes(problem))


def test_a_difference_keeps_its_brackets() -> None:
    assert (Y - (W @ H - Y)).text == r"Y - \left(W H - Y\right)"
    assert (W @ (H + H)).column("i") == r"W \left(h_{i} + h_{i}\right)"
    assert XP.scale(Y - Y, sp.Integer(2)).written == r"2 \left(Y - Y\right)"


def test_numbers_keep_their_signs_and_brackets() -> None:
    norm = XP.squared_norm(W)
    assert str(sp.Integer(3) - norm / 2) == r"3 - \frac{1}{2} \|W\|^2"
    assert str(sym.beta * (norm - sym.N)) == r"\beta \left(\|W\|^2 - N\right)"
    assert str((1 + sym.K) * norm) == r"\left(K + 1\right) \|W\|^2"
    assert str(number(0) - norm) == r"0 - \|W\|^2"


def test_the_squares_of_all_columns_are_a_norm() -> None:
    assert str(XP.total(XP.column_squares(W @ H - Y)) / 2) == r"\frac{1}{2} \|W H - Y\|^2"
    assert str(XP.total(XP.column_inner(H, Y))) == r"\sum_{i=1}^{N} \langle h_{i}, y_{i} \rangle"


def test_an_operation_without_notation_is_refused() -> None:
    with pytest.raises(ValueError, match="singular_values: this operation has no notation in LaTeX"):
        XP.singular_values(W, 3)
