"""The base class of all domains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from theory.domains.drawing import Draws
from theory.expressions import Bindings, Values


class Domain(ABC):
    """The values that a parameter may take, and everything that the suite does with such values.

    ``sorts``: the list sets the order of classes or directions, and is kept descending.
    ``counts``: the list has the number of samples of each class.
    ``whole``: the values are integers.
    ``matrix``: the values are matrices of numbers.
    ``telling``: examples give a value although there is a default, because the default shows less.
    ``moves``: an adversary may displace the value.
    ``varies``: instances that are trained together may have different values.
    ``scales``: any multiple of a value is allowed, within the range of real numbers.
    ``decay``: the parameter weighs the size of a factor of the network.
    """

    sorts: ClassVar[bool] = False
    counts: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    matrix: ClassVar[bool] = False
    telling: ClassVar[bool] = False
    moves: ClassVar[bool] = False
    varies: ClassVar[bool] = False
    scales: ClassVar[bool] = False
    decay: bool = False

    @property
    def fewest(self) -> int:
        """The fewest classes or directions of a problem in which the parameter has a value."""
        return 1

    @property
    @abstractmethod
    def says(self) -> str:
        """The allowed values in words, as errors and the book show them."""

    @abstractmethod
    def canonical(self, name: str, value: object) -> Any:
        """Return the value in canonical form. ``value`` may be the string that ``name=value`` on a command line gives.

        Raises ParameterError when the value lies outside the domain.
        """

    def fitted(self, name: str, value: Any, values: Values, order: tuple[int, ...]) -> Any:
        """Return a canonical value fitted to the other parameters; ``order`` tells how the list was sorted.

        Raises ParameterError when the value does not fit.
        """
        return value

    def sized(self, name: str, value: Any, sizes: Bindings) -> Any:
        """Return a value that fits the sizes of the problem. Raises ParameterError when the value does not fit."""
        return value

    @abstractmethod
    def example(self, values: Values) -> Any:
        """Return the value for an example; ``values`` are the values that the example has so far."""

    @abstractmethod
    def drawn(self, name: str, draws: Draws, values: Values) -> Any:
        """Return a value made of the choices that ``draws`` offers; ``values`` are the values drawn so far."""

    def depends(self) -> tuple[str, ...]:
        """Return the names of the parameters on which the allowed values depend."""
        return ()

    def displaced(self, arrays: Any, name: str, start: Values, factor: Any, moved: Values) -> Any:
        """Return the values of the parameter when its ``start`` is moved by a positive factor, within the domain.

        ``moved`` has the parameters displaced so far, among them those on which this one depends. ``arrays`` offers
        ``descending(x)``, ``within(x, low, high)`` and ``above(x, level)`` on arrays.
        """
        raise NotImplementedError(f"{type(self).__name__} is not displaced")

    def extremes(self) -> tuple[float, ...]:
        """Return the least and the largest allowed number of an interval, or nothing for a domain without such ends."""
        return ()

    def cases(self) -> tuple[Any, ...]:
        """Return the values that a statement takes one by one, because they decide which variables there are."""
        return ()

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Return the hypotheses of a theorem in Coq, each with its name; ``names`` are those of the numbers of the parameter.

        Coq knows the number of classes as K, the samples as j < N, and their classes as ``label j``. Raises ValueError
        for a domain that has no hypotheses.
        """
        raise ValueError(f"{type(self).__name__} has no hypotheses in Coq")

    def as_given(self, value: Any, order: tuple[int, ...]) -> Any:
        """Return a value as the user gave it; ``order[i]`` is the position of the i-th largest entry in the list as given."""
        return value
