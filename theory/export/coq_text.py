"""Terms of Coq as text, with brackets where the grammar needs them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import sympy as sp


@dataclass(frozen=True)
class Term:
    """A real term of Coq. ``binds`` says how tightly its outermost operation binds."""

    text: str
    binds: int

    ATOM: ClassVar[int] = 5
    APPLIED: ClassVar[int] = 4
    POWER: ClassVar[int] = 3
    PRODUCT: ClassVar[int] = 2
    SUM: ClassVar[int] = 1
    OPEN: ClassVar[int] = 0
    """A term without brackets that extends as far as it can, such as a case distinction."""

    def within(self, least: int) -> str:
        """Return the text, in brackets unless the term binds at least that tightly."""
        return self.text if self.binds >= least else f"({self.text})"

    def applied(self, function: str) -> Term:
        """Return a function at this term."""
        return Term(f"{function} {self.within(Term.ATOM)}", Term.APPLIED)

    def __add__(self, other: Term | int) -> Term:
        return Term(f"{self.within(Term.SUM)} + {term(other).within(Term.PRODUCT)}", Term.SUM)

    def __sub__(self, other: Term | int) -> Term:
        return Term(f"{self.within(Term.SUM)} - {term(other).within(Term.PRODUCT)}", Term.SUM)

    def __mul__(self, other: Term | int) -> Term:
        return Term(f"{self.within(Term.PRODUCT)} * {term(other).within(Term.POWER)}", Term.PRODUCT)

    def __truediv__(self, other: Term | int) -> Term:
        return Term(f"{self.within(Term.PRODUCT)} / {term(other).within(Term.POWER)}", Term.PRODUCT)

    def __neg__(self) -> Term:
        return Term(f"- {self.within(Term.POWER)}", Term.SUM)

    def __pow__(self, exponent: int) -> Term:
        return Term(f"{self.within(Term.APPLIED)} ^ {exponent}", Term.POWER)

    def __radd__(self, other: int) -> Term:
        return term(other) + self

    def __rsub__(self, other: int) -> Term:
        return term(other) - self

    def __rmul__(self, other: int) -> Term:
        return term(other) * self

    def __rtruediv__(self, other: int) -> Term:
        return term(other) / self


def term(value: Term | int) -> Term:
    """Return an integer as a term, and a term as it is. Raises TypeError for anything else."""
    if isinstance(value, Term):
        return value
    if isinstance(value, bool) or not isinstance(value, int | sp.Integer):
        raise TypeError(f"{value!r} is no term and no integer")
    return Term(str(value), Term.ATOM) if value >= 0 else Term(f"- {-value}", Term.SUM)


def number_of(size: str) -> Term:
    """Return a natural number as a real one."""
    return Term(size, Term.ATOM if " " not in size else Term.OPEN).applied("INR")


def summed(size: str, index: str, summand: Term) -> Term:
    """Return the sum of a term over an index below ``size``."""
    return Term(f"sum {size} (fun {index} => {summand.text})", Term.APPLIED)


def size_text(size: sp.Basic) -> str:
    """Return the name in Coq of a symbol, or of an entry of an indexed symbol: d_2 for d[2]."""
    return re.sub(r"\W+", "_", str(size)).strip("_")
