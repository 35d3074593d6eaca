"""How a command line starts and ends. Imports nothing heavy, so that Ctrl-C is clean while the rest loads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from theory.errors import CheckFailed, ParameterError

DONE, CHECK_FAILED, UNUSABLE_INPUT, INTERRUPTED = 0, 1, 2, 130


def run(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a command line and exit; unusable input and interruption end in one line, never in a traceback."""
    try:
        code = main(None)
    except ParameterError as error:
        print(f"error: {error}", file=sys.stderr)
        code = UNUSABLE_INPUT
    except CheckFailed as error:
        print(f"check failed: {error}", file=sys.stderr)
        code = CHECK_FAILED
    except KeyboardInterrupt:
        print("interrupted before anything was finished", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = DONE
    sys.exit(code)
