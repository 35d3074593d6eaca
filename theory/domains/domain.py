"""What is asked of every domain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from theory.domains.drawing import Draws
from theory.expressions import Bindings, Values


class Domain(ABC):
    """The values a parameter may take, and the answer to every question that is asked of them.

    A list that ``sorts`` sets the order of classes or directions, and is kept descending. A list that ``counts`` has the samples of
    each class. ``whole`` values are integers. Examples give a value that is ``telling`` although there is a default, which shows less.
    An adversary may displace a value that ``moves``. A value that ``varies`` may differ between instances that are trained together.
    Any multiple of a value that ``scales`` is allowed, within the range of real numbers. A ``decay`` weighs the size of a factor of
    the network.
    """

    sorts: ClassVar[bool] = False
    counts: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    telling: ClassVar[bool] = False
    moves: ClassVar[bool] = False
    varies: ClassVar[bool] = False
    scales: ClassVar[bool] = False
    decay: bool = False

    @property
    @abstractmethod
    def says(self) -> str:
        """The allowed values in words, as errors and the book show them."""

    @abstractmethod
    def canonical(self, name: str, value: object) -> Any:
        """Return the value in canonical form; accepts what ``name=value`` on a command line gives, a string.

        Raises ParameterError when the value lies outside the domain.
        """

    def fitted(self, name: str, value: Any, values: Values, order: tuple[int, ...]) -> Any:
        """Return a canonical value fitted to the other parameters, of which ``order`` tells how the list was sorted.

        Raises ParameterError when it does not fit.
        """
        return value

    def sized(self, name: str, value: Any, sizes: Bindings) -> Any:
        """Return a value that fits the sizes of the problem. Raises ParameterError where it does not."""
        return value

    @abstractmethod
    def example(self, values: Values) -> Any:
        """Return the value that an example gives, after the ``values`` given so far."""

    @abstractmethod
    def drawn(self, name: str, draws: Draws, values: Values) -> Any:
        """Return a value made of the choices that ``draws`` offers; ``values`` has those drawn so far."""

    def depends(self) -> tuple[str, ...]:
        """Return the names of the parameters that a value depends on."""
        return ()

    def displaced(self, arrays: Any, name: str, start: Values, factor: Any, moved: Values) -> Any:
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
