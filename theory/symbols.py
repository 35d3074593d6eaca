"""The symbols every claim is written in, with the spelling used in code, command line, book and papers."""

from __future__ import annotations

import sympy as sp


def positive(name: str) -> sp.Symbol:
    """Return a positive real symbol."""
    return sp.Symbol(name, positive=True)


K = sp.Symbol("K", integer=True, positive=True)
"""Number of classes."""
D = sp.Symbol("D", integer=True, positive=True)
"""Data dimension of a VAE."""
d = sp.Symbol("d", integer=True, positive=True)
"""Width: the feature dimension, or the latent dimension."""
N = positive("N")
"""Number of samples."""
n = sp.Symbol("n", integer=True, positive=True)
"""Samples per class when all classes are equal; an integer symbol, which keeps it apart from the label of n_k."""
n_k = sp.IndexedBase("n", positive=True)
"""Samples of class k, in descending order."""
theta = sp.IndexedBase("theta", positive=True)
"""Singular values of the data, in descending order."""
sigma = sp.IndexedBase("sigma", positive=True)
"""Posterior standard deviations of the latent directions, in ascending order."""
condition_dim = sp.Symbol("m_x", integer=True, positive=True)
"""Dimension of the condition of a conditional VAE."""
regression = sp.MatrixSymbol("B", D, condition_dim)
"""Regression coefficients of the output on the whitened condition."""

weight_decay = positive("lambda_W")
feature_decay = positive("lambda_H")
beta = positive("beta")
eta_dec = positive("eta_dec")
eta_enc = positive("eta_enc")

k = sp.Symbol("k", integer=True, positive=True)
j = sp.Symbol("j", integer=True, positive=True)

LEAST = {K: 2, D: 1, d: 1}
"""Smallest value of each size, used when the sign of an expression such as K − 1 is proved."""
