"""Measurements of what happens inside networks while they train: all that a diagnosis sees."""
