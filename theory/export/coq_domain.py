"""The domain of a claim as hypotheses of a theorem in Coq."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from theory.domains import (
    ClassCounts,
    Domain,
    Flag,
    PositivePerDimension,
    PositiveReal,
    RealBetween,
    WholeNumber,
    Width,
    Widths,
)
from theory.export.coq_text import size_text

Hypothesis = tuple[str, str]
"""The name and the text of a hypothesis."""

CLASSES = (
    ("two_classes", "(2 <= K)%nat"),
    ("labels_below", "forall j, (j < N)%nat -> (label j < K)%nat"),
    ("no_class_empty", "forall k, (k < K)%nat -> exists j, (j < N)%nat /\\ label j = k"),
)
"""The hypotheses on labels of at least two classes, none of them empty."""
BALANCED = ("balanced", "forall k, (k < K)%nat -> class_count N label k = class_count N label 0")


def hypotheses(domain: Domain, names: list[str]) -> Iterator[Hypothesis]:
    """Yield the hypotheses of one parameter, whose numbers have these names in Coq.

    Raises ValueError for a domain that has no hypotheses.
    """
    match domain:
        case ClassCounts():
            yield from CLASSES
            if domain.balanced:
                yield BALANCED
        case PositiveReal() | PositivePerDimension():
            yield from ((f"{name}_positive", f"0 < {name}") for name in names)
        case RealBetween():
            yield from ((f"{name}_between", f"{domain.low} < {name} < {domain.high}") for name in names)
        case Width():
            yield from ((f"{name}_width", f"({_natural(domain.least)} <= {name})%nat") for name in names)
        case Widths():
            yield from ((f"{name}_width", f"(1 <= {name})%nat") for name in names)
        case Flag() | WholeNumber():
            return
        case _:
            raise ValueError(f"{type(domain).__name__} has no hypotheses in Coq")


def _natural(size: sp.Expr) -> str:
    """Return a size, a number, or a size less a number, such as K − 1. Raises ValueError for any other expression."""
    symbols = sorted(map(str, size.free_symbols))
    number = size.subs(dict.fromkeys(size.free_symbols, 0))
    if not symbols and number.is_integer:
        return str(number)
    if len(symbols) == 1 and number.is_integer and number <= 0 and size - number in size.free_symbols:
        return size_text(sp.Symbol(symbols[0])) + (f" - {-number}" if number else "")
    raise ValueError(f"{size} is no size less a number")
