"""How a command line starts and ends. Imports nothing heavy, so that Ctrl-C is clean while the rest loads."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from theory.errors import CheckFailed, ParameterError, shown_path

DONE, CHECK_FAILED, UNUSABLE_INPUT, INTERRUPTED = 0, 1, 2, 130


def run(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a command line and exit; unusable input, unusable output and interruption end in one line, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a sign that the output's encoding lacks is escaped
    try:
        code = main(None)
        if sys.stdout is not None:
            sys.stdout.flush()
    except ParameterError as error:
        code = _ended(f"error: {error}", UNUSABLE_INPUT)
    except CheckFailed as error:
        code = _ended(f"check failed: {error}", CHECK_FAILED)
    except KeyboardInterrupt:
        code = _ended("interrupted before anything was finished", INTERRUPTED)
    except BrokenPipeError:
        _give_up(sys.stdout)
        code = DONE
    except OSError as error:
        _give_up(sys.stdout)
        where = "output" if error.filename is None else shown_path(error.filename)
        code = _ended(f"error: {where}: {error.strerror or error}", UNUSABLE_INPUT)
    sys.exit(code)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Hold Ctrl-C back while modules load, and raise KeyboardInterrupt when they have: some of them swallow it otherwise."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # Ctrl-C is somebody else's business, or ignored
        return
    pressed: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt


def _ended(line: str, code: int) -> int:
    """Print the line that a command ends in and return its exit code."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)
    return code


def _give_up(stream: TextIO | None) -> None:
    """Let a stream that cannot be written to lead nowhere, as Python writes what is left in it once more when it exits."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
