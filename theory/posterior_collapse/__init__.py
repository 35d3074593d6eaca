"""Claims on posterior collapse, one file per claim."""
