"""``sweep``: compute a claim or an experiment over grids and samples of parameters, and show what was found."""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from numerics.commands.options import whole_number
from numerics.storage.json_values import json_value
from numerics.sweeps.executors import on_a_cluster, on_this_machine
from numerics.sweeps.figure import phase_diagram
from numerics.sweeps.phases import DONE as COMPLETE
from numerics.sweeps.phases import phases
from numerics.sweeps.run import Outcome, run
from numerics.sweeps.specification import read_specification
from numerics.sweeps.store import CONTINUES, Store
from numerics.sweeps.summary import lines
from numerics.sweeps.tasks import task_of
from theory.claim import add_files
from theory.cli.arguments import claims_option, print_json
from theory.cli.entry import DONE, INTERRUPTED
from theory.errors import ParameterError
from theory.problem import reject

NAME = "sweep"
SHOW = "show"
FIGURE = "phases.html"
LINE_EVERY = 30
"""Seconds between two lines on the progress where there is no terminal."""


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the command to a parser of commands."""
    does = "compute a claim or an experiment over grids and samples of parameters"
    parser = commands.add_parser(
        NAME,
        parents=[claims_option()],
        help=does,
        description=f"{does}, or, with the word {SHOW}, print a table of the results and draw their phase diagram",
        usage="%(prog)s SPEC.toml --out DIR [--workers N | --scheduler ADDRESS] [--json]\n       %(prog)s show DIR [--json [--columns NAME,…]]",
    )
    parser.add_argument("words", nargs="+", metavar="SPEC.toml | show DIR", help="the specification, or what to show")
    parser.add_argument(
        "--out", metavar="DIR", help="the folder of the results; a sweep that was stopped there goes on"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", help="processes of this machine (default: one for each processor)")
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="the scheduler of a Dask cluster, such as tcp://host:8786"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON; of what is shown, the results as xarray's to_dict has them"
    )
    parser.add_argument("--columns", metavar="NAME,…", help="the columns that are shown (default: all)")


def answer(options: argparse.Namespace) -> int:
    """Run a sweep, or show one, and return the exit status."""
    add_files(options.claims)
    if options.words[0] == SHOW:
        if len(options.words) != 2:
            raise ParameterError(f"{SHOW}: takes one folder, and {len(options.words) - 1} are given")
        return _show(Path(options.words[1]), options)
    if len(options.words) != 1:
        raise ParameterError(f"specification: {len(options.words)} files are given; a sweep has one")
    if options.out is None:
        raise ParameterError("out: missing; --out is the folder of the results")
    return _run(Path(options.words[0]), Path(options.out), options)


def _run(file: Path, folder: Path, options: argparse.Namespace) -> int:
    """Run the sweep of a specification."""
    workers = _available() if options.workers is None else whole_number("workers", options.workers, least=1)
    specification = read_specification(file)
    task = task_of(specification, [os.path.abspath(file) for file in options.claims])
    done = [0, 0]
    try:
        where = on_this_machine(workers) if options.scheduler is None else on_a_cluster(options.scheduler)
        with where as executor, _progress(specification.name) as advanced:

            def progress(*cells: int) -> None:
                done[:] = cells
                advanced(*cells)

            outcome = run(task, specification, folder, executor, progress)
    except KeyboardInterrupt:
        print(f"interrupted: {done[0]} of {done[1]} cells are done; {CONTINUES}", file=sys.stderr)
        return INTERRUPTED
    _report(folder, outcome, options.json)
    return DONE


def _available() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows on standard error the cells that are done and the time left: a bar in a terminal, else lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(name).advanced
        return
    counted, left = (BarColumn(), MofNCompleteColumn()), (TextColumn("left"), TimeRemainingColumn())
    with Progress(
        TextColumn("{task.description}"), *counted, *left, console=console, speed_estimate_period=math.inf
    ) as bar:
        shown = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(shown, completed=done, total=total)


class _Lines:
    """A line on the progress of a sweep now and then, for a log."""

    def __init__(self, name: str) -> None:
        self.name, self.began, self.last, self.first = name, time.monotonic(), time.monotonic(), 0

    def advanced(self, done: int, total: int) -> None:
        """Print a line unless the last one is more recent than LINE_EVERY."""
        now = time.monotonic()
        self.first = self.first or done
        if now - self.last >= LINE_EVERY and done > self.first:
            self.last, left = now, (now - self.began) * (total - done) / (done - self.first)
            print(
                f"{self.name}: {done} of {total} cells, {timedelta(seconds=round(left))} left",
                file=sys.stderr,
                flush=True,
            )


def _report(folder: Path, outcome: Outcome, as_json: bool) -> None:
    if as_json:
        print_json({"out": str(folder), **dataclasses.asdict(outcome)})
        return
    print(f"{outcome.cells} cells in {outcome.chunks} chunks: {outcome.computed} computed, {outcome.kept} there before")
    print(f"{outcome.seconds:.1f} s, and {outcome.cpu:.1f} s of processor time for the cells, all processes together")


def _show(folder: Path, options: argparse.Namespace) -> int:
    """Print the results of a sweep, as JSON or as a table; with the table, write the phase diagram beside the data."""
    store = Store(folder)
    table = store.read().to_dict()
    if options.columns is not None:
        table["data_vars"] = _chosen(options.columns.split(","), table["data_vars"])
    if options.json:
        print_json(json_value({**table, "runs": store.runs()}))
        return DONE
    print("\n".join(lines(table)))
    figure = phase_diagram(phases(table))
    figure.write_html(folder / FIGURE)
    print(f"wrote {folder / FIGURE}")
    return DONE


def _chosen(names: Sequence[str], columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of these names, and which cells are done. Raises ParameterError for a name that no column has."""
    for name in names:
        if name not in columns:
            raise reject("columns", name, f"some of {', '.join(columns)}")
    return {name: columns[name] for name in (*names, COMPLETE)}
