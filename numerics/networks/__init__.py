"""Networks held against the theory: what is measured in practice AGREES with a prediction or DEPARTS from it."""
