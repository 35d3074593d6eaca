"""Claims with their problems, derivations and proofs, in SymPy alone."""
