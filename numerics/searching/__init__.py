"""Searches over points and parameters: an adversary, thresholds, phases."""
