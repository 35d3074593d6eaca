"""What all benchmarks share: one core, and the report with its provenance."""

from __future__ import annotations

import datetime
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

NAMED = ("torch", "numpy", "scipy", "sympy", "python-flint")


def on_one_core() -> None:
    """Keep this process on one core and torch on one thread."""
    if hasattr(os, "sched_setaffinity"):  # Linux alone has it
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)


def report(name: str, found: dict[str, Any]) -> None:
    """Print what a benchmark found as one line of JSON, with date, machine and versions."""
    versions = {"python": platform.python_version()}
    for package in NAMED:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    print(json.dumps({"benchmark": name, "date": date, "machine": platform.platform(), "versions": versions, **found}))
