"""Where a run took place: versions, device, commit and date."""

from __future__ import annotations

import datetime
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "numpy", "collapse-atlas")


def environment(device: torch.device) -> dict[str, Any]:
    """Return versions, the name of the device, the threads, the commit (where the code is a checkout) and the date."""
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def device_name(device: torch.device) -> str:
    """Return the name of a device as its maker writes it, or the kind of processor where the name is not known."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"CPU, {names[0] if names else platform.machine()}"


def commit(file: Path = Path(__file__)) -> str | None:
    """Return the commit of the checkout that this code belongs to, or None. Changed files add ``+changes``.

    An installed copy may lie inside a checkout of something else, so the file itself has to be tracked.
    """
    asked = (
        ("ls-files", "--error-unmatch", file.name),
        ("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"),
    )
    said = ""
    for words in asked:
        try:
            said = subprocess.run(
                ["git", *words], cwd=file.resolve().parent, capture_output=True, text=True, check=True, timeout=10
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return None
    return said.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
