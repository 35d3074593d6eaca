"""Experiments: networks trained on data in stages, and what they reached held against the prediction stated before."""
