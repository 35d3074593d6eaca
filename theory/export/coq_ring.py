"""Identities of matrices as Coq statements about the elements of any ring, whose product need not commute."""

from __future__ import annotations

import sympy as sp

from theory.export.coq_terms import CoqTerms, NotInCoq

CARRIER = "A"
"""The name of the ring in a statement."""


def ring_identity(left: sp.Expr, right: sp.Expr) -> tuple[str, str]:
    """Return the Coq statement that two expressions in noncommutative symbols are equal in every ring, and its proof.

    An identity that holds in every ring holds for matrices of any fitting shapes. Raises NotInCoq for an expression
    other than a polynomial with integer coefficients.
    """
    terms = CoqTerms({sp.Dummy(): CARRIER})
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    names = " ".join(map(terms.name, symbols))
    conclusion = f"{_element(left, terms)} = {_element(right, terms)}"
    return f"forall ({CARRIER} : Ring) ({names} : {CARRIER}), {conclusion}", "intros; ring_identity"


def _element(e: sp.Expr, terms: CoqTerms) -> str:
    if isinstance(e, sp.Symbol):
        return terms.name(e)
    if e.is_Integer and abs(e) <= 1:
        return {0: "zero", 1: "one", -1: "(opp one)"}[int(e)]
    if isinstance(e, sp.Add):
        ordered = sorted(e.args, key=lambda term: (term.could_extract_minus_sign(), str(term)))
        text = _element(ordered[0], terms)
        for term in ordered[1:]:
            minus = term.could_extract_minus_sign()
            text = f"({'minus' if minus else 'plus'} {text} {_element(-term if minus else term, terms)})"
        return text
    if isinstance(e, sp.Pow) and e.exp.is_Integer and e.exp > 0:
        return _joined("mult", [_element(e.base, terms)] * int(e.exp))
    if isinstance(e, sp.Mul):
        number, product = e.as_coeff_Mul()
        if number.is_negative:
            return f"(opp {_element(-number * product, terms)})"
        if number == 1:
            return _joined("mult", [_element(factor, terms) for factor in e.args])
        if number.is_Integer:
            return _joined("plus", [_element(product, terms)] * int(number))
    raise NotInCoq(f"{e} is not a sum of products of matrices")


def _joined(operation: str, texts: list[str]) -> str:
    """Return an operation on all of the texts, the first with what the others give."""
    *before, text = texts
    for earlier in reversed(before):
        text = f"({operation} {earlier} {text})"
    return text
