"""Real data as the claims need it."""

from numerics.data.spectra import digits

__all__ = ["digits"]
