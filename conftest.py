"""Settings that the unit tests and the theorem checks share."""

pytest_plugins = ["proofs_check.harness.plugin"]
