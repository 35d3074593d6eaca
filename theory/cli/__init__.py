"""The arguments of both command lines, and the commands of ``python -m theory``."""
