"""The progress of a training in stages on standard error, with the time left."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.status import Status

PAUSE = 10.0
"""Least number of seconds between two lines where standard error is no terminal."""


class StageProgress:
    """Shows stages done, stages in all and the time left: one line that changes on a terminal, else a line now and then.

    Arguments:
        name: what is trained.
        part: what one of its parts is called.
    """

    def __init__(self, name: str, part: str = "stage") -> None:
        self.name, self.part = name, part
        console = Console(stderr=True)
        self.status = Status(name, console=console) if console.is_terminal else None
        self.began = time.monotonic()
        self.told = self.began

    def __enter__(self) -> StageProgress:
        if self.status is not None:
            self.status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is not None:
            self.status.stop()

    def say(self, line: str) -> None:
        """Print a line on what happened."""
        print(f"{self.name}: {line}", file=sys.stderr, flush=True)

    def stage(self, done: int, stages: int, before: int) -> None:
        """Show that ``done`` of ``stages`` are over, ``before`` of them in earlier processes."""
        now = time.monotonic()
        line = f"{self.part} {done} of {stages}{_left(now - self.began, done - before, stages - done)}"
        if self.status is not None:
            self.status.update(f"{self.name}: {line}")
        elif now - self.told >= PAUSE:
            self.told = now
            self.say(line)


def _left(seconds: float, done: int, open_stages: int) -> str:
    """Return the time left in words, once a stage is done."""
    if not done:
        return ""
    left = seconds / done * open_stages
    return f", {left:.0f} s left" if left < 120 else f", {left / 60:.0f} min left"
