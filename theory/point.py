"""A point: arrays by name, in one backend of the array namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

Array = TypeVar("Array")
Other = TypeVar("Other")


class Point(Mapping[str, Array]):
    """The variables of a problem at one point, or the given arrays of a problem, by name.

    ``Point(W=w, H=h)`` and ``Point({"W": w, "H": h})`` are the same; ``point.W`` and ``point["W"]`` are the array W.
    The type of an array states its shape, as in ``Point[Float64[Tensor, "*batch rows columns"]]``. A point is never
    changed in place.
    """

    __slots__ = ("_arrays",)

    def __init__(self, arrays: Mapping[str, Array] | None = None, /, **named: Array) -> None:
        self._arrays: dict[str, Array] = {**(arrays or {}), **named}

    def __getattr__(self, name: str) -> Array:
        if name.startswith("_"):  # copy and pickle ask for such names before the arrays exist
            raise AttributeError(name)
        try:
            return self._arrays[name]
        except KeyError:
            raise AttributeError(f"the point has no array {name!r}; it has {', '.join(self._arrays)}") from None

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return f"Point({', '.join(f'{name}={array!r}' for name, array in self._arrays.items())})"

    def __getstate__(self) -> dict[str, Array]:
        return self._arrays

    def __setstate__(self, arrays: dict[str, Array]) -> None:
        self._arrays = arrays

    def extended(self, **named: Array) -> Point[Array]:
        """Return the point with the named arrays added, or put in place of arrays of the same name."""
        return Point(self._arrays, **named)

    def map(self, function: Callable[..., Other], *others: Mapping[str, Any]) -> Point[Other]:
        """Return the point of ``function(array, *others)`` for each array, where ``others`` are the arrays of the same name."""
        return Point(
            {name: function(array, *(other[name] for other in others)) for name, array in self._arrays.items()}
        )
