"""Domains: the values a parameter may take, and the answer to every question that is asked of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sympy as sp

from theory.errors import ParameterError, quoted
from theory.expressions import Bindings

LARGEST_INTEGER = 10**9
SMALLEST, LARGEST = 1e-50, 1e50
"""Range of real parameters: products and powers of a few of them stay within float64."""


SPREAD = (0.6, 0.8, 1.0, 1.2)
"""Numbers of an example that has one for each dimension."""


def in_given_order(entries: Sequence[Any], order: Sequence[int]) -> list[Any]:
    """Return entries that stand in descending order where the user had them."""
    given: list[Any] = [None] * len(order)
    for entry, original in zip(entries, order, strict=True):
        given[original] = entry
    return given


def unbound(size: sp.Expr, bindings: Bindings) -> str:
    """Say that a size has no value."""
    given = ", ".join(map(str, bindings))
    return (
        f"its size {quoted(size)} is no integer here; bind has to give the integers it is written in, and gives {given}"
    )


def reject(name: str, value: Any, allowed: str) -> ParameterError:
    """Return the error for a value outside the domain of a parameter."""
    shown = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    return ParameterError(f"{name}: {quoted(shown)} is not allowed; {name} is {allowed}")


class Domain(ABC):
    """The values a parameter may take, declared once for validation, drawing and the sentence in the book.

    ``says`` describes them. ``sorts``: a list of them sets the order of classes or directions, and is kept descending; ``counts``: it
    counts samples. ``whole``: they are integers. ``telling``: an example gives a value although there is a default, which shows less.
    ``moves``: an adversary may displace them, as ``displaced`` does.
    """

    says: str
    sorts: ClassVar[bool] = False
    counts: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    telling: ClassVar[bool] = False
    moves: ClassVar[bool] = False

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

    def sized(self, name: str, value: Any, sizes: Bindings) -> Any:
        """Return a value that fits the sizes of the problem. Raises ParameterError where it does not."""
        return value

    @abstractmethod
    def example(self, values: Mapping[str, Any]) -> Any:
        """Return the value that an example gives, after the ``values`` given so far."""

    def depends(self) -> tuple[str, ...]:
        """Return the names of the parameters that a value depends on."""
        return ()

    def displaced(self, arrays: Any, name: str, start: Mapping[str, Any], factor: Any, moved: Mapping[str, Any]) -> Any:
        """Return the values that the parameter takes when its ``start`` is moved by a positive factor, within the domain.

        ``moved`` has the parameters displaced so far, those it depends on among them. ``arrays`` offers ``descending(x)``,
        ``within(x, low, high)`` and ``above(x, level)`` on arrays.
        """
        raise NotImplementedError(f"{type(self).__name__} is not displaced")

    def extremes(self) -> tuple[float, ...]:
        """Return the values nearest to the ends of an open interval; none where a parameter has no such ends."""
        return ()

    def as_given(self, value: Any, order: tuple[int, ...]) -> Any:
        """Return a value as the user gave it; ``order[i]`` is the position that the i-th largest entry of the sorted list had."""
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

    moves = True

    says: str = f"a finite number above 0, from {SMALLEST:g} to {LARGEST:g}"

    def canonical(self, name: str, value: Any) -> float:
        return _positive_number(name, value, self.says)

    def example(self, values: Mapping[str, Any]) -> float:
        return 0.05

    def displaced(self, arrays: Any, name: str, start: Mapping[str, Any], factor: Any, moved: Mapping[str, Any]) -> Any:
        return start[name] * factor


@dataclass(frozen=True)
class RealBetween(Domain):
    """A real number strictly between ``low`` and ``high``. Raises ParameterError where there is none."""

    moves = True

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

    def example(self, values: Mapping[str, Any]) -> float:
        return float(f"{self.low + (self.high - self.low) / 10:.2g}")

    def extremes(self) -> tuple[float, ...]:
        return math.nextafter(self.low, self.high), math.nextafter(self.high, self.low)

    def displaced(self, arrays: Any, name: str, start: Mapping[str, Any], factor: Any, moved: Mapping[str, Any]) -> Any:
        """Move the odds of the number between its limits."""
        odds = (start[name] - self.low) / (self.high - start[name]) * factor
        return arrays.within(self.low + (self.high - self.low) * odds / (1 + odds), *self.extremes())


@dataclass(frozen=True)
class GreaterThan(Domain):
    """A real number above the parameter ``other``, up to LARGEST; ``because`` tells what happens at and below it."""

    moves = True

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

    def example(self, values: Mapping[str, Any]) -> float:
        return 2 * values[self.other]

    def depends(self) -> tuple[str, ...]:
        return (self.other,)

    def displaced(self, arrays: Any, name: str, start: Mapping[str, Any], factor: Any, moved: Mapping[str, Any]) -> Any:
        """Move the relative excess over the other parameter."""
        level = moved.get(self.other, start[self.other])
        return arrays.above(level * (1 + (start[name] / start[self.other] - 1) * factor), level)


@dataclass(frozen=True)
class PositiveReals(Domain):
    """A non-empty list of positive numbers, kept in descending order."""

    moves = True
    sorts = True

    says: str = f"a list of finite numbers above 0, from {SMALLEST:g} to {LARGEST:g}, such as 3,2,1"

    def canonical(self, name: str, value: Any) -> tuple[float, ...]:
        return _positive_numbers(name, value, self.says)

    def example(self, values: Mapping[str, Any]) -> tuple[float, ...]:
        return (3.0, 2.0, 1.2, 0.6)

    def as_given(self, value: tuple[float, ...], order: tuple[int, ...]) -> list[float]:
        return in_given_order(value, order)

    def displaced(self, arrays: Any, name: str, start: Mapping[str, Any], factor: Any, moved: Mapping[str, Any]) -> Any:
        return arrays.descending(start[name] * factor)


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

    def example(self, values: Mapping[str, Any]) -> tuple[float, ...]:
        return SPREAD[: values.get(self.dimension, len(SPREAD))]

    def depends(self) -> tuple[str, ...]:
        return (self.dimension,)


@dataclass(frozen=True)
class RealMatrix(Domain):
    """A matrix of real numbers with one row for each entry of the sorted list ``rows``; the rows are sorted along with it."""

    telling = True

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

    def example(self, values: Mapping[str, Any]) -> tuple[tuple[float, ...], ...]:
        return ((1.0, 0.0), (0.5, -1.0), (0.0, 2.0), (-0.3, 0.4))

    def as_given(self, value: tuple[tuple[float, ...], ...], order: tuple[int, ...]) -> list[list[float]]:
        return [list(row) for row in in_given_order(value, order)]


@dataclass(frozen=True)
class ClassCounts(Domain):
    """Samples per class, at least two classes, kept in descending order; ``balanced`` demands that all are equal."""

    sorts = True
    counts = True

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

    def example(self, values: Mapping[str, Any]) -> tuple[int, ...]:
        return (4, 4, 4, 4) if self.balanced else (6, 4, 2, 1)

    def as_given(self, value: tuple[int, ...], order: tuple[int, ...]) -> list[int]:
        return in_given_order(value, order)


@dataclass(frozen=True)
class Width(Domain):
    """A positive integer, at least ``least`` (an expression in the sizes of the problem)."""

    whole = True

    least: sp.Expr = sp.Integer(1)

    @property
    def says(self) -> str:
        return "a positive integer" if self.least == 1 else f"an integer of at least {self.least}"

    def canonical(self, name: str, value: Any) -> int:
        number = _integer(name, value, self.says)
        if number < 1:
            raise reject(name, value, self.says)
        return number

    def sized(self, name: str, value: int, sizes: Bindings) -> int:
        """Return a width of at least ``least`` at these sizes."""
        known = {s: v for s, v in sizes.items() if isinstance(s, sp.Symbol) and isinstance(v, int)}
        try:
            least = int(self.least.subs(known))
        except TypeError:
            raise ParameterError(f"{name}: {unbound(self.least, sizes)}") from None
        if value < least:
            where = "" if self.least.is_number else f" = {least} here"
            raise reject(name, value, f"{self.says}{where}")
        return value

    def example(self, values: Mapping[str, Any]) -> int:
        return 4


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

    def example(self, values: Mapping[str, Any]) -> tuple[int, int]:
        return (4, 3)


@dataclass(frozen=True)
class WholeNumber(Domain):
    """An integer from ``least`` to ``most``. Raises ParameterError where there is none."""

    whole = True
    telling = True

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

    def example(self, values: Mapping[str, Any]) -> int:
        return min(max(2, self.least), self.most)


@dataclass(frozen=True)
class Widths(Domain):
    """Positive integers, as many as the integer parameter ``depth`` says; a single one stands for all of them."""

    whole = True

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

    def example(self, values: Mapping[str, Any]) -> tuple[int, ...]:
        return (4,) * values.get(self.depth, 1)

    def depends(self) -> tuple[str, ...]:
        return (self.depth,)


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

    def example(self, values: Mapping[str, Any]) -> bool:
        return False
