"""Formulas as papers write them, and letters in statements."""

from __future__ import annotations

import pytest
import sympy as sp

from theory.claim import find
from theory.errors import ParameterError
from theory.latex import latex
from theory.results import Letter
from theory.symbols import K, N, feature_decay, k, n, n_k, weight_decay

DECAY = sp.sqrt(weight_decay * feature_decay)
X = sp.Symbol("x", real=True)


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        (DECAY, r"\sqrt{\lambda_{W} \lambda_{H}}"),
        (N * DECAY, r"N \sqrt{\lambda_{W} \lambda_{H}}"),
        (-DECAY / 2, r"- \frac{\sqrt{\lambda_{W} \lambda_{H}}}{2}"),
        (1 / DECAY, r"\frac{1}{\sqrt{\lambda_{W} \lambda_{H}}}"),
        (1 - 1 / DECAY, r"1 - \frac{1}{\sqrt{\lambda_{W} \lambda_{H}}}"),
        (sp.sqrt(feature_decay / weight_decay), r"\sqrt{\frac{\lambda_{H}}{\lambda_{W}}}"),
        (sp.sqrt(K * n) / (N * DECAY), r"\frac{\sqrt{K n}}{N \sqrt{\lambda_{W} \lambda_{H}}}"),
        (sp.sqrt((K - 1) * n_k[k]), r"\sqrt{\left(K - 1\right) {n}_{k}}"),
        (sp.cbrt(K * N) * sp.sqrt(n), r"\sqrt{n} \sqrt[3]{K N}"),
        (DECAY * sp.log(n), r"\sqrt{\lambda_{W} \lambda_{H}} \log{\left(n \right)}"),
        (DECAY * (1 + K) / 2, r"\frac{\left(K + 1\right) \sqrt{\lambda_{W} \lambda_{H}}}{2}"),
        (N * weight_decay * feature_decay, r"N \lambda_{W} \lambda_{H}"),
        (sp.sqrt(n) - N * DECAY, r"\sqrt{n} - N \sqrt{\lambda_{W} \lambda_{H}}"),
        (1 - K, "1 - K"),
        (-K - N, "- K - N"),
    ],
)
def test_a_root_is_one_root(expression: sp.Expr, written: str) -> None:
    assert latex(expression) == written


@pytest.mark.parametrize("expression", [sp.sqrt(K) * sp.sqrt(X), sp.sqrt(X) * sp.sqrt(1 - X), sp.sqrt(n), n ** (1 / K)])
def test_what_is_no_product_of_roots_is_left_as_it_is(expression: sp.Expr) -> None:
    """Of a factor that may be negative the root stays apart: √(−1) √(−1) is not √1."""
    assert latex(expression) == sp.latex(expression)


@pytest.mark.parametrize("claim_id", ["mse-imbalanced", "ce-balanced-etf"])
def test_statements_and_steps_have_one_root(claim_id: str) -> None:
    claim = find(claim_id)
    for text in (claim.rendered_statement(), *(step.latex() for step in claim.proof.steps)):
        assert r"\sqrt{\lambda_{H}} \sqrt{\lambda_{W}}" not in text
    assert r"\sqrt{\lambda_{W} \lambda_{H}" in claim.rendered_statement()


def test_the_statement_of_a_margin_is_written_in_a_ratio() -> None:
    said = find("ce-imbalanced-relu").rendered_statement()
    assert r"$r_k = \frac{\left(K - 1\right) {n}_{k}}{K N^{2} \lambda_{W} \lambda_{H}}$" in said
    assert r"$t_k = \log{\left(\max\left(1, K \sqrt{{r}_{k}} - K + 1\right) \right)}$" in said
    assert r"\|h_k\|^2 = \sqrt{\frac{\lambda_{W} \left(K - 1\right)}{K \lambda_{H} {n}_{k}}} {t}_{k}$" in said
    assert r"$w_k = \sqrt{\frac{K \lambda_{H}}{\lambda_{W} \left(K - 1\right)}} {y}_{k}$" in said


def test_a_letter_that_does_not_mean_what_is_written_is_refused() -> None:
    r = sp.Symbol("r", positive=True)
    ratio = n / N**2
    assert Letter(r, ratio, part=n, written=r * N**2).name == "r"
    with pytest.raises(ParameterError, match="letter: r stands for n/N"):
        Letter(r, ratio, part=n, written=r * N)
