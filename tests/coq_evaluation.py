"""Evaluate the terms and definitions of generated Coq text in floating point, as Coq's grammar reads them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

TOKEN = re.compile(r"\s*(=>|[A-Za-z_][\w.]*|\d+|[-+*/^()])")
DEFINITION = re.compile(r"^Definition (\w+) (.*?) : (?:R|Prop) :=\n(.*?)\.\n(?=\n|\Z)", re.DOTALL | re.MULTILINE)
STOPS = {")", "then", "else", "=>", None}
BUILT_IN: dict[str, Any] = {
    "INR": float,
    "S": lambda n: n + 1,
    "sum": lambda n: lambda f: math.fsum(f(i) for i in range(n)),
    "exp": math.exp,
    "ln": lambda x: math.log(x) if x > 0 else 0.0,
    "sqrt": lambda x: math.sqrt(x) if x > 0 else 0.0,
    "Rpower": lambda x: lambda y: math.exp(y * (math.log(x) if x > 0 else 0.0)),
    "Rmax": lambda x: lambda y: max(x, y),
    "Rabs": abs,
    "Rle_dec": lambda x: lambda y: x <= y,
    "Rlt_dec": lambda x: lambda y: x < y,
    "Nat.eqb": lambda a: lambda b: a == b,
    "Nat.ltb": lambda a: lambda b: a < b,
    "andb": lambda a: lambda b: a and b,
    "true": True,
    "false": False,
    "one_hot": lambda label: lambda k: lambda j: float(label(j) == k),
    "class_count": lambda n: lambda label: lambda k: float(sum(label(j) == k for j in range(n))),
}
"""Coq's functions, one argument after the other."""

Meaning = Callable[[dict[str, Any]], Any]


def meaning(text: str) -> Meaning:
    """Return the function from the values of the names in a term to the value of the term."""
    parser = _Parser(TOKEN.findall(text))
    assert "".join(parser.tokens) == re.sub(r"\s", "", text), "the text has tokens that are not read"
    read = parser.expression()
    assert parser.next is None, parser.next
    return read


def definitions(text: str) -> dict[str, Any]:
    """Return the functions that a generated text defines, each with its arguments one after the other."""
    names: dict[str, Any] = dict(BUILT_IN)
    for name, binders, body in DEFINITION.findall(text):
        if ":=" in body or "forall" in body or name == "structure":
            continue
        arguments = [a for group in re.findall(r"\(([^:]*):", binders) for a in group.split()]
        names[name] = _curried(arguments, meaning(body), names)
    return names


def applied(function: Any, *arguments: Any) -> Any:
    """Return a function of several arguments, one after the other, at these arguments."""
    for argument in arguments:
        function = function(argument)
    return function


def _curried(arguments: list[str], body: Meaning, names: dict[str, Any]) -> Any:
    if not arguments:
        return body(names)
    first, *others = arguments
    return lambda value: _curried(others, body, {**names, first: value})


class _Parser:
    """A parser by descent, with Coq's levels: application, powers, the sign, products, sums."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.position = tokens, 0

    @property
    def next(self) -> str | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self, expected: str | None = None) -> str:
        token = self.tokens[self.position]
        assert expected in (None, token), f"{token} where {expected} was expected"
        self.position += 1
        return token

    def expression(self) -> Meaning:
        if self.next == "fun":
            self.take()
            index = self.take()
            self.take("=>")
            body = self.expression()
            return lambda names: lambda value: body({**names, index: value})
        if self.next == "if":
            parts = []
            for word in ("if", "then", "else"):
                self.take(word)
                parts.append(self.expression())
            condition, inside, outside = parts
            return lambda names: inside(names) if condition(names) else outside(names)
        return self.sum()

    def sum(self) -> Meaning:
        total = self.product()
        while self.next in ("+", "-"):
            total = _binary(self.take(), total, self.product())
        return total

    def product(self) -> Meaning:
        product = self.signed()
        while self.next in ("*", "/"):
            product = _binary(self.take(), product, self.signed())
        return product

    def signed(self) -> Meaning:
        if self.next == "-":
            self.take()
            negated = self.signed()
            return lambda names: -negated(names)
        return self.power()

    def power(self) -> Meaning:
        base = self.application()
        if self.next == "^":
            self.take()
            exponent = int(self.take())
            return lambda names: base(names) ** exponent
        return base

    def application(self) -> Meaning:
        function = self.atom()
        while self.next not in STOPS and self.next not in set("+-*/^"):
            function = _application(function, self.atom())
        return function

    def atom(self) -> Meaning:
        token = self.take()
        if token == "(":
            inside = self.expression()
            self.take(")")
            return inside
        if token.isdigit():
            return lambda names: int(token)
        return lambda names: names[token]


def _application(function: Meaning, argument: Meaning) -> Meaning:
    return lambda names: function(names)(argument(names))


def _binary(operation: str, a: Meaning, b: Meaning) -> Meaning:
    return {
        "+": lambda names: a(names) + b(names),
        "-": lambda names: a(names) - b(names),
        "*": lambda names: a(names) * b(names),
        "/": lambda names: _quotient(a(names), b(names)),
    }[operation]


def _quotient(a: float, b: float) -> float:
    """Return a quotient; in Coq 0 / 0 is 0 times the inverse of 0, and hence 0."""
    return 0.0 if a == 0 else a / b
