"""Searches over points and parameters: an adversary, thresholds, the best structure."""
