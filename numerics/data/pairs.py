"""Correlated pairs (x, y), as the study of conditional VAEs draws them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from theory.domains.reading import read_number, reject

SAYS = "a number from 0 to 1"
Pairs = tuple[Float64[np.ndarray, "n p"], Float64[np.ndarray, "n p"]]


def correlated_pairs(samples: int, width: int, correlation: float, seed: int) -> Pairs:
    """Draw pairs x = ρ y + √(1 − ρ²) ε with independent standard normal y and ε, and return x and y.

    ``samples`` is the number of pairs, ``width`` that of their components, and ``correlation`` is ρ in [0, 1]: at 1 the two are
    identical, and at 0 they are independent. The same ``seed`` draws the same y and ε for every ρ.
    Raises ParameterError for a correlation that is not allowed.
    """
    rho = read_number("correlation", correlation, SAYS)
    if not 0 <= rho <= 1:
        raise reject("correlation", correlation, SAYS)
    generator = np.random.default_rng(seed)
    y, noise = generator.standard_normal((2, samples, width))
    return rho * y + np.sqrt(1 - rho**2) * noise, y
