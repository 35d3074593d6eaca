"""The live page: any claim derived, checked and predicted by Python in the reader's browser."""
