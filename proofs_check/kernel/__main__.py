"""``make kernel``: install Coq where that is possible, check everything with it, and print what it has checked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

from proofs_check.kernel.build import Row, build
from theory.cli.entry import CHECK_FAILED, DONE, run
from theory.export.attempt import HOW_TO_GET_COQ, available, version

PACKAGES = ("coq", "libcoq-coquelicot")
"""Debian's packages of Coq and of the library of derivatives."""


def install() -> bool:
    """Install Coq from Debian's packages, if this user may, and return whether Coq is there."""
    if available():
        return True
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    print(f"installing {' '.join(PACKAGES)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", *command], env=environment, stdout=subprocess.DEVNULL, check=False)
    return available()


def table(rows: list[Row]) -> str:
    """Return the table of what Coq has checked: a line for each claim, and the sums."""
    width = max(len(row.claim_id) for row in rows)
    lines = [f"{'claim':<{width}}  {'steps':>9}  {'theorems':>8}  {'axioms':>6}  {'seconds':>7}"]
    for row in rows:
        steps = f"{row.record.checked} of {len(row.record.steps)}"
        numbers = f"{len(row.record.theorems):8}  {len(row.axioms):6}  {row.seconds:7.1f}"
        lines.append(f"{row.claim_id:<{width}}  {steps:>9}  {numbers}")
    steps = f"{sum(row.record.checked for row in rows)} of {sum(len(row.record.steps) for row in rows)}"
    every = frozenset[str]().union(*(row.axioms for row in rows))
    proved = sum(len(row.record.theorems) for row in rows)
    lines.append(f"{'all':<{width}}  {steps:>9}  {proved:8}  {len(every):6}  {sum(row.seconds for row in rows):7.1f}")
    return "\n".join([*lines, "", "axioms: " + ", ".join(sorted(every))])


def main(_: object = None) -> int:
    """Check everything and return the exit status."""
    if not install():
        print(HOW_TO_GET_COQ, file=sys.stderr)
        return CHECK_FAILED
    start = time.perf_counter()
    rows = build()
    print(table(rows))
    unproved = [f"{row.claim_id}: {s.name}: {s.reason}" for row in rows for s in row.record.steps if not s.checked]
    print("\n".join(unproved), end="\n" if unproved else "")
    print(f"Coq {version()}, {time.perf_counter() - start:.0f} seconds")
    return DONE


if __name__ == "__main__":
    run(main)
