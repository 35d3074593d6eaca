"""The commands behind ``python -m numerics``."""
