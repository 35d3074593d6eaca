"""What SymPy's products over an index give: expressions, as long as what is multiplied is one."""

from sympy.core.expr import Expr
from sympy.core.symbol import Symbol

class Product(Expr):
    def __new__(cls, function: Expr | complex, *limits: tuple[Symbol, Expr | int, Expr | int]) -> Expr: ...
    @property
    def function(self) -> Expr: ...
    @property
    def limits(self) -> tuple[tuple[Symbol, Expr, Expr], ...]: ...
