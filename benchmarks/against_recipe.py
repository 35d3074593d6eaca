"""Seconds to the minimum: this suite beside the published recipe, stochastic gradient descent with momentum, on one core.

    python -m benchmarks.against_recipe        a table with the ratio, and one line of JSON

The recipe is that of the released trainers for unconstrained features: SGD with momentum 0.9 and rate 0.1 on all samples, float32, at most
30 000 iterations. Its clock stops when the value, in float64, is within 1e-6 (relative) of the least value, or at the last iteration. The
suite trains the same instance from one start and closes its certificate; the least value is its certified lower bound.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from torch import Tensor

from benchmarks.measuring import on_one_core, report
from numerics.training.certified import train
from theory.claim import find
from theory.problem import Instance

COUNTS, WIDTH, DECAY = (200, 100, 50, 50), 64, 5e-4
DEPTHS = (1, 3, 6)
RATE, MOMENTUM, ITERATIONS = 0.1, 0.9, 30_000
CLOSE = 1e-6
LOOK = 100
"""Iterations between two looks at the value, whose time does not count."""
CLAIM = "mse-deep-linear-imbalanced"


def instance(depth: int) -> Instance:
    values = {"class_counts": COUNTS, "depth": depth, "widths": (WIDTH,), "weight_decay": DECAY, "feature_decay": DECAY}
    return find(CLAIM).problem.instance(**values)


def loss(layers: list[Tensor], features: Tensor, labels: Tensor) -> Tensor:
    """Return the squared loss with decays."""
    z = features
    for layer in layers:
        z = layer @ z
    decays = sum((layer.square().sum() for layer in layers), features.square().sum())
    return (z - labels).square().sum() / (2 * features.shape[1]) + DECAY / 2 * decays


def recipe(depth: int, least: float, seed: int) -> tuple[float, float]:
    """Return the seconds that the published recipe takes, and the relative gap at which it stops."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(WIDTH, WIDTH)] * (depth - 1) + [(len(COUNTS), WIDTH)]
    # Layers start as torch.nn.Linear starts them in variance, and features as torch.randn, as the released trainers do.
    layers = [(torch.rand(shape, generator=generator) * 2 - 1) / WIDTH**0.5 for shape in shapes]
    features = torch.randn(WIDTH, sum(COUNTS), generator=generator)
    for leaf in (*layers, features):
        leaf.requires_grad_()
    labels = torch.eye(len(COUNTS)).repeat_interleave(torch.tensor(COUNTS), 1)
    optimiser = torch.optim.SGD([*layers, features], lr=RATE, momentum=MOMENTUM)
    seconds, gap = 0.0, float("inf")
    for _ in range(ITERATIONS // LOOK):
        began = time.process_time()
        for _ in range(LOOK):
            optimiser.zero_grad()
            loss(layers, features, labels).backward()
            optimiser.step()
        seconds += time.process_time() - began
        with torch.no_grad():
            value = float(loss([layer.double() for layer in layers], features.double(), labels.double()))
        gap = (value - least) / least
        if gap <= CLOSE:
            break
    return seconds, gap


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    on_one_core()
    train(find(CLAIM), [instance(2)], 1, 0, "cpu")  # derivation and first use of torch's kernels
    print(f"{'depth':>5} {'recipe s':>9} {'its gap':>9} {'suite s':>9} {'ratio':>8}")
    rows: list[dict[str, Any]] = []
    for depth in DEPTHS:
        seconds = []
        for seed in range(3):
            began = time.process_time()
            training = train(find(CLAIM), [instance(depth)], 1, seed, "cpu")
            seconds.append(time.process_time() - began)
        (certificate,) = training.certificates
        assert certificate is not None
        slow, gap = recipe(depth, certificate.lower, seed=0)
        suite = statistics.median(seconds)
        rows.append({"depth": depth, "recipe": slow, "recipe_gap": gap, "suite": suite, "suite_gap": certificate.gap})
        print(f"{depth:5} {slow:9.2f} {gap:9.1e} {suite:9.3f} {slow / suite:8.0f}", flush=True)
    report("against_recipe", {"device": "cpu", "depths": rows})


if __name__ == "__main__":
    main()
