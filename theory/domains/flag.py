"""The domain of truth values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theory.domains.domain import Domain
from theory.domains.drawing import Draws
from theory.domains.reading import reject


@dataclass(frozen=True)
class Flag(Domain):
    """A truth value."""

    @property
    def says(self) -> str:
        return "true or false"

    def canonical(self, name: str, value: Any) -> bool:
        known = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
        try:
            return known[str(value).strip().lower()]
        except KeyError:
            raise reject(name, value, self.says) from None

    def example(self, values: Mapping[str, Any]) -> bool:
        return False

    def drawn(self, name: str, draws: Draws, values: Mapping[str, Any]) -> bool:
        others = any(isinstance(value, bool) for value in values.values())
        return draws.flag() if others else draws.regime.flag
