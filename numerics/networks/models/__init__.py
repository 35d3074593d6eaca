"""Networks as the papers train them: a body that computes last features, and a linear head."""
