"""Classifiers trained on images in stages: the setting, its objective and optimiser, and what is measured after each stage."""
