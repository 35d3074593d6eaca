"""The progress of a long run of the checks, shown on the terminal that started the run."""

from __future__ import annotations

import sys
import time
from collections import Counter

from _pytest.capture import CaptureManager

PAUSE = 10.0
"""Least number of seconds between two lines of a process. The last batch of a regime is always told."""


class Progress:
    """Counts the judged batches by claim and regime; each regime draws ``batches`` of them.

    Lines go to the standard error of the process. A worker process shares it with the run that started the worker.
    """

    def __init__(self, capture: CaptureManager, batches: int) -> None:
        self.capture, self.batches = capture, batches
        self.judged: Counter[tuple[str, str]] = Counter()
        self.began = time.monotonic()
        self.told = -PAUSE

    def count(self, claim_id: str, regime: str) -> None:
        """Count a judged batch, and print a line unless the last line is less than PAUSE old."""
        self.judged[claim_id, regime] += 1
        done, now = self.judged[claim_id, regime], time.monotonic() - self.began
        if done != self.batches and now - self.told < PAUSE:
            return
        self.told = now
        # More batches than were to be drawn mean that Hypothesis has found a failure and looks for a simpler batch that fails.
        number = f"batch {done}/{self.batches}" if done <= self.batches else f"simplifying a failure, batch {done}"
        with self.capture.global_and_fixture_disabled():
            print(f"\n{claim_id}, {regime}: {number}, {now / 60:.1f} min ", end="", file=sys.stderr, flush=True)
