"""What SymPy's numbers give: an integer is a fraction, and a fraction of integers stays one."""

from fractions import Fraction

from sympy.core.basic import Basic
from sympy.core.expr import AtomicExpr

class Number(AtomicExpr): ...

class Float(Number):
    def __new__(cls, num: Basic | float | str, *, precision: int | None = None) -> Float: ...

class Rational(Number):
    p: int
    q: int
    def __new__(cls, p: Basic | float | str | Fraction, q: int = 1) -> Rational: ...

class Integer(Rational):
    def __new__(cls, i: Basic | float) -> Integer: ...

class NumberSymbol(AtomicExpr): ...
class Exp1(NumberSymbol): ...
class ImaginaryUnit(AtomicExpr): ...
class Infinity(Number): ...

I: ImaginaryUnit
oo: Infinity
