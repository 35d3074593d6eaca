"""What is claimed and why: problems, derivations and proofs on SymPy alone."""
