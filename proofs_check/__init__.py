"""The theorem checks: generic over the registry of claims."""
