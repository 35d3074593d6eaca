"""The domain of truth values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from theory.domains.domain import Domain
from theory.domains.drawing import Draws
from theory.domains.reading import reject
from theory.expressions import Values


@dataclass(frozen=True)
class Flag(Domain):
    """A truth value."""

    @property
    def says(self) -> str:
        return "true or false"

    def canonical(self, name: str, value: object) -> bool:
        known = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
        try:
            return known[str(value).strip().lower()]
        except KeyError:
            raise reject(name, value, self.says) from None

    def cases(self) -> tuple[bool, ...]:
        return False, True

    def hypotheses(self, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return ()

    def example(self, values: Values) -> bool:
        return False

    def drawn(self, name: str, draws: Draws, values: Values) -> bool:
        others = any(isinstance(value, bool) for value in values.values())
        return draws.flag() if others else draws.regime.flag
