"""The book: pages generated from the claims, executed and built into HTML that reads without network."""
