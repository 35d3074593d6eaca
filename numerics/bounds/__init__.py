"""Rigorous lower bounds, and steps of derivations checked in balls."""
