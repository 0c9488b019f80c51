"""Comparisons: many networks as one program, with honest statistics."""
