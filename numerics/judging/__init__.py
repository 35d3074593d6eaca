"""Comparison of trained points with predictions, published structures and released code."""
