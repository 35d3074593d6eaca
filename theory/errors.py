"""The error a user sees for unusable input."""


class ParameterError(ValueError):
    """A parameter is missing, unknown or outside its domain; the message is one line for the user."""
