"""Sweeps: what a claim or an experiment gives over grids and samples of its parameters, kept in a store that survives."""
