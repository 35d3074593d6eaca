"""Claims on neural collapse, one file per claim."""
