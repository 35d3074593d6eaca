"""What SymPy's case distinctions give: pairs of a formula and the condition under which it applies."""

from sympy.core.expr import Expr
from sympy.logic.boolalg import Boolean

class Piecewise(Expr):
    def __new__(cls, *cases: tuple[Expr | complex, Boolean | bool]) -> Expr: ...
    @property
    def args(self) -> tuple[tuple[Expr, Boolean], ...]: ...

def piecewise_fold(expr: Expr) -> Expr: ...
