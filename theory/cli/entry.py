"""The start and the end of a command line. This module imports nothing heavy, so that Ctrl-C is clean while the rest loads."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from theory.errors import CheckFailed, ParameterError, shown_path

DONE, CHECK_FAILED, UNUSABLE_INPUT, INTERRUPTED = 0, 1, 2, 130


def run(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a command line and exit. Unusable input, unusable output and interruption end in one line, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a character that the output's encoding lacks is escaped
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
    """Delay Ctrl-C while modules load, and then raise KeyboardInterrupt, because some modules would swallow the interruption."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # another handler takes Ctrl-C, or Ctrl-C is ignored
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
    """Print the line with which a command ends, and return its exit code."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)
    return code


def _give_up(stream: TextIO | None) -> None:
    """Redirect an unwritable stream to the null device, because Python writes the rest of the stream once more when it exits."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
