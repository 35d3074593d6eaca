"""The difference of two expressions that should be equal, as a formula and at random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import sympy as sp

from theory.symbols import BETWEEN, LEAST

LONGEST = 300
"""Longest formula, in characters, that is shown whole."""
SIMPLIFIED = 150
"""Most operations of a difference that is simplified; SymPy takes long over more."""
TRIES = 10
"""Number of sets of random numbers at which both sides are evaluated."""
ENTRIES = 6
"""Length of a random list, which exceeds every size that is drawn."""
FAR = 1e-6
"""Share of the size of its terms by which an expression has to miss zero at random numbers to be told from rounding."""
SAME = 1e-12
"""Relative distance at which two values count as equal: the rounding of an evaluation to 15 digits."""


def difference(left: sp.Expr, right: sp.Expr) -> str:
    """Return lines that show the author of an identity both sides, their difference, and numbers at which the sides differ."""
    left, right = sp.sympify(left), sp.sympify(right)
    apart = sp.expand(left - right)
    if sp.count_ops(apart) <= SIMPLIFIED and not apart.has(sp.Sum):  # to simplify a sum may not end
        apart = sp.simplify(apart)
    shown = {"left": left, "right": right, "left - right": apart}
    lines = [f"    {name} = {_cut(str(expression))}" for name, expression in shown.items()]
    if left.free_symbols | right.free_symbols:
        lines.append(f"    {_at_numbers(left, right)}")
    return "\n".join(lines)


def far_from_zero(expression: sp.Expr) -> bool:
    """Tell whether an expression is, at some random numbers, much further from zero than its terms are rounded."""
    terms = sp.Add.make_args(expression)
    for bindings in _drawn(expression, sp.Integer(0)):
        try:
            values = [_value(term, bindings) for term in terms]
        except (TypeError, ValueError, IndexError, AttributeError):
            continue  # for example a noncommutative product, or a sum up to a size without a number
        if all(value.is_real and value.is_finite for value in values):
            return bool(abs(sum(values)) > FAR * sum(map(abs, values)))
    return False


def _cut(text: str) -> str:
    """Leave out the middle of a long text."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


def _at_numbers(left: sp.Expr, right: sp.Expr) -> str:
    agreed = 0
    for bindings in _drawn(left, right):
        try:
            a, b = (_value(side, bindings) for side in (left, right))
        except (TypeError, ValueError, IndexError, AttributeError):
            continue  # for example a noncommutative product, or a sum up to a size without a number
        if not (a.is_real and b.is_real and a.is_finite and b.is_finite):
            continue
        if abs(a - b) > SAME * (abs(a) + abs(b)):
            at = ", ".join(f"{symbol} = {_written(value)}" for symbol, value in bindings.items())
            return f"at {at}: left is {float(a):.9g}, right is {float(b):.9g}"
        agreed += 1
    if agreed:
        return f"both sides have the same value at {agreed} random numbers: the identity may hold, but SymPy does not prove it"
    return "neither side could be evaluated at random numbers"


def _value(expression: sp.Expr, bindings: Mapping[sp.Basic, Any]) -> sp.Expr:
    """Return the value of an expression to 15 digits. Sums are written out first, because their limits are sizes."""
    numbers = {symbol: value for symbol, value in bindings.items() if isinstance(symbol, sp.Symbol)}
    summed = expression.subs(numbers).doit()
    entries = {e: bindings[e.base][int(e.indices[0]) - 1] for e in summed.atoms(sp.Indexed)}
    return sp.N(summed.xreplace(entries), 15)


def _written(value: Any) -> str:
    return f"({', '.join(map(_written, value))})" if isinstance(value, list) else f"{float(value):g}"


def _drawn(left: sp.Expr, right: sp.Expr) -> Iterator[dict[sp.Basic, Any]]:
    """Yield random bindings of the free symbols of both sides that meet the assumptions on the symbols."""
    generator = Random(0)
    bases = sorted(left.atoms(sp.IndexedBase) | right.atoms(sp.IndexedBase), key=str)
    labels = {base.label for base in bases}
    free = {s for s in left.free_symbols | right.free_symbols if isinstance(s, sp.Symbol)} - labels
    for _ in range(TRIES):
        numbers: dict[sp.Basic, Any] = {s: _number(s, generator) for s in sorted(free, key=sp.default_sort_key)}
        for base in bases:
            numbers[base] = sorted((_number(base.label, generator) for _ in range(ENTRIES)), key=float, reverse=True)
        yield numbers


def _number(symbol: sp.Symbol, generator: Random) -> sp.Expr:
    if symbol.is_integer:
        least = LEAST.get(symbol, 1)
        return sp.Integer(generator.randint(least, least + 2))
    if symbol in BETWEEN:
        low, high = BETWEEN[symbol]
        return low + (high - low) * sp.Rational(generator.randint(1, 9), 10)
    size = sp.Rational(generator.randint(1, 40), 10)
    return size if symbol.is_nonnegative else size * generator.choice((-1, 1))
