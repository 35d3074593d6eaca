"""Parameters of claims taken from real data."""

from numerics.data.spectra import digits

__all__ = ["digits"]
