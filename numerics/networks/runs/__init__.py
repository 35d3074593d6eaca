"""Runs of experiments as data: one directory holds what was asked, where it ran, what was measured, and the result."""
