"""Trained optima a second of processor time: this suite beside SciPy's L-BFGS-B on one core, or this suite alone on a GPU.

    python -m benchmarks.against_scipy                  a table with the ratio, and one line of JSON
    python -m benchmarks.against_scipy --device cuda    one column at growing batches, and one line of JSON

Every start that ends within 1e-10, relative, of the lowest value known counts as an optimum. Both get the same random starts.
SciPy minimises them one by one, with gradients written by hand in NumPy and bounds where features are nonnegative; the suite trains
them as one batch, looks for lower points where its certificate leaves room for one, and takes the last digits.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.measuring import on_one_core, report
from numerics.training.layout import draw
from numerics.training.objective import Objective
from numerics.training.optimise import Solution, minimise
from numerics.training.quasi_newton import MEMORY
from theory.claim import find

COUNTS, WIDTH, WEIGHT_DECAY, FEATURE_DECAY = (20, 10, 5, 5), 8, 5e-3, 5e-4
CLASSES, SAMPLES = len(COUNTS), sum(COUNTS)
LABELS = np.eye(CLASSES)[:, np.repeat(np.arange(CLASSES), COUNTS)]
REACHED = 1e-10
PASSES = 2 * (2 * MEMORY + 1) + 40
"""Times an iteration reads or writes as many numbers as a point has: twice all vectors in its memory, and about forty for the
gradient and the step."""


@dataclass(frozen=True)
class Column:
    """A problem in both forms: a claim with its parameters, and how SciPy sees it."""

    name: str
    claim: str
    depth: int
    cross_entropy: bool
    nonnegative: bool
    alone: int  # starts that SciPy minimises in one repeat

    def instance(self) -> Any:
        values = {"class_counts": COUNTS, "weight_decay": WEIGHT_DECAY, "feature_decay": FEATURE_DECAY, "widths": WIDTH}
        if self.depth > 1:
            values |= {"depth": self.depth, "widths": (WIDTH,)}
        return find(self.claim).problem.instance(**values)


COLUMNS = (
    Column("CE M=1", "ce-imbalanced", 1, True, False, 200),
    Column("MSE M=1", "mse-imbalanced", 1, False, False, 100),
    Column("MSE M=3", "mse-deep-linear-imbalanced", 3, False, False, 40),
    Column("CE ReLU", "ce-imbalanced-relu", 1, True, True, 200),
)


def starting_points(column: Column, starts: int, seed: int) -> list[np.ndarray]:
    """Return the suite's random starts, in the variables themselves, layers first and features last."""
    objective = Objective(find(column.claim).problem, [column.instance()], starts)
    x = draw(torch.Generator().manual_seed(seed), starts, objective.layout)
    arrays = objective.points(x)
    names = [*sorted(name for name in arrays if name != "H"), "H"]
    return list(torch.cat([arrays[name].flatten(1) for name in names], 1).numpy())


