"""How the cost of a trained and certified optimum grows with classes, samples, width and depth, on one core.

    python -m benchmarks.scaling        seconds at growing sizes with the fitted exponents, and one line of JSON

Each row trains one instance from one start, and closes its certificate; derivations are made before. The exponent of a size is the slope
of log(seconds) over log(size).
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

from benchmarks.measuring import on_one_core, report
from numerics.training.certified import train
from theory.claim import find
from theory.problem import Instance

BASE = {"classes": 10, "samples": 1000, "width": 80, "depth": 1}
SIZES = {
    "classes": (10, 20, 40, 80),
    "samples": (500, 1000, 2000, 4000),
    "width": (20, 40, 80, 160),
    "depth": (1, 2, 4),
}
LARGE = {"classes": 100, "samples": 10_000, "width": 128, "depth": 1}
"""The size of a small ImageNet head, measured once."""
CLAIMS = {
    "cross-entropy": ("ce-imbalanced", ("classes", "samples", "width")),
    "MSE": ("mse-deep-linear-imbalanced", tuple(SIZES)),
}
REPEATS = 3
STEP = 1.25
"""Share by which the first half of the classes is larger than the second."""


def instance(claim_id: str, classes: int, samples: int, width: int, depth: int) -> Instance:
    """Return an instance with two sizes of classes, and decays at which every class lives."""
    small = round(2 * samples / classes / (1 + STEP))
    half = classes // 2
    large = (samples - (classes - half) * small) // half
    values: dict[str, Any] = {"class_counts": (large,) * half + (small,) * (classes - half)}
    values |= {"weight_decay": 5e-4, "feature_decay": 5e-4 / samples}
    deep = {"depth": depth, "widths": (width,)} if claim_id.startswith("mse") else {"widths": width}
    return find(claim_id).problem.instance(**values, **deep)


def seconds(claim_id: str, size: dict[str, int], seed: int) -> tuple[float, float]:
    """Return the seconds of processor time for a trained and certified optimum, and the gap of its certificate."""
    one = instance(claim_id, **size)
    began = time.process_time()
    (certificate,) = train(find(claim_id), [one], 1, seed, "cpu").certificates
    assert certificate is not None
    return time.process_time() - began, certificate.gap


def exponent(sizes: tuple[int, ...], found: list[float]) -> float:
    """Return the slope of log(seconds) over log(size)."""
    return float(np.polyfit(np.log(sizes), np.log(found), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    on_one_core()
    rows: list[dict[str, Any]] = []
    for loss, (claim_id, varied) in CLAIMS.items():
        seconds(
            claim_id, {**BASE, "depth": 2 if loss == "MSE" else 1}, 0
        )  # derivation and first use of torch's kernels
        for name in varied:
            found = []
            for size in SIZES[name]:
                runs = [seconds(claim_id, BASE | {name: size}, seed) for seed in range(REPEATS)]
                found.append(statistics.median(time for time, _ in runs))
            rows.append(
                {
                    "loss": loss,
                    "size": name,
                    "sizes": SIZES[name],
                    "seconds": found,
                    "exponent": exponent(SIZES[name], found),
                }
            )
            shown = "  ".join(f"{size}: {time:.2f} s" for size, time in zip(SIZES[name], found, strict=True))
            print(f"{loss:14} {name:8} exponent {rows[-1]['exponent']:5.2f}   {shown}", flush=True)
    large = {}
    for loss, (claim_id, _) in CLAIMS.items():
        took, gap = seconds(claim_id, LARGE, 0)
        large[loss] = {"seconds": took, "gap": gap}
        print(f"{loss:14} {LARGE}: {took:.1f} s, certificate gap {gap:.1e}", flush=True)
    report("scaling", {"device": "cpu", "base": BASE, "rows": rows, "large": {"size": LARGE, "found": large}})


if __name__ == "__main__":
    main()
