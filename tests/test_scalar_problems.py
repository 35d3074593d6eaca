"""The page on the scalar problem behind the claims."""

import pytest
import sympy as sp

from book.render.scalar_problems import cost, exponential, scalar_problems
from theory.bounds import Piece
from theory.claim import registry


def test_every_claim_with_a_threshold_has_one_mechanism():
    listed = [row.claim.id for rows in scalar_problems().values() for row in rows]
    assert sorted(listed) == sorted(claim.id for claim in registry().values() if claim.prediction.thresholds)


@pytest.mark.parametrize(
    "claim_id", ["mse-imbalanced", "mse-regularised-bias", "vae-learnable-variance", "vae-fixed-variance", "cvae"]
)
def test_the_slope_at_the_lower_end_decides(claim_id):
    """The page says so of water-filling: at a ratio of 1 the slope of the cost vanishes at the lower end of its interval."""
    claim = registry()[claim_id]
    (piece,), variable = claim.proof.separable.pieces, claim.proof.separable.variable
    slope = sp.diff(piece.function, variable).subs(variable, piece.lower)
    ratio = claim.prediction.threshold.ratio
    plain = {
        entry: sp.Symbol(f"a{number}", positive=True)
        for number, entry in enumerate(sorted(ratio.atoms(sp.Indexed), key=str))
    }
    slope, ratio = slope.xreplace(plain), ratio.xreplace(plain)
    (at_threshold,) = sp.solve(ratio - 1, plain[min(plain, key=str)])
    assert sp.simplify(slope.subs(plain[min(plain, key=str)], at_threshold)) == 0
    assert sp.simplify(slope) != 0


def test_a_cost_in_a_logarithm_is_written_in_the_number():
    ell, a, b = sp.Symbol("ell", real=True), *sp.symbols("a b", positive=True)
    assert "m" in cost(Piece(a * sp.exp(ell) + b, sp.log(a)), ell)
    assert "b" not in cost(Piece(a * sp.exp(ell) + b, sp.log(a)), ell)
    assert exponential(sp.Max(sp.log(a), sp.log(b))) == sp.Max(a, b)
