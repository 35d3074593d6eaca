"""What SymPy's sums give: expressions, as long as what is summed is one."""

from sympy.core.expr import Expr
from sympy.core.symbol import Symbol

class Sum(Expr):
    def __new__(cls, function: Expr | complex, *limits: tuple[Symbol, Expr | int, Expr | int]) -> Expr: ...
    @property
    def function(self) -> Expr: ...
    @property
    def limits(self) -> tuple[tuple[Symbol, Expr, Expr], ...]: ...
