"""The errors that a user sees as one line, and the form in which the line shows a given value."""

from __future__ import annotations

LONGEST_SHOWN = 60
"""Most characters of a given value that a message shows."""
LONGEST_PATH = 180
"""Most characters of a path that a message shows. The limit is high, because the end of a path tells more than its beginning."""


class CheckFailed(AssertionError):
    """A statement of a claim does not hold; the message is one line for the user."""


class ParameterError(ValueError):
    """A parameter is missing, unknown or outside its domain; the message is one line for the user."""


def quoted(given: object, longest: int = LONGEST_SHOWN) -> str:
    """Return a given value in quotes, on one line, cut to ``longest`` characters, with unprintable characters escaped."""
    shown = repr(str(given)[: longest + 1])
    return shown if len(shown) <= longest + 2 else f"{shown[: longest - 2]}...{shown[0]}"


def shown_path(path: object) -> str:
    """Return a path without quotes, on one line, cut to LONGEST_PATH characters."""
    return quoted(path, LONGEST_PATH)[1:-1]
