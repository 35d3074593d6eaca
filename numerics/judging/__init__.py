"""Trained points held against predictions, published structures and released code."""
