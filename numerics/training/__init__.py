"""Minimisation from random starts."""
