"""Run functions in processes of their own, several at a time."""

from __future__ import annotations

import multiprocessing
import os
import traceback
import warnings
from collections.abc import Callable, Iterable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

import torch
from threadpoolctl import threadpool_limits

Job = Callable[[], None]


def run_each(jobs: Iterable[Job]) -> int:
    """Run each job in a fork of this process, one on each processor at a time, and return the number of jobs that failed.

    A fork has what is imported and derived here, and no job sees what another one did. ``jobs`` may be a generator: a job is
    taken when a processor is free for it.
    """
    running: dict[int, BaseProcess] = {}
    failed = 0
    for job in jobs:
        running |= started(job)
        while len(running) >= (os.cpu_count() or 1):
            failed += collect(running)
    while running:
        failed += collect(running)
    return failed


def started(job: Job) -> dict[int, BaseProcess]:
    process = multiprocessing.get_context("fork").Process(target=alone, args=(job,))
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside other threads. Here the only ones are idle threads of BLAS, which survive a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    return {process.sentinel: process}


def alone(job: Job) -> None:
    """Run a job with one thread, since jobs run side by side. Exit with status 1, and say why, where it raises."""
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            job()
    except BaseException as error:
        traceback.print_exception(error)
        raise SystemExit(1) from error


def collect(running: dict[int, BaseProcess]) -> int:
    """Wait until a process ends, take those that have ended out of ``running``, and return how many of them failed."""
    ended = [running.pop(sentinel) for sentinel in wait(list(running)) if isinstance(sentinel, int)]
    for process in ended:
        process.join()
    return sum(process.exitcode != 0 for process in ended)