def by_hand(column: Column) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Return loss and gradient in NumPy."""
    shapes = [(WIDTH, WIDTH)] * (column.depth - 1) + [(CLASSES, WIDTH), (WIDTH, SAMPLES)]
    ends = np.cumsum([rows * columns for rows, columns in shapes])

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        *layers, features = (part.reshape(shape) for part, shape in zip(np.split(x, ends[:-1]), shapes, strict=True))
        passed = [features]
        for layer in layers:
            passed.append(layer @ passed[-1])
        z = passed[-1]
        if column.cross_entropy:
            z = z - z.max(0)
            exponentials = np.exp(z)
            total = exponentials.sum(0)
            fit = np.log(total).sum() - (z * LABELS).sum()
            pull = (exponentials / total - LABELS) / SAMPLES
        else:
            pull = (z - LABELS) / SAMPLES
            fit = SAMPLES**2 * (pull * pull).sum() / 2
        value = fit / SAMPLES + FEATURE_DECAY / 2 * (features * features).sum()
        gradients = []
        for layer, before in zip(layers[::-1], passed[-2::-1], strict=True):
            value += WEIGHT_DECAY / 2 * (layer * layer).sum()
            gradients.append((pull @ before.T + WEIGHT_DECAY * layer).ravel())
            pull = layer.T @ pull
        return value, np.concatenate([*gradients[::-1], (pull + FEATURE_DECAY * features).ravel()])

    return loss


def scipy_values(column: Column, seed: int) -> np.ndarray:
    """Return the values that SciPy ends at."""
    from scipy.optimize import minimize

    loss, points = by_hand(column), starting_points(column, column.alone, seed)
    free = len(points[0]) - WIDTH * SAMPLES
    bounds = [(None, None)] * free + [(0, None)] * (WIDTH * SAMPLES) if column.nonnegative else None
    options = {"maxcor": 20, "gtol": 1e-9, "ftol": 0, "maxiter": 10_000, "maxfun": 20_000}
    return np.array(
        [minimize(loss, x, jac=True, method="L-BFGS-B", bounds=bounds, options=options).fun for x in points]
    )


def suite_values(column: Column, starts: int, seed: int) -> np.ndarray:
    """Return the values that this suite ends at."""
    from numerics.training.certified import train  # a GPU column needs nothing of ball arithmetic

    training = train(find(column.claim), [column.instance()], starts, seed, "cpu")
    return training.solution.values[0].numpy()


def timed(
    work: Callable[..., Any], *arguments: Any, clock: Callable[[], float] = time.process_time
) -> tuple[Any, float]:
    """Return what the work gives and the seconds it took; by default those of the processor, whatever runs beside."""
    began = clock()
    result = work(*arguments)
    return result, clock() - began


def rate(runs: list[tuple[np.ndarray, float]], lowest: float) -> float:
    """Return the median of the optima a second."""
    return statistics.median(
        int((values <= lowest + REACHED * abs(lowest)).sum()) / seconds for values, seconds in runs
    )


def against_scipy(starts: int, repeats: int) -> dict[str, Any]:
    """Measure both on one core, in turns, and print the table."""
    on_one_core()
    print(
        f"{'column':10} {'SciPy /s':>10} {'suite /s':>10} {'ratio':>7}   ({starts} starts a batch, {repeats} repeats, one core)"
    )
    columns = {}
    for column in COLUMNS:
        suite_values(column, 2, 0)  # derivation and first use of torch's kernels
        theirs, ours = [], []
        for repeat in range(repeats):
            theirs.append(timed(scipy_values, column, repeat))
            ours.append(timed(suite_values, column, starts, repeat))
        lowest = min(float(values.min()) for values, _ in theirs + ours)
        found = {"scipy": rate(theirs, lowest), "suite": rate(ours, lowest)}
        found["ratio"] = found["suite"] / found["scipy"]
        columns[column.name] = found
        print(f"{column.name:10} {found['scipy']:10.1f} {found['suite']:10.1f} {found['ratio']:7.1f}", flush=True)
    single = statistics.median(timed(suite_values, COLUMNS[0], 1, repeat)[1] for repeat in range(5))
    print(f"one start of {COLUMNS[0].name}: {single:.3f} s")
    return {"device": "cpu", "starts": starts, "columns": columns, "one_start_seconds": single}


def copied_per_second(device: torch.device) -> float:
    """Return the bytes a second that the device reads and writes when it copies a gibibyte."""
    source = torch.zeros(2**27, dtype=torch.float64, device=device)
    target = torch.empty_like(source)
    seconds = []
    for _ in range(5):
        torch.cuda.synchronize()
        began = time.perf_counter()
        target.copy_(source)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return 2 * 8 * source.numel() / min(seconds)


def on_gpu(batches: list[int], repeats: int) -> dict[str, Any]:
    """Measure the first column at these batches on a GPU, and print the table."""
    column, device = COLUMNS[0], torch.device("cuda")
    problem, instance = find(column.claim).problem, column.instance()
    bandwidth = copied_per_second(device)
    print(f"{column.name} on {torch.cuda.get_device_name(device)}, which copies at {bandwidth / 1e12:.2f} TB/s")
    print(f"{'batch':>7} {'optima /s':>11} {'seconds':>9} {'iterations':>11} {'of bandwidth':>13}")

    def on_device(batch: int, seed: int) -> Solution:
        solution = minimise(problem, [instance], batch, seed, "cuda")
        torch.cuda.synchronize()
        return solution

    on_device(64, 0)  # first use of torch's kernels
    rows = []
    for batch in batches:
        runs = []
        for repeat in range(repeats):
            torch.cuda.synchronize()
            solution, seconds = timed(on_device, batch, repeat, clock=time.perf_counter)
            runs.append((solution.values[0].cpu().numpy(), seconds, float(solution.iterations.double().mean())))
        lowest = min(float(values.min()) for values, _, _ in runs)
        seconds = statistics.median(seconds for _, seconds, _ in runs)
        iterations = statistics.median(iterations for _, _, iterations in runs)
        entries = sum(array[0, 0].numel() for array in solution.points.values())
        moved = PASSES * 8 * entries * batch * iterations / seconds
        row = {
            "batch": batch,
            "optima_per_second": rate([(values, seconds) for values, seconds, _ in runs], lowest),
            "seconds": seconds,
            "iterations": iterations,
            "share_of_bandwidth": moved / bandwidth,
        }
        rows.append(row)
        print(
            f"{batch:7} {row['optima_per_second']:11.0f} {seconds:9.3f} {iterations:11.1f} {row['share_of_bandwidth']:13.2f}",
            flush=True,
        )
    return {"device": torch.cuda.get_device_name(device), "bytes_per_second": bandwidth, "batches": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--starts", type=int, default=512, help="batch of the suite beside SciPy (default 512)")
    parser.add_argument("--repeats", type=int, default=3, help="repeats, of which the median counts (default 3)")
    parser.add_argument("--batches", default="256,1024,4096,16384,65536", help="batches on a GPU")
    options = parser.parse_args()
    if options.device == "cuda":
        found = on_gpu([int(batch) for batch in options.batches.split(",")], options.repeats)
    else:
        found = against_scipy(options.starts, options.repeats)
    report("against_scipy", found)


if __name__ == "__main__":
    main()
