"""The symbols in which every claim is written, spelt as in code, command line, book and papers."""

from __future__ import annotations

import sympy as sp


def positive(name: str) -> sp.Symbol:
    """Return a positive real symbol."""
    return sp.Symbol(name, positive=True)


def indexed(name: str, **assumptions: bool) -> sp.IndexedBase:
    """Return an indexed symbol, such as θ with entries θ_1, θ_2, …, with assumptions on its entries."""
    return sp.IndexedBase(name, **assumptions)


K = sp.Symbol("K", integer=True, positive=True)
"""Number of classes."""
D = sp.Symbol("D", integer=True, positive=True)
"""Data dimension."""
d = sp.Symbol("d", integer=True, positive=True)
"""Width: the feature dimension, or the latent dimension."""
N = positive("N")
"""Number of samples."""
n = sp.Symbol("n", integer=True, positive=True)
"""Samples per class when all classes are equal."""  # the assumption integer keeps this symbol apart from the label of n_k
n_k = indexed("n", positive=True)
"""Samples of class k, in descending order."""
nu_k = indexed("nu", positive=True)
"""Effective class counts: the K − 1 squared singular values of the centred labels, in descending order."""
theta = indexed("theta", positive=True)
"""Singular values of the data, in descending order."""
sigma = indexed("sigma", positive=True)
"""Posterior standard deviations of the latent directions, in ascending order."""
condition_dim = sp.Symbol("m_x", integer=True, positive=True)
"""Dimension of the condition of a conditional VAE."""
regression = sp.MatrixSymbol("B", D, condition_dim)
"""Regression coefficients of the output on the whitened condition."""

weight_decay = positive("lambda_W")
"""Weight decay of the last layer."""
feature_decay = positive("lambda_H")
"""Decay of the features."""
label_matrix = sp.MatrixSymbol("Q", K, K)
"""Soft labels: column k is the label that all samples of class k carry."""
smoothing = positive("alpha")
"""Label smoothing: the share of each label that is spread over all classes."""
beta = positive("beta")
"""Weight of the KL divergence of a VAE."""
eta_dec = positive("eta_dec")
"""Standard deviation of the decoder's noise."""
eta_enc = positive("eta_enc")
"""Standard deviation of the prior of the code."""

M = sp.Symbol("M", integer=True, positive=True)
"""Depth: the number of linear layers."""
R = sp.Symbol("R", integer=True, positive=True)
"""Largest rank of the logits: the smallest width or K, whichever is smaller. With a bias, which takes the ones
direction, K is replaced by K − 1."""
layer_width = indexed("d", integer=True, positive=True)
"""Widths d_1, …, d_M of features and hidden layers; d_(M+1) = K."""
layer_decay = indexed("lambda", positive=True)
"""Weight decays λ_1, …, λ_M of the layers."""
decay_product = positive("Lambda")
"""Product of all decays, λ_1 ⋯ λ_M λ_H."""

layer = sp.Symbol("l", integer=True, positive=True)
"""Number of a layer, from the features upwards."""
k = sp.Symbol("k", integer=True, positive=True)
"""Number of a class or direction, in descending order."""
j = sp.Symbol("j", integer=True, positive=True)
"""Number of a second class or direction."""

LEAST = {K: 2, D: 1, d: 1, M: 1, R: 1}
"""Smallest value of each size, used to prove the sign of an expression such as K − 1."""
BETWEEN: dict[sp.Basic, tuple[int, int]] = {smoothing: (0, 1)}
"""Symbols that lie strictly between two numbers, with these numbers; used to prove the sign of an expression such as 1 − α."""
