"""Variational autoencoders trained on data: linear, with networks, conditional, and with two levels of latent variables."""
