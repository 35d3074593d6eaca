"""The book: pages that are generated from the claims, executed, and built into HTML that needs no network."""
