"""What putting over one denominator gives: an expression."""

from sympy.core.expr import Expr

def together(expr: Expr) -> Expr: ...
