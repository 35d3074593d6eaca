"""Ball arithmetic: formulas and losses evaluated to enclosures that hold whatever the rounding.

A ball is a number with a bound on its error, of python-flint's type ``arb``. Doubles and the numbers a user wrote enter
exactly; every operation encloses its result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import flint
import sympy as sp
from torch import Tensor

from theory.expressions import Formula, to_exact
from theory.problem import Instance, Problem
from theory.scalar import Shrinkage
from theory.secular import SecularRoot
from theory.symbols import n_k

PRECISION = 192
"""Bits of every ball: three times those of a double, so that what cancels in a loss does not show."""

Ball = flint.arb
flint.ctx.prec = PRECISION


class Undecided(ArithmeticError):
    """A condition holds for some points of a ball and not for others."""


def exact(value: float | int) -> Ball:
    """Return the number a user wrote as a ball: 0.01 is 1/100 and not its nearest binary fraction."""
    number = to_exact(value)
    return Ball(flint.fmpq(int(number.p), int(number.q)))


def lowest(x: Ball) -> float:
    """Return a double not above any point of the ball."""
    return _outward(x.lower(), -1)


def highest(x: Ball) -> float:
    """Return a double not below any point of the ball."""
    return _outward(x.upper(), 1)


def _outward(x: Ball, side: int) -> float:
    if not x.is_finite():
        return side * math.inf
    near = float(x)
    while not (Ball(near) - x) * side >= 0:
        near = math.nextafter(near, side * math.inf)
    return near


def hull(balls: Iterable[Ball]) -> Ball:
    """Return a ball that holds all of these."""
    return reduce(lambda a, b: a.union(b), balls)


def ball_bindings(problem: Problem, instance: Instance) -> dict[sp.Basic, Any]:
    """Return the bindings of an instance with every real number a ball and every size an integer.

    Exact numbers that ``bind`` computes from sizes are enclosed.
    """

    def as_balls(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(as_balls(v) for v in value)
        if isinstance(value, sp.Expr):
            return _Walk({}, {}).value(value)
        return exact(value) if isinstance(value, float) else value

    bound = problem.bind({name: as_balls(value) for name, value in instance.values.items()})
    return {symbol: as_balls(value) for symbol, value in bound.items()}


class BallMatrix:
    """A matrix of balls; ``@`` multiplies, ``*`` and ``/`` scale."""

    def __init__(self, entries: flint.arb_mat) -> None:
        self.entries = entries

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> BallMatrix:
        return cls(flint.arb_mat([[Ball(x) for x in row] for row in rows]))

    @classmethod
    def from_tensor(cls, a: Tensor) -> BallMatrix:
        """Take the doubles of a matrix [rows, columns] exactly."""
        return cls(flint.arb_mat(*a.shape, [Ball(x) for x in a.flatten().tolist()]))

    @classmethod
    def diagonal(cls, entries: Sequence[Ball]) -> BallMatrix:
        zero = Ball(0)
        return cls.of([[x if a == b else zero for b in range(len(entries))] for a, x in enumerate(entries)])

    @property
    def shape(self) -> tuple[int, int]:
        return self.entries.nrows(), self.entries.ncols()

    def tolist(self) -> list[list[Ball]]:
        return self.entries.tolist()

    @property
    def transposed(self) -> BallMatrix:
        return BallMatrix(self.entries.transpose())

    def __matmul__(self, other: BallMatrix) -> BallMatrix:
        return BallMatrix(self.entries * other.entries)

    def __add__(self, other: BallMatrix) -> BallMatrix:
        return BallMatrix(self.entries + other.entries)

    def __sub__(self, other: BallMatrix) -> BallMatrix:
        return BallMatrix(self.entries - other.entries)

    def __mul__(self, factor: Ball | int) -> BallMatrix:
        return BallMatrix(self.entries * Ball(factor))

    def __truediv__(self, factor: Ball | int) -> BallMatrix:
        return BallMatrix(self.entries * (1 / Ball(factor)))

    def total(self) -> Ball:
        return sum(self.entries.entries(), Ball(0))

    def squared_norm(self) -> Ball:
        return sum((x * x for x in self.entries.entries()), Ball(0))


class BallArrays:
    """The namespace of ``theory.algebra.SymbolicArrays`` on matrices of balls, as far as losses and given arrays need it."""

    def __init__(self, bindings: Mapping[sp.Basic, Any]) -> None:
        self.bindings = bindings

    def labels(self) -> BallMatrix:
        counts = self.bindings[n_k]
        return BallMatrix.of(
            [[int(a == b) for b, n in enumerate(counts) for _ in range(n)] for a in range(len(counts))]
        )

    def diagonal(self, entries: sp.IndexedBase, count: sp.Symbol | None = None) -> BallMatrix:
        return BallMatrix.diagonal(self.bindings[entries][: None if count is None else self.bindings[count]])

    def diagonal_root(self, entries: sp.IndexedBase) -> BallMatrix:
        return BallMatrix.diagonal([Ball(x).sqrt() for x in self.bindings[entries]])

    def given(self, matrix: sp.MatrixSymbol) -> BallMatrix:
        return BallMatrix.of(self.bindings[matrix])

    def eye(self, size: sp.Symbol) -> BallMatrix:
        return BallMatrix.diagonal([Ball(1)] * self.bindings[size])

    def zeros(self, rows: sp.Symbol, columns: sp.Symbol) -> BallMatrix:
        return BallMatrix(flint.arb_mat(self.bindings[rows], self.bindings[columns]))

    def beside(self, a: BallMatrix, b: BallMatrix) -> BallMatrix:
        return BallMatrix(flint.arb_mat([[*x, *y] for x, y in zip(a.tolist(), b.tolist(), strict=True)]))

    def transpose(self, a: BallMatrix) -> BallMatrix:
        return a.transposed

    def add_column(self, a: BallMatrix, column: BallMatrix) -> BallMatrix:
        return BallMatrix(
            flint.arb_mat([[x + b for x in row] for row, (b,) in zip(a.tolist(), column.tolist(), strict=True)])
        )

    def centre(self, a: BallMatrix) -> BallMatrix:
        rows, columns = a.shape
        means = [sum(column, Ball(0)) / rows for column in a.transposed.tolist()]
        return a - BallMatrix(flint.arb_mat(rows, columns, means * rows))

    def apply_layers(self, layers: Sequence[BallMatrix], h: BallMatrix) -> BallMatrix:
        return reduce(lambda below, w: w @ below, layers, h)

    def layer_decays(self, layers: Sequence[BallMatrix], decay: Sequence[Ball]) -> Ball:
        return sum((weight / 2 * w.squared_norm() for weight, w in zip(decay, layers, strict=True)), Ball(0))

    def column_squares(self, a: BallMatrix) -> BallMatrix:
        return BallMatrix.of([[sum((x * x for x in column), Ball(0)) for column in a.transposed.tolist()]])

    def column_inner(self, a: BallMatrix, b: BallMatrix) -> BallMatrix:
        pairs = zip(a.transposed.tolist(), b.transposed.tolist(), strict=True)
        return BallMatrix.of([[sum((x * y for x, y in zip(*pair, strict=True)), Ball(0)) for pair in pairs]])

    def column_cross_entropy(self, z: BallMatrix, y: BallMatrix) -> BallMatrix:
        """log Σ_k exp(z_k − z_y), column by column; the labels are exact."""
        losses = []
        for logits, label in zip(z.transposed.tolist(), y.transposed.tolist(), strict=True):
            correct = next(i for i, x in enumerate(label) if x == 1)
            wrong = sum(((x - logits[correct]).exp() for i, x in enumerate(logits) if i != correct), Ball(0))
            losses.append(wrong.log1p())
        return BallMatrix.of([losses])

    def entries(self, column: BallMatrix) -> BallMatrix:
        return column.transposed

    def sum_of_entries(self, a: BallMatrix) -> Ball:
        return a.total()

    def mean_entry(self, column: BallMatrix) -> Ball:
        return column.total() / column.shape[0]

    def spread(self, column: BallMatrix) -> Ball:
        return self.centre(column).squared_norm()

    def total(self, row: BallMatrix) -> Ball:
        return row.total()

    def squared_norm(self, a: BallMatrix) -> Ball:
        return a.squared_norm()

    def rows(self, a: BallMatrix) -> int:
        return a.shape[0]

    def log(self, x: Ball) -> Ball:
        return x.log()

    def scale(self, a: BallMatrix, factor: Ball) -> BallMatrix:
        return a * factor

    def logdet_of_gram(self, s: BallMatrix) -> Ball:
        return 2 * abs(s.entries.det()).log()


def evaluate_in_balls(formula: Formula, bindings: Mapping[sp.Basic, Any]) -> Any:
    """Enclose a formula: a ball, or nested lists of balls, one level for each axis.

    Where a condition cannot be decided at the given balls, the enclosure holds all cases that may apply.
    """
    sizes = {s: v for s, v in bindings.items() if isinstance(v, int)}
    expression = sp.sympify(formula.expression)

    def entries(axes: tuple[tuple[sp.Symbol, sp.Expr], ...], indices: dict[sp.Symbol, int]) -> Any:
        if not axes:
            return _Walk(bindings, indices).value(expression)
        (index, length), *rest = axes
        last = int(sp.sympify(length).subs(sizes))
        return [entries(tuple(rest), {**indices, index: i}) for i in range(1, last + 1)]

    return entries(formula.axes, {})


class _Walk:
    """Evaluates one expression at balls, with each index at one value."""

    def __init__(self, bindings: Mapping[sp.Basic, Any], indices: Mapping[sp.Symbol, int]) -> None:
        self.bindings, self.indices = bindings, indices
        self.known: dict[sp.Basic, Ball] = {}

    def value(self, e: sp.Basic) -> Ball:
        if e not in self.known:
            self.known[e] = self._compute(e)
        return self.known[e]

    def _compute(self, e: sp.Basic) -> Ball:
        match e:
            case sp.Rational():
                return Ball(flint.fmpq(int(e.p), int(e.q)))
            case sp.Float():
                return self.value(sp.Rational(e))
            case sp.core.numbers.Exp1():
                return Ball(1).exp()
            case sp.Symbol():
                value = self.indices[e] if e in self.indices else self.bindings[e]
                return value if isinstance(value, flint.arb_mat) else Ball(value)
            case sp.Indexed():
                place = [int(self.value(i).unique_fmpz()) - 1 for i in e.indices]
                return Ball(reduce(lambda entry, i: entry[i], place, self.bindings[e.base]))
            case sp.Sum():
                return sum(self._over(e), Ball(0))
            case sp.Product():
                return reduce(lambda a, b: a * b, self._over(e), Ball(1))
            case Shrinkage():
                return shrinkage(*map(self.value, e.args))
            case SecularRoot():
                return hull(self.value(end) for end in e.bracket(2 ** (PRECISION + 1)))
            case sp.KroneckerDelta():
                return Ball(int(self.value(e.args[0]) == self.value(e.args[1])))
            case sp.Piecewise():
                possible = []
                for value, condition in e.args:
                    truth = self.truth(condition)
                    if truth is False:
                        continue
                    possible.append(self.value(value))
                    if truth:
                        break
                return hull(possible)
            case sp.Add():
                return reduce(lambda a, b: a + b, map(self.value, e.args))
            case sp.Mul():
                return reduce(lambda a, b: a * b, map(self.value, e.args))
            case sp.Pow():
                return power(self.value(e.base), e.exp, self.value)
            case sp.exp():
                return self.value(e.args[0]).exp()
            case sp.log():
                return self.value(e.args[0]).log()
            case sp.Max():
                return reduce(lambda a, b: a.max(b), map(self.value, e.args))
            case sp.Min():
                return reduce(lambda a, b: a.min(b), map(self.value, e.args))
            case sp.Abs():
                return abs(self.value(e.args[0]))
        raise NotImplementedError(f"no ball evaluation for {type(e).__name__}: {e}")

    def _over(self, e: sp.Sum | sp.Product) -> list[Ball]:
        """Return the terms of a sum or product, innermost limits first, as SymPy reads them."""

        def terms(limits: Sequence[Any], walk: _Walk) -> list[Ball]:
            if not limits:
                return [walk.value(e.function)]
            *inner, (index, first, last) = limits
            ends = [int(walk.value(end).unique_fmpz()) for end in (first, last)]
            return [
                term
                for i in range(ends[0], ends[1] + 1)
                for term in terms(inner, _Walk(self.bindings, {**walk.indices, index: i}))
            ]

        return terms([tuple(limit) for limit in e.limits], self)

    def truth(self, e: sp.Basic) -> bool | None:
        """Decide a condition; None where it holds for some points of the balls and not for others."""
        match e:
            case sp.logic.boolalg.BooleanTrue():
                return True
            case sp.logic.boolalg.BooleanFalse():
                return False
            case sp.Not():
                inner = self.truth(e.args[0])
                return None if inner is None else not inner
            case sp.And():
                found = [self.truth(a) for a in e.args]
                return False if False in found else None if None in found else True
            case sp.Or():
                found = [self.truth(a) for a in e.args]
                return True if True in found else None if None in found else False
            case sp.Eq() | sp.Ne():
                left, right = map(self.value, e.args)
                same = True if left.is_exact() and left == right else None if left.overlaps(right) else False
                return same if isinstance(e, sp.Eq) or same is None else not same
            case sp.Gt() | sp.Ge() | sp.Lt() | sp.Le():
                left, right = map(self.value, e.args)
                if isinstance(e, (sp.Gt, sp.Ge)):
                    left, right = right, left
                strict = isinstance(e, (sp.Gt, sp.Lt))
                if left < right or (not strict and left <= right):
                    return True
                return False if left > right or (strict and left >= right) else None
        raise NotImplementedError(f"no ball evaluation for the condition {e}")


def decide(condition: sp.Basic, bindings: Mapping[sp.Basic, Any], indices: Mapping[sp.Symbol, int]) -> bool:
    """Decide a condition; raises Undecided where it holds for some points of the balls and not for others."""
    truth = _Walk(bindings, indices).truth(condition)
    if truth is None:
        raise Undecided(str(condition))
    return truth


def function_in_balls(
    expression: sp.Expr, variable: sp.Symbol, bindings: Mapping[sp.Basic, Any], indices: Mapping[sp.Symbol, int]
) -> Callable[[Ball], Ball]:
    """Return an expression as a function of one variable; whatever does not depend on it is evaluated once.

    Of a power series (``flint.arb_series``) the function gives the series of its values: so derivatives are enclosed.
    """
    fixed = _Walk(bindings, indices)

    def build(e: sp.Basic) -> Callable[[Ball], Ball]:
        if variable not in e.free_symbols:
            number = fixed.value(e)
            return lambda x: number
        if isinstance(e, sp.Symbol):
            return lambda x: x
        if isinstance(e, sp.Piecewise):
            # Cases are told apart by sizes and parameters, never by the variable.
            return build(next(value for value, condition in e.args if decide(condition, bindings, indices)))
        parts = [build(a) for a in e.args]
        match e:
            case sp.Add():
                return lambda x: reduce(lambda a, b: a + b, (part(x) for part in parts))
            case sp.Mul():
                return lambda x: reduce(lambda a, b: a * b, (part(x) for part in parts))
            case sp.Pow():
                return lambda x: power(parts[0](x), e.exp, lambda _: parts[1](x))
            case sp.exp():
                return lambda x: parts[0](x).exp()
            case sp.log():
                return lambda x: parts[0](x).log()
        raise NotImplementedError(f"no ball evaluation for {type(e).__name__} of {variable}: {e}")

    return build(expression)


def power(base: Ball, exponent: sp.Expr, value: Callable[[sp.Basic], Ball]) -> Ball:
    """Enclose a power; with a fractional one of a ball that touches zero, down to zero."""
    if exponent.is_Integer:
        return (
            base ** int(exponent)
            if not isinstance(base, flint.arb_mat) or exponent > 0
            else base.inv() ** -int(exponent)
        )
    if isinstance(base, flint.arb_series):
        return (base.log() * value(exponent)).exp()
    if exponent.is_Rational and exponent.q == 2:
        return base.nonnegative_part().sqrt() ** int(exponent.p) if base.contains(0) else base.sqrt() ** int(exponent.p)
    raised = value(exponent)
    if base > 0:
        return base**raised
    if base.is_zero() and raised > 0:
        return Ball(0)
    if base.upper() >= 0 and raised > 0:
        # Increasing in the base: the power of the upper end, and zero.
        return Ball(0).union(base.upper() ** raised)
    return base**raised


def shrinkage(depth: Ball, kappa: Ball) -> Ball:
    """Enclose ``theory.scalar.Shrinkage``: a bracket whose ends have the sign of their sides; raises Undecided near the fold."""
    exponent = (depth - 1) / (depth + 1)

    def side(u: Ball) -> Ball:
        return (1 - u) * u**exponent - kappa

    low, high = ((depth - 1) / (2 * depth)).upper(), Ball(1)
    if not side(low) >= 0:
        raise Undecided("the shrinkage has no root, or lies at the fold")
    for _ in range(PRECISION):
        middle = ((low + high) / 2).mid()
        at = side(middle)
        if at >= 0:
            low = middle
        elif at < 0:
            high = middle
        else:
            break
    return low.union(high)
