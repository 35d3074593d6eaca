"""What is asked of every domain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from theory.domains.drawing import Draws
from theory.expressions import Bindings


class Domain(ABC):
    """The values a parameter may take, and the answer to every question that is asked of them.

    ``says`` describes them. ``sorts``: a list of them sets the order of classes or directions, and is kept descending; ``counts``: it
    counts samples. ``whole``: they are integers. ``telling``: an example gives a value although there is a default, which shows less.
    ``moves``: an adversary may displace them, as ``displaced`` does. ``varies``: instances that are trained together may have different
    ones. ``scales``: any multiple of a value is a value, within the range of real numbers. ``decay``: the parameter weighs the size of a
    factor of the network.
    """

    says: str
    sorts: ClassVar[bool] = False
    counts: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    telling: ClassVar[bool] = False
    moves: ClassVar[bool] = False
    varies: ClassVar[bool] = False
    scales: ClassVar[bool] = False
    decay: bool = False

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

    @abstractmethod
    def drawn(self, name: str, draws: Draws, values: Mapping[str, Any]) -> Any:
        """Return a value made of the choices that ``draws`` offers; ``values`` has those drawn so far."""

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
