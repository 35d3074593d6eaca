"""Training on a command line: the progress line, the messages on an interruption or a time limit, and the exit status."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.status import Status

from numerics.commands.options import given_instance
from numerics.training.certified import Training, spread, train
from numerics.training.optimise import Ending, Solution, choose_device
from theory.claim import Claim
from theory.cli.entry import CHECK_FAILED, DONE, INTERRUPTED
from theory.problem import Instance

BALL_DIGITS = 6
"""Number of digits with which a ball is printed."""
Report = Callable[[Claim, Instance, Training, argparse.Namespace, list[str]], int]
"""A function that prints a command's report on a training and returns the exit status. The list holds the failures of training."""


class _Silent:
    """A stand-in for the progress line where standard error is no terminal."""

    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, _: str) -> None:
        return None


def train_showing_progress(claim: Claim, instance: Instance, options: argparse.Namespace) -> Training:
    """Train one instance, with a progress line on standard error if that is a terminal."""
    choose_device(options.device)
    console = Console(stderr=True)
    with Status("training", console=console) if console.is_terminal else _Silent() as status:

        def progress(iteration: int, running: int) -> None:
            status.update(f"training {claim.id}: iteration {iteration}, {running} runs left")

        return train(claim, [instance], options.starts, options.seed, options.device, progress, options.time_limit)


def train_and_report(claim: Claim, options: argparse.Namespace, report: Report) -> int:
    """Train at the given parameters, report the training, and return the exit status."""
    instance = given_instance(claim, options)
    training = train_showing_progress(claim, instance, options)
    if training.solution.interrupted:
        return _report_interruption(training.solution)
    return report(claim, instance, training, options, _unfinished(claim, training.solution, options))


def report_failures(failures: Sequence[str]) -> int:
    """Print each failure of a check as a line on standard error, and return the exit status."""
    for failure in failures:
        print(f"check failed: {failure}", file=sys.stderr)
    return CHECK_FAILED if failures else DONE


def count_endings(solution: Solution) -> dict[str, int]:
    """Return the number of runs that ended in each way, by the name of the ending."""
    return {e.name.lower(): int((solution.endings == e).sum()) for e in Ending if e is not Ending.RUNNING}


def _report_interruption(solution: Solution) -> int:
    ended, lowest = count_endings(solution), float(solution.best_value()[0])
    so_far = f"lowest value so far {lowest:.15g}" if math.isfinite(lowest) else "and none had a finite value"
    print(
        f"interrupted after {solution.seconds:.1f} s: {ended['converged']} of {solution.values.numel()} runs had "
        f"converged, {so_far}",
        file=sys.stderr,
    )
    return INTERRUPTED


def _unfinished(claim: Claim, solution: Solution, options: argparse.Namespace) -> list[str]:
    """Return the failure of a training that ran out of time. Print why the best start has not converged, if it has not."""
    if solution.best_ending()[0] is not Ending.CONVERGED:
        says = spread(claim, solution.instances[0], options.seed)
        print(f"the best start has not converged: {says}", file=sys.stderr)
    if not solution.out_of_time:
        return []
    converged = count_endings(solution)["converged"]
    return [
        f"time limit of {options.time_limit:g} s reached: {converged} of {solution.values.numel()} runs had converged"
    ]
