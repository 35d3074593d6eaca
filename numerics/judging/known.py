"""Memory of results on the same evidence, so that judging many predictions of a claim repeats only what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class Known:
    """Results by the objects that they depend on. Objects are compared by identity, and none of them may change meanwhile."""

    def __init__(self) -> None:
        self._found: dict[tuple, tuple[tuple, Any]] = {}

    def once(self, what: str, on: Sequence[Any], function: Callable[..., Any], *given: Any) -> Any:
        """Return ``function(*given)``, computed once for each ``what`` and each choice of ``on``, the objects that the result depends on."""
        key = (what, *map(id, on))
        if key not in self._found:
            self._found[key] = (
                tuple(on),
                function(*given),
            )  # the objects are kept, so that no other object gets their ids
        return self._found[key][1]
