"""What partial fractions give: an expression."""

from sympy.core.expr import Expr

def apart(f: Expr, x: Expr | None = None) -> Expr: ...
