"""A problem: variables with shapes, parameters with domains, and the loss written once for every array namespace."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import sympy as sp

from theory.errors import ParameterError, quoted
from theory.expressions import Bindings, to_exact
from theory.sources import asked

LARGEST_INTEGER = 10**9
SMALLEST, LARGEST = 1e-50, 1e50
"""Range of real parameters: products and powers of a few of them stay within float64."""


def reject(name: str, value: Any, allowed: str) -> ParameterError:
    """Return the error for a value outside the domain of a parameter."""
    shown = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    return ParameterError(f"{name}: {quoted(shown)} is not allowed; {name} is {allowed}")


class Domain(ABC):
    """The values a parameter may take, declared once for validation, drawing and the sentence in the book."""

    says: str

    @abstractmethod
    def canonical(self, name: str, value: Any) -> Any:
        """Return the value in canonical form; accepts what ``name=value`` on a command line gives, a string.

        Raises ParameterError when the value lies outside the domain.
        """

    def fitted(self, name: str, value: Any, values: Mapping[str, Any], order: tuple[int, ...]) -> Any:
        """Return a canonical value fitted to the other parameters, of which ``order`` tells how the list was sorted.

        Raises ParameterError when it does not fit.
        """
        return value


def _number(name: str, value: Any, allowed: str, whole: Any = None) -> float:
    """Return a finite number; the error shows ``whole``, the list the value stands in, where there is one."""
    shown = value if whole is None else whole
    written = isinstance(value, str)
    if isinstance(value, bool) or (written and (not value.isascii() or "_" in value)):
        raise reject(name, shown, allowed)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise reject(name, shown, allowed) from None
    if not math.isfinite(number):
        raise reject(name, shown, allowed)
    return number


def _integer(name: str, value: Any, allowed: str, whole: Any = None) -> int:
    number = _number(name, value, allowed, whole)
    if number != int(number) or abs(number) > LARGEST_INTEGER:
        raise reject(name, value if whole is None else whole, allowed)
    return int(number)


def _items(name: str, value: Any, allowed: str) -> list[Any]:
    """Return the entries of a list, a tuple, or a string with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if isinstance(value, (list, tuple)):
        return list(value)
    raise reject(name, value, allowed)


@dataclass(frozen=True)
class PositiveReal(Domain):
    """A real number from SMALLEST to LARGEST."""

    says: str = f"a finite number above 0, from {SMALLEST:g} to {LARGEST:g}"

    def canonical(self, name: str, value: Any) -> float:
        return _positive_number(name, value, self.says)


