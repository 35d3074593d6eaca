"""``python -m book.experiments``: run every experiment at small size with three seeds, and write what the book shows.

A killed sweep continues from its last checkpoints. The results of the book change only once all runs have ended.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import Any

import torch

from numerics.commands.options import whole_number
from numerics.commands.stage_progress import StageProgress
from numerics.networks.experiments.known import known
from numerics.networks.runs.checkpoint import LAST
from numerics.networks.runs.metric_table import read_table
from numerics.networks.runs.run import Watch, run
from numerics.networks.runs.run_directory import CONFIGURATION, ENVIRONMENT, RESULT
from numerics.storage.atomic_files import PARTIAL, read_json, remove, replace_folder, write_file
from numerics.sweeps.executors import on_this_machine
from theory.cli.arguments import Parser
from theory.cli.entry import CHECK_FAILED, DONE
from theory.cli.entry import run as run_command
from theory.errors import CheckFailed
from theory.problem import reject

BOOK = Path(__file__).resolve().parent
RESULTS = BOOK / "results" / "experiments"
WORK = BOOK / "_build" / "experiments"
SIZE, SEEDS = "small", (0, 1, 2)
CURVE_POINTS = 32
"""Most stages of a curve that the results keep."""
CURVES = ("margin", "nc1", "gap", "total")
"""First words of the columns whose curves the book shows; the others stay in the directory of the run."""
DIGITS, CURVE_DIGITS = 9, 4
"""Significant digits of the numbers of a result and of a curve."""
SHARED = ("experiment", "size", "parameters", "limits", "expected")
"""Entries of a result that are the same for all seeds."""


def sources() -> str:
    """Return a checksum of the code that runs depend on. Runs of other code are not mixed with runs of this code."""
    found = hashlib.sha256()
    for room in ("numerics", "theory"):
        for path in sorted((BOOK.parent / room).rglob("*.py")):
            found.update(str(path.relative_to(BOOK.parent)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]


def run_one(name: str, seed: int, folder: Path) -> Path:
    """Run an experiment, or take up its run, and return its directory. The checkpoint of a finished run is large and goes."""
    torch.set_num_threads(1)  # there is a process for every core
    run(known()[name], SIZE, seed, torch.device("cpu"), folder, Watch())
    remove(folder / LAST)
    return folder


def sweep(names: Sequence[str], work: Path, executor: Executor) -> list[str]:
    """Run the named experiments with all seeds, showing progress, and return a line for each run that ended in an error."""
    failures = []
    with StageProgress("experiments", "run") as shown:
        runs = {
            executor.submit(run_one, name, seed, directory(work, name, seed)): f"{name}, seed {seed}"
            for seed in SEEDS
            for name in names
        }
        try:
            for done, future in enumerate(as_completed(runs), start=1):
                error = future.exception()
                if error is not None:
                    failures.append(f"{runs[future]}: {type(error).__name__}: {error}")
                shown.stage(done, len(runs), 0)
        except KeyboardInterrupt:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def directory(work: Path, name: str, seed: int) -> Path:
    """Return the directory of a run."""
    return work / name / f"seed-{seed}"


def gathered(work: Path, name: str) -> dict[str, Any]:
    """Return what the book shows of an experiment: provenance, the results of all seeds, and thinned curves."""
    folders = [directory(work, name, seed) for seed in SEEDS]
    results = [read_json(folder / RESULT) for folder in folders]
    for folder, result in zip(folders, results, strict=True):
        # Some predicted quantities, such as a critical count, have nothing measured beside them.
        result["predicted"] |= read_json(folder / CONFIGURATION)["predicted"]
    environments = [read_json(folder / ENVIRONMENT) for folder in folders]
    tables = [read_table(folder) for folder in folders]
    stages = len(next(iter(tables[0].values())))
    kept = thinned(stages)
    return {
        **{entry: rounded(results[0][entry], DIGITS) for entry in SHARED},
        "environment": environments[-1],
        "runs": [rounded({e: v for e, v in result.items() if e not in SHARED}, DIGITS) for result in results],
        "stages": [stage + 1 for stage in kept],
        "curves": {
            column: [rounded([table[column][stage] for stage in kept], CURVE_DIGITS) for table in tables]
            for column in tables[0]
            if column.split()[0].split("_")[0] in CURVES
        },
    }


def thinned(stages: int) -> list[int]:
    """Return the positions of at most CURVE_POINTS stages, the first and the last among them, evenly spaced."""
    points = min(stages, CURVE_POINTS)
    return [round(i * (stages - 1) / max(points - 1, 1)) for i in range(points)]


def rounded(value: Any, digits: int) -> Any:
    """Return a value of JSON with its numbers rounded to some significant digits; a number that is not finite is null."""
    if isinstance(value, dict):
        return {name: rounded(part, digits) for name, part in value.items()}
    if isinstance(value, list):
        return [rounded(part, digits) for part in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else None
    return value


def write_results(work: Path, names: Sequence[str], results: Path) -> None:
    """Replace all results of the book in one step, so that they are those of one sweep."""
    results.parent.mkdir(parents=True, exist_ok=True)
    partial = results.with_name(results.name + PARTIAL)
    remove(partial)
    partial.mkdir()
    for name in names:
        found = gathered(work, name)
        lines = [f"{json.dumps(entry)}: {written(value)}" for entry, value in found.items()]
        write_file(partial / f"{name}.json", ("{\n" + ",\n".join(lines) + "\n}\n").encode())
    replace_folder(partial, results)


def written(value: Any) -> str:
    """Return a value as JSON with one line for each run or curve, so that a change of the file can be read."""
    write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(map(write, value)) + "\n]"
    return write(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sweep and return the exit status, which is 1 where a run failed or its verdict is not the expected one."""
    parser = Parser(prog="python -m book.experiments", description="Run all experiments and write what the book shows.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="run these alone, and write nothing into the book")
    parser.add_argument("--workers", default=str(os.cpu_count() or 1), help="processes (default: one for each core)")
    parser.add_argument("--work", type=Path, default=None, metavar="DIR", help="directory of the runs")
    options = parser.parse_args(arguments)
    workers = whole_number("workers", options.workers, least=1)
    names = list(known())
    for name in options.names:
        if name not in names:
            raise reject("experiment", name, "one of those that python -m numerics experiment list shows")
    work = options.work or WORK / sources()
    with on_this_machine(workers) as executor:
        failures = sweep(options.names or names, work, executor)
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    if failures:
        raise CheckFailed(f"{len(failures)} runs ended in an error; the results of the book are left as they were")
    surprising = surprises(work, options.names or names)
    for line in surprising:
        print(f"check failed: {line}", file=sys.stderr)
    if options.names:
        print(f"the runs are in {work}; the book's results change with a sweep of all experiments alone")
    else:
        write_results(work, names, RESULTS)
        print(f"wrote {RESULTS}")
    return CHECK_FAILED if surprising else DONE


def surprises(work: Path, names: Sequence[str]) -> list[str]:
    """Return a line for each run whose verdict is not the expected one."""
    found = []
    for name in names:
        for seed in SEEDS:
            result = read_json(directory(work, name, seed) / RESULT)
            if result["verdict"] != result["expected"]:
                found.append(f"{name}, seed {seed}: {result['verdict']}, expected was {result['expected']}")
    return found


if __name__ == "__main__":
    run_command(main)
