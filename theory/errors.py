"""The errors a user sees in one line, and how a line shows what was given."""

from __future__ import annotations

LONGEST_SHOWN = 60
"""Characters of what was given that a message shows."""
LONGEST_PATH = 180
"""Characters of a path, whose end tells more than its beginning."""


class CheckFailed(AssertionError):
    """Something that a claim says does not hold; the message is one line for the user."""


class ParameterError(ValueError):
    """A parameter is missing, unknown or outside its domain; the message is one line for the user."""


def quoted(given: object, longest: int = LONGEST_SHOWN) -> str:
    """Return what was given in quotes, on one line and cut to ``longest`` characters; what does not print is escaped."""
    shown = repr(str(given)[: longest + 1])
    return shown if len(shown) <= longest + 2 else f"{shown[: longest - 2]}...{shown[0]}"


def shown_path(path: object) -> str:
    """Return a path on one line; of a long one LONGEST_PATH characters, without quotes."""
    return quoted(path, LONGEST_PATH)[1:-1]
