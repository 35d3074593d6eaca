"""The theorem checks, which run on every claim of the registry."""
