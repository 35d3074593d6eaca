"""Where the chunks of a sweep are computed: in processes of this machine, or by the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from threading import Thread

from numerics.storage.optional_packages import needed
from numerics.sweeps.store import CONTINUES
from theory.errors import ParameterError, quoted

REACHED_WITHIN = "10s"
"""How long a scheduler may take to answer."""


@contextmanager
def on_this_machine(workers: int) -> Iterator[Executor]:
    """Give an executor of so many processes, which are ended at once when an error is raised.

    Raises ParameterError where one of them ended while it computed.
    """
    context, others = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
    # The processes are spawned, because one that has used torch's threads cannot be forked safely.
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start)
    try:
        yield executor
    except BaseException as error:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        if isinstance(error, BrokenExecutor):
            raise ParameterError(
                f"workers: one ended while it computed, perhaps for lack of memory; {CONTINUES}"
            ) from None
        raise
    executor.shutdown()


def _start() -> None:
    """End this process when Ctrl-C is pressed, and when the process that started it has ended, in whichever way."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def on_a_cluster(address: str) -> Iterator[Executor]:
    """Give an executor of the workers that the Dask scheduler at this address has, now and later.

    Raises ParameterError where no scheduler answers.
    """
    distributed = needed("distributed")
    try:
        client = distributed.Client(address, timeout=REACHED_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ParameterError(
            f"scheduler: {quoted(address)} is not allowed; scheduler is the address of a Dask scheduler that answers, such as "
            f"tcp://127.0.0.1:8786 ({said})"
        ) from None
    with client:
        try:
            yield client.get_executor(pure=False)
        except (distributed.KilledWorker, CancelledError, OSError) as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            raise ParameterError(f"scheduler: {quoted(address)} lost the sweep ({said}); {CONTINUES}") from error
