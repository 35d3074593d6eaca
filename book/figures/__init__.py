"""Figures and tables of the book's pages."""
