"""SymPy expressions and steps as Coq text, and the record of what Coq has checked."""
