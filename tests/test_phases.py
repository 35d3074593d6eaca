"""The stored table of where deep cross-entropy fails is what deciding its cells again gives."""

import pytest

from book.phases import CLASSES, DECAYS, DEPTHS, cells, decide
from theory.claim import Verdict, find

STORED = {(c["classes"], c["depth"], c["decay"]): c for c in cells()}


@pytest.mark.parametrize(
    "setting", [(3, 1, 1e-2), (3, 2, 1e-3), (4, 2, 1e-2), (4, 3, 1e-5), (5, 2, 1e-2), (7, 2, 1e-4), (12, 8, 1e-3)]
)
def test_a_cell_is_decided_as_stored(setting):
    decided, stored = decide(*setting), STORED[setting]
    assert {k: v for k, v in decided.items() if k != "gap"} == {k: v for k, v in stored.items() if k != "gap"}


def test_the_table_is_whole_and_agrees_with_the_proof():
    refutation = find("ce-deep-linear").refutation
    sizes = {"K": CLASSES, "M": DEPTHS}
    assert len(STORED) == len(CLASSES) * len(DEPTHS) * len(DECAYS)
    symbols = {str(s): s for s in refutation.refuted_where.free_symbols | refutation.holds_where.free_symbols}
    assert set(symbols) == set(sizes)
    for (classes, depth, _), cell in STORED.items():
        here = {symbols["K"]: classes, symbols["M"]: depth}
        assert (cell["verdict"] == Verdict.HOLDS) == bool(refutation.holds_where.subs(here))
        if refutation.refuted_where.subs(here):
            assert cell["verdict"] == Verdict.REFUTED
