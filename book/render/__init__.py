"""Markdown of the book's pages: templates filled in, formulas broken into lines, verdict tables."""
