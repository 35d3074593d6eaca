"""How far a long run of the checks is, told on the terminal that it was started from."""

from __future__ import annotations

import sys
import time
from collections import Counter

from _pytest.capture import CaptureManager

PAUSE = 10.0
"""Seconds between two lines of a process, at least, but for the last batch of a regime, which is always told."""


class Progress:
    """Counts the batches that were judged, by claim and regime, of so many in each.

    Lines go to the standard error of the process: that of a worker process is the one of the run that started it.
    """

    def __init__(self, capture: CaptureManager, batches: int) -> None:
        self.capture, self.batches = capture, batches
        self.judged: Counter[tuple[str, str]] = Counter()
        self.began = time.monotonic()
        self.told = -PAUSE

    def count(self, claim_id: str, regime: str) -> None:
        """Count a batch, and tell so unless a line was told a moment ago."""
        self.judged[claim_id, regime] += 1
        done, now = self.judged[claim_id, regime], time.monotonic() - self.began
        if done != self.batches and now - self.told < PAUSE:
            return
        self.told = now
        # Beyond the number drawn a failure has been found, and simpler batches that show it too are looked for.
        number = f"batch {done}/{self.batches}" if done <= self.batches else f"simplifying a failure, batch {done}"
        with self.capture.global_and_fixture_disabled():
            print(f"\n{claim_id}, {regime}: {number}, {now / 60:.1f} min ", end="", file=sys.stderr, flush=True)
