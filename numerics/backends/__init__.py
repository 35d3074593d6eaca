"""Backends of the array namespace in numbers: batched tensors and balls."""
