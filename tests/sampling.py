"""A sample of many cases, such as wrong claims. All of them take minutes, and a run of all tests tries a few of each kind."""

from __future__ import annotations

import os
from collections.abc import Iterable
from random import Random
from typing import TypeVar

T = TypeVar("T")
ALL_MUTANTS = "COLLAPSE_ATLAS_ALL_MUTANTS"
"""Environment variable with which every case is tried."""


def everything() -> bool:
    """Return whether every case is tried."""
    return bool(os.environ.get(ALL_MUTANTS))


def sampled(cases: Iterable[T], most: int) -> list[T]:
    """Return the same ``most`` of the cases in every run, in their order, or all of them where everything is tried."""
    listed = list(cases)
    if everything() or len(listed) <= most:
        return listed
    return [listed[i] for i in sorted(Random(len(listed)).sample(range(len(listed)), most))]
