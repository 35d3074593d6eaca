"""What training may spend, and whom it tells how far it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

EXPLORING = 100
"""Quasi-Newton iterations for points that only have to lie in the right basin."""


class OutOfTime(Exception):
    """The time that training may take is spent."""


@dataclass
class Budget:
    """The iterations each search may take, until when all of them have to end, and whom to tell about them."""

    max_iterations: int
    progress: Callable[[int, int], None] | None
    deadline: float = math.inf
    iteration: int = 0

    def exploring(self) -> Budget:
        """The effort for points that only have to lie in the right basin."""
        return replace(self, max_iterations=min(EXPLORING, self.max_iterations))

    def require_time(self) -> None:
        """Raise OutOfTime at the deadline, in the clock of ``time.perf_counter``."""
        if time.perf_counter() >= self.deadline:
            raise OutOfTime

    def tell(self, running: int) -> None:
        self.iteration += 1
        if self.progress is not None:
            self.progress(self.iteration, running)
