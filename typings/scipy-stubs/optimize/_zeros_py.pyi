"""What SciPy's root finders give: a number, as long as no report is asked for."""

from collections.abc import Callable

def brentq(f: Callable[[float], float], a: float, b: float, *, xtol: float = ..., rtol: float = ...) -> float: ...
