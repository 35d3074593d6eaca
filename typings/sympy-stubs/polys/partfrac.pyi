"""What partial fractions give: an expression."""

from sympy.core.expr import Expr
from sympy.core.symbol import Symbol

def apart(f: Expr, x: Symbol | None = None) -> Expr: ...
