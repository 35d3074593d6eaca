"""The errors a user sees in one line."""


class CheckFailed(AssertionError):
    """Something that a claim says does not hold; the message is one line for the user."""


class ParameterError(ValueError):
    """A parameter is missing, unknown or outside its domain; the message is one line for the user."""
