"""The command lines: what their arguments mean, and the commands of ``python -m theory``."""
