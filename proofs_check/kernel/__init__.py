"""Proofs that Coq checks: steps and statements generated from the claims, and hand-written proofs of the statements."""