@dataclass(frozen=True)
class RealBetween(Domain):
    """A real number strictly between ``low`` and ``high``. Raises ParameterError where there is none."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ParameterError(f"domain: {self.says} is empty")

    @property
    def says(self) -> str:
        return f"a finite number strictly between {self.low:g} and {self.high:g}"

    def canonical(self, name: str, value: Any) -> float:
        number = _number(name, value, self.says)
        if not self.low < number < self.high:
            raise reject(name, value, self.says)
        return number


@dataclass(frozen=True)
class GreaterThan(Domain):
    """A real number above the parameter ``other``, up to LARGEST; ``because`` tells what happens at and below it."""

    other: str
    because: str

    @property
    def says(self) -> str:
        return f"a finite number above {self.other}, from {SMALLEST:g} to {LARGEST:g} ({self.because})"

    def canonical(self, name: str, value: Any) -> float:
        return _positive_number(name, value, self.says)

    def fitted(self, name: str, value: Any, values: Mapping[str, Any], order: tuple[int, ...]) -> float:
        if not value > values[self.other]:
            raise reject(name, value, f"{self.says}: above {values[self.other]:g} here")
        return value


@dataclass(frozen=True)
class PositiveReals(Domain):
    """A non-empty list of positive numbers, kept in descending order."""

    says: str = f"a list of finite numbers above 0, from {SMALLEST:g} to {LARGEST:g}, such as 3,2,1"

    def canonical(self, name: str, value: Any) -> tuple[float, ...]:
        return _positive_numbers(name, value, self.says)


def _positive_number(name: str, value: Any, allowed: str) -> float:
    number = _number(name, value, allowed)
    if not SMALLEST <= number <= LARGEST:
        raise reject(name, value, allowed)
    return number


def _positive_numbers(name: str, value: Any, allowed: str) -> tuple[float, ...]:
    numbers = [_number(name, v, allowed, whole=value) for v in _items(name, value, allowed)]
    if not numbers or not all(SMALLEST <= v <= LARGEST for v in numbers):
        raise reject(name, value, allowed)
    return tuple(numbers)


@dataclass(frozen=True)
class PositivePerDimension(Domain):
    """Positive numbers, as many as the integer parameter ``dimension`` says; a single one stands for all of them."""

    dimension: str = "latent_dim"

    @property
    def says(self) -> str:
        return (
            f"a list of finite numbers above 0, from {SMALLEST:g} to {LARGEST:g}, as many as {self.dimension} says or "
            "one for all, such as 0.5,1"
        )

    def canonical(self, name: str, value: Any) -> tuple[float, ...]:
        # A number in Python means the same as a list of one.
        return _positive_numbers(name, (value,) if isinstance(value, int | float) else value, self.says)

    def fitted(self, name: str, value: Any, values: Mapping[str, Any], order: tuple[int, ...]) -> tuple[float, ...]:
        count = values[self.dimension]
        if len(value) not in (1, count):
            raise reject(name, value, f"{self.says}: 1 or {count} here")
        return value * count if len(value) == 1 else value


@dataclass(frozen=True)
class RealMatrix(Domain):
    """A matrix of real numbers with one row for each entry of the sorted list ``rows``; the rows are sorted along with it."""

    rows: str = "theta"

    @property
    def says(self) -> str:
        return (
            f"a matrix of finite numbers up to {LARGEST:g} with one row for each entry of {self.rows}, such as 1,0;0,1"
        )

    def canonical(self, name: str, value: Any) -> tuple[tuple[float, ...], ...]:
        rows = value.split(";") if isinstance(value, str) else _items(name, value, self.says)
        matrix = tuple(
            tuple(_number(name, v, self.says, whole=value) for v in _items(name, row, self.says)) for row in rows
        )
        entries = [abs(v) for row in matrix for v in row]
        if not entries or len({len(row) for row in matrix}) > 1 or max(entries) > LARGEST:
            raise reject(name, value, self.says)
        return matrix

    def fitted(self, name: str, value: Any, values: Mapping[str, Any], order: tuple[int, ...]) -> tuple:
        if len(value) != len(order):
            shown = ";".join(",".join(f"{v:g}" for v in row) for row in value)
            raise reject(name, shown, f"{self.says}: {len(order)} rows here")
        return tuple(value[i] for i in order)


@dataclass(frozen=True)
class ClassCounts(Domain):
    """Samples per class, at least two classes, kept in descending order; ``balanced`` demands that all are equal."""

    balanced: bool = False

    @property
    def says(self) -> str:
        rule = "equal positive integers, such as 20,20,20" if self.balanced else "positive integers, such as 20,10,5"
        return f"a list of at least 2 {rule}"

    def canonical(self, name: str, value: Any) -> tuple[int, ...]:
        counts = [_integer(name, v, self.says, whole=value) for v in _items(name, value, self.says)]
        if len(counts) < 2 or min(counts) < 1 or (self.balanced and len(set(counts)) > 1):
            raise reject(name, value, self.says)
        return tuple(counts)


@dataclass(frozen=True)
class Width(Domain):
    """A positive integer, at least ``least`` (an expression in the sizes of the problem)."""

    least: sp.Expr = sp.Integer(1)

    @property
    def says(self) -> str:
        return "a positive integer" if self.least == 1 else f"an integer of at least {self.least}"

    def canonical(self, name: str, value: Any) -> int:
        number = _integer(name, value, self.says)
        if number < 1:
            raise reject(name, value, self.says)
        return number

    def check_least(self, name: str, value: int, sizes: Bindings) -> None:
        """Raise ParameterError when the width is below ``least`` at these sizes."""
        known = {s: v for s, v in sizes.items() if isinstance(s, sp.Symbol) and isinstance(v, int)}
        try:
            least = int(self.least.subs(known))
        except TypeError:
            raise ParameterError(f"{name}: {_unbound(self.least, sizes)}") from None
        if value < least:
            where = "" if self.least.is_number else f" = {least} here"
            raise reject(name, value, f"{self.says}{where}")


@dataclass(frozen=True)
class WidthPair(Domain):
    """Two positive integers, the first at most the length of the sorted list ``within``."""

    within: str = "theta"

    @property
    def says(self) -> str:
        return f"two positive integers, such as 3,2, the first at most the number of entries of {self.within}"

    def canonical(self, name: str, value: Any) -> tuple[int, ...]:
        widths = tuple(_integer(name, v, self.says, whole=value) for v in _items(name, value, self.says))
        if len(widths) != 2 or min(widths) < 1:
            raise reject(name, value, self.says)
        return widths

    def fitted(self, name: str, value: Any, values: Mapping[str, Any], order: tuple[int, ...]) -> tuple[int, ...]:
        if value[0] > len(order):
            raise reject(name, value, f"{self.says}: {len(order)} here")
        return value


@dataclass(frozen=True)
class WholeNumber(Domain):
    """An integer from ``least`` to ``most``. Raises ParameterError where there is none."""

    least: int
    most: int

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ParameterError(f"domain: {self.says} is empty")

    @property
    def says(self) -> str:
        return f"an integer from {self.least} to {self.most}"

    def canonical(self, name: str, value: Any) -> int:
        number = _integer(name, value, self.says)
        if not self.least <= number <= self.most:
            raise reject(name, value, self.says)
        return number


@dataclass(frozen=True)
class Widths(Domain):
    """Positive integers, as many as the integer parameter ``depth`` says; a single one stands for all of them."""

    depth: str

    @property
    def says(self) -> str:
        return f"a list of positive integers, as many as {self.depth} says or one for all, such as 8,6"

    def canonical(self, name: str, value: Any) -> tuple[int, ...]:
        listed = _items(name, (value,) if isinstance(value, int) else value, self.says)
        widths = [_integer(name, v, self.says, whole=value) for v in listed]
        if not widths or min(widths) < 1:
            raise reject(name, value, self.says)
        return tuple(widths)

    def fitted(self, name: str, value: Any, values: Mapping[str, Any], order: tuple[int, ...]) -> tuple[int, ...]:
        count = values[self.depth]
        if len(value) not in (1, count):
            raise reject(name, value, f"{self.says}: 1 or {count} here")
        return value * count if len(value) == 1 else value


@dataclass(frozen=True)
class Flag(Domain):
    """A truth value."""

    says: str = "true or false"

    def canonical(self, name: str, value: Any) -> bool:
        known = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
        try:
            return known[str(value).strip().lower()]
        except KeyError:
            raise reject(name, value, self.says) from None


def _unbound(size: sp.Expr, bindings: Bindings) -> str:
    given = ", ".join(map(str, bindings))
    return (
        f"its size {quoted(size)} is no integer here; bind has to give the integers it is written in, and gives {given}"
    )


REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """A named parameter with its domain, what it means, and its default (a value or a function of the others).

    ``meets`` names a parameter to which this one may be equal, or close, where the claim says something of its own there: a
    posterior that equals its prior, two weights that agree. Instances are drawn with both equal, and a few per cent apart.
    """

    name: str
    domain: Domain
    means: str
    default: Any = REQUIRED
    meets: str | None = None


@dataclass(frozen=True)
class Variable:
    """A matrix to minimise over.

    ``shape`` is written in the sizes of the problem. ``scale`` is the variable's natural unit, an entry formula in
    (k, j) and the parameters: starts are drawn and steps are measured in it. ``nonnegative`` restricts every entry.
    ``exists(values)`` tells whether there is such a variable at these parameters (a bias only where ``bias`` is true).
    """

    name: str
    shape: tuple[sp.Expr, sp.Expr]
    scale: sp.Expr = sp.Integer(1)
    nonnegative: bool = False
    exists: Callable[[Mapping[str, Any]], bool] = lambda values: True


KINDS = {"matrix": 2, "list": 1, "spectrum": 1, "scalar": 0}
"""Axes of each kind of invariant, after those that count layers."""


@dataclass(frozen=True)
class Invariant:
    """A quantity of a point that is the same at every global minimiser.

    ``measure(xp, v, data, p)`` computes it with the array namespace. ``kind`` says how it is compared: a "matrix" over
    classes or directions on both axes (axes before them count layers), a "list" over classes, a "spectrum" in descending
    order, or a "scalar".
    ``unit`` is the natural size of the quantity, used where the prediction is zero. One matrix of a problem
    ``shows_collapse``: its k-th diagonal entry is zero iff class or direction k has collapsed.
    """

    name: str
    says: str
    measure: Callable[..., Any]
    kind: str = "matrix"
    unit: sp.Expr = sp.Integer(1)
    shows_collapse: bool = False


@dataclass(frozen=True)
class Instance:
    """Concrete parameters of a problem, in canonical form.

    ``values``: parameter name → value, lists in descending order. ``order[i]`` is the position the user gave to the
    i-th largest entry of the sorted parameter. ``bindings``: SymPy symbol → value, as formulas need them.
    """

    values: Mapping[str, Any]
    order: tuple[int, ...]
    bindings: Bindings

    def in_user_order(self, array: Any, axes: int = 1) -> Any:
        """Permute the last ``axes`` axes of a nested list from descending order back to the order the user gave."""
        if axes == 0:
            return array
        if _depth(array) > axes:
            return [self.in_user_order(part, axes) for part in array]
        back = [0] * len(self.order)
        for position, original in enumerate(self.order):
            back[original] = position
        return [self.in_user_order(array[i], axes - 1) for i in back]

    def rows_in_user_order(self, rows: Any) -> list[Any]:
        """Permute the rows of a matrix, and nothing else, back to the order the user gave."""
        given: list[Any] = [None] * len(self.order)
        for row, original in zip(rows, self.order, strict=True):
            given[original] = list(row)
        return given


def _exactly(value: Any) -> Any:
    """Return the real numbers of a parameter exactly as the user wrote them; integers and truth values stay what they are."""
    if isinstance(value, tuple):
        return tuple(map(_exactly, value))
    return to_exact(value) if isinstance(value, float) else value


def _depth(array: Any) -> int:
    return 1 + _depth(array[0]) if isinstance(array, list) else 0


@dataclass(frozen=True)
class Problem:
    """Minimise ``loss(xp, v, data, p)`` over the variables.

    ``v`` and ``data`` are namespaces of variables and given arrays, ``p`` maps parameter symbols to their values, ``xp``
    is the array namespace (``theory.algebra.SymbolicArrays`` documents it).
    ``sorted_parameter`` is the list that sets the order of classes or directions. ``bind(values)`` gives the SymPy
    bindings; real numbers come to it exactly as they were written, and as balls or tensors where those are computed with.
    ``data(xp)`` makes the given arrays (labels, a covariance root) in that backend. ``tied`` is the indexed
    symbol whose equal entries make the problem invariant under rotations among them; ``centred`` where only rotations that
    keep the all-ones vector do. ``partner``, if there is one, is the indexed symbol with which each of these is paired: it
    may tell apart what is tied. ``data_view`` names the parameters a data source is asked for: the "spectrum" of one sample,
    or the "conditional" one of a part of it given the rest. ``ramped(values)`` gives the parameters that training raises from
    small values: those of a penalty under which doing nothing is a local minimum, whatever the data. Where ``spectral``,
    directions and matrices run over singular directions that belong to no one entry of the sorted parameter.
    Raises ParameterError where a second list has a domain that is kept in order.
    """

    parameters: tuple[Parameter, ...]
    variables: tuple[Variable, ...]
    loss: Callable[..., Any]
    invariants: tuple[Invariant, ...]
    sorted_parameter: str
    tied: sp.IndexedBase
    bind: Callable[[Mapping[str, Any]], Bindings]
    data: Callable[[Any], SimpleNamespace]
    centred: bool = field(default=False, kw_only=True)
    partner: sp.IndexedBase | None = field(default=None, kw_only=True)
    data_view: str = field(default="spectrum", kw_only=True)
    ramped: Callable[[Mapping[str, Any]], tuple[sp.Basic, ...]] = field(default=lambda values: (), kw_only=True)
    spectral: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for parameter in self.parameters:
            if isinstance(parameter.domain, ClassCounts | PositiveReals) and parameter.name != self.sorted_parameter:
                raise ParameterError(
                    f"{parameter.name}: its domain {type(parameter.domain).__name__} is for the list that is sorted, which is "
                    f"{self.sorted_parameter}"
                )

    def parameter(self, name: str) -> Parameter:
        """Return the parameter of that name; raises ParameterError when there is none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = ", ".join(p.name for p in self.parameters)
        raise ParameterError(f"{quoted(name)}: no such parameter; the parameters are {known}")

    def instance(self, /, **given: Any) -> Instance:
        """Validate parameters and return them in canonical form.

        Raises ParameterError, a ValueError, with one line that names the parameter, its value and what is allowed.
        """
        for name in given:
            self.parameter(name)
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name in given:
                values[parameter.name] = parameter.domain.canonical(parameter.name, given[parameter.name])
            elif parameter.default is REQUIRED:
                raise ParameterError(f"{parameter.name}: missing; {parameter.name} is {parameter.domain.says}")
            else:
                default = parameter.default
                said = f"{parameter.name}: default"
                values[parameter.name] = asked(said, default, values) if callable(default) else default
        unsorted = values[self.sorted_parameter]
        order = tuple(sorted(range(len(unsorted)), key=lambda i: -unsorted[i]))
        values[self.sorted_parameter] = tuple(unsorted[i] for i in order)
        for parameter in self.parameters:
            values[parameter.name] = parameter.domain.fitted(parameter.name, values[parameter.name], values, order)
        bindings = asked("bind", self.bind, {name: _exactly(value) for name, value in values.items()})
        if not isinstance(bindings, Mapping):
            raise ParameterError(
                f"bind: {quoted(bindings)} is not allowed; bind gives a dictionary from symbols to values"
            )
        for parameter in self.parameters:
            if isinstance(parameter.domain, Width):
                parameter.domain.check_least(parameter.name, values[parameter.name], bindings)
        return Instance(values, order, bindings)

    def require_sizes(self, instance: Instance) -> None:
        """Raise ParameterError for a variable with a side that the bindings do not make an integer."""
        known = {symbol: value for symbol, value in instance.bindings.items() if isinstance(value, int)}
        for variable in self.active_variables(instance):
            for side in variable.shape:
                try:
                    int(sp.sympify(side).subs(known))
                except (TypeError, sp.SympifyError):
                    raise ParameterError(f"variable {variable.name}: {_unbound(side, instance.bindings)}") from None

    def active_variables(self, instance: Instance) -> tuple[Variable, ...]:
        """Return the variables that exist at these parameters."""
        return tuple(v for v in self.variables if asked(f"{v.name}: exists", v.exists, instance.values))

    @property
    def telling(self) -> str:
        """The name of the matrix that shows the collapse."""
        return next(i.name for i in self.invariants if i.shows_collapse)
